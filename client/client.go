package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime/debug"
	"slices"
	"time"
)

// Client calls the API with one API key. It may be used by several goroutines.
//
// Every call is sent again while the API answers 429 or 503, or no answer comes:
// all of them are made so that a repeat does nothing twice, but for a webhook's test
// and its sending again, which Core has: the receiver may see two. Every error that
// the API answers is an *Error.
type Client struct{ core *Core }

// New returns a client. server is the API's base URL, such as
// "https://verify.example".
func New(server, apiKey string, opts ...ClientOption) (*Client, error) {
	core, err := NewClient(server, append([]ClientOption{WithHTTPClient(&http.Client{Timeout: callTimeout})}, opts...)...)
	if err != nil {
		return nil, err
	}
	core.Client = retrying{core.Client}
	core.RequestEditors = append(core.RequestEditors, func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+apiKey)
		r.Header.Set("User-Agent", userAgent)
		return nil
	})
	return &Client{core}, nil
}

// Core returns the generated client, for calls that Client has no method for.
func (c *Client) Core() *Core { return c.core }

// A call may wait for a change for longestWait, and the API needs a moment more.
const (
	longestWait = 30 * time.Second
	callTimeout = longestWait + 15*time.Second
)

var userAgent = "yanzhen-go/" + version()

// version is that of the module, as the program that uses it was built.
func version() string {
	const path = "github.com/yanzhen-id/yanzhen"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(slices.Clone(info.Deps), &info.Main) {
		if m.Path == path && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "devel"
}

// Start starts a verification. The same idempotency key always finds the same
// verification: use a name of your own, such as an order's number, and a start
// whose answer was lost is simply repeated, also by another process. With an
// empty key one is generated, which is good for this call only.
//
// The person's link is in NextAction. It may be missing while the vendor is slow:
// see Wait.
func (c *Client) Start(ctx context.Context, idempotencyKey string, req StartRequest) (*Verification, error) {
	if idempotencyKey == "" {
		idempotencyKey = rand.Text()
	}
	v, _, err := decode[Verification](c.core.StartVerification(ctx, &StartVerificationParams{IdempotencyKey: idempotencyKey}, req))
	return v, err
}

// Get reads a verification as it is now.
func (c *Client) Get(ctx context.Context, id string) (*Verification, error) {
	v, _, err := decode[Verification](c.core.GetVerification(ctx, id, nil))
	return v, err
}

// Wait reads a verification until a condition holds, such as Ended or HasLink,
// and returns it as it then is. Between reads it waits at the API for a change.
// The context bounds how long.
func (c *Client) Wait(ctx context.Context, id string, until func(*Verification) bool) (*Verification, error) {
	for v, err := range c.Changes(ctx, id) {
		if err != nil || until(v) {
			return v, err
		}
	}
	panic("unreachable: Changes ends with an error")
}

// Changes reads a verification as it is now and then after each change, for which
// it waits at the API. What changes while the loop's body runs is seen together.
// It ends with the first error: that of the context, or an answer's.
func (c *Client) Changes(ctx context.Context, id string) iter.Seq2[*Verification, error] {
	return func(yield func(*Verification, error) bool) {
		var params GetVerificationParams
		for {
			v, header, err := decode[Verification](c.core.GetVerification(ctx, id, &params))
			switch {
			case err != nil:
				yield(nil, err)
				return
			case v == nil: // unchanged
				continue
			case !yield(v, nil):
				return
			}
			// From here on only what differs from this answer is of interest.
			tag, wait := header.Get("ETag"), fmt.Sprintf("%.0fs", longestWait.Seconds())
			params = GetVerificationParams{Wait: &wait, IfNoneMatch: &tag}
			if tag == "" { // nothing to wait on
				params = GetVerificationParams{}
				if err := pause(ctx, time.Second); err != nil {
					yield(nil, err)
					return
				}
			}
		}
	}
}

// Ended reports whether a verification has ended, with a verdict or without.
func Ended(v *Verification) bool {
	switch v.Status {
	case StatusCompleted, StatusExpired, StatusCanceled, StatusError:
		return true
	}
	return false
}

// Settled reports whether nothing is left for the person or the vendors to do:
// the verification has ended, or a reviewer must decide.
func Settled(v *Verification) bool { return v.Status == StatusInReview || Ended(v) }

// HasLink reports whether there is a link for the person, or a token for the mini
// program, or never will be one.
func HasLink(v *Verification) bool { return Link(v) != "" || InMiniProgram(v) != nil || Settled(v) }

// Link returns the person's link, or nothing while there is none.
func Link(v *Verification) string {
	if v.NextAction == nil || v.NextAction.Url == nil {
		return ""
	}
	return *v.NextAction.Url
}

// InMiniProgram returns with what the WeChat mini program begins the face session,
// or nil while there is nothing. Its token is a password: hand it to the person's
// own session of the program, and write it to no log.
func InMiniProgram(v *Verification) *MiniProgram {
	if v.NextAction == nil || v.NextAction.MiniProgram == nil || v.NextAction.MiniProgram.Token == nil {
		return nil
	}
	return v.NextAction.MiniProgram
}

// Retry opens a new session in place of the newest one, or has a new chip scan
// read. Repeated, it opens no second one.
func (c *Client) Retry(ctx context.Context, id string, req RetryRequest) (*Verification, error) {
	v, _, err := decode[Verification](c.core.RetryVerification(ctx, id, nil, req))
	return v, err
}

// Cancel ends a verification. Repeated, it returns the canceled verification.
func (c *Client) Cancel(ctx context.Context, id string) (*Verification, error) {
	v, _, err := decode[Verification](c.core.CancelVerification(ctx, id, nil, CancelRequest{}))
	return v, err
}

// Consents notes what the person agreed to on your own screens, or takes back what
// they withdraw: that ends an open verification and erases them, and every later
// call but Redact and Receipt returns CodeRedacted. Repeated, it changes nothing.
func (c *Client) Consents(ctx context.Context, id string, req ConsentsRequest) (*ConsentList, error) {
	list, _, err := decode[ConsentList](c.core.AddConsents(ctx, id, req))
	return list, err
}

// Outputs reads whom a completed verification was about. purpose is one of the
// words that the configuration gives the client; each reading is recorded.
func (c *Client) Outputs(ctx context.Context, id, purpose string) (*Outputs, error) {
	o, _, err := decode[Outputs](c.core.GetOutputs(ctx, id, &GetOutputsParams{YanzhenPurpose: purpose}))
	return o, err
}

// Redact erases the person of a verification; end: an open one is ended first.
// The receipt is missing while vendors and engine are still at it: see Receipt.
// Repeated, it returns the same erasure.
func (c *Client) Redact(ctx context.Context, id string, end bool) (*Erasure, error) {
	e, _, err := decode[Erasure](c.core.RedactVerification(ctx, id, RedactRequest{End: &end}))
	return e, err
}

// Receipt reads the erasure of a verification, with its signed receipt once all
// is erased.
func (c *Client) Receipt(ctx context.Context, id string) (*Erasure, error) {
	e, _, err := decode[Erasure](c.core.GetReceipt(ctx, id))
	return e, err
}

// Evidence gets signed evidence of how an ended verification came to its end.
func (c *Client) Evidence(ctx context.Context, id string) (string, error) {
	e, _, err := decode[Evidence](c.core.GetEvidence(ctx, id))
	if err != nil {
		return "", err
	}
	return e.Evidence, nil
}

// Search finds what is held about the person with the number. purpose is one of
// the words that the configuration gives the client; each search is recorded.
func (c *Client) Search(ctx context.Context, number, purpose string) ([]string, error) {
	found, _, err := decode[SearchResult](c.core.SearchVerifications(ctx, &SearchVerificationsParams{YanzhenPurpose: purpose}, SearchRequest{IdNumber: number}))
	if err != nil {
		return nil, err
	}
	return found.VerificationIds, nil
}

// Verifications lists verifications, the newest first, page by page as they are
// needed. The first error ends the list.
func (c *Client) Verifications(ctx context.Context, params ListVerificationsParams) iter.Seq2[VerificationItem, error] {
	return func(yield func(VerificationItem, error) bool) {
		for {
			page, _, err := decode[VerificationList](c.core.ListVerifications(ctx, &params))
			if err != nil {
				yield(VerificationItem{}, err)
				return
			}
			for _, v := range page.Verifications {
				if !yield(v, nil) {
					return
				}
			}
			if page.NextCursor == nil {
				return
			}
			params.Cursor = page.NextCursor
		}
	}
}

// Events lists what has happened since the cursor, an empty one for the last 30
// days, and ends with the newest event. The first error ends the list.
//
// cursor moves on once a page was taken whole: kept, it continues there, and a
// reader that fails on the way sees events twice but misses none.
func (c *Client) Events(ctx context.Context, cursor *string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			var params ListEventsParams
			if *cursor != "" {
				params.After = cursor
			}
			page, _, err := decode[EventList](c.core.ListEvents(ctx, &params))
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page.Events {
				if !yield(e, nil) {
					return
				}
			}
			if page.NextCursor != nil {
				*cursor = *page.NextCursor
			}
			if !page.More {
				return
			}
		}
	}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// decode reads an answer: nothing of an unchanged one, and an *Error of every
// refusal.
func decode[T any](r *http.Response, err error) (*T, http.Header, error) {
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	switch {
	case r.StatusCode == http.StatusNotModified:
		return nil, r.Header, nil
	case r.StatusCode >= 300:
		return nil, nil, errorOf(r, body)
	case err != nil:
		return nil, nil, err
	}
	var v T
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&v); err != nil {
		return nil, nil, fmt.Errorf("yanzhen: the response is not the JSON of this call: %w", err)
	}
	return &v, r.Header, nil
}
