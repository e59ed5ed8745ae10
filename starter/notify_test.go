package starter

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// plantedData is what a vendor signs, with a person in it.
const plantedData = `{"name":"测试甲","id_number":"110199199003070017"}`

// signer is a vendor whose signature is the word "genuine".
type signer struct {
	seen  []provider.FaceSession
	judge error
}

func (s *signer) Verify(f provider.FaceSession, form url.Values) ([]byte, error) {
	s.seen = append(s.seen, f)
	switch {
	case form.Get("sign") != "genuine":
		return nil, fmt.Errorf("a forgery: %s", form.Get("data"))
	case form.Get("data") == "":
		return nil, nil
	}
	return []byte(form.Get("data")), nil
}

func (s *signer) Judge(provider.FaceSession, []byte) (verification.FaceResult, error) {
	return verification.FaceResult{Judged: true}, s.judge
}

// noticeRig is a launched verification whose session is at a vendor that
// notifies us.
func noticeRig(t *testing.T) (*rig, *signer, Notice) {
	r, vendor := newRig(t), &signer{}
	r.s.registry.AddFace(provider.FaceVendor{Name: "signing", Open: provider.Queue{Name: "s"}, Callback: vendor})
	v := r.launched()
	ctx := t.Context()
	_, err := r.store.IntendSession(ctx, store.Session{VerificationID: v.ID, Number: 2, Provider: "signing"}, store.Caps{})
	require.NoError(t, err)
	require.NoError(t, r.store.OpenSession(ctx, store.Session{VerificationID: v.ID, Number: 2, Provider: "signing",
		Link: "https://vendor.example/page", Handle: []byte("biz"), OpenedAt: r.now, ExpiresAt: r.now.Add(sweepAge)}))
	return r, vendor, Notice{Provider: "signing", ID: v.ID, Session: 2, Form: url.Values{"data": {plantedData}, "sign": {"genuine"}}}
}

func (r *rig) kept(n Notice) string {
	r.t.Helper()
	data, err := r.store.Notice(r.t.Context(), n.ID, n.Session)
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	require.NoError(r.t, err)
	return string(data)
}

func TestANoticeIsSealedBeforeTheRunIsToldAndTheRunLearnsNothingOfIt(t *testing.T) {
	r, vendor, n := noticeRig(t)
	// No worker is up: a signal waits in the engine.
	for range 2 {
		result, err := r.s.Notify(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, NoticeKept, result)
	}
	require.Equal(t, plantedData, r.kept(n))
	require.Equal(t, []workflows.Hint{{Session: 2, Notice: true}, {Session: 2, Notice: true}}, r.engine.hints)
	require.Equal(t, []string{"signal", "signal"}, r.engine.calls)
	f := vendor.seen[0]
	require.Equal(t, []byte("biz"), f.Handle)
	require.Equal(t, *request().Subject, f.Subject)
	require.Equal(t, n.ID, f.VerificationID)
	require.True(t, r.now.Equal(f.OpenedAt))
	r.nothingTold()
}

func TestAForgeryChangesNothingAndSaysNothing(t *testing.T) {
	r, _, n := noticeRig(t)
	for _, form := range []url.Values{nil, {"data": {plantedData}}, {"data": {plantedData}, "sign": {"forged"}}} {
		n.Form = form
		result, err := r.s.Notify(t.Context(), n)
		requireCode(t, err, NotFound)
		require.Equal(t, NoticeRefused, result)
	}
	require.Empty(t, r.kept(n))
	require.Empty(t, r.engine.calls)
	require.Empty(t, r.logs.String())
}

func TestWhatSettlesNothingIsNotKept(t *testing.T) {
	r, vendor, n := noticeRig(t)
	vendor.judge = fmt.Errorf("wrapped: %w", provider.ErrNoResult)
	result, err := r.s.Notify(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, NoticeNoResult, result)

	vendor.judge = errors.New(plantedData)
	result, err = r.s.Notify(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, NoticeViolation, result)
	require.Contains(t, r.logs.String(), "does not match the vendor's contract")

	n.Form.Set("data", "")
	result, err = r.s.Notify(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, NoticeEmpty, result)
	require.Empty(t, r.kept(n), "the first notice stands, so it must be one that counts")
	require.Empty(t, r.engine.calls)
	r.nothingTold()
}

func TestAGenuineNoticeForWhatIsOverOrUnknownIsLate(t *testing.T) {
	for name, change := range map[string]func(r *rig, n *Notice){
		"ended":                  func(r *rig, n *Notice) { r.end(n.ID, verification.Expired) },
		"unknown":                func(_ *rig, n *Notice) { n.ID = "ver_unknown" },
		"unknown session":        func(_ *rig, n *Notice) { n.Session = 7 },
		"another vendor's now":   func(_ *rig, n *Notice) { n.Session = 1 },
		"its run is over":        func(r *rig, _ *Notice) { r.engine.signalErr = serviceerror.NewNotFound("gone") },
		"its session was closed": func(r *rig, n *Notice) { require.NoError(r.t, r.store.CloseSession(r.t.Context(), n.ID, 2)) },
	} {
		t.Run(name, func(t *testing.T) {
			r, vendor, n := noticeRig(t)
			change(r, &n)
			result, err := r.s.Notify(t.Context(), n)
			require.NoError(t, err)
			require.Equal(t, NoticeLate, result)
			require.Equal(t, n.ID, vendor.seen[0].VerificationID)
			if name != "its run is over" {
				require.Empty(t, r.engine.calls)
			}
			n.Form.Set("sign", "forged")
			_, err = r.s.Notify(t.Context(), n)
			requireCode(t, err, NotFound)
		})
	}
}

func TestAFailingSignalLetsTheVendorTryAgain(t *testing.T) {
	r, _, n := noticeRig(t)
	r.engine.signalErr = serviceerror.NewUnavailable("x")
	result, err := r.s.Notify(t.Context(), n)
	requireCode(t, err, EngineUnavailable)
	require.Equal(t, NoticeFailed, result)
	require.Equal(t, plantedData, r.kept(n), "what came is kept all the same")

	r.engine.signalErr = nil
	result, err = r.s.Notify(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, NoticeKept, result)
}

// A browser that comes back fifty times does not use up the way on which a
// genuine notice tells the run.
func TestTheFirstNoticeTellsTheRunHoweverManyHintsThereWere(t *testing.T) {
	r, _, n := noticeRig(t)
	for range MaxHints {
		_, err := r.s.Hint(t.Context(), n.ID, n.Session)
		require.NoError(t, err)
	}
	result, err := r.s.Notify(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, NoticeKept, result)
	require.Equal(t, plantedData, r.kept(n))
	require.Len(t, r.engine.hints, MaxHints+1)

	result, err = r.s.Notify(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, NoticeQuiet, result, "a repeat says nothing new")
	require.Len(t, r.engine.hints, MaxHints+1)
}

func TestANoticeWithAnOldTicketIsKeptAndTellsNobody(t *testing.T) {
	r, _, n := noticeRig(t)
	n.Late = true
	result, err := r.s.Notify(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, NoticeQuiet, result)
	require.Equal(t, plantedData, r.kept(n))
	require.Empty(t, r.engine.calls, "an old ticket signals nothing")
	r.now = r.now.Add(time.Minute)
	told, err := r.s.DeliverNotices(t.Context())
	require.NoError(t, err)
	require.Zero(t, told)
}

// The vendor need not repeat a notice that came while the engine was away: it is
// found, and the run is told once.
func TestANoticeThatCameWhileTheEngineWasAwayIsToldOnceItIsBack(t *testing.T) {
	r, _, n := noticeRig(t)
	r.engine.signalErr = serviceerror.NewUnavailable("x")
	_, err := r.s.Notify(t.Context(), n)
	requireCode(t, err, EngineUnavailable)
	told, err := r.s.DeliverNotices(t.Context())
	require.NoError(t, err)
	require.Zero(t, told, "the call that brought it may still be trying")

	r.now = r.now.Add(time.Minute)
	_, err = r.s.DeliverNotices(t.Context())
	requireCode(t, err, EngineUnavailable)
	r.engine.signalErr, r.engine.hints = nil, nil
	for _, want := range []int{1, 0} {
		told, err = r.s.DeliverNotices(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, told)
	}
	require.Equal(t, []workflows.Hint{{Session: 2, Notice: true}}, r.engine.hints)
	r.nothingTold()
}

func TestANoticeOfARunThatIsOverIsNotToldForEver(t *testing.T) {
	r, _, n := noticeRig(t)
	r.engine.signalErr = serviceerror.NewUnavailable("x")
	_, err := r.s.Notify(t.Context(), n)
	requireCode(t, err, EngineUnavailable)
	r.now, r.engine.signalErr = r.now.Add(time.Minute), serviceerror.NewNotFound("gone")
	for _, want := range []int{1, 0} {
		told, err := r.s.DeliverNotices(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, told)
	}
}

func TestAVendorThatSignsNothingIsNotHeard(t *testing.T) {
	r, _, n := noticeRig(t)
	for _, name := range []string{"toy", "books", "none"} {
		n.Provider = name
		result, err := r.s.Notify(t.Context(), n)
		requireCode(t, err, NotFound)
		require.Equal(t, NoticeUnsupported, result)
	}
	require.Empty(t, r.engine.calls)
}

func TestAStoreThatIsAwayLetsTheVendorTryAgain(t *testing.T) {
	r, _, n := noticeRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := r.s.Notify(ctx, n)
	requireCode(t, err, Internal)
	require.Equal(t, NoticeFailed, result)
	require.Empty(t, r.engine.calls)
}
