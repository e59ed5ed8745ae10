package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// playing is one row of a table on its way.
type playing struct {
	*stack
	vendorAnswer
	person sandbox.Person
	id     string
	view   view
	wrong  []string
	token  string // of the session that the person ended last, as the ledger names it
}

func (p *playing) fail(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// ask calls the API until it answers: it may be away.
func (p *playing) ask(method, path, key string, body any) (int, view) {
	var raw []byte
	if body != nil {
		raw, _ = json.Marshal(body)
	}
	for until := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		status, text, err := p.once(method, path, key, raw)
		if err == nil && status != http.StatusServiceUnavailable || time.Now().After(until) {
			var v view
			if err == nil {
				err = json.Unmarshal(text, &v)
			}
			if err != nil {
				p.fail("%s %s: %v", method, path, err)
			}
			return status, v
		}
	}
}

func (p *playing) once(method, path, key string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.apiURL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.keys["shop"])
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

// begin starts the verification and waits for what the person sees.
func (p *playing) begin() {
	body := p.request(p.person)
	body["policy"] = p.policy
	if strings.HasPrefix(p.policy, "chip") {
		prefix := p.scenario
		if prefix == "" {
			prefix = "sim-ok-"
		}
		reqid, err := p.vendors.AddScan(sandbox.ScanOptions{Person: &p.person, Prefix: prefix})
		if err != nil {
			p.fail("scan: %v", err)
			return
		}
		delete(body, "subject")
		body["nfc_reqid"] = reqid
	}
	for _, f := range p.faults {
		f.Subject = sandbox.SubjectKey(p.person.IDNumber)
		if err := p.vendors.Fault(f); err != nil {
			p.fail("%v", err)
		}
	}
	status, v := p.ask("POST", "/v1/verifications", freshKey(), body)
	if status >= 300 || v.ID == "" {
		p.fail("start: %d", status)
		return
	}
	p.id = v.ID
	p.await(60*time.Second, "a link or an end", func(v view) bool {
		return v.Status.Ended() || v.Status == verification.InReview || v.NextAction != nil
	})
}

// await reads until the condition holds.
func (p *playing) await(d time.Duration, what string, ok func(view) bool) {
	for until := time.Now().Add(d); len(p.wrong) == 0; time.Sleep(300 * time.Millisecond) {
		if _, p.view = p.ask("GET", "/v1/verifications/"+p.id, "", nil); ok(p.view) {
			return
		}
		if time.Now().After(until) {
			p.fail("not within %s: %s; it is %s", d, what, p.shown())
		}
	}
}

// link is the vendor that has the person's link, and the session's name there.
func (p *playing) link() (provider, session string) {
	if p.view.NextAction == nil || p.view.NextAction.URL == "" {
		return "", ""
	}
	u, err := url.Parse(p.view.NextAction.URL)
	if err != nil {
		return "", ""
	}
	for prefix, provider := range map[string]string{"/page/tencent/": "tencent_eid", "/page/sino/": "sino_connect"} {
		if session, ok := strings.CutPrefix(u.Path, prefix); ok {
			return provider, session
		}
	}
	return "megvii_faceid", u.Query().Get("token")
}

// play lets the person end the session that is open.
func (p *playing) play() {
	provider, session := p.link()
	if provider == "" || len(p.wrong) > 0 {
		return
	}
	key := sandbox.TokenKey(session)
	if provider == "sino_connect" {
		key = p.vendors.SinoKey(session)
	}
	p.token = key
	for _, f := range p.struck {
		f.Subject = key
		if err := p.vendors.Fault(f); err != nil {
			p.fail("%v", err)
		}
	}
	var err error
	switch provider {
	case "tencent_eid":
		err = p.playTencent(session)
	case "megvii_faceid":
		err = p.playMegvii(session)
	default:
		err = p.playSino(session)
	}
	if err != nil {
		p.fail("the person ends the session with %q: %v", p.end, err)
	}
}

func (p *playing) playTencent(token string) error {
	end := p.end
	if end == "" {
		end = "0"
	}
	if err := p.vendors.Begin(token); err != nil {
		return err
	}
	return p.vendors.End(token, end)
}

func (p *playing) playMegvii(token string) error {
	end := p.end
	if end == "" || p.next == "megvii_faceid" && p.tried != "" {
		end = sandbox.MegviiPass
	}
	if p.silent {
		if err := p.vendors.SetMegviiNotifyOf(token, sandbox.NotifyOptions{Never: true, NoReturn: true}); err != nil {
			return err
		}
	}
	if err := p.vendors.MegviiBegin(token); err != nil {
		return err
	}
	_, err := p.vendors.MegviiEnd(token, end)
	return err
}

func (p *playing) playSino(session string) error {
	end := p.end
	if end == "" {
		end = sandbox.CaptureSame
	}
	if err := p.vendors.SinoBegin(session); err != nil {
		return err
	}
	return p.vendors.SinoEnd(session, end, p.person.IDNumber)
}

// leadsTo is what the verification has come to, in the words of the tables.
func (p *playing) leadsTo() string {
	v := p.view
	switch {
	case v.Status == verification.InReview:
		return "review"
	case v.Status.Ended():
		return string(v.Outcome)
	case v.NextAction != nil && v.NextAction.Type != string(verification.ActionRedirect):
		return v.NextAction.Type
	}
	return ""
}

func (p *playing) recordsPending() bool {
	return slices.ContainsFunc(p.view.Checks, func(c verification.Check) bool {
		return c.Type == verification.IdentityRecords && c.Status == verification.Pending
	})
}

func (p *playing) shown() string {
	raw, _ := json.Marshal(p.view)
	return string(raw)
}

// finish waits for what the answer leads to and holds it to the row.
func (p *playing) finish(killed bool) {
	if len(p.wrong) > 0 {
		return
	}
	first, _ := p.link()
	p.await(150*time.Second, p.leads, func(view) bool {
		now, _ := p.link()
		return p.leadsTo() != "" && (!p.recordsPending() || p.view.Status == verification.RequiresInput) || p.leads == "link" && now != "" && (now != first || p.tried != "")
	})
	if killed && p.picturesLost() {
		return
	}
	if p.leads != "link" {
		p.same("leads to", p.leads, p.leadsTo())
	}
	p.same("because", p.because, p.reasons())
	last := ""
	if p.view.LastError != nil {
		last = string(p.view.LastError.Code)
	}
	if p.last != "" {
		p.same("last error", p.last, last)
	}
	// A try that died with its worker stands there, too, or in place of an answer that it
	// took with it: the session is opened elsewhere at once.
	provider, _, _ := strings.Cut(p.tried, " ")
	if tried := p.triedFirst(); !killed || !strings.Contains(tried, p.tried) && (provider == "" || tried != provider+" unavailable") {
		p.same("tried", p.tried, tried)
	}
	if p.billed != "" && !killed {
		p.same("billed", p.billed, p.bill())
	}
	asked, charged := 0, 0
	for _, call := range []string{aceDataCall, tencentRecordsCall} {
		about := sandbox.Query{Operation: call, Subject: sandbox.SubjectKey(p.person.IDNumber)}
		asked, charged = asked+p.vendors.Ledger().Count(about), charged+p.vendors.Ledger().Charged(about)
	}
	if p.recordsAsked > 0 && !killed {
		p.same("records asked", fmt.Sprint(p.recordsAsked, p.charged), fmt.Sprint(asked, charged))
	}
	if charged > 2 {
		p.fail("charged %d times", charged) // an unknown charge is tried once more, and no further
	}
	if p.next != "" {
		p.same("asked next", p.next, p.askedNext())
	}
	if !p.view.Status.Ended() {
		_, _ = p.ask("POST", "/v1/verifications/"+p.id+"/cancel", "", map[string]any{})
	}
}

// picturesLost: the vendor handed out the pictures, which it does once, to a worker that
// was killed before it noted so. Nothing tells of it then, and the session has run out.
func (p *playing) picturesLost() bool {
	return p.leadsTo() == "expired" && p.view.LastError != nil && p.view.LastError.Code == verification.SessionExpired &&
		p.vendors.Ledger().Count(sandbox.Query{Operation: "face-rec/callback", Outcome: sandbox.StatusCaptured, Token: p.token}) == 1
}

func (p *playing) same(what, want, got string) {
	if want != got {
		p.fail("%s: want %q, got %q in %s", what, want, got, p.shown())
	}
}

// reasons are the checks that say something else than passed.
func (p *playing) reasons() string {
	var out []string
	for _, c := range p.view.Checks {
		switch c.Status {
		case verification.Passed, verification.Skipped, verification.Pending:
			continue
		}
		words := []string{string(c.Type), string(c.Status)}
		for _, r := range c.Reasons {
			words = append(words, string(r.Code))
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, "; ")
}

func (p *playing) triedFirst() string {
	var out []string
	c, ok := verification.Find(p.view.Checks, verification.FaceMatch)
	if !ok || p.asksRecords() {
		c, ok = verification.Find(p.view.Checks, verification.IdentityRecords)
	}
	if ok {
		for _, t := range c.Tried {
			out = append(out, t.Provider+" "+t.Class)
		}
	}
	return strings.Join(out, ", ")
}

// askedNext is who has the link, or gives it once the person asks again.
func (p *playing) askedNext() string {
	if p.leadsTo() == string(verification.ActionRetry) {
		p.ask("POST", "/v1/verifications/"+p.id+"/retry", "", map[string]any{"session": p.view.Attempt.Session})
		p.await(60*time.Second, "the next link", func(view) bool { now, _ := p.link(); return now != "" })
	}
	if provider, _ := p.link(); provider != "" {
		return provider
	}
	c, _ := verification.Find(p.view.Checks, verification.FaceMatch)
	return c.Provider
}

// bill is what the product holds to have been charged for the answer: at the
// check that did not pass, else at the face's.
func (p *playing) bill() string {
	best := verification.Check{}
	for _, c := range p.view.Checks {
		if c.Billable != "" && (best.Billable == "" || c.Status != verification.Passed && c.Status != verification.Skipped) {
			best = c
		}
	}
	return string(best.Billable)
}
