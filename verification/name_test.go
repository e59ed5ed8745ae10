package verification_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/yanzhen-id/yanzhen/verification"
)

func named(name string) Subject { return with(func(s *Subject) { s.Name = name }) }

// Two code points of one character are one holder, on a chip as at a vendor; a
// character that nobody can read is for a human.
func TestHoldersAreComparedByTheirCharacters(t *testing.T) {
	for _, c := range []struct {
		a, b Subject
		want Check
	}{
		{named("王\uE863"), named("王䶮"), NewCheck(HolderMatch, Passed)},
		{named("样\uFA30"), named("样侮"), NewCheck(HolderMatch, Passed)},
		{named("阿测\uFE52样"), named("阿测·样"), NewCheck(HolderMatch, Passed)},
		{named("样\uE123"), named("样㐂"), NewCheck(HolderMatch, Inconclusive, IdentityNameRare)},
		{named("样万"), named("样萬"), NewCheck(HolderMatch, Failed, HolderMismatch)},
		{named(""), named(""), NewCheck(HolderMatch, Failed, HolderMismatch)},
		{named("样\uE123"), with(func(s *Subject) { s.Name, s.IDNumber = "样㐂", "110199199003070025" }), NewCheck(HolderMatch, Failed, HolderMismatch)},
		{with(func(s *Subject) { s.IDNumber = "11019919900307005x" }), with(func(s *Subject) { s.IDNumber = "11019919900307005X" }), NewCheck(HolderMatch, Passed)},
	} {
		require.Equal(t, c.want, CompareHolders(c.a, c.b), "%+q %+q", c.a.Name, c.b.Name)
	}
	card := Card{Name: "王\uE863", IDNumber: subject().IDNumber, Validity: subject().IDValidity}
	claimed := named("王䶮")
	holder, ok := Find(CheckChip(card, &claimed, today), HolderMatch)
	require.True(t, ok)
	require.Equal(t, Passed, holder.Status)
}

// No vendor's word that a rare name differs declines; every other failure does
// what it did.
func TestARareNameIsSparedAVendorsMismatch(t *testing.T) {
	differs := NewCheck(IdentityRecords, Failed, IdentityMismatch)
	differs.Provider, differs.ProviderCode, differs.Billable = "acedata", "-1", BillableYes
	want := NewCheck(IdentityRecords, Inconclusive, IdentityNameRare)
	want.Provider, want.ProviderCode, want.Billable = "acedata", "-1", BillableYes
	for _, rare := range []string{"样䶮", "样\uE863", "样\uE123", "㐂样", "样\uFA30", "样\u9FB4"} {
		require.Equal(t, want, named(rare).SpareMismatch(differs), "%+q", rare)
	}
	require.Equal(t, differs, subject().SpareMismatch(differs))
	for _, other := range []Check{
		NewCheck(IdentityRecords, Passed), NewCheck(IdentityRecords, Inconclusive, RecordsNotFound), NewCheck(FaceMatch, Failed, FaceNoMatch),
		NewCheck(FaceMatch, Failed, DocumentExpired), NewCheck(HolderMatch, Failed, HolderMismatch), NewCheck(FaceMatch, Failed, FaceSpoofSuspected),
		NewCheck(FaceMatch, Failed, IdentityMismatch, DocumentExpired), NewCheck(FaceMatch, Failed, IdentityMismatch, FaceSpoofSuspected),
	} {
		require.Equal(t, other, named("样䶮").SpareMismatch(other))
	}
	p := Policy{Checks: map[CheckType]Requirement{IdentityRecords: Required}}
	require.Equal(t, OutcomeReview, Judge(p, []Check{named("样䶮").SpareMismatch(differs)}).Outcome)
	require.Equal(t, OutcomeDeclined, Judge(p, []Check{subject().SpareMismatch(differs)}).Outcome)
}

func TestAFaceSessionOfARareNameEndsInconclusiveOnAMismatch(t *testing.T) {
	r := FaceResult{Judged: true, Reason: IdentityMismatch, Checks: []Check{NewCheck(Liveness, Passed), NewCheck(FaceMatch, Failed, IdentityMismatch)}}
	spared := named("样䶮").SpareFaceMismatch(r)
	require.Equal(t, EndedInconclusive, spared.Ending())
	require.Equal(t, IdentityNameRare, spared.Reason)
	require.Equal(t, EndedFinally, r.Ending(), "what was given stays as it is")
	require.Equal(t, r, subject().SpareFaceMismatch(r))
	noMatch := FaceResult{Judged: true, Reason: FaceNoMatch, Checks: []Check{NewCheck(FaceMatch, Failed, FaceNoMatch)}}
	require.Equal(t, noMatch, named("样䶮").SpareFaceMismatch(noMatch))
	require.Equal(t, FaceResult{Reason: SessionExpired}.Ending(), named("样䶮").SpareFaceMismatch(FaceResult{Reason: SessionExpired}).Ending())
}
