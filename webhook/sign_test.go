package webhook

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The specification's own example, and what a receiver must refuse.
func TestSign(t *testing.T) {
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	at := time.Unix(1614265330, 0)
	id, body := "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`)
	h := http.Header{}
	Sign(h, id, at, body, secret)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", h.Get("webhook-signature"))
	require.Equal(t, "1614265330", h.Get("webhook-timestamp"))
	require.NoError(t, Verify(h, body, at, secret))

	next, err := ParseSecret(NewSecret())
	require.NoError(t, err)
	require.ErrorIs(t, Verify(h, body, at, next), ErrSignature)
	require.ErrorIs(t, Verify(h, []byte(`{"test": 2432232315}`), at, secret), ErrSignature)
	require.ErrorIs(t, Verify(h, body, at.Add(Tolerance+time.Second), secret), ErrTime)
	require.ErrorIs(t, Verify(h, body, at.Add(-Tolerance-time.Second), secret), ErrTime)
	require.ErrorIs(t, Verify(http.Header{}, body, at, secret), ErrNoHeaders)
	other := h.Clone()
	other.Set(HeaderID, "msg_other")
	require.ErrorIs(t, Verify(other, body, at, secret), ErrSignature)

	Sign(h, id, at, body, next, secret)
	require.Len(t, strings.Split(h.Get("webhook-signature"), " "), 2)
	require.NoError(t, Verify(h, body, at, secret), "while the secret is rotated, the old one does")
	require.NoError(t, Verify(h, body, at, next))
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
