package starter

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// consentsFrom is when the Personal Information Protection Law came into force: a
// consent from before is none in its sense, or a time that nobody set.
var consentsFrom = time.Date(2021, 11, 1, 0, 0, 0, 0, residentid.Shanghai)

// shapedLikeNumber tells why free text is refused.
const shapedLikeNumber = "Contains something shaped like an ID number; personal data belongs in subject only."

// clockSkew is how far a caller's clock may be ahead of ours.
const clockSkew = time.Minute

// UnknownPolicy is the fault of a policy that there is not, or not for this
// client.
func UnknownPolicy() FieldError {
	return FieldError{Field: "policy", Code: "policy.unknown", Message: "No policy of this name is configured."}
}

// Policies returns the configured policies by name.
func (s *Starter) Policies() []verification.Policy {
	out := make([]verification.Policy, 0, len(s.byName()))
	for _, name := range slices.Sorted(maps.Keys(s.byName())) {
		out = append(out, s.byName()[name])
	}
	return out
}

// Validate reports every rule of the domain that a request breaks. The fields
// are named as the API calls them, and nothing of the request is in the
// messages.
func (s *Starter) Validate(req verification.Request) []FieldError {
	var faults []FieldError
	add := func(field, code, message string) {
		faults = append(faults, FieldError{Field: field, Code: code, Message: message})
	}
	policy, ok := s.byName()[req.Policy]
	if !ok {
		faults = append(faults, UnknownPolicy())
	}
	chip := policy.Wants(verification.DocumentChip)
	switch {
	case !ok:
	case chip && req.NFCReqID == "" && req.Subject == nil:
		add("subject", "value.required", "The policy needs a subject, or an nfc_reqid to read one from.")
	case !chip && req.Subject == nil:
		add("subject", "value.required", "The policy reads no chip, so the subject must be given.")
	}
	if ok && !chip && req.NFCReqID != "" {
		add("nfc_reqid", "policy.no_chip", "The policy reads no chip.")
	}
	if req.Subject != nil {
		faults = append(faults, checkSubject(*req.Subject, s.now())...)
	}
	switch asked := presented(policy, req.Presentation); {
	case !ok:
	case !slices.Contains(verification.Presentations, asked.Presentation):
		add("presentation", "presentation.unknown", "Want page, vendor or mini_program.")
	case asked.Presentation == verification.PresentationMiniProgram && (!asked.WantsFace() || len(s.faces(asked)) == 0):
		add("presentation", "presentation.not_offered", "None of the policy's face vendors can be begun in a mini program.")
	}
	faults = append(faults, checkConsents(req.Consents, s.now())...)
	if residentid.ShapedLikeIDNumber(req.ClientReferenceID) {
		add("client_reference_id", "value.personal_data", shapedLikeNumber)
	}
	for key, value := range req.Metadata {
		if residentid.ShapedLikeIDNumber(key) || residentid.ShapedLikeIDNumber(value) {
			// The key is not named: it may be the number.
			add("metadata", "value.personal_data", shapedLikeNumber)
			break
		}
	}
	return faults
}

// checkConsents reports what is wrong with consents that a caller brings.
func checkConsents(consents []verification.Consent, now time.Time) []FieldError {
	var faults []FieldError
	for i, c := range consents {
		if !slices.Contains(verification.Purposes, c.Purpose) {
			faults = append(faults, FieldError{Field: fmt.Sprintf("consents.%d.purpose", i), Code: "purpose.unknown", Message: "No such purpose."})
		}
		if c.GivenAt.After(now.Add(clockSkew)) {
			faults = append(faults, FieldError{Field: fmt.Sprintf("consents.%d.given_at", i), Code: "given_at.future", Message: "Must not be in the future."})
		}
		if residentid.ShapedLikeIDNumber(c.TextVersion) { // it rests in the open, and outlives an erasure
			faults = append(faults, FieldError{Field: fmt.Sprintf("consents.%d.text_version", i), Code: "value.personal_data", Message: shapedLikeNumber})
		}
		if c.GivenAt.Before(consentsFrom) {
			faults = append(faults, FieldError{Field: fmt.Sprintf("consents.%d.given_at", i), Code: "given_at.too_early", Message: "Must not be before 2021-11-01, from when on the law asks for consents."})
		}
	}
	return faults
}

// checkSubject reports what is malformed in a claimed person.
func checkSubject(subject verification.Subject, now time.Time) []FieldError {
	_, faults := verification.CheckSubject(subject, now)
	out := make([]FieldError, 0, len(faults))
	for _, f := range faults {
		out = append(out, FieldError{Field: string(f.Field), Code: string(f.Code), Message: explain(f.Code)})
	}
	return out
}

// explain tells a rule in a sentence.
func explain(c residentid.Code) string {
	if text, ok := explanations[c]; ok {
		return text
	}
	return "Breaks a rule for resident identity cards."
}

var explanations = map[residentid.Code]string{
	residentid.IDLength:            "An ID number has 18 characters.",
	residentid.IDCharset:           "An ID number has 17 digits and a digit or X at the end.",
	residentid.Legacy15Digit:       "Numbers of 15 digits are no longer valid; the card has one of 18.",
	residentid.IDProvinceUnknown:   "The first two digits name no province.",
	residentid.IDBirthInvalid:      "The birth date in the number does not exist.",
	residentid.IDBirthFuture:       "The birth date in the number is in the future.",
	residentid.IDChecksum:          "The check character does not fit the number.",
	residentid.UnsupportedDocument: "Only resident identity cards are supported.",
	residentid.NameEmpty:           "The name is empty.",
	residentid.NameCharset:         "Only Chinese characters, with · between the parts of a name: no blanks, letters, digits or other signs.",
	residentid.NameSeparator:       "A · stands between two parts of a name: not first, not last, not twice in a row.",
	residentid.NameLength:          "The name is longer than a card allows.",
	residentid.ValidityMalformed:   "Must be a date in the form YYYYMMDD, the end after the begin; 00000000 for a card without an end (长期).",
	residentid.ValidityImpossible:  "The period is impossible: a begin in the future, or an end before it.",
	residentid.ValidityTermUnknown: "Cards are valid for 5, 10 or 20 years, or without an end (00000000).",
}
