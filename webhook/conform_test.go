package webhook

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// careful is a receiver that does everything right, and knows what it was sent.
type careful struct {
	secret Secret
	mu     sync.Mutex
	// last is the highest sequence of each verification.
	last map[string]int
	seen map[string]bool
	// spoil changes the status of a message; nil: it stays.
	spoil func(r *http.Request, body []byte, status int, again, older bool) int
}

func (c *careful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	status := http.StatusNoContent
	if err != nil || verify(r.Header, body, c.secret) != nil {
		status = http.StatusUnauthorized
	}
	var e struct {
		ID   string `json:"id"`
		Data struct {
			VerificationID string `json:"verification_id"`
			Sequence       int    `json:"sequence"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &e)
	c.mu.Lock()
	defer c.mu.Unlock()
	again, older := c.seen[e.ID], e.Data.Sequence < c.last[e.Data.VerificationID]
	if status == http.StatusNoContent {
		c.seen[e.ID] = true
		c.last[e.Data.VerificationID] = max(c.last[e.Data.VerificationID], e.Data.Sequence)
	}
	if c.spoil != nil {
		status = c.spoil(r, body, status, again, older)
	}
	w.WriteHeader(status)
}

func conform(t *testing.T, spoil func(r *http.Request, body []byte, status int, again, older bool) int) Report {
	t.Helper()
	secret := secretOf(t)
	server := httptest.NewServer(&careful{secret: secret, last: map[string]int{}, seen: map[string]bool{}, spoil: spoil})
	t.Cleanup(server.Close)
	return Conform(t.Context(), NewSender(Options{Allow: loopback}), Endpoint{URL: server.URL, Secrets: []Secret{secret}})
}

// A careful receiver passes; each carelessness is named, and only that.
func TestConform(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(r *http.Request, body []byte, status int, again, older bool) int
		want  []string
	}{
		"careful": {nil, nil},
		"verifies nothing": {func(*http.Request, []byte, int, bool, bool) int { return 200 },
			[]string{"another secret", "changed body", "another id", "another time", "no signature", "no id", "no time", "another version", "10 minutes ago", "10 minutes from now"}},
		"fails on what it has": {func(_ *http.Request, _ []byte, status int, again, _ bool) int {
			if again && status == 204 {
				return 409
			}
			return status
		}, []string{"an event twice"}},
		"wants an order": {func(_ *http.Request, _ []byte, status int, _, older bool) int {
			if older && status == 204 {
				return 500
			}
			return status
		}, []string{"older news", "oldest last"}},
		"knows its types only": {func(_ *http.Request, body []byte, status int, _, _ bool) int {
			if strings.Contains(string(body), "something_new") {
				return 400
			}
			return status
		}, []string{"does not know"}},
		"takes little": {func(_ *http.Request, body []byte, status int, _, _ bool) int {
			if len(body) > 8<<10 {
				return 413
			}
			return status
		}, []string{"20 KiB"}},
		"goes by the event's own time": {func(_ *http.Request, body []byte, status int, _, _ bool) int {
			var e struct{ Timestamp time.Time }
			if _ = json.Unmarshal(body, &e); time.Since(e.Timestamp) > time.Hour {
				return 400
			}
			return status
		}, []string{"three days ago"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := conform(t, tc.spoil)
			var wrong []string
			for _, f := range report.Findings {
				require.Equal(t, f.OK, f.Why == "")
				if !f.OK {
					wrong = append(wrong, f.Check)
				}
			}
			require.Len(t, wrong, len(tc.want), "%v", wrong)
			for i, part := range tc.want {
				require.Contains(t, wrong[i], part)
			}
			require.Equal(t, len(tc.want) == 0, report.OK)
			require.Greater(t, len(report.Findings), 25)
		})
	}
}
