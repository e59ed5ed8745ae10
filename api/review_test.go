package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

const decisionPath = "/v1/verifications/" + knownID + "/decision"

func (r *rig) say(path, tag, body string) *httptest.ResponseRecorder {
	return r.do(call{method: "POST", path: path, key: r.shop, body: body, header: map[string]string{"If-Match": tag}})
}

func TestAReviewersWordIsPassedOnAndTheNoteNotEchoed(t *testing.T) {
	r := newRig(t)
	r.fake.decide = func(client, id string, w starter.ReviewRequest) (starter.View, error) {
		require.Equal(t, starter.ReviewRequest{Decision: verification.Declined, Reason: verification.HolderMismatch, Note: plantedName, Version: 3, By: "shop-key"}, w)
		v := running()
		v.Status = verification.Completed
		v.PreviousVerdicts = []verification.Verdict{{Version: 1, Decision: verification.Approved, DecidedBy: verification.ByPolicy}}
		v.Checks[0].Tried = []verification.Tried{{Provider: "tencent_eid", Class: "unavailable"}}
		return owned("shop", v)(client, id)
	}
	w := r.say(decisionPath, `"v3"`, `{"decision":"declined","reason":"holder.mismatch","note":"`+plantedName+`"}`)
	require.Equal(t, 200, w.Code, w.Body.String())
	var got struct {
		Previous []struct {
			Version  int    `json:"version"`
			Decision string `json:"decision"`
		} `json:"previous_verdicts"`
		Checks []struct {
			Tried []struct{ Provider, Class string } `json:"tried"`
		} `json:"checks"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "approved", got.Previous[0].Decision)
	require.Equal(t, "tencent_eid", got.Checks[0].Tried[0].Provider)

	r.fake.reopen = func(client, id string, w starter.ReviewRequest) (starter.View, error) {
		require.Equal(t, starter.ReviewRequest{Reason: verification.HolderMismatch, Note: plantedName, By: "shop-key"}, w)
		return owned("shop", running())(client, id)
	}
	w = r.say("/v1/verifications/"+knownID+"/reopen", "", `{"reason":"holder.mismatch","note":"`+plantedName+`"}`)
	require.Equal(t, 200, w.Code, w.Body.String())
}

func TestADecisionNamesWhatItWasMadeOn(t *testing.T) {
	const body = `{"decision":"approved","reason":"review.approved"}`
	for tag, want := range map[string]int{"": 428, `W/"v3"`: 412, "v3": 412, `"v0"`: 412, `"v03"`: 412, `"v-1"`: 412,
		`"v3", "v4"`: 412, `"` + plantedNumber + `"`: 412} {
		r := newRig(t)
		code := map[int]string{428: "precondition_required", 412: "version_conflict"}[want]
		problemIn(t, r.say(decisionPath, tag, body), want, code)
		require.Empty(t, r.fake.calls)
	}
	r := newRig(t)
	r.fake.decide = func(string, string, starter.ReviewRequest) (starter.View, error) {
		return starter.View{}, &starter.Error{Code: starter.VersionConflict, Status: verification.InReview}
	}
	require.Equal(t, "in_review", problemIn(t, r.say(decisionPath, `"v2"`, body), 412, "version_conflict").CurrentStatus)
	r.fake.decide = func(string, string, starter.ReviewRequest) (starter.View, error) {
		return starter.View{}, &starter.Error{Code: starter.InvalidState, Status: verification.Processing, Allowed: []verification.Status{verification.InReview}}
	}
	require.Equal(t, []string{"in_review"}, problemIn(t, r.say(decisionPath, `"v2"`, body), 409, "invalid_state").AllowedStatuses)
	r.fake.reopen = func(string, string, starter.ReviewRequest) (starter.View, error) {
		return starter.View{}, &starter.Error{Code: starter.ReviewOver, Status: verification.Completed}
	}
	problemIn(t, r.say("/v1/verifications/"+knownID+"/reopen", "", `{"reason":"holder.mismatch"}`), 409, "review_over")
}

// A star is a precondition, too (RFC 9110 section 13.1.1): whatever it is now.
func TestAStarInIfMatchDecidesOnWhateverItIsNow(t *testing.T) {
	r := newRig(t)
	r.fake.decide = func(client, id string, w starter.ReviewRequest) (starter.View, error) {
		require.Equal(t, starter.ReviewRequest{Decision: verification.Approved, Reason: verification.ReviewApproved, By: "shop-key"}, w)
		return owned("shop", running())(client, id)
	}
	r.fake.reopen = func(client, id string, w starter.ReviewRequest) (starter.View, error) {
		require.Zero(t, w.Version)
		return owned("shop", running())(client, id)
	}
	require.Equal(t, 200, r.say(decisionPath, "*", `{"decision":"approved","reason":"review.approved"}`).Code)
	require.Equal(t, 200, r.say("/v1/verifications/"+knownID+"/reopen", "*", `{"reason":"holder.mismatch"}`).Code)
}

func TestRetryTakesAVersionAndDoesNotNeedOne(t *testing.T) {
	for tag, version := range map[string]int{"": 0, "*": 0, `"v3"`: 3} {
		r := newRig(t)
		r.fake.retry = func(client, id string, _ int) (starter.View, error) { return owned("shop", running())(client, id) }
		require.Equal(t, 200, r.say("/v1/verifications/"+knownID+"/retry", tag, `{"session":1}`).Code)
		require.Equal(t, []starter.RetryRequest{{Session: 1, Version: version}}, r.fake.retried)
	}
	r := newRig(t)
	problemIn(t, r.say("/v1/verifications/"+knownID+"/retry", `"other"`, `{"session":1}`), 412, "version_conflict")
	require.Empty(t, r.fake.calls)
}

func TestDecisionBodiesAreHeldToTheContract(t *testing.T) {
	for body, field := range map[string]string{
		`{}`: "decision", `{"decision":"approved"}`: "reason", `{"decision":"review","reason":"review.approved"}`: "decision",
		`{"decision":"approved","reason":"` + plantedName + `"}`:                                           "reason",
		`{"decision":"approved","reason":"review.approved","note":""}`:                                     "note",
		`{"decision":"approved","reason":"review.approved","note":"` + strings.Repeat("x", 2001) + `"}`:    "note",
		`{"decision":"approved","reason":"review.approved","note":1}`:                                      "note",
		`{"decision":"approved","reason":"review.approved","` + plantedNumber + `":"` + plantedName + `"}`: "",
	} {
		r := newRig(t)
		p := problemIn(t, r.say(decisionPath, `"v3"`, body), 422, "invalid_request")
		require.Equal(t, field, p.Errors[0].Field, body)
		require.Empty(t, r.fake.calls)
	}
}

func TestProvidersShowTheirSwitches(t *testing.T) {
	r := newRig(t)
	r.fake.provide = func() ([]starter.Provider, error) {
		return []starter.Provider{
			{Name: "acedata", Kinds: []string{"records"}, State: "on", Abroad: true},
			{Name: "tencent_eid", Kinds: []string{"face"}, Jurisdiction: "CN", State: "off", Reason: "outage", Since: r.now.In(time.FixedZone("x", 3600))},
		}, nil
	}
	w := r.do(call{method: "GET", path: "/v1/providers", key: r.reader})
	require.Equal(t, 200, w.Code, w.Body.String())
	require.JSONEq(t, `{"providers":[{"name":"acedata","kinds":["records"],"jurisdiction":null,"abroad":true,"state":"on","reason":null,"since":null},
		{"name":"tencent_eid","kinds":["face"],"jurisdiction":"CN","abroad":false,"state":"off","reason":"outage","since":"2026-11-23T04:00:00Z"}]}`, w.Body.String())
}
