package e2e

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
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
	// tried is who could not open the session, or answer, and why: "tencent_eid
	// unavailable".
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
	records := func(name, providers string) string {
		return "  - name: " + name + "\n    version: 1\n    checks: {document_validity: required, identity_records: required}\n    records_providers: [" + providers + "]\n" + answersClocks
	}
	return "policies:\n" +
		face("tencent", "tencent_eid", "") + face("megvii", "megvii_faceid", "") +
		face("tencent-megvii", "tencent_eid, megvii_faceid", "") + face("megvii-tencent", "megvii_faceid, tencent_eid", "") +
		records("records", "acedata") +
		records("records-tencent", "tencent_records") + records("records-both", "acedata, tencent_records") +
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
	tables := [][]vendorAnswer{megviiAnswers(), sinoAnswers(), recordsAnswers(), tencentAnswers(), tencentRecordsAnswers()}
	for i := range slices.Max([]int{len(tables[0]), len(tables[1]), len(tables[2]), len(tables[3]), len(tables[4])}) {
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
	return a.silent || a.leads == "expired" || a.leads == "review" && a.asksRecords()
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
		again := seen[kind] || a.asksRecords() && (a.recordsAsked > 1 || strings.Contains(a.because, "unavailable"))
		seen[kind] = true
		return again
	})
}
