package api

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Two weeks before a key ends, readiness and the log say so, the log once; the
// process stays ready, and a reviewer is not named.
func TestKeysThatEndSoonAreToldOf(t *testing.T) {
	now := time.Now()
	clients := []Client{{ID: "shop", Keys: []Key{{Name: "stays"}, {Name: "later", Expires: now.Add(15 * 24 * time.Hour)},
		{Name: "gone", Expires: now.Add(-time.Hour)}, {Name: "soon", Expires: now.Add(13 * 24 * time.Hour)}}}}
	reviewers := []Reviewer{{Name: "wang", Expires: now.Add(time.Hour)}}
	list := Expiring(clients, reviewers, now)
	require.Len(t, list, 2)
	require.True(t, strings.HasPrefix(list[0], "client shop: key soon expires soon: "), list[0])
	require.NotContains(t, strings.Join(list, " "), "wang")

	var log bytes.Buffer
	h := Ops(OpsDeps{Store: &fakeHealth{}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Expiring: func() []string { return list }})
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		require.Equal(t, 200, w.Code)
		require.JSONEq(t, `{"store":"ok","keys":"expiring"}`, w.Body.String())
	}
	require.Equal(t, 2, strings.Count(log.String(), "ends soon"), log.String())
}
