package tencentcloud

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
)

const (
	// A string longer than this is an image, a video or a sound: the longest
	// text that we read is under a kilobyte.
	maxString = 64 << 10
	// What is left of an answer without its media; more is no answer.
	maxKept = 1 << 20
	// What is read of an answer with media. A result with everything in it
	// holds some images and a video of some seconds.
	maxRead = 64 << 20
)

var (
	errTooLarge = errors.New("tencentcloud: the response is larger than the contract allows")
	errRedirect = errors.New("tencentcloud: the response is a redirect")
	errNotJSON  = errors.New("tencentcloud: the response is not a JSON object")
)

// statusKey carries a *int, which receives the HTTP status of the answer: the
// SDK's errors do not tell it.
type statusKey struct{}

func withStatus(ctx context.Context, status *int) context.Context {
	return context.WithValue(ctx, statusKey{}, status)
}

// mediaKey marks a call that asks for images, videos or sounds. Megabytes in
// the answer to any other are nothing that the contract knows.
type mediaKey struct{}

// WithMedia marks a call that asks for images, videos or sounds. They are
// dropped as they arrive.
func WithMedia(ctx context.Context) context.Context {
	return context.WithValue(ctx, mediaKey{}, true)
}

// Transport stands between the SDK and the network. The SDK reads whole bodies
// of any size, keeps connections of event streams open, follows redirects with
// the person's data in the body, and panics on the body "null".
type Transport struct{ Base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.Base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if status, ok := req.Context().Value(statusKey{}).(*int); ok {
		*status = res.StatusCode
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		return nil, errRedirect
	}
	var kept keeper
	limit := int64(maxKept)
	if req.Context().Value(mediaKey{}) != nil {
		limit = maxRead
	}
	n, err := io.Copy(&kept, io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case n > limit:
		return nil, errTooLarge
	case !bytes.HasPrefix(bytes.TrimLeft(kept.text, " \t\r\n"), []byte("{")):
		return nil, errNotJSON
	}
	answer := *res
	answer.Header = http.Header{"Content-Type": {"application/json"}}
	answer.ContentLength = int64(len(kept.text))
	answer.Body = io.NopCloser(bytes.NewReader(kept.text))
	return &answer, nil
}

// keeper keeps a JSON text without the contents of its long strings, which
// never rest in memory as a whole.
type keeper struct {
	text     []byte
	inString bool
	escaped  bool
	dropping bool
	start    int // of the string's contents in text
}

func (k *keeper) Write(p []byte) (int, error) {
	for i := 0; i < len(p); i++ {
		if k.dropping && !k.escaped {
			// Nothing but these two bytes matters in what is dropped.
			next := bytes.IndexAny(p[i:], `"\\`)
			if next < 0 {
				break
			}
			i += next
		}
		b := p[i]
		switch {
		case k.inString && b == '"' && !k.escaped:
			k.inString, k.dropping = false, false
		case k.inString:
			k.escaped = b == '\\' && !k.escaped
			if k.dropping {
				continue
			}
			if len(k.text)-k.start >= maxString {
				k.text, k.dropping = k.text[:k.start], true
				continue
			}
		case b == '"':
			k.inString, k.start = true, len(k.text)+1
		}
		if len(k.text) >= maxKept {
			return 0, errTooLarge
		}
		k.text = append(k.text, b)
	}
	return len(p), nil
}
