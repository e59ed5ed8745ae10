package starter

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

var (
	faceConsent    = verification.Consent{Purpose: verification.PurposeFace, TextVersion: "1", Channel: verification.ChannelPage}
	recordsConsent = verification.Consent{Purpose: verification.PurposeIdentityRecords, TextVersion: "1", Channel: verification.ChannelPage}
)

// waiting is a verification whose person is awaited on the page, and must agree to
// two purposes.
func waiting(t *testing.T) (*rig, View) {
	r := newRig(t)
	r.s.publicURL = "https://kyc.example"
	p := policy()
	p.Presentation = verification.PresentationPage
	p.Consents = []verification.Purpose{verification.PurposeIdentityRecords, verification.PurposeFace}
	r.s.SetPolicies(map[string]verification.Policy{"cn-resident": p})
	r.engine.launch = func(context.Context) error {
		id := r.keys.VerificationID("shop", "k")
		require.NoError(t, r.store.MarkStarted(t.Context(), id, r.now))
		r.engine.status = 1
		in := r.engine.inputs[0]
		st := verification.NewState(in.Policy, r.now, in.Asks...)
		st.AwaitPerson(r.now, r.now.Add(24*time.Hour), nil)
		r.publish(id, st)
		return nil
	}
	v, _, err := r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	r.engine.calls = nil
	return r, v
}

// opens lets the run open a session for the person.
func (r *rig) opens(id string, session int) {
	r.t.Helper()
	link := store.Session{VerificationID: id, Number: session, Provider: "toy", Link: "https://vendor.example/page", Handle: []byte("h"), OpenedAt: r.now, ExpiresAt: r.now.Add(10 * time.Minute)}
	_, err := r.store.IntendSession(r.t.Context(), link, store.Caps{})
	require.NoError(r.t, err)
	require.NoError(r.t, r.store.OpenSession(r.t.Context(), link))
	r.changed(id, func(st *verification.State) {
		st.Attempt.Session, st.Provider, st.LastError = session, "toy", nil
		st.Open = &verification.OpenSession{OpenIn: "wechat", ExpiresAt: link.ExpiresAt}
	})
}

// fails lets the open session end without a judgement.
func (r *rig) failsSession(id string) {
	r.changed(id, func(st *verification.State) {
		st.Open, st.LastError = nil, &verification.LastError{Code: verification.SessionCanceled, Retryable: true}
	})
}

// The link is ours: 128 random bits, the same for a repeated start, found by its
// code; the page's view holds nothing of the person.
func TestPageLinkIsOursAndStays(t *testing.T) {
	r, v := waiting(t)
	code, ok := strings.CutPrefix(v.Link, "https://kyc.example/p/")
	require.True(t, ok, v.Link)
	require.Len(t, code, 26)
	again, _, err := r.s.Start(t.Context(), "shop", "k", request())
	require.NoError(t, err)
	require.Equal(t, v.Link, again.Link)

	page, err := r.s.PageByCode(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, v.ID, page.ID)
	require.Equal(t, "shop", page.Client)
	require.Equal(t, []verification.Purpose{verification.PurposeIdentityRecords, verification.PurposeFace}, page.Missing)
	require.Equal(t, "wechat", page.OpenIn)
	require.Equal(t, r.now.Add(24*time.Hour-10*time.Minute), page.OpensUntil)
	require.Empty(t, page.VendorLink)
	require.Equal(t, "https://shop.example/back", page.ReturnURL)
	shorter := policy()
	shorter.LinkLife = verification.Duration(time.Minute)
	r.s.SetPolicies(map[string]verification.Policy{"cn-resident": shorter})
	later, err := r.s.PageByCode(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, page.OpensUntil, later.OpensUntil, "a changed policy changes no link that was given")
	_, err = r.s.PageByCode(t.Context(), code[:25]+"7")
	requireCode(t, err, NotFound)

	other := newRig(t)
	plain := other.launched()
	_, err = other.s.Page(t.Context(), plain.ID)
	requireCode(t, err, NotFound)
	_, err = other.s.PageByCode(t.Context(), "")
	requireCode(t, err, NotFound)
}

// A GET opens nothing, and a press without all consents neither; with them the run
// is asked once for the session that the person saw.
func TestOpenNeedsEveryConsent(t *testing.T) {
	r, v := waiting(t)
	for range 100 {
		_, err := r.s.Page(t.Context(), v.ID)
		require.NoError(t, err)
	}
	_, err := r.s.Open(t.Context(), v.ID, 1, nil)
	requireCode(t, err, ConsentRequired)
	_, err = r.s.Open(t.Context(), v.ID, 1, []verification.Consent{recordsConsent})
	require.Len(t, requireCode(t, err, ConsentRequired).Fields, 1)
	require.Empty(t, r.engine.calls)
	page, err := r.s.Page(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, []verification.Purpose{verification.PurposeFace}, page.Missing, "what was agreed to stands")

	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, "open-1", o.UpdateID)
		require.Equal(t, []any{workflows.OpenRequest{Session: 1, Agreed: page.State.Asks}}, o.Args)
		r.opens(v.ID, 1)
		return nil
	}
	page, err = r.s.Open(t.Context(), v.ID, 1, []verification.Consent{faceConsent})
	require.NoError(t, err)
	require.Equal(t, "https://vendor.example/page", page.VendorLink)
	require.Empty(t, page.Missing)

	r.engine.update = nil
	page, err = r.s.Open(t.Context(), v.ID, 1, nil)
	require.NoError(t, err, "the other tab")
	require.Equal(t, "https://vendor.example/page", page.VendorLink)
	require.Equal(t, []string{"update open-1"}, r.engine.calls)
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Equal(t, v.Link, got.Link, "the caller's link is the same")
}

// Beside an open session the next one stands for a lost page, and each time anew.
func TestOpenOverAnOpenSessionStandsForALostPage(t *testing.T) {
	r, v := waiting(t)
	_, err := r.s.Open(t.Context(), v.ID, 1, []verification.Consent{faceConsent, recordsConsent})
	require.NoError(t, err)
	r.opens(v.ID, 1)
	r.engine.calls = nil
	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, workflows.UpdateOpen, o.UpdateName)
		require.True(t, o.Args[0].(workflows.OpenRequest).Lost)
		r.changed(v.ID, func(*verification.State) {})
		return nil
	}
	for range 2 {
		_, err := r.s.Open(t.Context(), v.ID, 2, nil)
		require.NoError(t, err)
	}
	require.Len(t, r.engine.calls, 2)
	require.NotEqual(t, r.engine.calls[0], r.engine.calls[1], "the first answer is no answer to the second loss")
}

// The caller's retry answers the page's link, and opens nothing while there is
// nothing to retry; afterwards it does what the page's button does.
func TestRetryOnThePage(t *testing.T) {
	r, v := waiting(t)
	retry := func(session int) (View, error) {
		return r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: session})
	}
	got, err := retry(0)
	require.NoError(t, err)
	require.Equal(t, v.Link, got.Link)
	_, err = retry(1)
	require.Zero(t, requireCode(t, err, SessionReplaced).Session)
	require.Empty(t, r.engine.calls)

	_, err = r.s.Open(t.Context(), v.ID, 1, []verification.Consent{faceConsent, recordsConsent})
	require.NoError(t, err)
	r.opens(v.ID, 1)
	r.engine.calls = nil
	got, err = retry(1)
	require.NoError(t, err)
	require.Equal(t, v.Link, got.Link)
	require.Empty(t, r.engine.calls, "a session is open")

	r.failsSession(v.ID)
	r.engine.update = func(client.UpdateWorkflowOptions) error { r.opens(v.ID, 2); return nil }
	got, err = retry(1)
	require.NoError(t, err)
	require.Equal(t, v.Link, got.Link)
	require.Equal(t, 2, got.Attempt.Session)
	got, err = retry(1)
	require.NoError(t, err, "a repeat")
	require.Equal(t, 2, got.Attempt.Session)
	require.Equal(t, []string{"update open-2"}, r.engine.calls)
}

// What the run refuses is told in the domain's words, and what it cannot answer in
// time is read from the store.
func TestOpenThatTheRunRefuses(t *testing.T) {
	r, v := waiting(t)
	consents := []verification.Consent{faceConsent, recordsConsent}
	for kind, code := range map[string]Code{workflows.RefusedLate: LinkExpiring, workflows.RefusedConsent: ConsentRequired, workflows.RefusedState: InvalidState, workflows.RefusedSession: SessionReplaced} {
		r.engine.update = func(client.UpdateWorkflowOptions) error {
			return temporal.NewNonRetryableApplicationError("no", kind, nil, r.state)
		}
		_, err := r.s.Open(t.Context(), v.ID, 1, consents)
		requireCode(t, err, code)
	}
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		r.opens(v.ID, 1)
		return context.DeadlineExceeded
	}
	page, err := r.s.Open(t.Context(), v.ID, 1, consents)
	require.NoError(t, err)
	require.NotEmpty(t, page.VendorLink)
}

// After the end the page tells it, and whatever its buttons ask changes nothing.
func TestPageAfterTheEnd(t *testing.T) {
	r, v := waiting(t)
	r.end(v.ID, verification.Expired)
	code := v.Link[strings.LastIndex(v.Link, "/")+1:]
	page, err := r.s.PageByCode(t.Context(), code)
	require.NoError(t, err)
	require.Equal(t, verification.Expired, page.State.Status)
	for _, act := range []func() (PageView, error){
		func() (PageView, error) { return r.s.Open(t.Context(), v.ID, 1, []verification.Consent{faceConsent}) },
		func() (PageView, error) { return r.s.AskForHuman(t.Context(), v.ID) },
		func() (PageView, error) { return r.s.AwaitPage(t.Context(), v.ID, page.Revision, time.Minute) },
	} {
		page, err := act()
		require.NoError(t, err)
		require.Equal(t, verification.Expired, page.State.Status)
	}
	require.Empty(t, r.engine.calls)
}

// The person's two other ways are updates of their own.
func TestPageAsksForAHumanAndDeclines(t *testing.T) {
	r, v := waiting(t)
	r.engine.update = func(client.UpdateWorkflowOptions) error {
		r.changed(v.ID, func(st *verification.State) { st.Status, st.NextAction = verification.InReview, nil })
		return nil
	}
	page, err := r.s.AskForHuman(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, verification.InReview, page.State.Status)
	_, err = r.s.AskForHuman(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"update human"}, r.engine.calls)

	r.engine.update = func(o client.UpdateWorkflowOptions) error {
		require.Equal(t, []any{workflows.CancelRequest{Reason: verification.CanceledByPerson}}, o.Args)
		r.end(v.ID, verification.Canceled)
		return nil
	}
	page, err = r.s.Decline(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, verification.Canceled, page.State.Status)
}

// Whoever watches the page learns of a change at once.
func TestAwaitPageAnswersAChange(t *testing.T) {
	r, v := waiting(t)
	page, err := r.s.Page(t.Context(), v.ID)
	require.NoError(t, err)
	time.AfterFunc(100*time.Millisecond, func() { r.opens(v.ID, 1) })
	began := time.Now()
	next, err := r.s.AwaitPage(t.Context(), v.ID, page.Revision, 20*time.Second)
	require.NoError(t, err)
	require.Less(t, time.Since(began), 10*time.Second)
	require.Greater(t, next.Revision, page.Revision)
	require.NotEmpty(t, next.VendorLink)
}

// Where the person is not asked on our page, the start brings every consent; for a
// chip, which is read at once, it does in any case.
func TestStartBringsTheConsentsThatNobodyAsksFor(t *testing.T) {
	r := newRig(t)
	p := policy()
	p.Consents = []verification.Purpose{verification.PurposeFace}
	r.s.SetPolicies(map[string]verification.Policy{"cn-resident": p})
	_, _, err := r.s.Start(t.Context(), "shop", "k", request())
	require.Len(t, requireCode(t, err, ConsentRequired).Fields, 1)
	_, err = r.store.Load(t.Context(), r.keys.VerificationID("shop", "k"))
	require.ErrorIs(t, err, store.ErrNotFound, "nothing is written")
	require.Empty(t, r.engine.calls)

	q := request()
	q.Consents = []verification.Consent{{Purpose: verification.PurposeFace, GivenAt: r.now, Channel: verification.ChannelCaller}}
	v, _, err := r.s.Start(t.Context(), "shop", "k", q)
	require.NoError(t, err)
	given, err := r.store.Consents(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, q.Consents, given)

	p.Presentation, p.Consents = verification.PresentationPage, []verification.Purpose{verification.PurposeDocumentChip, verification.PurposeFace}
	require.Equal(t, []verification.Purpose{verification.PurposeDocumentChip}, mustBring(p, verification.Request{NFCReqID: "scan"}))
	require.Empty(t, mustBring(p, verification.Request{}))
}
