package provider

import (
	"context"
	"regexp"
	"sync/atomic"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

type requestIDKey struct{}

// WithRequestID returns a context in which a vendor's client notes the vendor's own id
// of a call, by which the vendor finds it in its books, and the function that tells
// the last one; empty: the vendor gave none.
func WithRequestID(ctx context.Context) (context.Context, func() string) {
	var seen atomic.Value
	seen.Store("")
	return context.WithValue(ctx, requestIDKey{}, &seen), func() string { return seen.Load().(string) }
}

// requestIDForm is what a vendor's id may look like. Anything else under that name
// may hold anything, and is not kept.
var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._,:-]{0,127}$`)

// NoteRequestID notes a vendor's id of the call that the context is for.
func NoteRequestID(ctx context.Context, id string) {
	seen, ok := ctx.Value(requestIDKey{}).(*atomic.Value)
	if ok && requestIDForm.MatchString(id) && !residentid.ShapedLikeIDNumber(id) {
		seen.Store(id)
	}
}
