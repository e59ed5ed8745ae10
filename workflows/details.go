package workflows

import (
	"fmt"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// What the Temporal UI shows of a run as its present state, in Markdown: where it
// stands, since when, what comes next, and what operators may do, with the
// command. It costs no event; it is made anew with each change of the state.

// details are those of a verification.
func (r *run) details() string {
	var b strings.Builder
	s := r.state
	fmt.Fprintf(&b, "**%s**", s.Status)
	if s.Decision != "" {
		fmt.Fprintf(&b, " · **%s**", s.Decision)
	}
	fmt.Fprintf(&b, " since %s · policy %s v%d for %s · attempt %d of %d, session %d of %d",
		stampOf(r.since), s.Policy.Name, s.Policy.Version, r.in.Client, s.Attempt.Number, s.Attempt.Max, s.Attempt.Session, r.in.Policy.Sessions)
	if s.Provider != "" {
		fmt.Fprintf(&b, " at %s", s.Provider)
	}
	b.WriteString("\n\n")
	now, next := r.stands()
	fmt.Fprintf(&b, "**Now**: %s.\n\n", now)
	if codes := reasonCodes(r.reasons()); len(codes) > 0 {
		fmt.Fprintf(&b, "**Because of** `%s`.\n\n", strings.Join(codes, "`, `"))
	} else if e := s.LastError; e != nil {
		fmt.Fprintf(&b, "**Last session**: ended with `%s`.\n\n", e.Code)
	}
	if next != "" {
		fmt.Fprintf(&b, "**Next**: %s.\n\n", next)
	}
	writeVerbs(&b, r.verbs())
	b.WriteString("| check | status | provider | code | reasons |\n|:--|:--|:--|:--|:--|\n")
	for _, c := range s.Checks {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.Type, c.Status, c.Provider, c.ProviderCode, strings.Join(reasonCodes(c.Reasons), ", "))
	}
	return framed(&b)
}

// framed ends details: the UI's frame is a line too short for its text, of which
// an empty one may be cut.
func framed(b *strings.Builder) string {
	b.WriteString("\n\u00a0\n")
	return b.String()
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// stands says what is being waited for, and what follows of it.
func (r *run) stands() (now, next string) {
	s := r.state
	by := "in time"
	if s.ExpiresAt != nil {
		by = "until " + stampOf(*s.ExpiresAt)
	}
	switch {
	case s.Status.Ended():
		return "it has ended, and nothing more is done by itself", ""
	case s.Status == verification.InReview:
		return "a human must decide", "decided " + by + ", or it expires; nobody is declined by silence"
	case s.Status == verification.Processing:
		return r.works(), r.afterwards(by)
	case s.NextAction != nil && s.NextAction.Type == verification.ActionScanChip:
		return "the person must scan the card again", "the caller's retry brings a new scan " + by + ", or it expires"
	case s.NextAction != nil && s.NextAction.Type == verification.ActionRetry:
		return "the caller may ask for another session", "a retry " + by + ", or it expires"
	case s.Page && s.Open == nil:
		return "the person is awaited on our page", "they agree and press the button " + by + ", or it expires"
	case s.MiniProgram:
		return "the caller's mini program has a token for the face session", "its result " + by + ", or one last look at the vendor"
	case s.Page:
		return "the person has a face session open, from our page", "its result by " + stampOf(s.Open.ExpiresAt) + ", or they are back on our page, whose link works " + by
	}
	return "the person has a link to the face session", "its result " + by + ", or one last look at the vendor"
}

// works says which vendors are at work.
func (r *run) works() string {
	var on []string
	switch {
	case r.faceDone:
	case r.opening:
		on = append(on, "a face session is being opened")
	case r.state.Attempt.Session > 0 && r.state.Provider != "":
		on = append(on, fmt.Sprintf("%s is asked what came of session %d", r.state.Provider, r.state.Attempt.Session))
	}
	if c, ok := verification.Find(r.state.Checks, verification.IdentityRecords); ok && c.Status == verification.Pending && !r.recordsDone {
		on = append(on, "the records are pending")
	}
	if len(on) == 0 {
		return "vendors are at work"
	}
	return strings.Join(on, ", ")
}

func (r *run) afterwards(by string) string {
	if r.human {
		return "a human decides, once what is under way has ended"
	}
	return "the answers " + by + "; an outage is waited out as long as the policy says"
}

// verb is something that an operator may do.
type verb struct{ command, effect string }

func writeVerbs(b *strings.Builder, verbs []verb) {
	if len(verbs) == 0 {
		return
	}
	b.WriteString("**You may**\n\n")
	for _, v := range verbs {
		fmt.Fprintf(b, "- `%s`: %s\n", v.command, v.effect)
	}
	b.WriteString("\n")
}

// why is what each command wants to hear.
const why = ` --reason "…"`

// verbs are what an operator may do as things stand.
func (r *run) verbs() []verb {
	s, id := r.state, r.in.ID
	ops := func(name, flags, effect string) verb {
		return verb{"yanzhen ops " + name + " " + id + flags + why, effect}
	}
	resend := ops("resend", "", "send its events again")
	if s.Status.Ended() {
		out := []verb{resend}
		if s.Status == verification.Completed {
			out = append(out, verb{"yanzhen review reopen " + id + " --reason CODE", "have a human look once more"})
		}
		return out
	}
	var out []verb
	open := s.Status == verification.RequiresInput && (s.Open != nil || !s.Page && s.NextAction.HasLink())
	switch {
	case s.Status == verification.InReview:
		return append(out, verb{"yanzhen review approve " + id, "or decline: decide it"}, ops("extend", " --for 72h", "give the reviewer longer"), resend)
	case open:
		out = append(out, ops("look", "", "ask the vendor now"))
		if len(r.in.Face) > 1 && s.Attempt.Session < r.in.Policy.Sessions {
			out = append(out, ops("switch-provider", "", "end this session, open the next one elsewhere"))
		}
	case s.Status == verification.Processing:
		out = append(out, verb{"temporal activity reset -w " + id + " --activity-id …", "have the pending activity tried at once"})
	}
	if s.Status == verification.RequiresInput && (s.Page || !open) {
		out = append(out, ops("extend", " --for 24h", "give the person longer"))
	}
	if !r.human {
		out = append(out, ops("to-review", "", "have a human decide, and no vendor asked any more"))
	}
	return append(out, resend)
}

// details are those of a reopened case.
func (r *reopened) details() string {
	var b strings.Builder
	s := r.state
	fmt.Fprintf(&b, "**%s** since %s · verdict version %d: %s\n\n", s.Status, stampOf(r.since), s.Verdict.Version, s.Decision)
	fmt.Fprintf(&b, "**Because of** `%s`.\n\n", r.in.Reason)
	if s.Status != verification.InReview {
		return framed(&b)
	}
	fmt.Fprintf(&b, "**Now**: a human must decide once more.\n\n**Next**: decided until %s, or the old verdict stands.\n\n", stampOf(*s.ExpiresAt))
	writeVerbs(&b, []verb{{"yanzhen review approve " + r.in.ID, "or decline: decide it"},
		{"yanzhen ops extend " + r.in.ID + " --for 72h" + why, "give the reviewer longer"}})
	return framed(&b)
}

// deliveryDetails are those of a delivery.
func deliveryDetails(in DeliveryInput, id string, since time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**sending** since %s · event %s to endpoint %s\n\n", stampOf(since), in.Event, in.Endpoint)
	b.WriteString("**Now**: the receiver is to take the event; the pending activity tells how often it was tried and why it was not taken.\n\n")
	b.WriteString("**Next**: tried again by the schedule, for about three days; then it stays in the log as failed, and can be sent again.\n\n")
	writeVerbs(&b, []verb{
		{"temporal activity reset -w " + id + " --activity-id " + stepDeliver.id, "try at once"},
		{"yanzhen webhook pause " + in.Endpoint, "hold the endpoint's events back, until `resume`"},
	})
	return framed(&b)
}

// erasureDetails are those of an erasure, at one of its steps.
func erasureDetails(id, now, next string, since time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**erasing** %s since %s\n\n**Now**: %s.\n\n**Next**: %s.\n\n", id, stampOf(since), now, next)
	b.WriteString("The person is gone from the store already; each step is tried until it works.\n\n")
	writeVerbs(&b, []verb{{"temporal activity reset -w " + ErasureID(id) + " --activity-id …", "have the pending activity tried at once"}})
	return framed(&b)
}
