package activities_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

type chipFake struct {
	reads int
	read  func(reqid string) (verification.Card, error)
}

func (f *chipFake) Read(_ context.Context, reqid string) (verification.Card, error) {
	f.reads++
	return f.read(reqid)
}

type comparerFake struct {
	calls   int
	compare func(portrait, face []byte) (float64, error)
}

func (f *comparerFake) Compare(_ context.Context, portrait, face []byte) (float64, error) {
	f.calls++
	return f.compare(portrait, face)
}

var (
	portrait = bytes.Repeat([]byte("portrait"), 50)
	captured = bytes.Repeat([]byte("captured"), 50)
)

func cardOfSubject() verification.Card {
	return verification.Card{Name: subject.Name, IDNumber: subject.IDNumber, Validity: subject.IDValidity, Sex: "m", BirthDate: "19900307", Portrait: portrait}
}

// chipBench is a bench with a chip provider and a comparer, and a row that
// brought a scan.
func chipBench(t *testing.T, claimed *verification.Subject) (*bench, *chipFake, *comparerFake) {
	b := newBench(t)
	chip, comparer := &chipFake{read: func(string) (verification.Card, error) { return cardOfSubject(), nil }}, &comparerFake{}
	b.Vendors.AddChip(provider.ChipVendor{Name: "chip", Provider: chip, Queue: provider.Queue{Name: "chip"}, Life: time.Minute})
	b.Vendors.AddComparer(provider.ComparerVendor{Name: "comparer", Provider: comparer, Patience: 2 * time.Minute})
	b.After = func(time.Duration) <-chan time.Time { c := make(chan time.Time, 1); c <- time.Time{}; return c }
	_, created, err := b.store.Insert(t.Context(), store.Row{
		ID: "ver_1", Client: "shop", Fingerprint: []byte("f"), Policy: verification.PolicyRef{Name: "p", Version: 1},
		CreatedAt: b.now, StartCalledAt: b.now, ReqIDHash: []byte("hash"),
		Request: verification.Request{Policy: "p", Subject: claimed, NFCReqID: "scan-1"},
	})
	require.NoError(t, err)
	require.True(t, created)
	return b, chip, comparer
}

func readChip(b *bench) (activities.ChipResult, error) {
	return run[activities.ChipResult](b, b.ReadChip, activities.ChipInput{ID: "ver_1", Provider: "chip", KeepPortrait: true})
}

func statuses(checks []verification.Check) map[verification.CheckType]verification.CheckStatus {
	out := map[verification.CheckType]verification.CheckStatus{}
	for _, c := range checks {
		out[c.Type] = c.Status
	}
	return out
}

func TestChipsHolderBecomesTheSubject(t *testing.T) {
	b, chip, _ := chipBench(t, nil)
	chip.read = func(reqid string) (verification.Card, error) {
		require.Equal(t, "scan-1", reqid)
		return cardOfSubject(), nil
	}
	for range 2 {
		out, err := readChip(b)
		require.NoError(t, err)
		require.Equal(t, map[verification.CheckType]verification.CheckStatus{
			verification.DocumentChip: verification.Passed, verification.DocumentValidity: verification.Passed}, statuses(out.Checks))
	}
	require.Equal(t, 1, chip.reads, "a known card is not read again")
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	c, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, verification.Passed, c.Status, "records are asked about the chip's holder")
}

// A chip's name rests as it came, and vendors are asked with the authority's
// separator: with another one they would find that the names differ.
func TestAChipsNameIsKeptAsGivenAndAskedAboutNormalised(t *testing.T) {
	b, chip, _ := chipBench(t, nil)
	chip.read = func(string) (verification.Card, error) {
		c := cardOfSubject()
		c.Name = "阿测\u2022买样例 "
		return c, nil
	}
	_, err := readChip(b)
	require.NoError(t, err)
	row, err := b.store.Load(t.Context(), "ver_1")
	require.NoError(t, err)
	require.Equal(t, "阿测\u2022买样例 ", row.Card.Name)
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	_, err = b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, "阿测·买样例", b.rec.asked[0].Name)
}

// A chip whose end is not understood goes on: at best a human looks.
func TestAChipWhoseEndIsNotUnderstoodRunsOn(t *testing.T) {
	b, chip, _ := chipBench(t, nil)
	chip.read = func(string) (verification.Card, error) {
		c := cardOfSubject()
		c.Validity.To = ""
		return c, nil
	}
	out, err := readChip(b)
	require.NoError(t, err)
	require.False(t, out.Unreadable)
	require.False(t, out.Implausible)
	c, _ := verification.Find(out.Checks, verification.DocumentValidity)
	require.Equal(t, verification.Inconclusive, c.Status)
	require.Equal(t, verification.DocumentValidityUnclear, c.Reasons[0].Code)
}

func TestChipOfSomebodyElseIsAFinalMismatch(t *testing.T) {
	other := subject
	other.IDNumber = "110199199003070025"
	b, _, _ := chipBench(t, &other)
	out, err := readChip(b)
	require.NoError(t, err)
	c, ok := verification.Find(out.Checks, verification.HolderMatch)
	require.True(t, ok)
	require.True(t, c.FailedFinally())
}

func TestChipDataThatCannotBeIsForAHuman(t *testing.T) {
	b, chip, _ := chipBench(t, nil)
	chip.read = func(string) (verification.Card, error) {
		c := cardOfSubject()
		c.IDNumber = "110199199003070011" // wrong check character
		return c, nil
	}
	out, err := readChip(b)
	require.NoError(t, err)
	require.True(t, out.Implausible)
	require.Equal(t, verification.Inconclusive, statuses(out.Checks)[verification.DocumentValidity])
}

func TestChipAgainstItsOwnNumberIsSoft(t *testing.T) {
	b, chip, _ := chipBench(t, nil)
	chip.read = func(string) (verification.Card, error) {
		c := cardOfSubject()
		c.BirthDate, c.Sex = "19900308", "f"
		return c, nil
	}
	out, err := readChip(b)
	require.NoError(t, err)
	require.False(t, out.Implausible, "everything runs, at best review")
	c, _ := verification.Find(out.Checks, verification.DocumentChip)
	require.Equal(t, verification.Inconclusive, c.Status)
	require.Len(t, c.Reasons, 2)
}

func TestUnreadableChipIsAnAnswerAndAnOutageIsNot(t *testing.T) {
	b, chip, _ := chipBench(t, nil)
	for _, class := range []provider.Class{provider.Unreadable, provider.Gone} {
		chip.read = func(string) (verification.Card, error) {
			return verification.Card{}, &provider.Error{Op: "chip.read", Class: class, Code: "x", Err: errors.New(name + number)}
		}
		out, err := readChip(b)
		require.NoError(t, err)
		require.True(t, out.Unreadable)
	}
	chip.read = func(string) (verification.Card, error) {
		return verification.Card{}, &provider.Error{Op: "chip.read", Class: provider.Unavailable, Code: "http_502"}
	}
	_, err := readChip(b)
	require.Equal(t, string(provider.Unavailable), errorType(t, err).Type())
}

// capture looks at a session whose vendor hands out a picture.
func capture(b *bench, in activities.CaptureInput) (verification.FaceResult, error) {
	b.t.Helper()
	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		return provider.Look{Phase: provider.Finished, Capture: &provider.Capture{Face: captured}}, nil
	}
	b.sessions++
	require.NoError(b.t, b.store.OpenSession(b.t.Context(), store.Session{VerificationID: "ver_1", Number: b.sessions, Provider: "face", Link: "l", Handle: []byte("h"), OpenedAt: b.now, ExpiresAt: b.now.Add(time.Minute)}))
	out, err := run[activities.LookResult](b, b.LookAtSession, activities.SessionInput{ID: "ver_1", Session: b.sessions, Provider: "face", Capture: &in})
	if err != nil {
		return verification.FaceResult{}, err
	}
	require.True(b.t, out.Begun)
	return *out.Result, nil
}

func portraitOf(b *bench) []byte {
	b.t.Helper()
	p, err := b.store.Portrait(b.t.Context(), "ver_1")
	require.NoError(b.t, err)
	return p
}

func TestCaptureIsInconclusiveUnlessThePolicySaysOtherwise(t *testing.T) {
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	r, err := capture(b, activities.CaptureInput{Rule: verification.CaptureInconclusive})
	require.NoError(t, err)
	require.Equal(t, verification.EndedInconclusive, r.Ending())
	require.Equal(t, verification.FaceNotCompared, r.Reason)
	r, err = capture(b, activities.CaptureInput{Rule: verification.CapturePassed})
	require.NoError(t, err)
	require.Equal(t, verification.EndedPassed, r.Ending())
	require.Zero(t, comparer.calls)
}

func TestCaptureIsComparedWithThePortraitWhichGoesAtOnce(t *testing.T) {
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	comparer.compare = func(p, f []byte) (float64, error) {
		require.Equal(t, portrait, p)
		require.Equal(t, captured, f)
		return 60, nil
	}
	r, err := capture(b, activities.CaptureInput{Rule: verification.CaptureInconclusive, Comparer: "comparer", Threshold: 60})
	require.NoError(t, err)
	require.Equal(t, verification.Passed, statuses(r.Checks)[verification.FaceMatch])
	require.Empty(t, portraitOf(b))
	require.NotContains(t, r.ProviderCode, "captured")
}

func TestPortraitStaysForTheNextAttemptAndGoesWithTheLast(t *testing.T) {
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	comparer.compare = func([]byte, []byte) (float64, error) { return 59.99, nil }
	for _, last := range []bool{false, true} {
		r, err := capture(b, activities.CaptureInput{Comparer: "comparer", Threshold: 60, LastAttempt: last})
		require.NoError(t, err)
		require.Equal(t, verification.FaceNoMatch, r.Reason)
		require.Equal(t, last, len(portraitOf(b)) == 0)
	}
}

// What is the operator's to mend is told as that, at error level, and not as a
// matter of this face.
func TestComparerThatCannotTellIsInconclusiveAndSaysWhoseFaultItIs(t *testing.T) {
	for _, c := range []struct {
		class provider.Class
		why   verification.ReasonCode
		level string
	}{
		{provider.Incomparable, verification.FaceNotCompared, "WARN"},
		{provider.Misconfigured, verification.ProviderMisconfigured, "ERROR"},
		{provider.ContractViolation, verification.ProviderContractViolation, "ERROR"},
	} {
		b, _, comparer := chipBench(t, nil)
		_, err := readChip(b)
		require.NoError(t, err)
		comparer.compare = func([]byte, []byte) (float64, error) {
			return 0, &provider.Error{Op: "compare", Class: c.class, Code: "x"}
		}
		r, err := capture(b, activities.CaptureInput{Comparer: "comparer", Threshold: 60})
		require.NoError(t, err)
		require.Equal(t, verification.EndedInconclusive, r.Ending(), c.class)
		require.Equal(t, c.why, r.Reason)
		require.Contains(t, b.log.String(), "level="+c.level)
		require.Equal(t, 1, comparer.calls)
		require.Empty(t, portraitOf(b), "an inconclusive face ends the face side")
	}
}

func TestComparerThatNobodyConfiguredIsTheOperatorsFault(t *testing.T) {
	b, _, _ := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	r, err := capture(b, activities.CaptureInput{Comparer: "nobody", Threshold: 60})
	require.NoError(t, err)
	require.Equal(t, verification.EndedInconclusive, r.Ending())
	require.Equal(t, verification.ProviderMisconfigured, r.Reason)
	require.Contains(t, b.log.String(), "level=ERROR")
}

func TestComparersShortOutageIsWaitedOut(t *testing.T) {
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	comparer.compare = func([]byte, []byte) (float64, error) {
		if comparer.calls < 4 {
			return 0, &provider.Error{Op: "compare", Class: provider.Unavailable, Code: "x"}
		}
		return 90, nil
	}
	r, err := capture(b, activities.CaptureInput{Comparer: "comparer", Threshold: 60})
	require.NoError(t, err)
	require.Equal(t, verification.Passed, statuses(r.Checks)[verification.FaceMatch])
}

// The pictures are gone with the worker: better a human looks than the person is
// asked again, for whom this may have been the last session.
func TestAnUnreachableComparerIsNotWaitedForByAWorkerThatStops(t *testing.T) {
	activities.SetStopPatience(t, 100*time.Millisecond)
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	b.After = nil // the real pauses
	stop := make(chan struct{})
	b.env.SetWorkerStopChannel(stop)
	comparer.compare = func([]byte, []byte) (float64, error) {
		if comparer.calls == 1 {
			close(stop)
		}
		return 0, &provider.Error{Op: "compare", Class: provider.Unavailable, Code: "x"}
	}
	began := time.Now()
	r, err := capture(b, activities.CaptureInput{Comparer: "comparer", Threshold: 60})
	require.NoError(t, err)
	require.Less(t, time.Since(began), 30*time.Second)
	require.Equal(t, verification.EndedInconclusive, r.Ending())
	require.Equal(t, verification.FaceNotCompared, r.Reason)
	require.Empty(t, portraitOf(b))
}

// A step that was canceled is no comparer that is away.
func TestAStepThatEndsWhileItComparesSettlesNothing(t *testing.T) {
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	b.env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	comparer.compare = func([]byte, []byte) (float64, error) {
		end()
		return 0, &provider.Error{Op: "compare", Class: provider.Unavailable, Code: "x"}
	}
	_, err = capture(b, activities.CaptureInput{Comparer: "comparer", Threshold: 60})
	require.ErrorContains(t, err, context.Canceled.Error())
	require.NotEmpty(t, portraitOf(b))
}

func TestLostAnswerCountsAsBegun(t *testing.T) {
	b, _, _ := chipBench(t, &subject)
	require.NoError(t, b.store.OpenSession(t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "face", Handle: []byte("h"), OpenedAt: b.now, ExpiresAt: b.now.Add(time.Minute)}))
	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		return provider.Look{}, &provider.Error{Op: "face.look", Class: provider.Unavailable, Code: "timeout", Lost: true}
	}
	_, err := run[activities.LookResult](b, b.LookAtSession, activities.SessionInput{ID: "ver_1", Session: 1, Provider: "face"})
	require.Error(t, err)
	s, err := b.store.Session(t.Context(), "ver_1", 1)
	require.NoError(t, err)
	require.True(t, s.Begun)
}

// A comparison that takes long is told, since the person's link is used up; most
// are over sooner, and tell nobody.
func TestOnlyALongComparisonIsTold(t *testing.T) {
	for _, long := range []bool{true, false} {
		b, _, comparer := chipBench(t, nil)
		_, err := readChip(b)
		require.NoError(t, err)
		told := make(chan int, 10)
		b.Comparing = func(_ context.Context, id string, session int) error {
			require.Equal(t, "ver_1", id)
			told <- session
			return nil
		}
		quietly := time.Hour
		comparer.compare = func([]byte, []byte) (float64, error) { return 90, nil }
		if long {
			quietly = 0
			comparer.compare = func([]byte, []byte) (float64, error) { require.Equal(t, 1, <-told); return 90, nil }
		}
		activities.SetComparesQuietly(t, quietly)
		r, err := capture(b, activities.CaptureInput{Comparer: "comparer", Threshold: 60})
		require.NoError(t, err)
		require.Equal(t, verification.Passed, statuses(r.Checks)[verification.FaceMatch])
		require.Empty(t, told)
	}
}

// The vendor may say "pending" for ever of a session whose pictures a lost try
// got: the person is asked again at once, and not at its expiry.
func TestASessionWhosePicturesWereLostIsInterrupted(t *testing.T) {
	b, _, comparer := chipBench(t, nil)
	_, err := readChip(b)
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	b.env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	comparer.compare = func([]byte, []byte) (float64, error) {
		end()
		return 0, &provider.Error{Op: "compare", Class: provider.Unavailable, Code: "x"}
	}
	_, err = capture(b, activities.CaptureInput{Comparer: "comparer", Threshold: 60})
	require.Error(t, err)

	b.env.SetWorkerOptions(worker.Options{BackgroundActivityContext: t.Context()})
	b.face.look = func(provider.FaceSession) (provider.Look, error) {
		return provider.Look{Phase: provider.Untouched}, nil
	}
	out, err := run[activities.LookResult](b, b.PollSession, activities.SessionInput{ID: "ver_1", Session: 1, Provider: "face"})
	require.NoError(t, err)
	require.Equal(t, provider.Finished, out.Phase)
	require.Equal(t, verification.FaceResult{Reason: verification.SessionInterrupted, Begun: true}, *out.Result)
	require.NotEmpty(t, portraitOf(b), "the next session's face is compared with it")
}
