package statement

import (
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// TypeEvidence is the "typ" of evidence.
const TypeEvidence = "yanzhen-evidence+jws"

// Evidence says how an ended verification came to its end. It names nobody, so it
// may be kept beside a contract when the person is erased here.
type Evidence struct {
	Issuer         string `json:"iss"`
	VerificationID string `json:"sub"`
	IssuedAt       int64  `json:"iat"`
	// Client is whose verification it was.
	Client   string                 `json:"client"`
	Status   verification.Status    `json:"status"`
	Decision verification.Decision  `json:"decision,omitempty"`
	Policy   verification.PolicyRef `json:"policy"`
	// Verdict is nil where it ended without one; then Reason says why.
	Verdict          *verification.Verdict   `json:"verdict"`
	PreviousVerdicts []verification.Verdict  `json:"previous_verdicts"`
	Reason           verification.ReasonCode `json:"reason,omitempty"`
	Checks           []verification.Check    `json:"checks"`
	// Asked are the questions to vendors, with what they answered and when.
	Asked     []Asked   `json:"asked"`
	CreatedAt time.Time `json:"created_at"`
	EndedAt   time.Time `json:"ended_at"`
	// Revision is that of the verification's ETag.
	Revision int `json:"revision"`
}

// Asked is one step at a vendor.
type Asked struct {
	At       time.Time `json:"at"`
	Step     string    `json:"step"`
	Provider string    `json:"provider"`
	// Session is the number of ours by which the vendor was asked.
	Session int    `json:"session,omitempty"`
	Code    string `json:"code,omitempty"`
	// RequestID is the vendor's own id of the call, by which it finds it.
	RequestID string `json:"request_id,omitempty"`
	// Billable is yes, no or unknown.
	Billable verification.Billable `json:"billable,omitempty"`
}
