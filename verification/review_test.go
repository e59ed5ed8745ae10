package verification_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/yanzhen-id/yanzhen/verification"
)

// A reviewer's decision does not contradict itself, and nobody is declined for what
// is our fault or a vendor's, or how a session ended.
func TestReasonsFitDecisions(t *testing.T) {
	for _, c := range []struct {
		code               ReasonCode
		approved, declined bool
		reopened           bool
	}{
		{ReviewApproved, true, false, false},
		{ReviewRejected, false, true, false},
		{HolderMismatch, false, true, true},
		{IdentityMismatch, false, true, true},
		{FaceNoMatch, false, true, true},
		{FaceSpoofSuspected, false, true, true},
		{DocumentExpired, false, true, true},
		{SessionAttemptsExhausted, false, true, true},
		{RecordsNotFound, false, true, true},
		{DocumentBirthMismatch, false, true, true},
		{DocumentExpiring, false, false, true},
		{DocumentSequenceZero, false, false, true},
		{FaceNotCompared, false, false, true},
		{FaceNoReferencePhoto, false, false, true},
		{IdentityNameMalformed, false, false, true},
		{IdentityNumberAttacked, false, false, true},
		{RecordsDailyCap, false, false, true},
		{ProviderUnavailable, false, false, true},
		{ProviderContractViolation, false, false, true},
		{ReviewAlways, false, false, true},
		{ReviewDeadline, false, false, false},
		{SessionCanceled, false, false, false},
		{SessionExpired, false, false, false},
		{CanceledByCaller, false, false, false},
		{EngineEnded, false, false, false},
		{"made.up", false, false, false},
		{"", false, false, false},
	} {
		require.Equal(t, c.approved, c.code.Fits(Approved), c.code)
		require.Equal(t, c.declined, c.code.Fits(Declined), c.code)
		require.Equal(t, c.reopened, c.code.FitsReopening(), c.code)
		require.False(t, c.code.Fits(""), c.code)
		require.False(t, c.code.Fits("review"), c.code)
	}
	for _, e := range Catalogue {
		require.False(t, e.Code.Fits(Approved) && e.Code.Fits(Declined), "%s fits both", e.Code)
	}
}
