package verification

import (
	"time"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// Card is what was read from a document's chip, as far as a verification
// needs it. It is personal data: it rests sealed in the store and passes
// nowhere else but to vendors. What else a chip holds (address, ethnicity,
// issuer) is not asked for and not kept.
type Card struct {
	Name     string   `json:"name"`
	IDNumber string   `json:"id_number"`
	Validity Validity `json:"validity"`
	// Sex as the chip tells it, "m" or "f"; empty: not told.
	Sex string `json:"sex,omitempty"`
	// BirthDate as the chip tells it, YYYYMMDD; empty: not told.
	BirthDate string `json:"birth_date,omitempty"`
	// Portrait is the chip's picture. It rests apart from the rest of the card,
	// only if the policy compares it, and no longer than a session may need it.
	Portrait []byte `json:"-"`
}

// Subject is the chip's holder as the person that a verification is about.
func (c Card) Subject() Subject {
	return Subject{Name: c.Name, IDNumber: c.IDNumber, IDValidity: c.Validity}
}

// String and GoString keep a card that strays into a log or an error from
// telling whose it is.
func (Card) String() string   { return "[card]" }
func (Card) GoString() string { return "[card]" }

// CheckChip checks a chip's data, against itself and against a claim (nil:
// nobody was claimed): document_chip, document_validity and holder_match.
// CompletedAt and Provider are for the caller to set.
func CheckChip(c Card, claimed *Subject, today time.Time) []Check {
	subject, _ := c.Subject().findings(today)
	checks := []Check{chipCheck(subject, c), DocumentCheck(c.Subject(), today)}
	if claimed == nil {
		return checks
	}
	claim, _ := claimed.findings(today)
	return append(checks, CompareHolders(claim, subject))
}

// chipCheck: the chip was read; what in it does not fit together goes to a
// human, since it is no proof against the person.
func chipCheck(s Subject, c Card) Check {
	sex := map[string]residentid.Sex{"m": residentid.Male, "f": residentid.Female}[c.Sex]
	soft := residentid.CheckChip(s.IDNumber, residentid.Chip{Birth: c.BirthDate, Sex: sex, From: s.IDValidity.From})
	var codes []ReasonCode
	for _, code := range soft {
		codes = append(codes, map[residentid.Code]ReasonCode{
			residentid.ChipBirthMismatch: DocumentBirthMismatch,
			residentid.ChipSexMismatch:   DocumentSexMismatch,
			residentid.ChipBefore2004:    DocumentBeforeChipCards,
		}[code])
	}
	if len(codes) > 0 {
		return NewCheck(DocumentChip, Inconclusive, codes...)
	}
	return NewCheck(DocumentChip, Passed)
}
