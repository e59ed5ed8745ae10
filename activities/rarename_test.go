package activities_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// named inserts a verification of somebody with the name.
func (b *bench) named(id, name string) {
	b.t.Helper()
	s := subject
	s.Name = name
	_, _, err := b.store.Insert(b.t.Context(), store.Row{
		ID: id, Client: "shop", Fingerprint: []byte("f"), Policy: verification.PolicyRef{Name: "p", Version: 1},
		CreatedAt: b.now, StartCalledAt: b.now, Request: verification.Request{Policy: "p", Subject: &s},
	})
	require.NoError(b.t, err)
}

func differs() (verification.Check, error) {
	c := verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)
	c.Billable, c.ProviderCode = verification.BillableYes, "-1"
	return c, nil
}

// names are those that the records vendor was asked about.
func (f *recordsFake) names() []string {
	var out []string
	for _, s := range f.asked {
		out = append(out, s.Name)
	}
	return out
}

// settled asks until there is an answer, as the server would, at most n times.
func (b *bench) settled(id string, rule verification.UnknownCharge, n int) verification.Check {
	b.t.Helper()
	for range n {
		if c, err := b.check(id, rule); err == nil {
			return c
		}
	}
	b.t.Fatalf("no answer in %d tries", n)
	return verification.Check{}
}

// A rare name that the records hold in its other spelling passes by a second
// call, which is counted and charged as one of its own.
func TestARareNameThatDiffersIsAskedAboutInItsOtherSpelling(t *testing.T) {
	for given, other := range map[string]string{"样䶮": "样\uE863", "样\uE863": "样䶮", "样\uFA30": "样侮"} {
		b := newBench(t)
		b.named("ver_1", given)
		b.rec.answer = func(call int) (verification.Check, error) {
			if call == 1 {
				return differs()
			}
			return charged()
		}
		_, err := b.check("ver_1", verification.UnknownRetry)
		require.Equal(t, activities.TypeOtherSpelling, errorType(t, err).Type())
		require.False(t, errorType(t, err).NonRetryable())
		c, err := b.check("ver_1", verification.UnknownReview)
		require.NoError(t, err)
		require.Equal(t, verification.Passed, c.Status)
		require.Equal(t, []string{given, other}, b.rec.names())
		again, err := b.check("ver_1", verification.UnknownRetry)
		require.NoError(t, err)
		require.Equal(t, verification.Passed, again.Status)
		require.Equal(t, 2, b.rec.calls, "a known answer is not bought again")
		calls, err := b.store.Calls(t.Context(), "ver_1")
		require.NoError(t, err)
		require.Len(t, calls, 2)
		require.Equal(t, verification.BillableYes, calls[0].Billable)
		require.Equal(t, verification.BillableYes, calls[1].Billable)
	}
}

// Whatever else becomes of the other spelling, the first answer stands: it is
// inconclusive, and never a decline.
func TestARareNameThatDiffersInBothSpellingsIsForAHuman(t *testing.T) {
	undecided := func(int) (verification.Check, error) {
		c := verification.NewCheck(verification.IdentityRecords, verification.Inconclusive, verification.RecordsNotFound)
		c.ProviderCode = "-5"
		return c, nil
	}
	fewTries := func(int) (verification.Check, error) {
		return verification.Check{}, &provider.Error{Op: "records.check", Class: provider.Unavailable, Code: "-4", MaxTries: 2, Reason: verification.ProviderUnavailable}
	}
	for what, c := range map[string]struct {
		rule  verification.UnknownCharge
		then  func(call int) (verification.Check, error)
		calls int
	}{
		"it differs, too":      {verification.UnknownRetry, func(int) (verification.Check, error) { return differs() }, 2},
		"nobody is found":      {verification.UnknownRetry, undecided, 2},
		"lost, under review":   {verification.UnknownReview, func(int) (verification.Check, error) { return lost() }, 2},
		"lost twice":           {verification.UnknownRetry, func(int) (verification.Check, error) { return lost() }, 3},
		"a fault of few tries": {verification.UnknownRetry, fewTries, 3},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.named("ver_1", "样䶮")
			b.rec.answer = func(call int) (verification.Check, error) {
				if call == 1 {
					return differs()
				}
				return c.then(call)
			}
			got := b.settled("ver_1", c.rule, 4)
			require.Equal(t, verification.Inconclusive, got.Status)
			require.Equal(t, verification.IdentityNameRare, got.Reasons[0].Code)
			require.False(t, got.Retryable)
			require.Equal(t, "-1", got.ProviderCode)
			require.Equal(t, verification.BillableYes, got.Billable)
			require.Equal(t, c.calls, b.rec.calls)
		})
	}
}

// Without another spelling there is nothing more to ask.
func TestARareNameWithoutAnotherSpellingIsAskedAboutOnce(t *testing.T) {
	for _, given := range []string{"㐂样", "样\uE123", "样\U000323B0"} {
		b := newBench(t)
		b.named("ver_1", given)
		b.rec.answer = func(int) (verification.Check, error) { return differs() }
		c, err := b.check("ver_1", verification.UnknownRetry)
		require.NoError(t, err)
		require.Equal(t, verification.Inconclusive, c.Status)
		require.Equal(t, verification.IdentityNameRare, c.Reasons[0].Code)
		require.Equal(t, 1, b.rec.calls)
	}
	b := newBench(t)
	b.row("ver_1")
	b.rec.answer = func(int) (verification.Check, error) { return differs() }
	c, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.True(t, c.FailedFinally(), "a common name that differs is a decline")
}

// The other spelling needs room under the cap of the number and day.
func TestTheOtherSpellingIsAskedAboutWithinTheDailyCap(t *testing.T) {
	b := newBench(t)
	for _, id := range []string{"ver_1", "ver_2"} {
		b.named(id, "样䶮")
	}
	b.rec.answer = func(int) (verification.Check, error) { return differs() }
	require.Equal(t, verification.IdentityNameRare, b.settled("ver_1", verification.UnknownRetry, 2).Reasons[0].Code)
	c := b.settled("ver_2", verification.UnknownRetry, 2)
	require.Equal(t, verification.Inconclusive, c.Status)
	require.Equal(t, verification.IdentityNameRare, c.Reasons[0].Code)
	require.Equal(t, 3, b.rec.calls, "the fourth would be over the cap")
}

// A worker killed between the answer to the first spelling and the other call
// asks no spelling twice.
func TestTheOtherSpellingSurvivesALostWorker(t *testing.T) {
	b := newBench(t)
	b.named("ver_1", "样䶮")
	b.rec.answer = func(call int) (verification.Check, error) {
		if call == 1 {
			return differs()
		}
		return charged()
	}
	_, err := b.check("ver_1", verification.UnknownRetry)
	require.Error(t, err)
	calls, err := b.store.Calls(t.Context(), "ver_1")
	require.NoError(t, err)
	require.NotNil(t, calls[0].Check)
	_, err = b.store.IntendCall(t.Context(), store.Call{VerificationID: "ver_1", Provider: "records", IntendedAt: b.now}, []byte("x"), "20261122", 3)
	require.NoError(t, err)
	c, err := b.check("ver_1", verification.UnknownRetry)
	require.NoError(t, err)
	require.Equal(t, verification.Passed, c.Status)
	require.Equal(t, []string{"样䶮", "样\uE863"}, b.rec.names())
}

// A face vendor's word that name and number differ is no decline of a rare name,
// by whatever way it comes.
func TestAFaceVendorsMismatchOfARareNameIsInconclusive(t *testing.T) {
	mismatch := verification.FaceResult{Judged: true, Begun: true, Reason: verification.IdentityMismatch, Checks: []verification.Check{
		verification.NewCheck(verification.Liveness, verification.Passed),
		verification.NewCheck(verification.FaceMatch, verification.Failed, verification.IdentityMismatch),
	}}
	opened := func(t *testing.T, b *bench, given string) activities.SessionInput {
		b.named("ver_1", given)
		_, err := b.store.IntendSession(t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "face"}, store.Caps{})
		require.NoError(t, err)
		require.NoError(t, b.store.OpenSession(t.Context(), store.Session{VerificationID: "ver_1", Number: 1, Provider: "face", Handle: []byte("h"), OpenedAt: b.now, ExpiresAt: b.now}))
		return activities.SessionInput{ID: "ver_1", Session: 1, Provider: "face"}
	}
	for given, want := range map[string]verification.Ending{"样䶮": verification.EndedInconclusive, name: verification.EndedFinally} {
		for how, result := range map[string]func(t *testing.T) verification.FaceResult{
			"fetched": func(t *testing.T) verification.FaceResult {
				b := newBench(t)
				in := opened(t, b, given)
				b.face.result = func(provider.FaceSession) (verification.FaceResult, error) { return mismatch, nil }
				out, err := run[activities.FetchResult](b, b.FetchSession, in)
				require.NoError(t, err)
				return out.Result
			},
			"with the look": func(t *testing.T) verification.FaceResult {
				b := newBench(t)
				in := opened(t, b, given)
				b.face.look = func(provider.FaceSession) (provider.Look, error) {
					return provider.Look{Phase: provider.Finished, Result: &mismatch}, nil
				}
				out, err := run[activities.LookResult](b, b.LookAtSession, in)
				require.NoError(t, err)
				return *out.Result
			},
			"notified": func(t *testing.T) verification.FaceResult {
				b := newBench(t)
				in := opened(t, b, given)
				b.Vendors = &provider.Registry{}
				b.Vendors.AddFace(provider.FaceVendor{Name: "face", Provider: b.face, Callback: judging{mismatch}})
				keep(b, "signed")
				out, err := run[activities.LookResult](b, b.LookAtSession, in)
				require.NoError(t, err)
				return *out.Result
			},
		} {
			t.Run(how, func(t *testing.T) {
				r := result(t)
				require.Equal(t, want, r.Ending())
				if want == verification.EndedInconclusive {
					require.Equal(t, verification.IdentityNameRare, r.Reason)
					c, _ := verification.Find(r.Checks, verification.FaceMatch)
					require.Equal(t, []verification.Reason{{Code: verification.IdentityNameRare}}, c.Reasons)
				}
			})
		}
	}
}

// judging is a callback whose data says one thing.
type judging struct{ result verification.FaceResult }

func (judging) Verify(provider.FaceSession, url.Values) ([]byte, error) { return nil, nil }
func (j judging) Judge(provider.FaceSession, []byte) (verification.FaceResult, error) {
	return j.result, nil
}
