package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/yanzhen-id/yanzhen/client/webhook"
	server "github.com/yanzhen-id/yanzhen/webhook"
)

const body = `{"id":"evt_a","type":"verification.completed","timestamp":"2026-11-28T10:15:02Z","data":{"verification_id":"ver_a",` +
	`"client_reference_id":"order-17","status":"completed","decision":"approved","reasons":[],"sequence":3,"version":5}}`

// sent is a delivery as the server signs it.
func sent(t *testing.T, at time.Time, secrets ...string) http.Header {
	t.Helper()
	var parsed []server.Secret
	for _, s := range secrets {
		p, err := server.ParseSecret(s)
		require.NoError(t, err)
		parsed = append(parsed, p)
	}
	h := http.Header{}
	server.Sign(h, "evt_a", at, []byte(body), parsed...)
	return h
}

// What the server signs, with one secret or two, is read; a receiver that holds
// one of the two, or both of its own, reads it as well.
func TestDeliveriesOfTheServerVerify(t *testing.T) {
	old, fresh, other := server.NewSecret(), server.NewSecret(), server.NewSecret()
	for _, c := range []struct{ signed, held []string }{
		{[]string{old}, []string{old}},
		{[]string{old, fresh}, []string{old}},
		{[]string{old, fresh}, []string{fresh}},
		{[]string{fresh}, []string{other, fresh}},
	} {
		v, err := New(c.held...)
		require.NoError(t, err)
		e, err := v.Verify(sent(t, time.Now(), c.signed...), []byte(body))
		require.NoError(t, err)
		require.Equal(t, "verification.completed", e.Type)
		require.Equal(t, "ver_a", e.Data.VerificationId)
		require.Equal(t, 3, e.Data.Sequence)
	}
}

// An event about an endpoint names it: it is how a team learns that an endpoint of
// theirs was switched off.
func TestEventsAboutAnEndpointNameIt(t *testing.T) {
	secret := server.NewSecret()
	key, err := server.ParseSecret(secret)
	require.NoError(t, err)
	off, err := server.Event{ID: "evt_b", Type: server.EndpointOff, Timestamp: time.Now(), Data: server.AboutEndpoint{ID: "main"}}.Body()
	require.NoError(t, err)
	h := http.Header{}
	server.Sign(h, "evt_b", time.Now(), off, key)
	v, err := New(secret)
	require.NoError(t, err)
	e, err := v.Verify(h, off)
	require.NoError(t, err)
	require.Equal(t, []string{"webhook_endpoint.disabled", "main", ""}, []string{e.Type, e.Endpoint, e.Data.VerificationId})
}

// What was changed, signed by another secret or sent again later is refused.
func TestOtherDeliveriesAreRefused(t *testing.T) {
	secret := server.NewSecret()
	v, err := New(secret)
	require.NoError(t, err)
	changed := func(name, value string) http.Header {
		h := sent(t, time.Now(), secret)
		h.Set(name, value)
		return h
	}
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   error
	}{
		"another body":        {sent(t, time.Now(), secret), strings.Replace(body, "approved", "declined", 1), ErrSignature},
		"another id":          {changed("webhook-id", "evt_b"), body, ErrSignature},
		"another secret":      {sent(t, time.Now(), server.NewSecret()), body, ErrSignature},
		"another version":     {changed("webhook-signature", strings.Replace(sent(t, time.Now(), secret).Get("webhook-signature"), "v1,", "v2,", 1)), body, ErrSignature},
		"no signature":        {changed("webhook-signature", ""), body, ErrSignature},
		"an old one":          {sent(t, time.Now().Add(-Window-2*time.Second), secret), body, ErrTimestamp},
		"one from the future": {sent(t, time.Now().Add(Window+2*time.Second), secret), body, ErrTimestamp},
		"a changed time":      {changed("webhook-timestamp", "1"), body, ErrTimestamp},
		"no time":             {changed("webhook-timestamp", ""), body, ErrHeaders},
		"no headers":          {http.Header{}, body, ErrHeaders},
	} {
		_, err := v.Verify(c.header, []byte(c.body))
		require.ErrorIs(t, err, c.want, name)
	}
	for _, bad := range [][]string{nil, {"whsec_"}, {"whsec_c2hvcnQ="}, {strings.TrimPrefix(secret, "whsec_")}} {
		_, err := New(bad...)
		require.Error(t, err)
	}
}

// A delivery that was not handled is answered so that it is sent again; one that
// does not verify is never handled.
func TestHandlerAnswersForTheSender(t *testing.T) {
	secret := server.NewSecret()
	v, err := New(secret)
	require.NoError(t, err)
	var handled []string
	var fails error
	h := v.Handler(func(_ context.Context, e Event) error {
		handled = append(handled, e.Id)
		return fails
	})
	post := func(header http.Header, body string) int {
		r := httptest.NewRequest("POST", "/webhook", strings.NewReader(body))
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, 204, post(sent(t, time.Now(), secret), body))
	fails = errors.New("the database is away")
	require.Equal(t, 500, post(sent(t, time.Now(), secret), body))
	require.Equal(t, []string{"evt_a", "evt_a"}, handled)
	require.Equal(t, 400, post(sent(t, time.Now(), server.NewSecret()), body))
	require.Equal(t, 400, post(sent(t, time.Now(), secret), body+strings.Repeat(" ", MaxBody)))
	require.Len(t, handled, 2)
}
