package workflows_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

var (
	// sequences is how many seeded sequences the laws are held against.
	sequences = flag.Int("sequences", 0, "how many seeded sequences the laws are held against; 0: 5000, and 500 with -short or the race detector")
	// firstSeed begins them; with -sequences 1 it repeats one.
	firstSeed = flag.Uint64("seed", 0, "the first sequence's seed")
)

// dice draws what happens in one sequence.
type dice struct{ *rand.Rand }

func (d dice) one(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// outage is nothing, a while or for good.
func (d dice) outage() func(time.Duration) error {
	class := pick(d, provider.Unavailable, provider.RateLimited, provider.ContractViolation, provider.Misconfigured)
	switch d.IntN(12) {
	case 0:
		return until(time.Duration(d.IntN(3600))*time.Second, class)
	case 1:
		return until(10000*time.Hour, class)
	}
	return nil
}

// result is any ending of a face session.
func (d dice) result() verification.FaceResult {
	live := verification.NewCheck(verification.Liveness, verification.Passed)
	match := func(s verification.CheckStatus, codes ...verification.ReasonCode) verification.FaceResult {
		r := judged(live, verification.NewCheck(verification.FaceMatch, s, codes...))
		if len(codes) > 0 {
			r.Reason = codes[0]
		}
		return r
	}
	next := unjudged(pick(d, verification.ProviderMisconfigured, verification.ProviderHolderUnregistered))
	next.NextProvider = true
	return pick(d,
		passed(), passed(), passed(), passed(), passed(), passed(), passed(), notAlike(), notAlike(), notAlike(), spoof(), spoof(),
		match(verification.Failed, verification.FacePoorCapture),
		match(verification.Failed, verification.IdentityMismatch),
		match(verification.Inconclusive, verification.RecordsNotFound),
		match(verification.Inconclusive, verification.FaceNoReferencePhoto),
		match(verification.Inconclusive, verification.ProviderContractViolation),
		unjudged(verification.SessionCanceled), unjudged(verification.SessionInterrupted),
		unjudged(verification.SessionVendorLimit), unjudged(verification.DeviceUnsupported),
		unjudged(verification.ProviderUnavailable), verification.FaceResult{Reason: verification.SessionExpired}, next)
}

func (d dice) session() session {
	s := session{result: d.result()}
	if d.one(2) {
		s.begun = time.Duration(1+d.IntN(60)) * time.Second
	}
	if !d.one(6) {
		s.over = s.begun + time.Duration(1+d.IntN(700))*time.Second
	}
	if d.one(10) {
		s.phase = provider.RanOut
	}
	return s
}

// draw makes a policy, its vendors and what happens around them.
func (o *outside) draw() {
	sc, p := o.script, &o.in.Policy
	p.RecordsPatience, p.LastLookPatience = verification.Duration(3*time.Hour), verification.Duration(2*time.Hour)
	if o.one(3) {
		p.Attempts = 1 + o.IntN(3)
		p.Sessions = p.Attempts + o.IntN(4)
	}
	if o.one(4) {
		p.Suspicion = verification.SuspicionDecline
	}
	if o.one(3) {
		p.RecordsWhen = verification.AfterFace
	}
	o.route(0)
	if o.one(3) {
		second(o.env)
		o.route(1)
		p.RotateProviders = o.one(2)
	}
	sc.records = pick(o.dice,
		verification.NewCheck(verification.IdentityRecords, verification.Passed),
		verification.NewCheck(verification.IdentityRecords, verification.Passed),
		verification.NewCheck(verification.IdentityRecords, verification.Passed),
		verification.NewCheck(verification.IdentityRecords, verification.Passed),
		verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch),
		verification.NewCheck(verification.IdentityRecords, verification.Inconclusive, verification.RecordsNotFound),
		verification.NewCheck(verification.IdentityRecords, verification.Unavailable, verification.RecordsDailyCap))
	if o.one(12) {
		sc.document = pick(o.dice,
			verification.NewCheck(verification.DocumentValidity, verification.Failed, verification.DocumentExpired),
			verification.NewCheck(verification.DocumentValidity, verification.Inconclusive, verification.DocumentValidityAge))
	}
	if o.one(6) {
		o.chip()
	}
	sc.delay["CheckRecords"] = time.Duration(o.IntN(5000)) * time.Millisecond
	if o.one(4) {
		sc.delay["CheckRecords"] = time.Duration(o.IntN(7200)) * time.Second
	}
	for _, name := range []string{"Begin", "OpenSession", "PollSession", "LookAtSession", "FetchSession", "Publish"} {
		sc.delay[name] = time.Duration(o.IntN(3)*o.IntN(1500)) * time.Millisecond
	}
	if o.one(2) {
		o.engine.comparing = time.Duration(1+o.IntN(100)) * time.Second
		o.engine.captures = func(in any) bool {
			s, ok := in.(activities.SessionInput)
			return ok && o.visits[s.Session].kind == picturing
		}
	}
	if o.calm = o.one(2); !o.calm {
		sc.openError, sc.lookError, sc.fetchError, sc.recordsError, sc.chipError = o.outage(), o.outage(), o.outage(), o.outage(), o.outage()
		if o.one(3) {
			sc.openFails = map[string]provider.Class{pick(o.dice, "face", "second"): pick(o.dice, provider.Unavailable, provider.SwitchedOff, provider.Refused)}
		}
		if o.one(3) {
			sc.storeAway = time.Duration(o.IntN(1800)) * time.Second
		}
		if o.one(3) {
			o.engine.dies = func(name string) bool { return name != "Finish" && o.one(12) }
		}
	}
	if o.one(3) {
		o.page()
	}
	o.meddle()
}

// page lets the person act on our page.
func (o *outside) page() {
	p := &o.in.Policy
	p.Presentation = verification.PresentationPage
	p.LinkLife = verification.Duration(pick(o.dice, 15*time.Minute, time.Hour, 24*time.Hour))
	if o.one(3) {
		o.in.Asks = []verification.Purpose{verification.PurposeFace}
	}
	if o.one(8) {
		p.HumanRoute = "https://shop.example/human"
	}
	if o.one(6) {
		o.at(time.Duration(1+o.IntN(3600))*time.Second, o.askHuman)
	}
}

// route draws the kind of a face vendor.
func (o *outside) route(i int) {
	r := &o.in.Face[i]
	o.kinds[r.Provider] = pick(o.dice, asked, notified, picturing)
	switch o.kinds[r.Provider] {
	case asked:
		r.TellsBegun = true
	case notified:
		r.Polled, r.Notifies, r.TellsBegun, r.Grace = false, true, true, verification.Duration(30*time.Second)
	case picturing:
		r.Captures = true
	}
}

// chip lets the verification begin with a chip, which may need another scan.
func (o *outside) chip() {
	withChip(&o.in)
	o.script.document = verification.NewCheck(verification.DocumentValidity, verification.Passed)
	o.script.scans = map[int]activities.ChipResult{}
	for n := range o.IntN(3) {
		o.script.scans[n] = activities.ChipResult{Unreadable: true}
	}
}

// pauseLonger spares the sequences the tries that tell nothing new.
func pauseLonger(t *testing.T) {
	poll, fault := pollPause, faultPause
	pollPause, faultPause = 30*time.Second, 10*time.Minute
	t.Cleanup(func() { pollPause, faultPause = poll, fault })
}

// howMany sequences a test makes, at most as many.
func howMany(most int) int {
	n := *sequences
	switch {
	case n > 0:
	case testing.Short() || raceDetector:
		n = 500
	default:
		n = 5000
	}
	return min(n, most)
}

var digits = regexp.MustCompile(`[0-9]+`)

// explore runs a law's sequences, each from its own seed, and tells of the
// first that break it how to repeat them. It returns how often each outcome was
// met.
func explore(t *testing.T, law uint64, n int, draw func(*outside), holds func(*outside)) map[verification.Outcome]int {
	t.Helper()
	pauseLonger(t)
	var mu sync.Mutex
	outcomes, broken, kinds := map[verification.Outcome]int{}, 0, map[string][]uint64{}
	var seeds errgroup.Group
	seeds.SetLimit(runtime.GOMAXPROCS(0))
	for i := range uint64(n) {
		seeds.Go(func() error {
			seed := *firstSeed + i
			o := newOutside(t, seeded(seed, law))
			draw(o)
			o.live()
			holds(o)
			mu.Lock()
			defer mu.Unlock()
			outcomes[o.outcome()]++
			if len(o.faults) == 0 {
				return nil
			}
			for _, f := range o.faults {
				f = digits.ReplaceAllString(f, "#")
				if len(f) > 90 {
					f = f[:90]
				}
				kinds[f] = append(kinds[f], seed)
			}
			if broken++; broken <= 3 {
				t.Errorf("seed %d: %s\nrepeat it: go test ./workflows -run '^%s$' -sequences 1 -seed %d\n%s",
					seed, strings.Join(o.faults, "; "), t.Name(), seed, strings.Join(o.log, "\n"))
			}
			return nil
		})
	}
	_ = seeds.Wait()
	if broken > 3 {
		t.Errorf("%d of %d sequences break the law", broken, n)
		for fault, seeds := range kinds {
			t.Logf("%5d times, seeds %d: %s", len(seeds), seeds[:min(5, len(seeds))], fault)
		}
	}
	t.Logf("%d sequences from seed %d: %v", n, *firstSeed, outcomes)
	return outcomes
}

// live runs the verification to its end, whatever comes.
func (o *outside) live() {
	o.start = o.Now()
	defer func() {
		if p := recover(); p != nil {
			o.fault("panic: %v", p)
		}
	}()
	o.ExecuteWorkflow(workflows.VerificationWorkflow, o.in)
}

func (o *outside) outcome() verification.Outcome {
	if len(o.finished) == 0 {
		return ""
	}
	return o.finished[0].Outcome()
}

// TestLawsHoldOverSeededSequences: whatever vendors, outages, dead workers, retries,
// old tabs, reviewers and cancellations do, and in whatever order, the laws of
// laws_test.go hold.
func TestLawsHoldOverSeededSequences(t *testing.T) {
	n := howMany(math.MaxInt)
	var reviewed, agreed, human atomic.Int64
	var mu sync.Mutex
	operated := map[string]int{}
	outcomes := explore(t, 1, n, (*outside).draw, func(o *outside) {
		if v := o.end().Verdict; v != nil && v.DecidedBy == verification.ByReviewer {
			reviewed.Add(1)
		}
		if !o.agreed.IsZero() {
			agreed.Add(1)
		}
		if !o.human.IsZero() {
			human.Add(1)
		}
		o.lawsOfMessages()
		o.lawsOfTheVerdict()
		o.lawsOfReplacedSessions()
		o.lawsOfThePage()
		o.lawsOfOperators()
		mu.Lock()
		for verb, times := range o.operated {
			operated[verb] += times
		}
		mu.Unlock()
		o.reopen()
	})
	if n < 500 {
		return
	}
	require.Positive(t, reviewed.Load(), "reviewers decide none of the sequences")
	require.Positive(t, agreed.Load(), "nobody agrees on our page")
	require.Positive(t, human.Load(), "nobody asks for a human")
	require.Len(t, operated, 5, "an operator's verb never did what it is for")
	t.Logf("operators: %v", operated)
	t.Logf("%d agreed on our page, %d asked for a human", agreed.Load(), human.Load())
	for _, o := range []verification.Outcome{verification.OutcomeApproved, verification.OutcomeDeclined, verification.OutcomeExpired, verification.OutcomeError, verification.OutcomeCanceled} {
		require.Positive(t, outcomes[o], "the sequences never end %s", o)
	}
}

// TestCaptureWithoutComparisonApprovesNobody: a vendor that only hands out
// pictures, its rule at the default and no comparer, never ends approved by
// policy, however its sessions end.
func TestCaptureWithoutComparisonApprovesNobody(t *testing.T) {
	captured := judged(verification.NewCheck(verification.Liveness, verification.Skipped), verification.NewCheck(verification.FaceMatch, verification.Inconclusive, verification.FaceNotCompared))
	captured.Reason = verification.FaceNotCompared
	n := howMany(1000)
	outcomes := explore(t, 2, n, func(o *outside) {
		o.draw()
		for i := range o.in.Face {
			r := &o.in.Face[i]
			r.Polled, r.TellsBegun, r.Notifies, r.Captures, r.Grace = true, false, false, true, 0
			o.kinds[r.Provider] = picturing
		}
		if o.one(2) {
			o.in.Policy.Checks[verification.Liveness] = verification.IfAvailable
		}
		if o.in.Chip == nil {
			o.chip()
		}
		o.drawResult = func() verification.FaceResult {
			return pick(o.dice, captured, captured, unjudged(verification.SessionCanceled), unjudged(verification.SessionInterrupted), unjudged(verification.SessionExpired))
		}
	}, func(o *outside) {
		o.lawsOfMessages()
		o.lawsOfTheVerdict()
		switch {
		case !byPolicy(o.end()):
		case o.outcome() == verification.OutcomeApproved:
			o.fault("approved by policy")
		case !slices.Contains(finalWords(o.end()), verification.IdentityMismatch):
			o.fault("declined, though only the records know of a final failure")
		}
	})
	if n >= 500 {
		require.Positive(t, outcomes[verification.OutcomeDeclined])
	}
}
