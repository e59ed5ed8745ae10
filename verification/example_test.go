package verification_test

import (
	"fmt"

	v "github.com/yanzhen-id/yanzhen/verification"
)

// A policy judges checks. What no vendor could tell leads to a human, and never
// to a declined person.
func ExampleJudge() {
	policy := v.DefaultPolicy()
	policy.Checks = map[v.CheckType]v.Requirement{v.IdentityRecords: v.Required, v.FaceMatch: v.Required}

	face := v.NewCheck(v.FaceMatch, v.Passed)
	for _, records := range []v.Check{
		v.NewCheck(v.IdentityRecords, v.Passed),
		v.NewCheck(v.IdentityRecords, v.Failed, v.IdentityMismatch),
		v.NewCheck(v.IdentityRecords, v.Unavailable, v.ProviderUnavailable),
	} {
		j := v.Judge(policy, []v.Check{records, face})
		fmt.Println(records.Status, "→", j.Outcome)
		for _, r := range j.Reasons {
			fmt.Println("  ", r.Code)
		}
	}
	// Output:
	// passed → approved
	// failed → declined
	//    identity.mismatch
	// unavailable → review
	//    provider.unavailable
}

// A reason's class says what it leads to; the catalogue has a text for the
// person and one for those who run the service.
func ExampleReasonCode_Class() {
	for _, code := range []v.ReasonCode{v.IdentityMismatch, v.FaceNoMatch, v.FaceSpoofSuspected} {
		_, listed := code.Describe()
		fmt.Println(code, code.Class(), listed)
	}
	// Output:
	// identity.mismatch final true
	// face.no_match retryable true
	// face.spoof_suspected suspicion true
}
