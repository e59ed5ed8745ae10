package verification

import (
	"slices"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// CompareHolders makes the holder_match check of two people who should be one.
// Names that agree but for characters that nobody can read are for a human.
// Provider and CompletedAt are for the caller to set.
func CompareHolders(a, b Subject) Check {
	agreement := residentid.CompareNames(a.Name, b.Name)
	switch {
	case residentid.NormaliseNumber(a.IDNumber) != residentid.NormaliseNumber(b.IDNumber), agreement == residentid.NamesDiffer:
		return NewCheck(HolderMatch, Failed, HolderMismatch)
	case agreement == residentid.NamesUnclear:
		return NewCheck(HolderMatch, Inconclusive, IdentityNameRare)
	}
	return NewCheck(HolderMatch, Passed)
}

// SpareMismatch takes a vendor's word that name and number differ for what it is where
// the name is rare: its source may write a character in other code points. Such
// a check is inconclusive, and no decline. Every other check stays as it is.
func (s Subject) SpareMismatch(c Check) Check {
	differ := func(r Reason) bool { return r.Code == IdentityMismatch }
	if c.Status != Failed || !slices.ContainsFunc(c.Reasons, differ) || !residentid.RareName(s.Name) {
		return c
	}
	rest := slices.DeleteFunc(slices.Clone(c.Reasons), differ)
	if slices.ContainsFunc(rest, func(r Reason) bool { return r.Code.Class() == Final || r.Code.Class() == Suspicion }) {
		return c
	}
	c.Status, c.Retryable = Inconclusive, false
	c.Reasons = append([]Reason{ReasonOf(IdentityNameRare)}, rest...)
	return c
}

// SpareFaceMismatch does the same to what came of a face session. The face side ends
// inconclusive: another session would be compared with the same name.
func (s Subject) SpareFaceMismatch(r FaceResult) FaceResult {
	spared := slices.Clone(r.Checks)
	for i := range spared {
		spared[i] = s.SpareMismatch(spared[i])
		if spared[i].Status != r.Checks[i].Status && r.Reason == IdentityMismatch {
			r.Reason = IdentityNameRare
		}
	}
	r.Checks = spared
	return r
}

// OtherSpelling is the subject with its name in the other code points that it
// may be held in, see residentid; ok is false where there are none.
func (s Subject) OtherSpelling() (other Subject, ok bool) {
	other = s
	other.Name, ok = residentid.OtherSpelling(s.Name)
	return other, ok
}
