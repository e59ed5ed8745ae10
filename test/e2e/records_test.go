package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// recordsPolicies ask AceData, then Tencent's records, and nothing else.
var recordsPolicies = "policies:\n" + recordsPolicy("both", "60s") + recordsPolicy("both-soon", "8s") + recordsPolicy("both-careful", "60s\n    unknown_charge: review")

func recordsPolicy(name, patience string) string {
	return "  - name: " + name + "\n    version: 1\n    checks: {document_validity: required, identity_records: required}\n    records_providers: [acedata, tencent_records]\n" +
		"    review_deadline: 300s\n    records_patience: " + patience + "\n"
}

// recordsAbout are the questions about a person at one of the records vendors, and
// how many were charged.
func (s *stack) recordsAbout(p sandbox.Person, operation string) (asked, charged int) {
	q := sandbox.Query{Operation: operation, Subject: sandbox.SubjectKey(p.IDNumber)}
	return s.vendors.Ledger().Count(q), s.vendors.Ledger().Charged(q)
}

// bills holds the questions, and the charges for them, at AceData and at Tencent.
func (s *stack) bills(p sandbox.Person, aceAsked, aceCharged, tencentAsked, tencentCharged int) {
	s.t.Helper()
	a, b := s.recordsAbout(p, aceDataCall)
	c, d := s.recordsAbout(p, tencentRecordsCall)
	require.Equal(s.t, [4]int{aceAsked, aceCharged, tencentAsked, tencentCharged}, [4]int{a, b, c, d}, "asked and charged, AceData's and Tencent's")
}

func (s *stack) recordsOf(v view) verification.Check {
	return find(s.t, v, verification.IdentityRecords)
}

// AceData refuses connections, or is switched off: Tencent's records answer, for
// one charge, and who was tried stands in the check and in the timeline.
func TestRecordsThatAreDownFromTheStartArePassedOver(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: recordsPolicies, env: []string{"YANZHEN_ACEDATA_BASE_URL=http://" + freeAddress(t)}})
	p := s.person()
	v := s.untilEnd(s.beginAgain(with(s.request(p), "policy", "both")).view.ID, comesBack)
	s.approved(v)
	require.Equal(t, "tencent_records", s.recordsOf(v).Provider)
	require.Equal(t, []verification.Tried{{Provider: "acedata", Class: "unavailable"}}, s.recordsOf(v).Tried)
	require.Equal(t, verification.BillableYes, s.recordsOf(v).Billable)
	s.bills(p, 0, 0, 1, 1)
	timeline := string(s.call("shop", "GET", "/v1/verifications/"+v.ID+"/timeline", nil, nil).body)
	require.Regexp(t, `"acedata","type":"records\.asked".*"acedata",.*"records\.answered".*"tencent_records","type":"records\.asked".*"tencent_records",.*"records\.answered"`, timeline)

	s.yanzhen("provider", "off", "acedata", "--reason", "announced maintenance")
	p = s.person()
	v = s.untilEnd(s.beginAgain(with(s.request(p), "policy", "both")).view.ID, comesBack)
	s.approved(v)
	require.Equal(t, []verification.Tried{{Provider: "acedata", Class: "switched_off"}}, s.recordsOf(v).Tried)
	s.bills(p, 0, 0, 1, 1)
}

// AceData takes the question, and its answer is lost: Tencent's records are the one
// further try, unless the policy allows none.
func TestRecordsThatAreLostAfterTheQuestionAreAskedOnceMore(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: recordsPolicies})
	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Kind: sandbox.FaultDropAfter})
	p := s.person()
	v := s.untilEnd(s.beginAgain(with(s.request(p), "policy", "both")).view.ID, comesBack)
	s.approved(v)
	require.Equal(t, "tencent_records", s.recordsOf(v).Provider)
	s.bills(p, 1, 1, 1, 1)

	p = s.person()
	v = s.untilReview(s.beginAgain(with(s.request(p), "policy", "both-careful")).view.ID, comesBack)
	require.Equal(t, "[records.charge_unknown]", reasonsOf(s.recordsOf(v).Reasons))
	s.bills(p, 1, 1, 0, 0)

	// Both lose it: two charges, counted, and a human.
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: tencentRecordsCall, Kind: sandbox.FaultDropAfter})
	p = s.person()
	v = s.untilReview(s.beginAgain(with(s.request(p), "policy", "both")).view.ID, comesBack)
	require.Equal(t, "[records.charge_unknown]", reasonsOf(s.recordsOf(v).Reasons))
	require.Equal(t, verification.BillableUnknown, s.recordsOf(v).Billable)
	s.bills(p, 1, 1, 1, 1)

	// The cap of the number and day counts both: one more question is left of three.
	s.vendors.ClearFaults()
	for range 2 {
		v = s.until(s.beginAgain(with(s.request(p), "policy", "both")).view.ID, comesBack, "an end or a review",
			func(v view) bool { return v.Status.Ended() || v.Status == verification.InReview })
	}
	require.Equal(t, "[records.daily_cap]", reasonsOf(s.recordsOf(v).Reasons))
	s.bills(p, 2, 2, 1, 1)
}

// Both are away: waited out for the policy's patience, then a human looks, and
// nothing was paid. The one that is back in time answers.
func TestBothRecordsAwayAreWaitedOut(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: recordsPolicies})
	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Kind: sandbox.FaultErrorCode, Code: "too_many_requests"})
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: tencentRecordsCall, Kind: sandbox.FaultErrorCode, Code: "UnauthorizedOperation.Arrears"})
	p := s.person()
	began := time.Now()
	v := s.untilReview(s.beginAgain(with(s.request(p), "policy", "both-soon")).view.ID, comesBack)
	require.Greater(t, time.Since(began), 3*time.Second, "it is waited out")
	require.Equal(t, verification.Unavailable, s.recordsOf(v).Status)
	require.Equal(t, []verification.Tried{{Provider: "acedata", Class: "rate_limited"}, {Provider: "tencent_records", Class: "misconfigured"}}, s.recordsOf(v).Tried)
	asked, charged := s.recordsAbout(p, tencentRecordsCall)
	require.Greater(t, asked, 1, "and asked again meanwhile")
	require.Zero(t, charged)

	p = s.person()
	id := s.beginAgain(with(s.request(p), "policy", "both")).view.ID
	s.untilAsked(tencentRecordsCall, asked+1)
	s.vendors.ClearFaults()
	s.approved(s.untilEnd(id, comesBack))
	_, ace := s.recordsAbout(p, aceDataCall)
	_, tencent := s.recordsAbout(p, tencentRecordsCall)
	require.Equal(t, 1, ace+tencent)
}

// A worker that dies with a question, at the first vendor or at the second, loses
// an answer that was paid for: one more is bought, no third.
func TestAWorkerKilledWithARecordsQuestionBuysOneMoreAnswer(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: recordsPolicies})
	p := s.person()
	s.late(sandbox.AceData, aceDataCall, 8*time.Second)
	id := s.beginAgain(with(s.request(p), "policy", "both")).view.ID
	s.untilAsked(aceDataCall, 1)
	s.worker.kill()
	s.startWorker()
	s.approved(s.untilEnd(id, comesBack))
	s.bills(p, 2, 2, 0, 0)

	p = s.person()
	s.vendors.ClearFaults()
	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Kind: sandbox.FaultErrorCode, Code: "used_up"})
	s.late(sandbox.Tencent, tencentRecordsCall, 8*time.Second)
	id = s.beginAgain(with(s.request(p), "policy", "both")).view.ID
	s.untilAsked(tencentRecordsCall, 1)
	s.worker.kill()
	s.startWorker()
	v := s.until(id, comesBack, "an end or a review", func(v view) bool { return v.Status.Ended() || v.Status == verification.InReview })
	s.approved(v)
	_, charged := s.recordsAbout(p, tencentRecordsCall)
	require.Equal(t, 2, charged)
	_, charged = s.recordsAbout(p, aceDataCall)
	require.Zero(t, charged)
}
