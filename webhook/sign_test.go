package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	receiver "github.com/yanzhen-id/yanzhen/client/webhook"
)

// The specification's own example.
func TestSign(t *testing.T) {
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	at := time.Unix(1614265330, 0)
	id, body := "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`)
	h := http.Header{}
	Sign(h, id, at, body, secret)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", h.Get("webhook-signature"))
	require.Equal(t, "1614265330", h.Get("webhook-timestamp"))
	next, err := ParseSecret(NewSecret())
	require.NoError(t, err)
	first := h.Get("webhook-signature")
	Sign(h, id, at, body, next, secret)
	both := strings.Split(h.Get("webhook-signature"), " ")
	require.Len(t, both, 2, "while the secret is rotated there are two")
	require.Equal(t, first, both[1])
}

// verify asks the package that receivers use.
func verify(h http.Header, body []byte, secret Secret) error {
	v, err := receiver.New(secretPrefix + base64.StdEncoding.EncodeToString(secret.key))
	if err == nil {
		_, err = v.Verify(h, body)
	}
	return err
}

func TestParseSecret(t *testing.T) {
	for _, text := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_" + strings.Repeat("A", 88)} {
		_, err := ParseSecret(text)
		require.ErrorIs(t, err, ErrSecret, text)
	}
	text := NewSecret()
	s, err := ParseSecret(text)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", s, s, s, s), text[10:20])
}
