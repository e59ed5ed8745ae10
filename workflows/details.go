package workflows

import (
	"fmt"
	"strings"

	"github.com/yanzhen-id/yanzhen/verification"
)

// details is what the Temporal UI shows as the run's present state, in
// Markdown.
func (r *run) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**", r.state.Status)
	if r.state.Decision != "" {
		fmt.Fprintf(&b, " · **%s**", r.state.Decision)
	}
	fmt.Fprintf(&b, " · policy %s v%d · attempt %d of %d, session %d\n\n",
		r.state.Policy.Name, r.state.Policy.Version, r.state.Attempt.Number, r.state.Attempt.Max, r.state.Attempt.Session)
	if waits := r.waitsFor(); waits != "" {
		b.WriteString(waits)
		if r.state.ExpiresAt != nil {
			fmt.Fprintf(&b, " until %s", r.state.ExpiresAt.UTC().Format("2006-01-02 15:04:05 UTC"))
		}
		b.WriteString(".\n\n")
	}
	if codes := reasonCodes(r.reasons()); len(codes) > 0 {
		fmt.Fprintf(&b, "Because of `%s`.\n\n", strings.Join(codes, "`, `"))
	} else if e := r.state.LastError; e != nil {
		fmt.Fprintf(&b, "The last session ended with `%s`.\n\n", e.Code)
	}
	b.WriteString("| check | status | provider | code | reasons |\n|:--|:--|:--|:--|:--|\n")
	for _, c := range r.state.Checks {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.Type, c.Status, c.Provider, c.ProviderCode, strings.Join(reasonCodes(c.Reasons), ", "))
	}
	// The UI's frame is a line too short for its text: an empty one may be cut.
	b.WriteString("\n\u00a0\n")
	return b.String()
}

// waitsFor says in words what must happen next; empty: nothing more.
func (r *run) waitsFor() string {
	switch r.state.Status {
	case verification.RequiresInput:
		if r.state.NextAction != nil && r.state.NextAction.Type == verification.ActionRetry {
			return "The caller may ask for another session"
		}
		if r.state.MiniProgram {
			return "The caller's mini program has a token for the face session"
		}
		if r.state.Page && r.state.Open == nil {
			return "The person is awaited on our page"
		}
		return "The person has a link to the face session"
	case verification.Processing:
		return "Vendors are at work"
	case verification.InReview:
		return "A human must decide"
	}
	return ""
}
