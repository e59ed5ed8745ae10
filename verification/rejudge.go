package verification

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Rejudgement is what a policy would have said of a case that is on record.
type Rejudgement struct {
	// Outcome is approved, declined or review; empty: the record does not tell.
	Outcome Outcome
	// Reasons are those of Judge, or that the person asked for a human.
	Reasons []Reason
	// Missing are the checks that the policy wants and the case does not answer;
	// beside an empty Outcome only.
	Missing []CheckType
}

// Said is what the policy that was in force said of a case, before any reviewer did:
// approved, declined or review; empty: it ended before its policy was asked.
func Said(s State) Outcome {
	first := s.Verdict
	if len(s.PreviousVerdicts) > 0 {
		first = &s.PreviousVerdicts[0]
	}
	switch {
	case first != nil && first.DecidedBy == ByPolicy:
		return Outcome(first.Decision)
	case first != nil, len(s.ReviewReasons) > 0, s.LastError != nil && s.LastError.Code == ReviewDeadline:
		return OutcomeReview
	}
	return ""
}

// Rejudge says what a verification that ended as s would have come to under another
// policy, with the same answers of the same vendors: what its workflow would have
// said, or that the record does not tell. was is the policy under which it ran; nil:
// it is not known any more. What stands beside the checks (consents, clocks, the
// choice of vendors, what is charged) is taken as it was.
func Rejudge(p Policy, was *Policy, s State) Rejudgement {
	r := rejudging{p: p, was: was, s: s, said: Said(s)}
	if r.said != "" && was != nil && sameButFor(p, *was) {
		return Rejudgement{Outcome: r.said, Reasons: Judge(p, s.Checks).Reasons}
	}
	known, missing := r.sort()
	j := Judge(p, known)
	switch {
	case r.mayEndBefore():
		return Rejudgement{Missing: missing}
	case r.askedForHuman():
		return r.forHuman(j, missing)
	case len(missing) == 0, Judge(p, before(known, missing)).Outcome == OutcomeDeclined:
		return Rejudgement{Outcome: j.Outcome, Reasons: j.Reasons}
	}
	return Rejudgement{Missing: missing}
}

// sameButFor compares policies but for their names and versions.
func sameButFor(a, b Policy) bool {
	a.Name, a.Version = b.Name, b.Version
	return reflect.DeepEqual(a, b)
}

// rejudging is one case under another policy.
type rejudging struct {
	p    Policy
	was  *Policy
	s    State
	said Outcome
}

// sort takes the checks that the policy wants apart: those that would have been the
// same under it, and those that the record does not tell.
func (r rejudging) sort() (known []Check, missing []CheckType) {
	for _, t := range CheckTypes {
		if !r.p.Wants(t) {
			continue
		}
		c, ok := r.would(t)
		switch {
		case !ok:
			missing = append(missing, t)
		case c.Type != "":
			known = append(known, c)
		}
	}
	return known, missing
}

// before are the known checks that nothing of what is missing could have kept from
// being made: a chip that cannot be read, or a daily cap of the records, lets no
// session open.
func before(known []Check, missing []CheckType) []Check {
	return slices.DeleteFunc(slices.Clone(known), func(c Check) bool {
		if slices.Contains(missing, DocumentChip) {
			return c.Type != DocumentValidity
		}
		return slices.Contains(missing, IdentityRecords) && (isFace(c.Type) || c.Type == HolderMatch)
	})
}

// would is the check of a type as it would have been; the zero Check: nobody would
// have answered it. false: the record does not tell.
func (r rejudging) would(t CheckType) (Check, bool) {
	c, _ := Find(r.s.Checks, t)
	switch {
	case isFace(t) && r.s.Attempt.Judged > r.p.Attempts: // an earlier session, which is not on record, would have been the last
		return c, false
	case !answered(c):
		return c, r.nobodyAnswers(t)
	case capped(c) && !r.sameLimits(), r.cameLate(c), r.cameAtTheEnd(c):
		return c, false
	case (t == DocumentValidity || t == HolderMatch) && r.chipRead() && !r.p.Wants(DocumentChip):
		return c, false // the chip's word stands there in the place of the claim's
	case isFace(t):
		return r.face(c)
	case t == IdentityRecords && r.p.RecordsWhen == AfterFace && r.p.WantsFace() && r.maybeUnasked():
		return c, false
	}
	return c, true
}

// face is a face check as it would have been. Of several sessions only the last one
// is on record.
func (r rejudging) face(c Check) (Check, bool) {
	tries := r.s.Attempt.Judged
	switch {
	case awaitsAnother(c), r.maybeOld(c):
		return c, false
	case c.HasReason(SessionAttemptsExhausted) && tries != r.p.Attempts:
		return c, false
	case !strings.HasPrefix(c.ProviderCode, captureDigest) || r.sameCapture():
		return c, true
	case r.p.Comparer != "" || tries > 1:
		return c, false
	}
	checks := Captured(r.p.Capture)
	again, ok := Find(checks, c.Type)
	again.Provider, again.ProviderCode = c.Provider, c.ProviderCode
	return again, ok
}

// answered reports whether somebody said something, be it that there is nothing to
// say; else the check was given up when the verification ended.
func answered(c Check) bool {
	switch c.Status {
	case "", Pending:
		return false
	case Skipped:
		return c.Provider != "" || len(c.Reasons) > 0
	}
	return true
}

func isFace(t CheckType) bool { return t == Liveness || t == FaceMatch }

// nobodyAnswers reports whether a check that nobody answered would have stayed so.
func (r rejudging) nobodyAnswers(t CheckType) bool {
	_, wanted := Find(r.s.Checks, t)
	switch {
	case r.implausible():
		return r.p.Wants(DocumentChip) // no vendor is asked about such a card
	case t == HolderMatch: // comes with the chip and the face, whatever the policy
		return r.faceAnswered() || !r.p.WantsFace() && !r.p.Wants(DocumentChip)
	case isFace(t) && r.faceAnswered():
		return true // the session that settled the face said nothing of it
	}
	return wanted && !isFace(t) && (r.said == OutcomeApproved || r.said == OutcomeReview)
}

// maybeUnasked: the records, which are asked after the face, may not have answered
// when the verification ended.
func (r rejudging) maybeUnasked() bool {
	cut := r.s.Verdict == nil && r.s.Status != Expired && (r.was == nil || r.was.RecordsWhen != AfterFace)
	return cut || !r.faceAnswered()
}

// faceAnswered reports whether a session, or a cap, settled the face.
func (r rejudging) faceAnswered() bool {
	return slices.ContainsFunc(r.s.Checks, func(c Check) bool {
		return isFace(c.Type) && answered(c) && !awaitsAnother(c) && !r.maybeOld(c)
	})
}

// awaitsAnother: the session ended with a judgement after which another one was
// awaited.
func awaitsAnother(c Check) bool { return c.Status == Failed && !c.FailedFinally() && !c.Suspicious() }

// maybeOld: a pass of liveness may be that of a session that another one followed,
// where the policy did not look at it.
func (r rejudging) maybeOld(c Check) bool {
	if c.Type != Liveness || c.Status != Passed {
		return false
	}
	match, _ := Find(r.s.Checks, FaceMatch)
	cut := r.said != OutcomeApproved && r.said != OutcomeReview
	return cut && (!answered(match) || awaitsAnother(match)) || match.Status != Passed && r.s.Attempt.Session > 1
}

func (r rejudging) chipRead() bool {
	c, _ := Find(r.s.Checks, DocumentChip)
	return answered(c)
}

// implausible: the chip's data broke hard rules, so that no vendor was asked.
func (r rejudging) implausible() bool {
	c, _ := Find(r.s.Checks, DocumentValidity)
	_, chip := Find(r.s.Checks, DocumentChip)
	return chip && (c.HasReason(DocumentImplausible) || c.HasReason(DocumentTypeUnsupported))
}

// capped: a limit of the policy answered in a vendor's place.
func capped(c Check) bool {
	return slices.ContainsFunc(c.Reasons, func(reason Reason) bool {
		return slices.Contains([]ReasonCode{RecordsDailyCap, SessionDailyCap, RecordsChargeUnknown}, reason.Code)
	})
}

func (r rejudging) sameLimits() bool {
	p, was := r.p, r.was
	return was != nil && p.RecordsDailyCap == was.RecordsDailyCap && p.SessionsDailyCap == was.SessionsDailyCap &&
		p.UnknownCharge == was.UnknownCharge && p.Requirement(IdentityRecords) == was.Requirement(IdentityRecords) && p.RecordsWhen == was.RecordsWhen
}

func (r rejudging) sameCapture() bool {
	p, was := r.p, r.was
	return was != nil && p.Capture == was.Capture && p.Comparer == was.Comparer && (p.Comparer == "" || p.CompareThreshold == was.CompareThreshold)
}

// cameLate: what speaks against the person was told when a human looked already, or
// its policy did not look at it: when it came is not on record.
func (r rejudging) cameLate(c Check) bool {
	if r.said != OutcomeReview || !c.FailedFinally() && !c.Suspicious() {
		return false
	}
	return slices.ContainsFunc(addWeighty(nil, c), func(reason Reason) bool { return !slices.Contains(r.s.ReviewReasons, reason) })
}

// justBefore is how far apart two things happened whose order is known.
const justBefore = time.Second

// cameAtTheEnd: the verification was ended from outside in the moment in which the
// answer came, and would have been under any policy.
func (r rejudging) cameAtTheEnd(c Check) bool {
	return r.said == "" && (c.CompletedAt == nil || !c.CompletedAt.Before(r.s.UpdatedAt.Add(-justBefore)))
}

// mayEndBefore: under the policy the verification may have ended before its checks
// were there.
func (r rejudging) mayEndBefore() bool {
	if r.sentToReview() {
		return true
	}
	if last := r.s.LastError; last != nil && (last.Code == CanceledMinor || last.Code == EngineEnded) {
		return true
	}
	return r.s.Attempt.Session > r.p.Sessions && (r.p.WantsFace() || r.p.Wants(DocumentChip))
}

// sentToReview: an operator sent it to a human, for a reason that no vendor gave.
func (r rejudging) sentToReview() bool {
	return slices.ContainsFunc(r.s.ReviewReasons, func(reason Reason) bool {
		found := slices.ContainsFunc(r.s.Checks, func(c Check) bool {
			return c.HasReason(reason.Code) && (c.Status != Skipped || c.Provider != "" || capped(c))
		})
		return !found && reason.Code != ReviewAlways && reason.Code != PersonAskedForHuman
	})
}

func (r rejudging) askedForHuman() bool {
	asked := ReasonOf(PersonAskedForHuman)
	return slices.Contains(r.s.ReviewReasons, asked) ||
		slices.ContainsFunc(r.s.Checks, func(c Check) bool { return c.HasReason(PersonAskedForHuman) })
}

// forHuman: the person asked for a human while the verification ran. It runs under
// the policy, too, if that still waits for a face that the case never had.
func (r rejudging) forHuman(j Judgement, missing []CheckType) Rejudgement {
	waits := slices.ContainsFunc(r.s.Checks, func(c Check) bool { return r.p.Wants(c.Type) && c.HasReason(PersonAskedForHuman) })
	settled := j.Outcome == OutcomeDeclined || r.p.WantsFace() && r.s.Attempt.Judged >= r.p.Attempts
	if r.p.HumanRoute != HumanReview || settled || !waits && (j.Outcome != OutcomeReview || len(missing) > 0) {
		return Rejudgement{Missing: missing}
	}
	return Rejudgement{Outcome: OutcomeReview, Reasons: []Reason{ReasonOf(PersonAskedForHuman)}}
}
