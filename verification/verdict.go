package verification

import (
	"slices"
	"time"
)

// DecidedBy says who gave a verdict.
type DecidedBy string

const (
	ByPolicy   DecidedBy = "policy"
	ByReviewer DecidedBy = "reviewer"
)

// PolicyRef names a policy and its version.
type PolicyRef struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// Verdict is a decision about a person, with what it rests on.
type Verdict struct {
	// Version rises with every new verdict of a reopened case.
	Version   int       `json:"version"`
	Decision  Decision  `json:"decision"`
	DecidedBy DecidedBy `json:"decided_by"`
	Policy    PolicyRef `json:"policy"`
	Reasons   []Reason  `json:"reasons"`
	DecidedAt time.Time `json:"decided_at"`
}

// Judgement is what a policy says of a set of checks.
type Judgement struct {
	// Outcome is approved, declined or review.
	Outcome Outcome
	// Reasons are those of the checks that stood in the way, each once.
	Reasons []Reason
}

// Judge applies a policy to checks. It is pure: same policy and checks, same
// judgement. Its laws:
//
//  1. Only a check that failed for a final reason declines, or a suspicion
//     where the policy says so.
//  2. Approved needs every required check passed.
//  3. Everything else is review, a check with a suspicion too, whatever its
//     status.
//
// A check that the policy does not name says nothing, whatever it holds.
func Judge(p Policy, checks []Check) Judgement {
	var declining, open []Reason
	declined, approved := false, true
	for _, t := range CheckTypes {
		want := p.Requirement(t)
		if want == Off {
			continue
		}
		c, ok := Find(checks, t)
		switch {
		case ok && (c.FailedFinally() || c.Status == Failed && c.Suspicious() && p.Suspicion == SuspicionDecline):
			declined = true
			declining = addWeighty(declining, c)
		case ok && c.Status == Passed && !c.Suspicious():
		case want == IfAvailable && (!ok || (c.Status == Skipped || c.Status == Unavailable) && !c.Suspicious()):
		default:
			approved = false
			open = addWeighty(open, c)
		}
	}
	switch {
	case declined:
		return Judgement{Outcome: OutcomeDeclined, Reasons: declining}
	case approved && p.AlwaysReview:
		return Judgement{Outcome: OutcomeReview, Reasons: []Reason{ReasonOf(ReviewAlways)}}
	case approved:
		return Judgement{Outcome: OutcomeApproved}
	default:
		return Judgement{Outcome: OutcomeReview, Reasons: open}
	}
}

// addWeighty adds a check's reasons but for its notes, which change nothing and
// explain nothing. Two checks may share a reason: it is listed once.
func addWeighty(list []Reason, c Check) []Reason {
	for _, r := range c.Reasons {
		if r.Code.Class() != Note && !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}
