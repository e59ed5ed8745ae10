package provider

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Call is a call of a vendor, once it is over. Nothing in it is personal: of
// the address that was called it has no path and no query.
type Call struct {
	Provider, Operation string
	// Class is "ok", "canceled" (by us) or the failure's Class.
	Class string
	// Charged says what the call itself cost; empty: this kind of call costs nothing
	// by itself, as a face session, which is charged as a whole.
	Charged verification.Billable
	// Host is where the last request of the call went, and Status what answered it;
	// empty and 0: none was sent, or there was no answer.
	Host   string
	Status int
	Began  time.Time
	Took   time.Duration
}

// Observer hears of every call of a vendor.
type Observer func(context.Context, Call)

// Observe has every provider that is registered so far observed.
func (r *Registry) Observe(o Observer) {
	for name, v := range r.faces {
		v.Provider = observedFace{v.Provider, observed{o, name}}
		r.faces[name] = v
	}
	for name, v := range r.records {
		v.Provider = observedRecords{v.Provider, observed{o, name}}
		r.records[name] = v
	}
	for name, v := range r.chips {
		v.Provider = observedChip{v.Provider, observed{o, name}}
		r.chips[name] = v
	}
	for name, v := range r.comparers {
		v.Provider = observedComparer{v.Provider, observed{o, name}}
		r.comparers[name] = v
	}
	for name, v := range r.erasers {
		v.Provider = observedEraser{v.Provider, observed{o, name}}
		r.erasers[name] = v
	}
}

// observed tells of one provider's calls.
type observed struct {
	observer Observer
	name     string
}

// call is one that is under way.
type call struct {
	Call
	observed observed
	ctx      context.Context
	sent     *sent
}

// sent is what the transport notes of a call's last request.
type sent struct {
	host   atomic.Pointer[string]
	status atomic.Int64
}

type sentKey struct{}

// begin returns the context of the call.
func (o observed) begin(ctx context.Context, operation string) (*call, context.Context) {
	c := &call{Call: Call{Provider: o.name, Operation: operation, Began: time.Now()}, observed: o, sent: &sent{}}
	c.ctx = context.WithValue(ctx, sentKey{}, c.sent)
	return c, c.ctx
}

// end tells of it, in a defer. charge says what an answer costs.
func (c *call) end(err *error, charge verification.Billable) {
	c.Took, c.Class, c.Charged = time.Since(c.Began), "ok", charge
	if *err != nil {
		c.Class = string(ClassOf(*err))
		if errors.Is(c.ctx.Err(), context.Canceled) {
			c.Class = "canceled"
		}
	}
	if *err != nil && charge != "" {
		c.Charged = verification.BillableNo
		if e, ok := errors.AsType[*Error](*err); ok && e.Billable != "" {
			c.Charged = e.Billable
		}
	}
	if host := c.sent.host.Load(); host != nil {
		c.Host, c.Status = *host, int(c.sent.status.Load())
	}
	c.observed.observer(c.ctx, c.Call)
}

// noteSent notes a request of an observed call.
func noteSent(req *http.Request) *sent {
	s, _ := req.Context().Value(sentKey{}).(*sent)
	if s != nil {
		s.host.Store(&req.URL.Host)
		s.status.Store(0)
	}
	return s
}

// answered notes the answer.
func (s *sent) answered(res *http.Response) {
	if s != nil && res != nil {
		s.status.Store(int64(res.StatusCode))
	}
}

type observedFace struct {
	face Face
	tell observed
}

func (f observedFace) Open(ctx context.Context, o Opening) (out Opened, err error) {
	c, ctx := f.tell.begin(ctx, "open")
	defer c.end(&err, "")
	return f.face.Open(ctx, o)
}

func (f observedFace) Look(ctx context.Context, s FaceSession) (out Look, err error) {
	c, ctx := f.tell.begin(ctx, "look")
	defer c.end(&err, "")
	return f.face.Look(ctx, s)
}

func (f observedFace) Result(ctx context.Context, s FaceSession) (out verification.FaceResult, err error) {
	c, ctx := f.tell.begin(ctx, "result")
	defer c.end(&err, "")
	return f.face.Result(ctx, s)
}

type observedRecords struct {
	records Records
	tell    observed
}

func (r observedRecords) Check(ctx context.Context, s verification.Subject) (out verification.Check, err error) {
	c, ctx := r.tell.begin(ctx, "check")
	defer func() {
		charge := out.Billable
		if charge == "" {
			charge = verification.BillableUnknown
		}
		c.end(&err, charge)
	}()
	return r.records.Check(ctx, s)
}

type observedChip struct {
	chip Chip
	tell observed
}

// Read may be charged: the contract does not say.
func (o observedChip) Read(ctx context.Context, reqid string) (out verification.Card, err error) {
	c, ctx := o.tell.begin(ctx, "read")
	defer c.end(&err, verification.BillableUnknown)
	return o.chip.Read(ctx, reqid)
}

type observedComparer struct {
	comparer Comparer
	tell     observed
}

// Compare may be charged, likewise.
func (o observedComparer) Compare(ctx context.Context, portrait, face []byte) (score float64, err error) {
	c, ctx := o.tell.begin(ctx, "compare")
	defer c.end(&err, verification.BillableUnknown)
	return o.comparer.Compare(ctx, portrait, face)
}

type observedEraser struct {
	eraser Eraser
	tell   observed
}

func (e observedEraser) Erase(ctx context.Context, what Erasing) (err error) {
	c, ctx := e.tell.begin(ctx, "erase")
	defer c.end(&err, "")
	return e.eraser.Erase(ctx, what)
}
