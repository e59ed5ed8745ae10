package verification

import (
	"net/url"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// Presentation says where the person does what they are asked to.
type Presentation string

const (
	// PresentationVendor: on the face vendor's own page, to which the caller gets
	// the link.
	PresentationVendor Presentation = "vendor"
	// PresentationPage: on our page, whose one link is good for the policy's
	// LinkLife. No vendor is called before the person is there and agrees.
	PresentationPage Presentation = "page"
)

// Presentations lists those that can be asked for.
var Presentations = []Presentation{PresentationPage, PresentationVendor, PresentationMiniProgram}

// HumanReview, as a policy's HumanRoute, lets a person who asks for a human go
// to review. Any other route is an https address of the client's.
const HumanReview = "review"

// Purpose is what a person agrees to.
type Purpose string

const (
	PurposeDocumentChip       Purpose = "document_chip"       // the card's chip is read
	PurposeIdentityRecords    Purpose = "identity_records"    // the authority's records are asked
	PurposeFace               Purpose = "face"                // a face vendor looks at the face
	PurposePortraitComparison Purpose = "portrait_comparison" // the face is compared with the chip's portrait
	PurposeVendorAbroad       Purpose = "vendor_abroad"       // a vendor abroad gets what it is asked about
)

// Purposes lists every purpose in the order in which they are shown.
var Purposes = []Purpose{PurposeDocumentChip, PurposeIdentityRecords, PurposeFace, PurposePortraitComparison, PurposeVendorAbroad}

// Channel says where a person agreed.
type Channel string

const (
	ChannelPage   Channel = "page"   // on our page, to a configured text
	ChannelCaller Channel = "caller" // on the caller's own screens, to the caller's text
)

// Consent records that the person agreed to a purpose.
type Consent struct {
	Purpose Purpose `json:"purpose"`
	// TextVersion names the text that was agreed to, TextHash is its SHA-256 in
	// hex, and Language its language.
	TextVersion string    `json:"text_version,omitempty"`
	TextHash    string    `json:"text_hash,omitempty"`
	Language    string    `json:"language,omitempty"`
	GivenAt     time.Time `json:"given_at"`
	Channel     Channel   `json:"channel,omitempty"`
	// WithdrawnAt is nil while the consent stands.
	WithdrawnAt *time.Time `json:"withdrawn_at,omitempty"`
}

// Missing are the purposes that no standing consent covers, in their order.
func Missing(purposes []Purpose, consents []Consent) []Purpose {
	var out []Purpose
	for _, p := range purposes {
		if !slices.ContainsFunc(consents, func(c Consent) bool { return c.Purpose == p && c.WithdrawnAt == nil }) {
			out = append(out, p)
		}
	}
	return out
}

// lastMinutes of a link open no vendor's session any more: it would outlive it.
const lastMinutes = 10 * time.Minute

// LinkEnds is when the link of a verification ends that began at the time, and
// opens is until when it opens sessions: 10 minutes less, or a quarter of a
// short life.
func (p Policy) LinkEnds(began time.Time) (ends, opens time.Time) {
	ends = began.Add(p.LinkLife.Std())
	return ends, LinkOpens(began, ends)
}

// PageLinkEnds is when the link of the page ends under the policy, or to when an
// operator has extended it, and opens until when it opens sessions.
func (s State) PageLinkEnds(p Policy) (ends, opens time.Time) {
	ends, opens = p.LinkEnds(s.CreatedAt)
	if s.LinkUntil != nil && s.LinkUntil.After(ends) {
		ends, opens = *s.LinkUntil, LinkOpens(s.CreatedAt, *s.LinkUntil)
	}
	return ends, opens
}

// LinkOpens is until when a link opens sessions that lives from one time to
// another.
func LinkOpens(began, ends time.Time) time.Time {
	return ends.Add(-min(lastMinutes, ends.Sub(began)/4))
}

// Paged reports whether the person acts on our page.
func (p Policy) Paged() bool { return p.Presentation == PresentationPage }

// validatePage reports every fault of what concerns the person's page.
func (p Policy) validatePage(bad func(format string, args ...any)) {
	if !slices.Contains(Presentations, p.Presentation) {
		bad("presentation: %q: want page, vendor or mini_program", p.Presentation)
	}
	if p.Presentation == PresentationMiniProgram && !p.WantsFace() {
		bad("presentation: mini_program needs a face to be looked at")
	}
	if p.LinkLife <= 0 {
		bad("link_life must be more than 0")
	}
	if p.HumanRoute != HumanReview && !httpsAddress(p.HumanRoute) {
		bad("human_route: want review or an https address")
	}
	for i, c := range p.Consents {
		switch {
		case !slices.Contains(Purposes, c):
			bad("consents: %q is no purpose", c)
		case slices.Contains(p.Consents[:i], c):
			bad("consents: %s stands twice", c)
		}
	}
	for _, purpose := range Missing(p.purposes(), consentsTo(p.Consents)) {
		if len(p.Consents) > 0 {
			bad("consents must name %s too, since the policy asks a vendor for it", purpose)
		}
	}
	if !slices.Contains([]AbroadRule{AbroadConsent, AbroadRefuse, AbroadAllow}, p.Abroad) {
		bad("abroad: %q: want consent, refuse or allow", p.Abroad)
	}
}

// purposes are those that the policy asks vendors for, wherever they are.
func (p Policy) purposes() []Purpose {
	var out []Purpose
	for _, o := range []struct {
		purpose Purpose
		asked   bool
	}{
		{PurposeDocumentChip, p.Wants(DocumentChip)}, {PurposeIdentityRecords, p.Wants(IdentityRecords)},
		{PurposeFace, p.WantsFace()}, {PurposePortraitComparison, p.Comparer != ""},
	} {
		if o.asked {
			out = append(out, o.purpose)
		}
	}
	return out
}

func consentsTo(purposes []Purpose) []Consent {
	out := make([]Consent, 0, len(purposes))
	for _, p := range purposes {
		out = append(out, Consent{Purpose: p})
	}
	return out
}

func httpsAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.Fragment == ""
}

// adultForConsent is the age from which a person agrees to sensitive processing
// themselves (PIPL, article 31).
const adultForConsent = 14

// Minor reports whether the person is too young to agree, by the number. A number
// that tells no birth date says nothing.
func Minor(s Subject, today time.Time) bool {
	age, ok := residentid.Age(s.IDNumber, today)
	return ok && age < adultForConsent
}
