package provider

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A vendor that charges for a call sees each of ours once: no kept connection
// that could be dead, no protocol that repeats, no way to send a body again and
// no redirect that is followed.
func TestARequestIsSentAtMostOnce(t *testing.T) {
	var mu sync.Mutex
	from, protocols, bodies := map[string]bool{}, map[string]bool{}, 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		from[r.RemoteAddr], protocols[r.Proto], bodies = true, true, bodies+len(body)
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	c := NewHTTPClient()
	once, ok := c.Transport.(SendOnce)
	require.True(t, ok)
	base := once.Base.(*http.Transport)
	base.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	base.TLSClientConfig.NextProtos = nil // its own choice, not the test's
	for range 3 {
		res, err := c.Post(server.URL+"/away", "text/plain", strings.NewReader("body"))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusTemporaryRedirect, res.StatusCode)
	}
	require.Len(t, from, 3, "each on a connection of its own")
	require.Equal(t, map[string]bool{"HTTP/1.1": true}, protocols)
	require.Equal(t, 3*len("body"), bodies)

	kept := roundTrip(func(r *http.Request) (*http.Response, error) {
		require.Nil(t, r.GetBody, "without it net/http cannot send the body again")
		return nil, io.EOF
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("body"))
	require.NoError(t, err)
	res, err := SendOnce{kept}.RoundTrip(req)
	require.ErrorIs(t, err, io.EOF)
	require.Nil(t, res)
	require.NotNil(t, req.GetBody, "the caller's request is left as it is")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
