package provider

import (
	"context"
	"errors"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Observer hears of every call of a vendor. class is "ok", "canceled" (by us) or
// the failure's Class.
type Observer func(provider, operation, class string, took time.Duration)

// Observe has every provider that is registered so far observed.
func (r *Registry) Observe(o Observer) {
	for name, v := range r.faces {
		v.Provider = observedFace{v.Provider, o.of(name)}
		r.faces[name] = v
	}
	for name, v := range r.records {
		v.Provider = observedRecords{v.Provider, o.of(name)}
		r.records[name] = v
	}
	for name, v := range r.chips {
		v.Provider = observedChip{v.Provider, o.of(name)}
		r.chips[name] = v
	}
	for name, v := range r.comparers {
		v.Provider = observedComparer{v.Provider, o.of(name)}
		r.comparers[name] = v
	}
	for name, v := range r.erasers {
		v.Provider = observedEraser{v.Provider, o.of(name)}
		r.erasers[name] = v
	}
}

// observed tells of one call, in a defer: began is when it was made.
type observed func(ctx context.Context, operation string, began time.Time, err *error)

func (o Observer) of(name string) observed {
	return func(ctx context.Context, operation string, began time.Time, err *error) {
		class := "ok"
		switch {
		case *err == nil:
		case errors.Is(ctx.Err(), context.Canceled):
			class = "canceled"
		default:
			class = string(ClassOf(*err))
		}
		o(name, operation, class, time.Since(began))
	}
}

type observedFace struct {
	face Face
	tell observed
}

func (f observedFace) Open(ctx context.Context, o Opening) (out Opened, err error) {
	defer f.tell(ctx, "open", time.Now(), &err)
	return f.face.Open(ctx, o)
}

func (f observedFace) Look(ctx context.Context, s FaceSession) (out Look, err error) {
	defer f.tell(ctx, "look", time.Now(), &err)
	return f.face.Look(ctx, s)
}

func (f observedFace) Result(ctx context.Context, s FaceSession) (out verification.FaceResult, err error) {
	defer f.tell(ctx, "result", time.Now(), &err)
	return f.face.Result(ctx, s)
}

type observedRecords struct {
	records Records
	tell    observed
}

func (r observedRecords) Check(ctx context.Context, s verification.Subject) (out verification.Check, err error) {
	defer r.tell(ctx, "check", time.Now(), &err)
	return r.records.Check(ctx, s)
}

type observedChip struct {
	chip Chip
	tell observed
}

func (c observedChip) Read(ctx context.Context, reqid string) (out verification.Card, err error) {
	defer c.tell(ctx, "read", time.Now(), &err)
	return c.chip.Read(ctx, reqid)
}

type observedComparer struct {
	comparer Comparer
	tell     observed
}

func (c observedComparer) Compare(ctx context.Context, portrait, face []byte) (score float64, err error) {
	defer c.tell(ctx, "compare", time.Now(), &err)
	return c.comparer.Compare(ctx, portrait, face)
}

type observedEraser struct {
	eraser Eraser
	tell   observed
}

func (e observedEraser) Erase(ctx context.Context, what Erasing) (err error) {
	defer e.tell(ctx, "erase", time.Now(), &err)
	return e.eraser.Erase(ctx, what)
}
