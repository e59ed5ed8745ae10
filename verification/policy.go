package verification

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Requirement says what a policy wants of a check.
type Requirement string

const (
	// Required: approved only if passed.
	Required Requirement = "required"
	// IfAvailable: may be skipped or unavailable; what it says counts.
	IfAvailable Requirement = "if_available"
	// Off: not asked, and ignored.
	Off Requirement = "off"
)

// When says when the charged records check runs.
type When string

const (
	Parallel  When = "parallel"   // hides its latency behind the person
	AfterFace When = "after_face" // saves its price for abandoned sessions
)

// UnknownCharge says what follows a records answer lost after the question
// was sent, when it may have been charged.
type UnknownCharge string

const (
	UnknownRetry  UnknownCharge = "retry"  // ask once more
	UnknownReview UnknownCharge = "review" // never pay twice: a human looks
)

// SuspicionRule says what a vendor's suspicion of an attack leads to.
type SuspicionRule string

const (
	SuspicionReview  SuspicionRule = "review"
	SuspicionDecline SuspicionRule = "decline"
)

// AbroadRule says what a policy makes of vendors outside the Chinese mainland, and
// of those of which nobody knows where they are.
type AbroadRule string

const (
	// AbroadConsent: where the policy asks for consents, one to them is among these.
	AbroadConsent AbroadRule = "consent"
	// AbroadRefuse: the policy asks none.
	AbroadRefuse AbroadRule = "refuse"
	// AbroadAllow: the caller answers for it.
	AbroadAllow AbroadRule = "allow"
)

// CaptureRule says what a face that was captured, and compared with nothing,
// is worth.
type CaptureRule string

const (
	// CaptureInconclusive: it proves that somebody completed a capture.
	CaptureInconclusive CaptureRule = "inconclusive"
	// CapturePassed: the vendor confirmed in writing that a finished capture
	// proves liveness and the right face.
	CapturePassed CaptureRule = "passed"
)

// Policy is what a verification must show, and how long each step may take.
// It is pinned into a verification at its start; a changed policy gets a new
// Version. It travels through the engine and holds nothing personal.
type Policy struct {
	Name    string `json:"name"`
	Version int    `json:"version"`

	// Checks holds the requirement for each check; a check that is not named
	// is off.
	Checks map[CheckType]Requirement `json:"checks"`
	// Presentation holds where a request names none.
	Presentation Presentation `json:"presentation"`
	// LinkLife: how long the link of our page is good, from the start on.
	LinkLife Duration `json:"link_life"`
	// HumanRoute is where a person goes who asks for a human: HumanReview, or an
	// https address of the client's.
	HumanRoute string `json:"human_route"`
	// Consents are the purposes that the person must agree to before any vendor is
	// called: every one that the policy asks a vendor for, or none.
	Consents []Purpose `json:"consents,omitempty"`
	// Abroad is what holds for vendors abroad.
	Abroad AbroadRule `json:"abroad,omitempty"`
	// GuardianAgreed: the caller has the guardians' consent, so that children
	// under 14 are verified too.
	GuardianAgreed bool `json:"guardian_agreed,omitempty"`
	// ObjectionContact is whom a declined person may turn to; "": nobody is named.
	ObjectionContact string `json:"objection_contact,omitempty"`
	// FaceProviders in the order in which they are tried; empty: no face.
	FaceProviders []string `json:"face_providers,omitempty"`
	// RecordsProviders answer identity_records, in the order in which they are
	// asked; empty: none.
	RecordsProviders []string `json:"records_providers,omitempty"`
	RecordsWhen      When     `json:"records_when"`
	// ChipProvider reads document_chip; empty: no chip.
	ChipProvider string `json:"chip_provider,omitempty"`
	// Capture is what a captured face without a comparison is worth.
	Capture CaptureRule `json:"capture,omitempty"`
	// Comparer compares a captured face with the chip's portrait; empty: none.
	// CompareThreshold is the vendor's score from which on they are the same
	// person.
	Comparer         string        `json:"comparer,omitempty"`
	CompareThreshold float64       `json:"compare_threshold,omitempty"`
	UnknownCharge    UnknownCharge `json:"unknown_charge"`
	Suspicion        SuspicionRule `json:"suspicion"`

	// AlwaysReview: what the checks would approve goes to a human all the same,
	// as where no face is asked for.
	AlwaysReview bool `json:"always_review,omitempty"`

	// OneOpen: a start is refused while the same client has an open verification of
	// the claimed person.
	OneOpen bool `json:"one_open,omitempty"`

	// RotateProviders: a further session begins with the provider after the
	// last one's, instead of the first of the list.
	RotateProviders bool `json:"rotate_providers,omitempty"`

	// Attempts is how many judged face sessions a person has, Sessions how
	// many sessions of any ending.
	Attempts int `json:"attempts"`
	Sessions int `json:"sessions"`
	// RecordsDailyCap is the number of charged or possibly charged record
	// checks for one ID number and day (Asia/Shanghai), over all verifications.
	RecordsDailyCap int `json:"records_daily_cap"`
	// SessionsDailyCap is the number of face sessions for one ID number and day,
	// over all verifications.
	SessionsDailyCap int `json:"sessions_daily_cap"`

	// StartPatience: how long an outage of every face provider is waited out.
	StartPatience Duration `json:"start_patience"`
	// RecordsPatience: how long an outage of the records vendor is waited out.
	RecordsPatience Duration `json:"records_patience"`
	// LastLookPatience: how long an expired session's result is looked for.
	LastLookPatience Duration `json:"last_look_patience"`
	// RetryWindow: how long requires_input lasts without an open session.
	RetryWindow Duration `json:"retry_window"`
	// ReviewDeadline: how long a reviewer has.
	ReviewDeadline Duration `json:"review_deadline"`
}

// DefaultPolicy holds the design's figures; a configured policy overrides
// what it names.
func DefaultPolicy() Policy {
	return Policy{
		Version:          1,
		Presentation:     PresentationVendor,
		LinkLife:         Duration(24 * time.Hour),
		HumanRoute:       HumanReview,
		Abroad:           AbroadConsent,
		RecordsWhen:      Parallel,
		UnknownCharge:    UnknownRetry,
		Capture:          CaptureInconclusive,
		CompareThreshold: 60,
		Suspicion:        SuspicionReview,
		Attempts:         3,
		Sessions:         6,
		RecordsDailyCap:  3,
		SessionsDailyCap: 12,
		StartPatience:    Duration(30 * time.Minute),
		RecordsPatience:  Duration(24 * time.Hour),
		LastLookPatience: Duration(24 * time.Hour),
		RetryWindow:      Duration(30 * time.Minute),
		ReviewDeadline:   Duration(7 * 24 * time.Hour),
	}
}

// Requirement returns what the policy wants of a check.
func (p Policy) Requirement(t CheckType) Requirement {
	if r, ok := p.Checks[t]; ok {
		return r
	}
	return Off
}

// Wants reports whether the policy asks for the check at all.
func (p Policy) Wants(t CheckType) bool { return p.Requirement(t) != Off }

// WantsFace reports whether the policy asks for a face session.
func (p Policy) WantsFace() bool { return p.Wants(Liveness) || p.Wants(FaceMatch) }

// Longest bounds how long a verification under this policy can run, given
// the longest life of one face session. An execution time-out must not be
// shorter.
func (p Policy) Longest(session time.Duration) time.Duration {
	perSession := p.StartPatience.Std() + session + p.LastLookPatience.Std() + p.RetryWindow.Std()
	sessions := time.Duration(p.Sessions) * perSession
	if p.Paged() { // the link's life bounds them, but for the look for the last one's result
		sessions = p.LinkLife.Std() + perSession
	}
	return max(p.RecordsPatience.Std(), sessions) + p.RecordsPatience.Std() + p.ReviewDeadline.Std()
}

// Validate reports every fault of the policy at once, each naming its
// setting.
func (p Policy) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("policy %q: "+format, append([]any{p.Name}, args...)...))
	}
	if p.Name == "" {
		bad("name is empty")
	}
	if p.Version < 1 {
		bad("version must be 1 or more")
	}
	required := 0
	for t, r := range p.Checks {
		if !slices.Contains(CheckTypes, t) {
			bad("checks: %q is no check", t)
		}
		if !slices.Contains([]Requirement{Required, IfAvailable, Off}, r) {
			bad("checks.%s: %q: want required, if_available or off", t, r)
		}
		if r == Required {
			required++
		}
	}
	if required == 0 {
		bad("checks: at least one must be required, or everybody would be approved")
	}
	if p.WantsFace() != (len(p.FaceProviders) > 0) {
		bad("face_providers and the checks liveness and face_match go together")
	}
	if p.Wants(IdentityRecords) != (len(p.RecordsProviders) > 0) {
		bad("records_providers and the check identity_records go together")
	}
	if twice(p.FaceProviders) {
		bad("face_providers names one twice")
	}
	if twice(p.RecordsProviders) {
		bad("records_providers names one twice")
	}
	p.validatePage(bad)
	if p.Wants(DocumentChip) != (p.ChipProvider != "") {
		bad("chip_provider and the check document_chip go together")
	}
	if !slices.Contains([]CaptureRule{CaptureInconclusive, CapturePassed}, p.Capture) {
		bad("capture: %q: want inconclusive or passed", p.Capture)
	}
	if p.Comparer != "" && p.ChipProvider == "" {
		bad("comparer needs a chip_provider: the chip's portrait is what a face is compared with")
	}
	if p.Comparer != "" && (p.CompareThreshold < 50 || p.CompareThreshold > 100) {
		bad("compare_threshold must be from 50 to 100")
	}
	if !slices.Contains([]When{Parallel, AfterFace}, p.RecordsWhen) {
		bad("records_when: %q: want parallel or after_face", p.RecordsWhen)
	}
	if !slices.Contains([]UnknownCharge{UnknownRetry, UnknownReview}, p.UnknownCharge) {
		bad("unknown_charge: %q: want retry or review", p.UnknownCharge)
	}
	if !slices.Contains([]SuspicionRule{SuspicionReview, SuspicionDecline}, p.Suspicion) {
		bad("suspicion: %q: want review or decline", p.Suspicion)
	}
	if p.Attempts < 1 {
		bad("attempts must be 1 or more")
	}
	if p.Sessions < p.Attempts {
		bad("sessions must not be less than attempts")
	}
	if p.RecordsDailyCap < 1 {
		bad("records_daily_cap must be 1 or more")
	}
	if p.SessionsDailyCap < 1 {
		bad("sessions_daily_cap must be 1 or more")
	}
	for _, d := range []struct {
		name string
		d    Duration
	}{
		{"start_patience", p.StartPatience}, {"records_patience", p.RecordsPatience},
		{"last_look_patience", p.LastLookPatience}, {"retry_window", p.RetryWindow},
		{"review_deadline", p.ReviewDeadline},
	} {
		if d.d <= 0 {
			bad("%s must be more than 0", d.name)
		}
	}
	return errors.Join(errs...)
}

func twice(names []string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names)
}
