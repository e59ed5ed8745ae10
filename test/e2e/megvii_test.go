package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestAPassAtMegviiIsTheSameVerdictHoweverItIsTold(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true, vendors: flow(12 * time.Second)})
	good := sandbox.NotifyGood
	ways := []struct {
		name  string
		o     sandbox.NotifyOptions
		looks int
	}{
		{"notify only", sandbox.NotifyOptions{NoReturn: true}, 0},
		{"return only", sandbox.NotifyOptions{Never: true}, 0},
		{"neither", sandbox.NotifyOptions{Never: true, NoReturn: true}, 1},
		{"notify, then return", sandbox.NotifyOptions{}, 0},
		{"return, then notify", sandbox.NotifyOptions{AfterReturn: true}, 0},
		{"twice", sandbox.NotifyOptions{Send: []string{good, good}}, 0},
		{"late", sandbox.NotifyOptions{NoReturn: true, DelayMS: 1500}, 0},
		{"as multipart", sandbox.NotifyOptions{NoReturn: true, Multipart: true}, 0},
		{"untidy", sandbox.NotifyOptions{NoReturn: true, Untidy: true}, 0},
		{"untidy multipart", sandbox.NotifyOptions{NoReturn: true, Untidy: true, Multipart: true}, 0},
		// Among its further members one is there in two cases, which two readers
		// would read as two answers: it is not taken, and the result is looked up.
		{"ambiguous", sandbox.NotifyOptions{NoReturn: true, ExtraMembers: true}, 1},
		{"return spoilt, notify good", sandbox.NotifyOptions{ReturnBadSign: true, AfterReturn: true}, 0},
		{"forged, then good", sandbox.NotifyOptions{NoReturn: true, Send: []string{sandbox.NotifyFlipped, sandbox.NotifyTrailing, good}}, 0},
	}
	var views []view
	for _, w := range ways {
		a := s.beginUnder(onlyMegvii, s.person())
		require.Equal(t, http.StatusCreated, a.status, "%s: %s", w.name, a.body)
		s.endMegvii(a.view, sandbox.MegviiPass, w.o)
		views = append(views, a.view)
	}
	for i, w := range ways {
		v := s.untilEnd(views[i].ID, 40*time.Second)
		require.Equal(t, verification.OutcomeApproved, v.Outcome, w.name)
		require.Equal(t, verification.ByPolicy, v.Verdict.DecidedBy, w.name)
		for _, check := range []verification.CheckType{verification.Liveness, verification.FaceMatch} {
			require.Equal(t, verification.Passed, find(t, v, check).Status, w.name)
			require.Equal(t, "megvii_faceid", find(t, v, check).Provider, w.name)
		}
		require.Equal(t, w.looks, s.lookedUp(s.megviiToken(views[i])), "%s: looked up", w.name)
	}
}

func TestEveryEndingOfMegviiLeadsWhereItShould(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true, vendors: flow(10 * time.Second)})
	endings := []struct {
		outcome string
		status  verification.Status
		result  verification.Outcome
		reason  verification.ReasonCode
	}{
		{sandbox.MegviiPass, verification.Completed, verification.OutcomeApproved, ""},
		{sandbox.MegviiLowScore, verification.RequiresInput, "", verification.FaceNoMatch},
		{sandbox.MegviiSpoof, verification.InReview, verification.OutcomeReview, verification.FaceInjectionSuspected},
		{sandbox.MegviiNameDiffers, verification.Completed, verification.OutcomeDeclined, verification.IdentityMismatch},
		{sandbox.MegviiNoNumber, verification.InReview, verification.OutcomeReview, verification.RecordsNotFound},
		{sandbox.OutcomeCancel, verification.RequiresInput, "", verification.SessionCanceled},
		{sandbox.MegviiNoWebRTC, verification.RequiresInput, "", ""},
		{sandbox.MegviiAbandon, verification.Expired, verification.OutcomeExpired, verification.SessionExpired},
		{"score-71.5", verification.Completed, verification.OutcomeApproved, ""},
	}
	var views []view
	for _, e := range endings {
		a := s.beginUnder(onlyMegvii, s.person())
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
		// Of somebody who left nothing is told: the look-up finds it.
		s.endMegvii(a.view, e.outcome, sandbox.NotifyOptions{Never: e.outcome == sandbox.MegviiAbandon})
		views = append(views, a.view)
	}
	for i, e := range endings {
		v := s.until(views[i].ID, 40*time.Second, e.outcome, func(v view) bool {
			offered := v.NextAction != nil && v.NextAction.Type == "retry"
			return v.Status == e.status && (e.status != verification.RequiresInput || offered)
		})
		require.Equal(t, e.result, v.Outcome, e.outcome)
		if e.reason != "" && v.Verdict == nil {
			require.NotNil(t, v.LastError, e.outcome)
			require.Equal(t, e.reason, v.LastError.Code, e.outcome)
		}
		if e.outcome == sandbox.MegviiNameDiffers {
			require.Equal(t, "["+string(e.reason)+"]", reasonsOf(v.Verdict.Reasons))
		}
		looks := 0
		if e.outcome == sandbox.MegviiAbandon {
			looks = 1
		}
		require.Equal(t, looks, s.lookedUp(s.megviiToken(views[i])), "%s: looked up", e.outcome)
	}
	retried := s.retry(views[1].ID, 1, "")
	require.Equal(t, http.StatusOK, retried.status, "%s", retried.body)
	second := s.until(views[1].ID, 20*time.Second, "the second session", func(v view) bool {
		return v.Attempt.Session == 2 && v.NextAction != nil && v.NextAction.URL != ""
	})
	require.Nil(t, second.LastError, "a new session clears how the last one ended")
	s.endMegvii(second, sandbox.MegviiPass, sandbox.NotifyOptions{})
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(second.ID, 20*time.Second).Outcome)
}

func TestANotificationIsTakenWithEveryWorkerStoppedAndEndsTheVerificationAfterwards(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true})
	a := s.beginUnder(onlyMegvii, s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	token := s.megviiToken(a.view)
	s.worker.stop(t)
	s.endMegvii(a.view, sandbox.MegviiPass, sandbox.NotifyOptions{NoReturn: true})
	require.Equal(t, []string{"200"}, s.told(token))
	s.startWorker()
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(a.view.ID, 60*time.Second).Outcome)
	require.Zero(t, s.lookedUp(token), "the notification is the result")
}

func TestANotificationThatIsNotGenuineChangesNothingAndSaysNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{megvii: true})
	forged := []string{sandbox.NotifyBadSign, sandbox.NotifyOtherSecret, sandbox.NotifyFlipped, sandbox.NotifyForeign, sandbox.NotifyTrailing, sandbox.NotifyLengthExtended}
	a := s.beginUnder(onlyMegvii, s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	token := s.megviiToken(a.view)
	s.endMegvii(a.view, sandbox.MegviiLowScore, sandbox.NotifyOptions{NoReturn: true, Send: forged})
	require.Equal(t, slicesOf("404", len(forged)), s.told(token))

	// What a stranger may have seen: a genuine pair, of another verification.
	other := s.beginUnder(onlyMegvii, s.person())
	require.Equal(t, http.StatusCreated, other.status, "%s", other.body)
	otherToken := s.megviiToken(other.view)
	require.NoError(t, s.vendors.SetMegviiNotifyOf(otherToken, sandbox.NotifyOptions{Never: true}))
	require.NoError(t, s.vendors.MegviiBegin(otherToken))
	back, err := s.vendors.MegviiEnd(otherToken, sandbox.MegviiPass)
	require.NoError(t, err)
	genuine := back.Form
	later := time.Now().Add(time.Hour)
	mine := s.notifyAddress(a.view.ID, 1, later)
	changed := func(name, value string) url.Values {
		f := url.Values{"data": genuine["data"], "sign": genuine["sign"]}
		f.Set(name, value)
		return f
	}
	for what, form := range map[string]url.Values{
		"of another verification": genuine,
		"unsigned":                {"data": genuine["data"]},
		"empty":                   {},
		"data twice":              {"data": {genuine.Get("data"), genuine.Get("data")}, "sign": genuine["sign"]},
		"sign in capitals":        changed("sign", strings.ToUpper(genuine.Get("sign"))),
		"huge":                    changed("data", genuine.Get("data")+strings.Repeat(" ", 3<<20)),
	} {
		status, location, body := s.postForm(mine, form)
		require.GreaterOrEqual(t, status, 400, what)
		require.Less(t, status, 500, what)
		require.Empty(t, location, what)
		for _, word := range []string{a.view.ID, "sign", "biz", "session", "secret"} {
			require.NotContains(t, strings.ToLower(body), strings.ToLower(word), what)
		}
	}
	require.Zero(t, s.signals(a.view.ID), "no signal reached the run")
	require.Equal(t, verification.RequiresInput, s.read(a.view.ID).Status)

	// The genuine one counts where it belongs, once; a replay changes nothing,
	// and a genuine word for an ended verification is taken.
	theirs := s.notifyAddress(other.view.ID, 1, later)
	status, _, _ := s.postForm(theirs, genuine)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(other.view.ID, 30*time.Second).Outcome)
	require.NoError(t, s.temporal.GetWorkflow(t.Context(), other.view.ID, "").Get(t.Context(), nil), "until the end is written")
	after := s.signals(other.view.ID)
	for _, address := range []string{theirs, s.notifyAddress(other.view.ID, 1, time.Now().Add(-time.Minute))} {
		status, _, _ = s.postForm(address, genuine)
		require.Equal(t, http.StatusOK, status, "a vendor that hears no tries again")
	}
	require.Equal(t, 1, after)
	require.Equal(t, after, s.signals(other.view.ID))
	require.Equal(t, 1, s.read(other.view.ID).Verdict.Version)
}

func slicesOf(word string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = word
	}
	return out
}
