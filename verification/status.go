package verification

// Status says where a verification is; what is held about the person is its
// Decision. The two never share an enum.
type Status string

const (
	// RequiresInput: the person must act; NextAction says how.
	RequiresInput Status = "requires_input"
	// Processing: vendors are working, or an outage is being waited out.
	Processing Status = "processing"
	// InReview: the policy could not decide, a human must.
	InReview Status = "in_review"
	// Completed: a verdict was given.
	Completed Status = "completed"
	// Expired, Canceled and Error ended without a verdict: by the clock, by
	// the caller, by our or a vendor's fault.
	Expired  Status = "expired"
	Canceled Status = "canceled"
	Error    Status = "error"
)

// Statuses lists every status in the order of a verification's life.
var Statuses = []Status{RequiresInput, Processing, InReview, Completed, Expired, Canceled, Error}

// Ended reports whether a verification with this status has ended.
func (s Status) Ended() bool {
	switch s {
	case Completed, Expired, Canceled, Error:
		return true
	}
	return false
}

// Decision is what is held about the person. It is empty until a verdict.
type Decision string

const (
	Approved Decision = "approved"
	Declined Decision = "declined"
)

// Outcome is status and decision in one word, for callers who want one. It is
// derived, never stored.
type Outcome string

const (
	OutcomeApproved Outcome = "approved"
	OutcomeDeclined Outcome = "declined"
	OutcomeReview   Outcome = "review"
	OutcomeExpired  Outcome = "expired"
	OutcomeCanceled Outcome = "canceled"
	OutcomeError    Outcome = "error"
)

// OutcomeOf derives the outcome; it is empty while the verification runs.
func OutcomeOf(s Status, d Decision) Outcome {
	switch s {
	case Completed:
		return Outcome(d)
	case InReview:
		return OutcomeReview
	case Expired, Canceled, Error:
		return Outcome(s)
	}
	return ""
}
