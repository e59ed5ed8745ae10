package client

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	// tries is how often a call is sent at most.
	tries = 4
	// longestPause is the longest Retry-After that is waited for. What asks for
	// more is returned to the caller, who knows whether it can wait.
	longestPause = time.Minute
)

// firstPause is the pause before the second try where the API names none. It
// doubles with each try.
var firstPause = 500 * time.Millisecond

// retrying sends a request again after 429, 503, and a connection that failed.
// Every call of the API may be repeated: a start by its key, a retry by its
// session, a decision by its ETag.
type retrying struct{ next HttpRequestDoer }

func (d retrying) Do(r *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		answer, err := d.next.Do(r)
		wait := firstPause << (try - 1)
		wait += rand.N(wait / 4) // so that callers who failed together part
		switch {
		case try == tries || r.Context().Err() != nil:
			return answer, err
		case err != nil:
		case answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable:
			return answer, nil
		default:
			if asked := retryAfter(answer.Header, time.Now()); asked > longestPause {
				return answer, nil
			} else if asked > 0 {
				wait = asked
			}
		}
		if r.Body != nil {
			if r.GetBody == nil {
				return answer, err
			}
			body, bodyErr := r.GetBody()
			if bodyErr != nil {
				return answer, err
			}
			r.Body = body
		}
		if answer != nil {
			// Read, so that its connection serves the next try.
			_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
			_ = answer.Body.Close()
		}
		if err := pause(r.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
