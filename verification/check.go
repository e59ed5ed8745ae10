package verification

import (
	"slices"
	"time"
)

// CheckType names one question that a verification asks about a person or a
// document.
type CheckType string

const (
	// DocumentChip: the card's chip was read and its data is genuine.
	DocumentChip CheckType = "document_chip"
	// IdentityRecords: name, number and validity dates agree with the
	// authority's records.
	IdentityRecords CheckType = "identity_records"
	// DocumentValidity: dates and age rules, decided locally.
	DocumentValidity CheckType = "document_validity"
	// HolderMatch: chip, claim and the identity that a face vendor saw agree.
	HolderMatch CheckType = "holder_match"
	// Liveness: a living person was in front of the camera.
	Liveness CheckType = "liveness"
	// FaceMatch: that person's face is the document holder's.
	FaceMatch CheckType = "face_match"
)

// CheckTypes lists every check in the order in which they are shown.
var CheckTypes = []CheckType{DocumentChip, DocumentValidity, IdentityRecords, HolderMatch, Liveness, FaceMatch}

// CheckStatus is the result of one check.
type CheckStatus string

const (
	Pending      CheckStatus = "pending"
	Passed       CheckStatus = "passed"
	Failed       CheckStatus = "failed"
	Inconclusive CheckStatus = "inconclusive" // the vendor answered and cannot tell
	Skipped      CheckStatus = "skipped"      // not asked for
	Unavailable  CheckStatus = "unavailable"  // no answer: outage, time-out, quota
)

// Billable says whether a vendor charged for a check. Unknown stands for an
// answer that was lost after the question had been sent.
type Billable string

const (
	BillableYes     Billable = "yes"
	BillableNo      Billable = "no"
	BillableUnknown Billable = "unknown"
)

// Check is the result of one check. It holds nothing personal and travels
// through the engine as it is.
type Check struct {
	Type    CheckType   `json:"type"`
	Status  CheckStatus `json:"status"`
	Reasons []Reason    `json:"reasons,omitempty"`
	// Provider is who answered, empty for local checks.
	Provider string `json:"provider,omitempty"`
	// ProviderCode is the vendor's raw code, kept beside ours.
	ProviderCode string `json:"provider_code,omitempty"`
	// Retryable: the same person may pass next time.
	Retryable   bool       `json:"retryable"`
	Billable    Billable   `json:"billable,omitempty"`
	CompletedAt *time.Time `json:"completed_at,omitempty"`
	// Tried are the providers that could not open the session, or could not answer.
	Tried []Tried `json:"tried,omitempty"`
}

// Tried is a provider that was tried, and why it could not.
type Tried struct {
	Provider string `json:"provider"`
	// Class of the fault, e.g. "unavailable".
	Class string `json:"class"`
}

// NewCheck makes a check whose Retryable follows from its reasons: a failure
// is retryable when every reason is; notes say nothing either way.
func NewCheck(t CheckType, s CheckStatus, codes ...ReasonCode) Check {
	c := Check{Type: t, Status: s}
	for _, code := range codes {
		if r := ReasonOf(code); !slices.Contains(c.Reasons, r) {
			c.Reasons = append(c.Reasons, r)
		}
	}
	if s == Failed && len(codes) > 0 {
		c.Retryable = !slices.ContainsFunc(c.Reasons, func(r Reason) bool { return !r.Retryable && r.Code.Class() != Note })
	}
	return c
}

// Has reports whether one of the check's reasons is of the class.
func (c Check) Has(class ReasonClass) bool {
	return slices.ContainsFunc(c.Reasons, func(r Reason) bool { return r.Code.Class() == class })
}

// HasReason reports whether the reason is among the check's.
func (c Check) HasReason(code ReasonCode) bool {
	return slices.ContainsFunc(c.Reasons, func(r Reason) bool { return r.Code == code })
}

// FailedFinally reports whether trying again cannot change this check.
func (c Check) FailedFinally() bool { return c.Status == Failed && c.Has(Final) }

// Suspicious reports whether a vendor saw an attack.
func (c Check) Suspicious() bool { return c.Has(Suspicion) }

// Replace puts checks into a list, each in the place of the one of its type,
// and returns the list in the order of CheckTypes. The arguments stay as they
// are.
func Replace(list []Check, checks ...Check) []Check {
	out := slices.Clone(list)
	for _, c := range checks {
		if i := slices.IndexFunc(out, func(o Check) bool { return o.Type == c.Type }); i >= 0 {
			out[i] = c
		} else {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Check) int {
		return slices.Index(CheckTypes, a.Type) - slices.Index(CheckTypes, b.Type)
	})
	return out
}

// Find returns the check of the type.
func Find(list []Check, t CheckType) (Check, bool) {
	i := slices.IndexFunc(list, func(c Check) bool { return c.Type == t })
	if i < 0 {
		return Check{}, false
	}
	return list[i], true
}
