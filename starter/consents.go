package starter

import (
	"github.com/yanzhen-id/yanzhen/verification"
)

// mustBring are the consents that a start must bring and does not: all that the
// policy asks for where the person is not asked on our page; there, the one for
// the chip, which is read at once.
func mustBring(p verification.Policy, req verification.Request) []verification.Purpose {
	required := p.Consents
	if p.Paged() {
		required = nil
		if req.NFCReqID != "" && len(p.Consents) > 0 {
			required = []verification.Purpose{verification.PurposeDocumentChip}
		}
	}
	return verification.Missing(required, req.Consents)
}

// consentFields name the purposes without a consent.
func consentFields(missing []verification.Purpose) []FieldError {
	out := make([]FieldError, 0, len(missing))
	for _, p := range missing {
		out = append(out, FieldError{Field: "consents", Code: "consent.required", Message: "The policy requires the person's consent to " + string(p) + "."})
	}
	return out
}
