package verification

import (
	"log/slog"
	"strings"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// LongTerm is the wire form of a validity without an end (长期).
const LongTerm = residentid.LongTerm

// Validity is a card's validity period, both days included.
type Validity struct {
	From string `json:"from"` // YYYYMMDD
	To   string `json:"to"`   // YYYYMMDD, or LongTerm
}

// Subject is the person that a verification is about. It is personal data:
// it rests sealed in the store and passes nowhere else but to vendors.
type Subject struct {
	Name       string   `json:"name"`
	IDNumber   string   `json:"id_number"`
	IDValidity Validity `json:"id_validity"`
}

// String, GoString and LogValue keep a subject that strays into a log or an
// error from telling who it is.
func (Subject) String() string       { return "[subject]" }
func (Subject) GoString() string     { return "[subject]" }
func (Subject) LogValue() slog.Value { return slog.StringValue("[subject]") }

// Masked returns what may be shown: the first character of the name, the
// first three and last two of the number.
func (s Subject) Masked() (name, number string) {
	if r := []rune(s.Name); len(r) > 0 {
		name = string(r[:1]) + strings.Repeat("*", len(r)-1)
		if len(r) == 1 {
			name = "*"
		}
	}
	if n := []rune(s.IDNumber); len(n) > 5 {
		number = string(n[:3]) + strings.Repeat("*", len(n)-5) + string(n[len(n)-2:])
	}
	return name, number
}

// Request is what an onboarding service asks for. Everything in it but the
// policy's name and the presentation is personal or may be.
type Request struct {
	Policy string `json:"policy"`
	// Presentation, or "" for the policy's.
	Presentation Presentation `json:"presentation,omitempty"`
	// Language of our page, or "" for what the person's browser asks for.
	Language          string            `json:"lang,omitempty"`
	Subject           *Subject          `json:"subject,omitempty"`
	NFCReqID          string            `json:"nfc_reqid,omitempty"`
	ReturnURL         string            `json:"return_url,omitempty"`
	ClientReferenceID string            `json:"client_reference_id,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	Consents          []Consent         `json:"consents,omitempty"`
}

func (Request) String() string       { return "[request]" }
func (Request) GoString() string     { return "[request]" }
func (Request) LogValue() slog.Value { return slog.StringValue("[request]") }
