package cmd

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	receiver "github.com/yanzhen-id/yanzhen/client/webhook"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// The local stack's receiver prints types, ids and statuses of what verifies, and
// takes nothing else.
func TestHookPrinter(t *testing.T) {
	text := webhook.NewSecret()
	secret, err := webhook.ParseSecret(text)
	require.NoError(t, err)
	v, err := receiver.New(text)
	require.NoError(t, err)
	reference := "order-of-a-person"
	body, err := webhook.Event{ID: "evt_a", Type: webhook.Completed, Data: webhook.Verification{ID: "ver_a", Reference: &reference, Status: "completed"}}.Body()
	require.NoError(t, err)
	var out bytes.Buffer
	h := hookPrinter(v, &out)
	send := func(at time.Time, body []byte, sign bool) int {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		if sign {
			webhook.Sign(r.Header, "evt_a", at, body, secret)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusBadRequest, send(time.Now(), body, false))
	require.Equal(t, http.StatusBadRequest, send(time.Now().Add(-time.Hour), body, true))
	require.Equal(t, http.StatusBadRequest, send(time.Now(), []byte("x"), true))
	require.Empty(t, out.String())
	require.Equal(t, http.StatusNoContent, send(time.Now(), body, true))
	require.Equal(t, "  webhook          verification.completed  ver_a  completed\n", out.String())
}
