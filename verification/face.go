package verification

// FaceResult is how one session at a face vendor ended. It holds nothing
// personal.
type FaceResult struct {
	// Judged: the vendor judged the person. Only judged sessions count as
	// attempts.
	Judged bool `json:"judged"`
	// Checks the session answered: liveness, face_match, holder_match. Empty
	// without a judgement.
	Checks []Check `json:"checks,omitempty"`
	// Reason is how the session ended when it was not passed.
	Reason ReasonCode `json:"reason,omitempty"`
	// Begun: the person had begun, as far as the vendor tells.
	Begun bool `json:"begun,omitempty"`
	// NextProvider: this vendor cannot serve the person or us, another may.
	NextProvider bool `json:"next_provider,omitempty"`
	// ProviderCode is the vendor's raw code.
	ProviderCode string `json:"provider_code,omitempty"`
}

// Ending sorts face results by what follows them.
type Ending string

const (
	EndedPassed       Ending = "passed"
	EndedFinally      Ending = "final"
	EndedRetryable    Ending = "retryable"
	EndedSuspicious   Ending = "suspicious"
	EndedInconclusive Ending = "inconclusive"
	EndedUnjudged     Ending = "unjudged"
)

// Ending derives what follows from the checks: the gravest check decides.
func (r FaceResult) Ending() Ending {
	if !r.Judged || len(r.Checks) == 0 {
		return EndedUnjudged
	}
	ending := EndedPassed
	for _, c := range r.Checks {
		switch {
		case c.FailedFinally():
			return EndedFinally
		case c.Status == Failed && c.Suspicious():
			ending = EndedSuspicious
		case ending == EndedSuspicious:
		case c.Status == Inconclusive || c.Status == Unavailable:
			ending = EndedInconclusive
		case ending == EndedInconclusive:
		case c.Status == Failed:
			ending = EndedRetryable
		}
	}
	return ending
}

// Exhausted turns the failed checks of the last attempt final:
// session.attempts_exhausted stands beside each one's own reason.
func Exhausted(checks []Check) []Check {
	out := make([]Check, len(checks))
	for i, c := range checks {
		if c.Status == Failed && c.Retryable {
			reasons := make([]Reason, 0, len(c.Reasons)+1)
			for _, r := range c.Reasons {
				reasons = append(reasons, Reason{Code: r.Code})
			}
			c.Reasons = append(reasons, Reason{Code: SessionAttemptsExhausted})
			c.Retryable = false
		}
		out[i] = c
	}
	return out
}

// captureDigest begins the code of checks that rest on captured pictures: what is
// left of them.
const captureDigest = "sha256:"

// CaptureCode is the code of checks that rest on pictures with the digest.
func CaptureCode(digest string) string { return captureDigest + digest }

// Captured are the face checks that a captured face is worth by a rule, compared
// with nothing.
func Captured(rule CaptureRule) []Check {
	if rule == CapturePassed {
		return []Check{NewCheck(Liveness, Passed), NewCheck(FaceMatch, Passed)}
	}
	return []Check{NewCheck(Liveness, Skipped), NewCheck(FaceMatch, Inconclusive, FaceNotCompared)}
}
