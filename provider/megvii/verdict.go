package megvii

import (
	"slices"

	"github.com/yanzhen-id/yanzhen/verification"
)

// verdict is what one stage of an answer says of one check.
type verdict struct {
	status  verification.CheckStatus
	reasons []verification.ReasonCode
	code    string
}

func garbled(code string) *verdict {
	return &verdict{verification.Inconclusive, []verification.ReasonCode{verification.ProviderContractViolation}, code}
}

func notLive(code string) *verdict {
	return &verdict{verification.Failed, []verification.ReasonCode{verification.FaceNotLive}, code}
}

// judge applies the vendor's rule for a verdict to the answer of a flow that
// is over. Nothing passes but what is there, of the contract's form and good
// enough; what is missing or odd is neither an attack nor a failure.
func (a answer) judge(q asked, key string) verification.FaceResult {
	if a.Status.text != ok {
		return a.ended()
	}
	// Attack scores come first: a suspicion wins over a failure.
	for _, stage := range []func(answer, asked) *verdict{answer.attack, answer.liveness, answer.scores, answer.will} {
		if v := stage(a, q); v != nil {
			return resultOf(a.charge(), v.code, *v, nil)
		}
	}
	live := verdict{status: verification.Passed}
	if m := a.Verify.v.ErrorMessage; m.odd {
		return resultOf(a.charge(), "error_message", live, garbled("error_message"))
	} else if m.text != "" {
		return ofError(m.text, live)
	}
	v := a.compare(q, key)
	return resultOf(a.charge(), v.code, live, v)
}

// ended reads a status other than OK: nobody was judged. An unknown one is
// for a human.
func (a answer) ended() verification.FaceResult {
	result, known := unjudged[a.Status.text]
	if !known {
		v := garbled("status")
		return resultOf(unstated, shownCode(a.Status.text), *v, v)
	}
	result.ProviderCode = a.Status.text
	if why := a.FailReason.text; a.Status.text == noWebRTC && why != "" {
		result.ProviderCode += ":" + shownCode(why)
		if reason, known := failReasons[why]; known {
			result.Reason = reason
		}
	}
	return result
}

// attack looks for an attack in the scores, whatever liveness says: with
// fmp_mode 1 they do not count in its PASS.
func (a answer) attack(asked) *verdict {
	g := a.Liveness.v.Genuineness.v
	v := &verdict{status: verification.Failed}
	add := func(code string, reason verification.ReasonCode) {
		if v.code == "" {
			v.code = code
		}
		if !slices.Contains(v.reasons, reason) {
			v.reasons = append(v.reasons, reason)
		}
	}
	if swapped, _ := g.FaceReplaced.flag(); swapped {
		add("face_replaced", verification.FaceInjectionSuspected)
	}
	for _, s := range g.scores() {
		if attack, _ := s.judge(); attack {
			add(s.code, s.reason)
		}
	}
	if len(v.reasons) == 0 {
		return nil
	}
	return v
}

// score is one attack score with its own threshold.
type score struct {
	code                  string
	reason                verification.ReasonCode
	confidence, threshold scalar
}

func (g genuineScore) scores() []score {
	return []score{
		{"synthetic_face", verification.FaceInjectionSuspected, g.SyntheticFace, g.SyntheticFaceThreshold},
		{"mask", verification.FaceSpoofSuspected, g.Mask, g.MaskThreshold},
		{"screen_replay", verification.FaceSpoofSuspected, g.ScreenReplay, g.ScreenReplayThreshold},
	}
}

// judge compares a score with its threshold; the vendor leaves equality open,
// and we hold it for an attack. 0 stands for a score that was not computed. ok
// is false for what cannot be compared.
func (s score) judge() (attack, ok bool) {
	if !s.confidence.set {
		return false, true
	}
	n, isNumber := s.confidence.number()
	if isNumber && n == 0 {
		return false, true
	}
	limit, isLimit := s.threshold.number()
	if !isNumber || !isLimit || n < 0 || n > 1 || limit <= 0 || limit > 1 {
		return false, false
	}
	return n >= limit, true
}

// liveness reads liveness_result.result. TIMEOUT stands in one of the
// vendor's samples, beside the PASS and FAIL that are defined.
func (a answer) liveness(asked) *verdict {
	if !a.Liveness.given() {
		return garbled("liveness_result")
	}
	switch a.Liveness.v.Result.text {
	case "PASS":
		return nil
	case "FAIL", "TIMEOUT":
		return notLive("liveness_" + a.Liveness.v.Result.text)
	}
	return garbled("liveness_result")
}

// scores refuses a PASS beside attack scores that cannot be read. They may be
// missing where the vendor's PASS counts them; where it does not, nobody else
// would have looked for an attack.
func (a answer) scores(q asked) *verdict {
	genuineness := a.Liveness.v.Genuineness
	g := genuineness.v
	if genuineness.odd || q.ScoresOnly && !g.SyntheticFace.set {
		return garbled("face_genuineness")
	}
	for _, s := range g.scores() {
		if _, ok := s.judge(); !ok {
			return garbled(s.code)
		}
	}
	if _, ok := g.FaceReplaced.flag(); !ok {
		return garbled("face_replaced")
	}
	for _, selfies := range []scalar{g.SelfieInconsistent, g.SelfieMetadataInconsistent} {
		// The vendor does not say that selfies which differ are an attack; they are
		// no pass either.
		if differ, ok := selfies.flag(); !ok || differ {
			return garbled("selfie_inconsistent")
		}
	}
	return nil
}

// will reads the intention check: every part of it must be passed, also when
// the console's scene asked for it and not we.
func (a answer) will(q asked) *verdict {
	if a.Will.odd || q.Will && len(a.Will.v) == 0 {
		return garbled("will_result")
	}
	var v *verdict
	for _, w := range a.Will.v {
		switch w.Result.text {
		case "PASS":
		case "FAIL":
			return notLive("will_FAIL")
		default:
			v = garbled("will_result")
		}
	}
	return v
}

// ofError reads an error in verify_result: liveness stands, unless the
// session ended without a judgement.
func ofError(message string, live verdict) verification.FaceResult {
	m, code := meaningOf(message)
	if m.status == "" {
		return verification.FaceResult{Reason: m.reason, Begun: true, NextProvider: m.next, ProviderCode: code}
	}
	return resultOf(m.charge, code, live, &verdict{m.status, []verification.ReasonCode{m.reason}, code})
}

// compare reads the comparisons that were asked for; all must be passed.
func (a answer) compare(q asked, key string) *verdict {
	wanted := []part[comparison]{a.Verify.v.FaceID}
	name := "result_faceid"
	if q.Refs > 0 {
		wanted = []part[comparison]{a.Verify.v.Ref1, a.Verify.v.Ref2, a.Verify.v.Ref3}[:min(q.Refs, 3)]
		name = "result_ref"
	}
	alike := true
	for _, w := range wanted {
		enough, ok := reaches(w, key)
		if !ok {
			return garbled(name)
		}
		alike = alike && enough
	}
	if !alike {
		return &verdict{verification.Failed, []verification.ReasonCode{verification.FaceNoMatch}, "below_" + key}
	}
	return a.exceptions(q)
}

// exceptions looks at what the vendor knows of the number: that it was used
// in earlier attacks says nothing about its holder, and is never a suspicion
// of this person.
func (a answer) exceptions(q asked) *verdict {
	e := a.Verify.v.Exceptions
	attacked, ok := e.v.IDAttacked.flag()
	switch {
	case q.Refs > 0: // told of comparisons with the authority only
	case e.odd, !ok:
		return garbled("id_exceptions")
	case attacked:
		return &verdict{verification.Inconclusive, []verification.ReasonCode{verification.IdentityNumberAttacked}, "id_attacked"}
	}
	return &verdict{status: verification.Passed, code: "OK"}
}

// reaches compares a likeness with its own answer's threshold; the vendor
// leaves equality open, and we take it as reached. ok is false for what cannot
// be believed: a number out of range, or thresholds that do not rise as the
// false-accept rate falls.
func reaches(p part[comparison], key string) (enough, ok bool) {
	confidence, isNumber := p.v.Confidence.number()
	if !p.given() || !isNumber || confidence < 0 || confidence > 100 {
		return false, false
	}
	last, found := 0.0, false
	for _, k := range thresholdKeys {
		t, there := p.v.Thresholds[k]
		if !there {
			continue
		}
		limit, isLimit := t.number()
		if !isLimit || limit <= 0 || limit > 100 || limit < last {
			return false, false
		}
		last = limit
		if k == key {
			enough, found = confidence >= limit, true
		}
	}
	return enough, found
}

// charge says whether the vendor charged, as far as its documents tell: they
// tell of errors one by one, and a comparison was made.
func (a answer) charge() verification.Billable {
	if a.Verify.v.FaceID.given() || a.Verify.v.Ref1.given() {
		return charged
	}
	return unstated
}

// resultOf makes a judged session of what its stages said; nil: not reached.
func resultOf(charge verification.Billable, code string, live verdict, face *verdict) verification.FaceResult {
	r := verification.FaceResult{Judged: true, Begun: true, ProviderCode: code}
	add := func(t verification.CheckType, v verdict) {
		check := verification.NewCheck(t, v.status, v.reasons...)
		check.Provider, check.ProviderCode, check.Billable = Name, code, charge
		r.Checks = append(r.Checks, check)
		if r.Reason == "" && len(v.reasons) > 0 {
			r.Reason = v.reasons[0]
		}
	}
	add(verification.Liveness, live)
	if face != nil {
		add(verification.FaceMatch, *face)
	}
	return r
}
