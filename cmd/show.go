package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/mdp/qrterminal/v3"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// printer shows a verification's way, a line a change, each with the time
// since it began.
type printer struct {
	out   io.Writer
	began time.Time
	// links: show the person's link and its QR code.
	links bool

	id      string
	status  client.Status
	session int
	error   string
	link    string
	checks  map[client.CheckType]client.CheckStatus
}

func newPrinter(out io.Writer, links bool) *printer {
	return &printer{out: out, began: time.Now(), links: links, checks: map[client.CheckType]client.CheckStatus{}}
}

func (p *printer) line(text string) {
	fmt.Fprintf(p.out, "%7.1fs  %s\n", time.Since(p.began).Seconds(), text)
}

// changes prints what is new since the last call.
func (p *printer) changes(v *client.Verification) {
	if p.id == "" {
		p.id = v.Id
		p.line(fmt.Sprintf("%s  policy %s version %d", v.Id, v.Policy.Name, v.Policy.Version))
	}
	for _, c := range v.Checks {
		if p.checks[c.Type] != c.Status {
			p.checks[c.Type] = c.Status
			if c.Status != "pending" {
				p.line(checkLine(c))
			}
		}
	}
	if e := lastError(v); e != p.error {
		p.error = e
		if e != "" {
			p.line("last session: " + e)
		}
	}
	if v.Status != p.status || v.Attempt.Session != p.session {
		p.status, p.session = v.Status, v.Attempt.Session
		p.line(statusLine(v))
		if a := v.NextAction; a != nil && a.MiniProgram != nil { // its token is for the program, not for a terminal
			p.line("the mini program begins with " + a.MiniProgram.Sdk + " and the token in next_action")
		}
	}
	if a := v.NextAction; p.links && a != nil && a.Url != nil && *a.Url != p.link {
		p.link = *a.Url
		p.person(a)
	}
}

// person shows the link as the person needs it: many vendors' pages open on a
// phone only.
func (p *printer) person(a *client.NextAction) {
	where := "on a phone"
	switch _, err := sandbox.OpenPage(*a.Url); {
	case err == nil:
		where = "in any browser of this machine (it is a stand-in's)"
	case a.OpenIn != nil && *a.OpenIn == "wechat":
		where = "in WeChat"
	case a.OpenIn != nil:
		where = "in " + *a.OpenIn
	}
	fmt.Fprintf(p.out, "\nThe person's page, to be opened %s:\n\n  %s\n\n", printable(where), printable(*a.Url))
	qrterminal.GenerateWithConfig(*a.Url, qrterminal.Config{
		Level: qrterminal.L, Writer: p.out, QuietZone: 2, HalfBlocks: true,
		BlackChar: qrterminal.BLACK_BLACK, WhiteChar: qrterminal.WHITE_WHITE,
		BlackWhiteChar: qrterminal.BLACK_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
	})
	fmt.Fprintln(p.out)
}

// printable is text that somebody else wrote, as a terminal may be given it: what
// moves its cursor, changes its colours or turns the direction of writing could show
// another text than the one that is there.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

func statusLine(v *client.Verification) string {
	s := strings.ReplaceAll(string(v.Status), "_", " ")
	if v.Attempt.Session > 0 && !client.Settled(v) {
		s += fmt.Sprintf(", attempt %d of %d, session %d", v.Attempt.Number, v.Attempt.Max, v.Attempt.Session)
	}
	if v.ExpiresAt != nil {
		s += ", until " + v.ExpiresAt.Local().Format(time.DateTime)
	}
	return s
}

func checkLine(c client.Check) string {
	s := fmt.Sprintf("%-17s %s", c.Type, c.Status)
	var by []string
	if c.Provider != nil && *c.Provider != "" {
		by = append(by, *c.Provider)
	}
	if c.ProviderCode != nil && *c.ProviderCode != "" {
		by = append(by, "code "+*c.ProviderCode)
	}
	if c.Billable != nil && *c.Billable != "" {
		by = append(by, map[client.Billable]string{"yes": "charged", "no": "not charged", "unknown": "charge unknown"}[*c.Billable])
	}
	if len(by) > 0 {
		s += "  (" + strings.Join(by, ", ") + ")"
	}
	return s + reasonList(c.Reasons)
}

func reasonList(reasons []client.Reason) string {
	s := ""
	for _, r := range reasons {
		s += "  " + r.Code
	}
	return s
}

func lastError(v *client.Verification) string {
	if v.LastError == nil {
		return ""
	}
	return reasonText(v.LastError.Code)
}

// reasonText is a reason with the catalogue's text for those who run the service.
func reasonText(code string) string {
	e, ok := verification.ReasonCode(code).Describe()
	if !ok || e.Ops == "" {
		return code
	}
	return code + ": " + e.Ops
}

// ending prints how it came out, with every reason in words.
func (p *printer) ending(v *client.Verification) {
	word := string(v.Status)
	if v.Outcome != nil {
		word = *v.Outcome
	}
	fmt.Fprintf(p.out, "\n  %s", strings.ToUpper(word))
	switch {
	case v.Verdict != nil:
		by := string(v.Verdict.DecidedBy)
		if v.Verdict.DecidedByName != nil {
			by += " " + *v.Verdict.DecidedByName
		}
		fmt.Fprintf(p.out, "  by %s, version %d\n", by, v.Verdict.Version)
	case v.Status == "in_review" && v.ExpiresAt != nil:
		fmt.Fprintf(p.out, "  a human must decide until %s\n", v.ExpiresAt.Local().Format(time.DateTime))
	default:
		fmt.Fprintln(p.out, "  no verdict about the person")
	}
	var reasons []client.Reason
	if v.Verdict != nil {
		reasons = v.Verdict.Reasons
	}
	reasons = append(reasons, v.ReviewReasons...)
	for _, r := range reasons {
		fmt.Fprintf(p.out, "  - %s\n", reasonText(r.Code))
	}
	if len(reasons) == 0 && v.LastError != nil {
		fmt.Fprintf(p.out, "  - %s\n", reasonText(v.LastError.Code))
	}
	fmt.Fprintln(p.out)
}
