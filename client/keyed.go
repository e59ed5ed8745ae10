package client

import (
	"context"
	"net/http"
)

// NewKeyedClient returns a client that sends the API key with every request.
// server is the API's base URL, e.g. "https://verify.example".
func NewKeyedClient(server, apiKey string, opts ...ClientOption) (*ClientWithResponses, error) {
	opts = append(opts, WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+apiKey)
		return nil
	}))
	return NewClientWithResponses(server, opts...)
}
