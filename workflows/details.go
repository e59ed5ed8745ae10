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
		return "ended; nothing more happens by itself", ""
	case s.Status == verification.InReview:
		return "a human must decide", "a decision " + by + ", or it expires; silence never declines"
	case s.Status == verification.Processing:
		return r.works(), r.afterwards(by)
	case s.NextAction != nil && s.NextAction.Type == verification.ActionScanChip:
		return "the person must scan the card again", "the caller sends a new scan with retry " + by + ", or it expires"
	case s.NextAction != nil && s.NextAction.Type == verification.ActionRetry:
		return "the caller may ask for another session", "a retry " + by + ", or it expires"
	case s.Page && s.Open == nil:
		return "waiting for the person on our page", "they agree and start the face session " + by + ", or it expires"
	case s.MiniProgram:
		return "the caller's mini program has a token for the face session", "the result " + by + ", or one last look at the vendor"
	case s.Page:
		return "the person has a face session open, started from our page", "the result by " + stampOf(s.Open.ExpiresAt) + ", or the person returns to our page, whose link works " + by
	}
	return "the person has a link to the face session", "the result " + by + ", or one last look at the vendor"
}

// works says which vendors are at work.
func (r *run) works() string {
	var on []string
	switch {
	case r.faceDone:
	case r.opening:
		on = append(on, "a face session is being opened")
	case r.state.Attempt.Session > 0 && r.state.Provider != "":
		on = append(on, fmt.Sprintf("waiting for the result of session %d at %s", r.state.Attempt.Session, r.state.Provider))
	}
	if c, ok := verification.Find(r.state.Checks, verification.IdentityRecords); ok && c.Status == verification.Pending && !r.recordsDone {
		on = append(on, "waiting for the records")
	}
	if len(on) == 0 {
		return "vendors are at work"
	}
	return strings.Join(on, ", ")
}

func (r *run) afterwards(by string) string {
	if r.human {
		return "a human decides, once the pending steps have ended"
	}
	return "the answers " + by + "; during an outage it waits as long as the policy allows"
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
			out = append(out, verb{"yanzhen review reopen " + id + " --reason CODE", "open it again for a human to review"})
		}
		return out
	}
	var out []verb
	open := s.Status == verification.RequiresInput && (s.Open != nil || !s.Page && s.NextAction.HasLink())
	switch {
	case s.Status == verification.InReview:
		return append(out, verb{"yanzhen review approve " + id, "or decline"}, ops("extend", " --for 72h", "give the reviewer more time"), resend)
	case open:
		out = append(out, ops("look", "", "look at the vendor now"))
		if len(r.in.Face) > 1 && s.Attempt.Session < r.in.Policy.Sessions {
			out = append(out, ops("switch-provider", "", "end this session and open the next one at another vendor"))
		}
	case s.Status == verification.Processing:
		out = append(out, verb{"temporal activity reset -w " + id + " --activity-id …", "retry the pending activity now"})
	}
	if s.Status == verification.RequiresInput && (s.Page || !open) {
		out = append(out, ops("extend", " --for 24h", "give the person more time"))
	}
	if !r.human {
		out = append(out, ops("to-review", "", "let a human decide, and call no vendor any more"))
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
	fmt.Fprintf(&b, "**Now**: a human must decide again.\n\n**Next**: a decision until %s, or the old verdict stands.\n\n", stampOf(*s.ExpiresAt))
	writeVerbs(&b, []verb{{"yanzhen review approve " + r.in.ID, "or decline"},
		{"yanzhen ops extend " + r.in.ID + " --for 72h" + why, "give the reviewer more time"}})
	return framed(&b)
}

// deliveryDetails are those of a delivery.
func deliveryDetails(in DeliveryInput, id string, since time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**sending** since %s · event %s to endpoint %s\n\n", stampOf(since), in.Event, in.Endpoint)
	b.WriteString("**Now**: waiting for the receiver to accept the event; the pending activity shows the attempts and the last error.\n\n")
	b.WriteString("**Next**: retried on the schedule, for about three days; then it is logged as failed, and can be sent again.\n\n")
	writeVerbs(&b, []verb{
		{"temporal activity reset -w " + id + " --activity-id " + stepDeliver.id, "retry now"},
		{"yanzhen webhook pause " + in.Endpoint, "hold back the endpoint's events until `resume`"},
	})
	return framed(&b)
}

// erasureDetails are those of an erasure, at one of its steps.
func erasureDetails(id, now, next string, since time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**erasing** %s since %s\n\n**Now**: %s.\n\n**Next**: %s.\n\n", id, stampOf(since), now, next)
	b.WriteString("The personal data is already erased from the store; each step is retried until it succeeds.\n\n")
	writeVerbs(&b, []verb{{"temporal activity reset -w " + ErasureID(id) + " --activity-id …", "retry the pending activity now"}})
	return framed(&b)
}
