package verification

import "slices"

// against are the neutral reasons for which a reviewer who has looked may
// decline: they are about the document or the records. The other neutral ones
// are about us or a vendor, and nobody is declined for that.
var against = []ReasonCode{
	RecordsNotFound, RecordsNotVerifiable,
	DocumentImplausible, DocumentTypeUnsupported, DocumentValidityAge, DocumentBeforeChipCards, DocumentBirthMismatch, DocumentSexMismatch,
}

// Fits reports whether a reviewer may give the reason for the decision: a word
// that contradicts itself decides nothing. A reason that is not in the
// catalogue fits none.
func (c ReasonCode) Fits(d Decision) bool {
	switch d {
	case Approved:
		return c == ReviewApproved
	case Declined:
		switch c.Class() {
		case Final, Retryable, Suspicion:
			return true
		}
		return slices.Contains(against, c)
	}
	return false
}

// FitsReopening reports whether a completed case may be taken back into review
// for the reason: not for how something ended, nor for a reviewer's word.
func (c ReasonCode) FitsReopening() bool {
	_, known := c.Describe()
	return known && c.Class() != Session && c != ReviewApproved && c != ReviewRejected
}
