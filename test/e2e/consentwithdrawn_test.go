package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

func (s *stack) withdraw(client, id, purpose string) (answer, consentList) {
	s.t.Helper()
	a := s.call(client, "POST", "/v1/verifications/"+id+"/consents", nil, map[string]any{"withdrawn": []string{purpose}})
	var list consentList
	if a.status == http.StatusOK {
		require.NoError(s.t, json.Unmarshal(a.body, &list))
	}
	return a, list
}

// Whoever withdraws a consent, wherever the verification stands, ends it where it
// is open, is erased with a receipt, and no vendor is called any more; a repeat
// gets the same answer, and another client none.
func TestAWithdrawnConsentEndsAndErasesWhereverItStands(t *testing.T) {
	t.Parallel()
	s := newAskingStack(t, newOwnEngine(t).HostPort)
	eid, chipped, noFace := askings[0], askings[3], askings[5]
	begun := func(a asking, presentation string) view {
		got := s.ask(a, presentation, agreedTo(a.purposes...))
		require.Less(t, got.status, 300, "%s", got.body)
		return got.view
	}
	linked := func(a asking, presentation string) view {
		return s.untilLink(begun(a, presentation).ID, 30*time.Second)
	}
	visiting := func(v view) *visitor {
		p := s.visitor(inWeChat)
		p.begunAt(v)
		return p
	}
	completed := func() view {
		v := linked(eid, "vendor")
		s.comeBack(v, "0")
		return s.untilEnd(v.ID, 30*time.Second)
	}
	var ids []string
	for _, stand := range []struct {
		name  string
		begin func() string
		ends  verification.Status
	}{
		{"a session is open", func() string { return linked(eid, "vendor").ID }, verification.Canceled},
		{"a session at Megvii is open", func() string { return linked(askings[1], "vendor").ID }, verification.Canceled},
		{"nobody has come to the page", func() string { return linked(eid, "page").ID }, verification.Canceled},
		{"the person is on the page", func() string { v := linked(eid, "page"); visiting(v); return v.ID }, verification.Canceled},
		{"the person is at the vendor's", func() string {
			v := linked(eid, "page")
			p := visiting(v)
			p.press("go")
			p.onward()
			p.press("begin")
			return v.ID
		}, verification.Canceled},
		{"in a mini program", func() string { v, _ := s.miniStepOf(begun(eid, "mini_program").ID); return v.ID }, verification.Canceled},
		{"a chip was read", func() string { return linked(chipped, "vendor").ID }, verification.Canceled},
		{"a retry is awaited", func() string {
			v := linked(eid, "vendor")
			s.comeBack(v, "1004")
			s.untilAction(v.ID, "retry", 30*time.Second)
			return v.ID
		}, verification.Canceled},
		{"a human was asked for", func() string {
			v := linked(eid, "page")
			p := visiting(v)
			p.open("?view=human")
			p.press("confirm-human")
			s.untilReview(v.ID, 30*time.Second)
			return v.ID
		}, verification.Canceled},
		{"in review", func() string { return s.untilReview(begun(noFace, "vendor").ID, 30*time.Second).ID }, verification.Canceled},
		{"approved", func() string { return completed().ID }, verification.Completed},
		{"reopened", func() string {
			v := completed()
			a := s.call("shop", "POST", "/v1/verifications/"+v.ID+"/reopen", nil, map[string]string{"reason": "holder.mismatch"})
			require.Equal(t, http.StatusOK, a.status, "%s", a.body)
			return v.ID
		}, verification.Completed},
	} {
		id := stand.begin()
		ids = append(ids, id)
		other, _ := s.withdraw("other", id, "identity_records")
		require.Equal(t, http.StatusNotFound, other.status)
		if stand.ends == verification.Canceled {
			never, _ := s.withdraw("shop", id, "portrait_comparison")
			require.Equal(t, http.StatusUnprocessableEntity, never.status)
			require.Equal(t, "consent.not_given", never.Errors[0].Code)
		}
		a, list := s.withdraw("shop", id, "identity_records")
		require.Equal(t, http.StatusOK, a.status, "%s: %s", stand.name, a.body)
		require.Equal(t, stand.ends, list.Status, stand.name)
		require.NotNil(t, list.RedactedAt)
		for _, c := range list.Consents {
			require.Equal(t, []string{"ours-3", strings.Repeat("ab", 32), "zh-CN", "caller"}, []string{c.TextVersion, c.TextHash, c.Language, c.Channel})
			require.Equal(t, c.Purpose == "identity_records", c.WithdrawnAt != nil)
		}
		again, _ := s.withdraw("shop", id, "identity_records")
		require.Equal(t, http.StatusOK, again.status)
		require.JSONEq(t, string(a.body), string(again.body))
		require.Equal(t, http.StatusGone, s.call("shop", "GET", "/v1/verifications/"+id, nil, nil).status)
		events := s.eventsOf(id)
		last := []string{"verification." + string(stand.ends), "verification.redacted"}
		require.Equal(t, last, events[len(events)-2:], stand.name)
	}

	// Noted, and then the caller was lost before anything was ended for it.
	lost := linked(eid, "vendor").ID
	_, err := s.openStore().WithdrawConsents(t.Context(), lost, []verification.Purpose{verification.PurposeFace}, time.Now())
	require.NoError(t, err)
	time.Sleep(time.Second) // a look may have been under way
	calls := s.calls()
	s.untilGone(lost)

	// Before the run's first task: with no worker there is none.
	s.worker.kill()
	a := s.ask(chipped, "page", agreedTo(chipped.purposes...))
	list := s.call("shop", "GET", "/v1/verifications", nil, nil)
	require.Equal(t, http.StatusOK, list.status, "%s", a.body)
	var first struct {
		Verifications []view `json:"verifications"`
	}
	require.NoError(t, json.Unmarshal(list.body, &first))
	early := first.Verifications[0].ID
	refused, _ := s.withdraw("shop", early, "document_chip")
	require.Equal(t, http.StatusServiceUnavailable, refused.status, "%s", refused.body)
	s.startWorker()
	s.untilGone(early)

	known := s.openStore()
	for i, id := range append(ids, lost, early) {
		e, err := known.Erasure(t.Context(), id)
		require.NoError(t, err)
		by := "shop-key"
		if i >= len(ids) {
			by = "sweeper"
		}
		require.Equal(t, []string{"consent_withdrawn", by}, []string{e.Cause, e.By})
		_, err = s.temporal.DescribeWorkflow(t.Context(), id+":erase", "")
		require.NoError(t, err, "the rest of the erasure runs, or is done")
	}
	// The engine lets go of so many at once in its own time: one receipt is waited for.
	require.Equal(t, "consent_withdrawn", s.receiptOf(s.untilReceipt(ids[0], 3*time.Minute)).Cause)
	require.Equal(t, calls, s.calls(), "no vendor was called after that: %v", s.called(calls))
	for _, id := range []string{lost, early} {
		require.Contains(t, s.eventsOf(id), "verification.canceled")
	}
}

// untilGone waits for the sweeper to end and erase somebody.
func (s *stack) untilGone(id string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return s.call("shop", "GET", "/v1/verifications/"+id, nil, nil).status == http.StatusGone
	}, 90*time.Second, 200*time.Millisecond)
}
