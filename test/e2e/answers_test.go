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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// The tables in answers_*_test.go name, for every answer that a vendor's
// contract knows, what becomes of the verification: driven from the API through
// the engine to the stand-ins over HTTP, many at once. One answer of each kind
// is driven again with the worker, and with the api, killed in the middle.

// vendorAnswer is one answer of a vendor, and what it leads to.
type vendorAnswer struct {
	// operation and says name the answer: "GetEidResult", "2016".
	operation, says string
	policy          string
	// faults strike the calls about this person alone.
	faults []sandbox.Fault
	// scenario is that of the chip's scan, for policies that begin with one.
	scenario string
	// lifelong: the person's card has no end.
	lifelong bool
	// end is how the person ends the face session: an outcome of the vendor's
	// page. Empty: a pass.
	end string
	// struck faults strike the session that was opened, not the person.
	struck []sandbox.Fault
	// silent: the vendor tells nobody how the session ended.
	silent bool

	// leads is "approved", "declined", "review", "expired", "error", or, where the
	// person must act, the action: "retry", "scan_chip".
	leads string
	// because names the checks that are neither passed, skipped nor pending:
	// "face_match failed face.no_match; …".
	because string
	// last is how the last session, or the verification, ended.
	last string
	// tried is who could not open the session, and why: "tencent_eid unavailable".
	tried string
	// next is who has the person's link in the end, or gives the next one when the
	// person asks for it.
	next string
	// billed is what stands at the check that the answer led to; empty: not looked at.
	billed string
	// recordsAsked is how often the records were asked, charged how often that was
	// charged; -1: not looked at.
	recordsAsked, charged int
}

// answersPolicies are the tables' policies: their clocks in seconds, their
// vendors in the order of their names.
const answersClocks = `    start_patience: 60s
    records_patience: 30s
    last_look_patience: 40s
    retry_window: 300s
    review_deadline: 300s
`

func answersPolicies() string {
	face := func(name, providers, more string) string {
		return "  - name: " + name + "\n    version: 1\n    checks: {document_validity: required, identity_records: required, liveness: required, face_match: required, holder_match: if_available" +
			more + "}\n    face_providers: [" + providers + "]\n    records_providers: [acedata]\n" + answersClocks
	}
	chip := func(name, providers string) string {
		return strings.Replace(face(name, providers, ", document_chip: required"), "liveness: required", "liveness: if_available", 1) +
			"    chip_provider: sino_connect\n    comparer: tencent_iai\n"
	}
	return "policies:\n" +
		face("tencent", "tencent_eid", "") + face("megvii", "megvii_faceid", "") +
		face("tencent-megvii", "tencent_eid, megvii_faceid", "") + face("megvii-tencent", "megvii_faceid, tencent_eid", "") +
		"  - name: records\n    version: 1\n    checks: {document_validity: required, identity_records: required}\n    records_providers: [acedata]\n" + answersClocks +
		chip("chip", "sino_connect") + chip("chip-tencent", "sino_connect, tencent_eid")
}

// answersStack has every vendor.
func answersStack(t *testing.T, change func(*options)) *stack {
	t.Helper()
	o := options{policies: answersPolicies(), vendors: flow(30 * time.Second), env: []string{"YANZHEN_SINO_FACE_DEADLINE=40s", "YANZHEN_SINO_REQID_LIFE=60s"}}
	o.chip, o.megvii = true, true
	if change != nil {
		change(&o)
	}
	return newStack(t, o)
}

// playing is one row of a table on its way.
type playing struct {
	*stack
	vendorAnswer
	person sandbox.Person
	id     string
	view   view
	wrong  []string
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
	if !killed || p.tried != "" { // a try that died with its worker stands there, too
		p.same("tried", p.tried, p.triedFirst())
	}
	if p.billed != "" && !killed {
		p.same("billed", p.billed, p.bill())
	}
	about := sandbox.Query{Operation: "check-2e", Subject: sandbox.SubjectKey(p.person.IDNumber)}
	asked, charged := p.vendors.Ledger().Count(about), p.vendors.Ledger().Charged(about)
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
	if c, ok := verification.Find(p.view.Checks, verification.FaceMatch); ok {
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

// together is how many verifications begin at a time. Those that only wait for
// their end are not counted: a clock's rows take as long as it does.
const together = 20

// playAll plays every row, and meanwhile does something else.
func playAll(some []*playing, killed bool, meanwhile func(played func() int)) {
	var all sync.WaitGroup
	var played atomic.Int32
	slots := make(chan struct{}, together)
	for _, p := range some {
		all.Go(func() {
			slots <- struct{}{}
			p.begin()
			p.play()
			<-slots
			played.Add(1)
			p.finish(killed)
		})
	}
	meanwhile(func() int { return int(played.Load()) })
	all.Wait()
}

func (s *stack) playing(rows []vendorAnswer) []*playing {
	var some []*playing
	for _, row := range rows {
		p := s.person()
		for row.lifelong && p.ValidTo != "00000000" {
			p = s.person()
		}
		some = append(some, &playing{stack: s, vendorAnswer: row, person: p})
	}
	return some
}

func (s *stack) report(t *testing.T, some []*playing) {
	t.Helper()
	for _, p := range some {
		if len(p.wrong) > 0 {
			t.Errorf("%s %s under %s: %s", p.operation, p.says, p.policy, strings.Join(p.wrong, "; "))
		}
	}
	require.Zero(t, bytes.Count(s.logs(), []byte("nil pointer")), "panics")
}

func everyAnswer() []vendorAnswer {
	// The vendors by turns, since each takes so many calls a second; and what waits
	// for a clock first.
	var rows []vendorAnswer
	tables := [][]vendorAnswer{megviiAnswers(), sinoAnswers(), recordsAnswers(), tencentAnswers()}
	for i := range slices.Max([]int{len(tables[0]), len(tables[1]), len(tables[2]), len(tables[3])}) {
		for _, table := range tables {
			if i < len(table) {
				rows = append(rows, table[i])
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b vendorAnswer) int {
		switch {
		case a.waits() == b.waits():
			return 0
		case a.waits():
			return -1
		}
		return 1
	})
	return rows
}

// waits: nothing but a clock ends it.
func (a vendorAnswer) waits() bool {
	return a.silent || a.leads == "expired" || a.leads == "review" && a.operation == "check-2e"
}

// Each answer leads where the tables say. Nothing else runs meanwhile: it keeps
// the machine busy.
func TestEveryAnswerOfEveryVendor(t *testing.T) {
	s := answersStack(t, nil)
	some := s.playing(everyAnswer())
	playAll(some, false, func(func() int) {})
	s.report(t, some)
}

// Whatever is killed in the middle, one answer of each kind leads to the same.
// Answers that are an unknown charge stand aside: a kill may be another one, and
// there is no third try.
func TestEveryKindOfAnswerOutlivesTheWorkerAndTheAPI(t *testing.T) {
	s := answersStack(t, nil)
	some := s.playing(oneOfEachKind(everyAnswer()))
	playAll(some, true, func(played func() int) {
		for quarter := range 4 {
			for played() < len(some)*quarter/4+1 {
				time.Sleep(20 * time.Millisecond)
			}
			if quarter%2 == 0 {
				s.worker.kill()
				s.startWorker()
			} else {
				s.api.kill()
				s.api = s.start("api")
				s.waitReady()
			}
		}
	})
	s.report(t, some)
}

// oneOfEachKind is the first row of each operation, policy and outcome.
func oneOfEachKind(rows []vendorAnswer) []vendorAnswer {
	seen := map[string]bool{}
	return slices.DeleteFunc(rows, func(a vendorAnswer) bool {
		kind := strings.Join([]string{a.operation, a.policy, a.leads, a.because, a.last, a.tried}, " | ")
		again := seen[kind] || a.operation == "check-2e" && (a.recordsAsked > 1 || strings.Contains(a.because, "unavailable"))
		seen[kind] = true
		return again
	})
}
