package verification

import (
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// FieldError is a hard rule that a field of a claim breaks. It names field and rule,
// never the value.
type FieldError = residentid.FieldError

// subjectRules are the rules for every subject: resident cards only. Whether
// the vendors' records know other cards is unconfirmed.
var subjectRules residentid.Rules

// CheckSubject normalises a claimed subject and reports the first hard fault of
// every field. A card that is well-formed but expired has none: that is for
// DocumentCheck to say.
func CheckSubject(s Subject, today time.Time) (Subject, []FieldError) {
	s, f := s.findings(today)
	return s, f.Malformed
}

// Normalised is the subject in the form in which vendors are asked about it.
func (s Subject) Normalised() Subject {
	s, _ = s.findings(time.Time{})
	return s
}

// DocumentCheck makes the document_validity check of a claim or of what a chip
// says. CompletedAt is for the caller to set.
//
// Malformed data proves nothing about the person, so it is never a failure: a
// claim with it was refused before, and a chip with it needs a human. Dates that
// are of no form that is understood are told from impossible ones: they may be
// quite possible.
func DocumentCheck(s Subject, today time.Time) Check {
	s, f := s.findings(today)
	var notes []ReasonCode
	for _, n := range []struct {
		soft residentid.Code
		note ReasonCode
	}{
		{residentid.CardExpiring, DocumentExpiring},
		{residentid.SequenceZero, DocumentSequenceZero},
		{residentid.NamePrivateUse, DocumentNamePrivateUse},
	} {
		if slices.Contains(f.Soft, n.soft) {
			notes = append(notes, n.note)
		}
	}
	with := func(status CheckStatus, codes ...ReasonCode) Check {
		return NewCheck(DocumentValidity, status, append(codes, notes...)...)
	}
	switch {
	case slices.ContainsFunc(f.Malformed, func(x FieldError) bool { return x.Code == residentid.UnsupportedDocument }):
		return with(Inconclusive, DocumentTypeUnsupported)
	case slices.ContainsFunc(f.Malformed, func(x FieldError) bool { return !s.unread(x.Field) }):
		return with(Inconclusive, DocumentImplausible)
	case f.Expired:
		return with(Failed, DocumentExpired)
	case len(f.Malformed) > 0:
		return with(Inconclusive, DocumentValidityUnclear)
	case slices.Contains(f.Soft, residentid.ValidityAgeMismatch):
		return with(Inconclusive, DocumentValidityAge)
	default:
		return with(Passed)
	}
}

// unread: the field holds a day of no form that is understood.
func (s Subject) unread(field residentid.Field) bool {
	var understood bool
	switch field {
	case residentid.FieldFrom:
		_, understood = residentid.ReadDay(s.IDValidity.From)
	case residentid.FieldTo:
		_, understood = residentid.ReadEnd(s.IDValidity.To)
	default:
		return false
	}
	return !understood
}

func (s Subject) findings(today time.Time) (Subject, residentid.Findings) {
	card, f := subjectRules.Check(residentid.Card{
		Number: s.IDNumber, Name: s.Name, From: s.IDValidity.From, To: s.IDValidity.To,
	}, today)
	return Subject{
		Name:       card.Name,
		IDNumber:   card.Number,
		IDValidity: Validity{From: card.From, To: card.To},
	}, f
}

// PurposeNumber is the purpose under which a person's number is hashed, so that
// what is counted and found by it agrees. The word is part of what rests.
const PurposeNumber = "daily-cap"
