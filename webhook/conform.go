package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Finding is what one check of a receiver found.
type Finding struct {
	Check string `json:"check"`
	// Want is what a receiver must do, Got what this one did: its answer's class.
	Want string `json:"want"`
	Got  Class  `json:"got"`
	OK   bool   `json:"ok"`
	// Why it matters, where it is not ok.
	Why string `json:"why,omitempty"`
}

// Report is what a receiver mishandled.
type Report struct {
	OK       bool      `json:"ok"`
	Findings []Finding `json:"findings"`
}

// conformance sends a receiver what it must take and what it must refuse.
type conformance struct {
	sender *Sender
	to     Endpoint
	now    func() time.Time
	report Report
}

// conformQuick is how fast a receiver should answer: the sender waits for 20 s, and
// whoever works before answering will once need more.
const conformQuick = 5 * time.Second

// Conform sends a receiver every event, and events that are doubled, out of
// order, of an unknown type and large, each of which it must take; and ones that
// are badly signed, changed, unsigned, old, or of the future, which it must
// refuse. What it did with those that it took, only its own team can see.
func Conform(ctx context.Context, sender *Sender, to Endpoint) Report {
	c := &conformance{sender: sender, to: to, now: time.Now, report: Report{OK: true}}
	id := "ver_" + strings.ToLower(rand.Text())
	c.everyType(ctx, id)
	c.order(ctx)
	c.odd(ctx, id)
	c.forged(ctx, id)
	return c.report
}

func eventID() string { return "evt_" + strings.ToLower(rand.Text()) }

// about is an event of a verification.
func (c *conformance) about(kind, id string, sequence int) Event {
	reference, decision := "conformance", "approved"
	v := Verification{ID: id, Reference: &reference, Status: strings.TrimPrefix(kind, "verification."), Reasons: []string{}, Sequence: sequence, Version: sequence}
	switch kind {
	case Created:
		v.Status = "processing"
	case Completed:
		v.Decision = &decision
	case Reopened:
		v.Status = "in_review"
	}
	return Event{ID: eventID(), Type: kind, Timestamp: c.now().UTC(), Data: v}
}

// everyType: each type, in the order of a whole life.
func (c *conformance) everyType(ctx context.Context, id string) {
	for i, kind := range Types() {
		e := c.about(kind, id, i+1)
		if kind == EndpointOff {
			e.Data = AboutEndpoint{ID: "another"}
		}
		c.takes(ctx, "takes "+kind, e, "an event that is not taken is sent again for three days")
	}
	test := Event{ID: eventID(), Type: Test, Timestamp: c.now().UTC(), Data: AboutEndpoint{ID: "conformance"}}
	c.takes(ctx, "takes "+Test, test, "a test that is not taken says that the endpoint does not work")
}

// order: doubled ones, and older news after newer.
func (c *conformance) order(ctx context.Context) {
	id := "ver_" + strings.ToLower(rand.Text())
	first, second, third := c.about(Created, id, 1), c.about(RequiresInput, id, 2), c.about(Completed, id, 3)
	c.takes(ctx, "takes an end first", third, "no order is promised")
	c.takes(ctx, "takes older news after it", second, "no order is promised: answer 2xx, and go by data.sequence")
	c.takes(ctx, "takes the oldest last", first, "no order is promised: answer 2xx, and go by data.sequence")
	c.takes(ctx, "takes an event twice", third, "an event may come twice: answer 2xx, and tell it by webhook-id")
	stale := c.about(Expired, id, 4)
	stale.Timestamp = c.now().Add(-72 * time.Hour).UTC()
	c.takes(ctx, "takes an event of three days ago that is sent now", stale, "a delivery may come after days: webhook-timestamp counts, not the event's own")
}

// odd: what is new, large, without a reference, or slow in coming.
func (c *conformance) odd(ctx context.Context, id string) {
	c.takes(ctx, "takes a type that it does not know", c.about("verification.something_new", id, 20), "new types may come: answer 2xx to them")
	bare := c.about(Canceled, id, 21)
	bare.Data = Verification{ID: id, Status: "canceled", Reasons: []string{"canceled.by_caller", "a.reason_of_tomorrow"}, Sequence: 21, Version: 21}
	c.takes(ctx, "takes null and reasons that it does not know", bare, "client_reference_id and decision may be null, and new reasons may come")
	large := c.about(Completed, id, 22)
	declined := "declined"
	large.Data = Verification{ID: id, Status: "completed", Decision: &declined, Reasons: slices.Repeat([]string{"face.no_match"}, 1500), Sequence: 22, Version: 22}
	c.takes(ctx, "takes 20 KiB", large, "an event is small, but no limit is promised")
	slow, body := c.about(Expired, id, 23), []byte{}
	if text, err := slow.Body(); err == nil {
		body = text
	}
	c.add("takes a body that comes slowly", "2xx", c.slowly(ctx, slow.ID, body), "a network may be slow: wait a few seconds for the body")
}

// forged: what is not ours, not whole, or not of now.
func (c *conformance) forged(ctx context.Context, id string) {
	e := c.about(Completed, id, 30)
	body, err := e.Body()
	if err != nil {
		return
	}
	other, _ := ParseSecret(NewSecret()) // is one
	now := c.now()
	forgery := "whoever knows the URL could tell you that anybody is approved"
	for _, f := range []struct {
		check, why string
		secrets    []Secret
		at         time.Time
		change     func(h http.Header, body []byte) []byte
	}{
		{check: "refuses another secret's signature", why: forgery, secrets: []Secret{other}, at: now},
		{check: "refuses a changed body", why: forgery, secrets: c.to.Secrets, at: now, change: func(_ http.Header, body []byte) []byte {
			return bytes.Replace(body, []byte(`"approved"`), []byte(`"declined"`), 1)
		}},
		{check: "refuses another id", why: "an old event would pass for a new one", secrets: c.to.Secrets, at: now, change: func(h http.Header, body []byte) []byte {
			h.Set(HeaderID, eventID())
			return body
		}},
		{check: "refuses another time", why: "an old event would pass for a new one", secrets: c.to.Secrets, at: now.Add(-time.Hour), change: func(h http.Header, body []byte) []byte {
			h.Set(HeaderTimestamp, fmt.Sprint(now.Unix()))
			return body
		}},
		{check: "refuses what has no signature", why: forgery, at: now, change: func(h http.Header, body []byte) []byte { h.Del(HeaderSignature); return body }},
		{check: "refuses what has no id", why: forgery, secrets: c.to.Secrets, at: now, change: func(h http.Header, body []byte) []byte { h.Del(HeaderID); return body }},
		{check: "refuses what has no time", why: forgery, secrets: c.to.Secrets, at: now, change: func(h http.Header, body []byte) []byte { h.Del(HeaderTimestamp); return body }},
		{check: "refuses a signature of another version", why: forgery, secrets: c.to.Secrets, at: now, change: func(h http.Header, body []byte) []byte {
			h.Set(HeaderSignature, strings.Replace(h.Get(HeaderSignature), "v1,", "v0,", 1))
			return body
		}},
		{check: "refuses what was signed 10 minutes ago", why: "who overheard a message could send it again at any time", secrets: c.to.Secrets, at: now.Add(-10 * time.Minute)},
		{check: "refuses what is of 10 minutes from now", why: "it could be sent again for longer", secrets: c.to.Secrets, at: now.Add(10 * time.Minute)},
	} {
		h, sent := http.Header{}, body
		Sign(h, e.ID, f.at, body, f.secrets...)
		if f.change != nil {
			sent = f.change(h, sent)
		}
		c.add(f.check, "4xx", c.do(ctx, h, sent), f.why)
	}
	h := http.Header{}
	Sign(h, e.ID, now, body, append([]Secret{other}, c.to.Secrets...)...)
	c.add("takes one fitting signature of two", "2xx", c.do(ctx, h, body), "while a secret is changed, each message has two signatures")
}

// takes sends an event as the relay would.
func (c *conformance) takes(ctx context.Context, check string, e Event, why string) {
	body, err := e.Body()
	if err != nil {
		return
	}
	h := http.Header{}
	Sign(h, e.ID, c.now(), body, c.to.Secrets...)
	began := c.now()
	got := c.do(ctx, h, body)
	if took := c.now().Sub(began); got == OK && took > conformQuick {
		c.report.OK = false
		c.report.Findings = append(c.report.Findings, Finding{Check: check, Want: "2xx within 5 s", Got: got,
			Why: fmt.Sprintf("it took %.1f s: answer first and work afterwards, for after 20 s it is sent again", took.Seconds())})
		return
	}
	c.add(check, "2xx", got, why)
}

func (c *conformance) add(check, want string, got Class, why string) {
	f := Finding{Check: check, Want: want, Got: got, OK: string(got) == want}
	if !f.OK {
		f.Why, c.report.OK = why, false
	}
	c.report.Findings = append(c.report.Findings, f)
}

func (c *conformance) do(ctx context.Context, h http.Header, body []byte) Class {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to.URL, bytes.NewReader(body))
	if err != nil {
		return NotConfigured
	}
	return c.post(r, h)
}

func (c *conformance) post(r *http.Request, h http.Header) Class {
	r.Header = h.Clone()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", c.sender.agent)
	return c.sender.Do(r).Class
}

// slowly sends a body in two parts, with a pause between them.
func (c *conformance) slowly(ctx context.Context, id string, body []byte) Class {
	h := http.Header{}
	Sign(h, id, c.now(), body, c.to.Secrets...)
	half := len(body) / 2
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to.URL, &pausing{parts: [][]byte{body[:half], body[half:]}, pause: 2 * time.Second})
	if err != nil {
		return NotConfigured
	}
	r.ContentLength = int64(len(body))
	return c.post(r, h)
}
