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

// note is what a reviewer writes for other reviewers.
const note = "compared with the card on the phone"

// shortReviews is the quick policy with a review deadline that a test can wait
// for.
var shortReviews = strings.ReplaceAll(quickPolicy, "review_deadline: 60s", "review_deadline: 6s")

// act posts a reviewer's word; tag is the ETag of what they read, or empty.
func (s *stack) act(id, act, tag string, body map[string]any) answer {
	s.t.Helper()
	header := map[string]string{}
	if tag != "" {
		header["If-Match"] = tag
	}
	return s.call("shop", "POST", "/v1/verifications/"+id+"/"+act, header, body)
}

// ended is a verification that Tencent's page ended with a code and that
// settled in a status, with its tag.
func (s *stack) ended(code string, status verification.Status) (v view, tag string) {
	s.t.Helper()
	a := s.begin(s.person())
	s.play(s.untilLink(a.view.ID, 30*time.Second), code)
	s.until(a.view.ID, 30*time.Second, string(status), func(v view) bool { return v.Status == status })
	a = s.call("shop", "GET", "/v1/verifications/"+a.view.ID, nil, nil)
	return a.view, a.header.Get("ETag")
}

// earlier are the verdicts that a later one replaced.
func earlier(t *testing.T, a answer) []verification.Verdict {
	t.Helper()
	var out struct {
		Previous []verification.Verdict `json:"previous_verdicts"`
	}
	require.NoError(t, json.Unmarshal(a.body, &out))
	return out.Previous
}

// reviewer is the name of the key of the one who reviews for the client shop.
const reviewer = "reviewer-wang"

// A reviewer's key lists, reads, decides and reopens for its clients, and
// nothing else. Its name stands beside the verdict and is known to the store
// alone.
func TestAReviewersKeyDecidesForItsClients(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	v, tag := s.ended(codeSpoof, verification.InReview)
	path := "/v1/verifications/" + v.ID
	match := map[string]string{"If-Match": tag}
	approve := map[string]any{"decision": "approved", "reason": "review.approved", "note": note}

	began := time.Now()
	a := s.call("reviewer", "GET", path+"?wait=30s", nil, nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, verification.InReview, a.view.Status)
	require.Less(t, time.Since(began), 10*time.Second, "what waits for a human is not waited for")

	began = time.Now()
	for _, cursor := range []string{"x", "AAAA", "bm90IGFuIGVuZ2luZSdzIHRva2VuIGF0IGFsbA"} {
		a = s.call("reviewer", "GET", "/v1/verifications?status=in_review&cursor="+cursor, nil, nil)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s", a.body)
	}
	require.Less(t, time.Since(began), 3*time.Second, "the engine is not asked about a cursor that is none")

	theirs := s.call("other", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": "theirs"}, s.request(s.person()))
	require.Contains(t, []int{http.StatusCreated, http.StatusAccepted}, theirs.status, "%s", theirs.body)
	require.NotEmpty(t, theirs.header.Get("ETag"))
	for _, a := range []answer{
		s.call("reviewer", "GET", "/v1/verifications/"+theirs.view.ID, nil, nil),
		s.call("reviewer", "GET", "/v1/verifications/"+theirs.view.ID+"/decisions", nil, nil),
		s.call("reviewer", "POST", "/v1/verifications/"+theirs.view.ID+"/decision", map[string]string{"If-Match": "*"}, approve),
	} {
		require.Equal(t, http.StatusNotFound, a.status, "%s", a.body)
	}
	for _, a := range []answer{
		s.call("reviewer", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": "mine"}, s.request(s.person())),
		s.call("reviewer", "POST", path+"/cancel", nil, map[string]any{}),
	} {
		require.Equal(t, http.StatusForbidden, a.status, "%s", a.body)
	}
	a = s.call("reviewer", "POST", path+"/decision", match, map[string]any{"decision": "declined", "reason": "review.approved"})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, string(a.body), "reason.not_for_decision")

	a = s.call("reviewer", "POST", path+"/decision", match, approve)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	for _, a := range []answer{a, s.call("shop", "GET", path, nil, nil)} {
		require.Contains(t, string(a.body), `"decided_by_name":"`+reviewer+`"`)
		require.NotContains(t, string(a.body), note)
	}
	a = s.call("reviewer", "GET", path+"/decisions", nil, nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, string(a.body), note)
	require.Contains(t, string(a.body), reviewer)

	history, err := json.Marshal(s.history(v.ID))
	require.NoError(t, err)
	require.NotContains(t, string(history), reviewer, "the engine knows no names")
	require.NotContains(t, string(s.logs()), reviewer)
	var events int
	require.NoError(t, s.rawStore().QueryRow(`SELECT count(*) FROM events WHERE verification_id = $1 AND
		(type || client || status || decision || reasons) LIKE '%' || $2 || '%'`, v.ID, reviewer).Scan(&events))
	require.Zero(t, events)
}

const (
	codeSpoof        = "1002" // of Tencent's: review
	codeNameMismatch = "2006" // declined
)

func TestAReopenedDeclinedCaseEndsApprovedAsVersionTwoWithVersionOneReadable(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	v, tag := s.ended(codeNameMismatch, verification.Completed)
	require.Equal(t, verification.Declined, v.Decision)
	require.Equal(t, 1, v.Verdict.Version)

	approve := map[string]any{"decision": "approved", "reason": "review.approved", "note": note}
	refused := s.act(v.ID, "decision", tag, approve)
	require.Equal(t, http.StatusConflict, refused.status, "an ended case is reopened first")
	require.Equal(t, "invalid_state", refused.Code)
	require.Contains(t, string(refused.body), "in_review", "the states that allow it are told")

	reopened := s.act(v.ID, "reopen", tag, map[string]any{"reason": "holder.mismatch", "note": note})
	require.Equal(t, http.StatusOK, reopened.status, "%s", reopened.body)
	require.Equal(t, verification.InReview, reopened.view.Status)
	require.Equal(t, 1, reopened.view.Verdict.Version, "until somebody decides, the old verdict stands")

	require.Equal(t, http.StatusPreconditionRequired, s.act(v.ID, "decision", "", approve).status)
	require.Equal(t, http.StatusPreconditionFailed, s.act(v.ID, "decision", tag, approve).status, "it was read before it was reopened")

	tag = s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil).header.Get("ETag")
	decided := s.act(v.ID, "decision", tag, approve)
	require.Equal(t, http.StatusOK, decided.status, "%s", decided.body)
	for _, a := range []answer{decided, s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil),
		s.act(v.ID, "decision", tag, approve)} {
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.Equal(t, verification.OutcomeApproved, a.view.Outcome)
		require.Equal(t, 2, a.view.Verdict.Version)
		require.Equal(t, verification.ByReviewer, a.view.Verdict.DecidedBy)
		require.NotContains(t, string(a.body), note)
		old := earlier(t, a)
		require.Len(t, old, 1)
		require.Equal(t, *v.Verdict, old[0], "version 1 as it was")
	}
	for _, run := range []string{v.ID, v.ID + ":v2"} {
		text, err := json.Marshal(s.history(run))
		require.NoError(t, err)
		require.NotContains(t, string(text), note, "the note is in the store and nowhere else")
	}
	require.NotContains(t, string(s.logs()), note)
}

func TestSilenceOnAReopenedCaseLeavesVersionOneStanding(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: shortReviews})
	v, tag := s.ended(codeNameMismatch, verification.Completed)
	reopened := s.act(v.ID, "reopen", tag, map[string]any{"reason": "holder.mismatch"})
	require.Equal(t, http.StatusOK, reopened.status, "%s", reopened.body)
	require.Equal(t, verification.InReview, reopened.view.Status)
	s.until(v.ID, 30*time.Second, "the end of the review", func(v view) bool { return v.Status == verification.Completed })
	a := s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil)
	require.Equal(t, verification.OutcomeDeclined, a.view.Outcome)
	require.Equal(t, v.Verdict, a.view.Verdict)
	require.Empty(t, earlier(t, a))
	again := s.act(v.ID, "reopen", "", map[string]any{"reason": "holder.mismatch"})
	require.Equal(t, http.StatusConflict, again.status)
	require.Equal(t, "review_over", again.Code)
}

func TestAReviewersSilenceOnAFirstReviewEndsExpiredAndNeverDeclined(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: shortReviews})
	v, _ := s.ended(codeSpoof, verification.InReview)
	v = s.untilEnd(v.ID, 30*time.Second)
	require.Equal(t, verification.Expired, v.Status)
	require.Equal(t, verification.OutcomeExpired, v.Outcome)
	require.Empty(t, v.Decision)
	require.Nil(t, v.Verdict)
}

func TestAReviewerListsShowsAndDecidesInTheTerminal(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	first, tag := s.ended(codeSpoof, verification.InReview)
	second, _ := s.ended(codeSpoof, verification.InReview)
	review := func(args ...string) string {
		return s.yanzhen(append([]string{"review"}, append(args, "--api", s.apiURL, "--key", s.keys["reviewer"])...)...)
	}
	require.Eventually(t, func() bool {
		list := review("list")
		return strings.Contains(list, first.ID) && strings.Contains(list, second.ID)
	}, 20*time.Second, 500*time.Millisecond, "the list follows within seconds")
	require.Contains(t, review("show", first.ID), "face.spoof_suspected")

	require.Contains(t, review("approve", first.ID, "--note", note), "APPROVED  by reviewer "+reviewer+", version 1")
	require.Contains(t, review("decline", second.ID, "--reason", "face.spoof_suspected"), "DECLINED  by reviewer "+reviewer+", version 1")
	shown := review("show", first.ID)
	require.Contains(t, shown, "approved by "+reviewer+", version 1: review.approved\n    "+note)
	require.Equal(t, verification.OutcomeApproved, s.read(first.ID).Outcome)
	declined := s.read(second.ID)
	require.Equal(t, "[face.spoof_suspected]", reasonsOf(declined.Verdict.Reasons))
	late := s.act(first.ID, "decision", tag, map[string]any{"decision": "declined", "reason": "review.rejected"})
	require.GreaterOrEqual(t, late.status, 409, "%s", late.body)
	require.LessOrEqual(t, late.status, 412, "%s", late.body)
	require.Contains(t, review("reopen", second.ID, "--reason", "face.spoof_suspected"), "in review")
}
