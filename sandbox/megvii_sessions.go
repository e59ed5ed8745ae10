package sandbox

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// States of a flow, as Megvii spells them.
const (
	MegviiNotStarted  = "NOT_STARTED"
	MegviiProcessing  = "PROCESSING"
	MegviiOK          = "OK"
	MegviiFailed      = "FAILED"
	MegviiCanceled    = "CANCELLED"
	MegviiTimeout     = "TIMEOUT"
	MegviiUnsupported = "WEBRTC_UNSUPPORTED"
)

// Outcomes with which MegviiEnd ends a flow, beside "score-71.5", which passes
// liveness with that confidence, "error:NO_FACE_FOUND", which passes liveness
// with that error_message, "status:NEW" with that status, and OutcomeCancel, OutcomeTimeout and
// OutcomeTimeoutBack.
const (
	MegviiPass         = "pass"
	MegviiLowScore     = "low-score"      // not the same person
	MegviiLivenessFail = "liveness-fail"  // liveness_result FAIL
	MegviiSpoof        = "spoof"          // a synthetic face: scores say so, the verdict only with fmp_mode 0
	MegviiMask         = "mask"           // likewise
	MegviiReplay       = "replay"         // likewise, a screen
	MegviiReplaced     = "face-replaced"  // face_replaced 1
	MegviiIDAttacked   = "id-attacked"    // passes; the number was used in attacks before
	MegviiMonochrome   = "monochrome"     // passes; the source's photo is black and white
	MegviiNoNumber     = "no-such-number" // NO_SUCH_ID_NUMBER, whatever the records say
	MegviiNameDiffers  = "name-mismatch"  // ID_NUMBER_NAME_NOT_MATCH, likewise
	MegviiNoPhoto      = "no-photo"       // the source has no usable photo
	MegviiNoFaceSource = "no-face-source" // no face in the source's photo
	MegviiNoFaceImage  = "no-face-image"  // no face in the person's picture
	MegviiSourceError  = "source-error"   // DATA_SOURCE_ERROR
	MegviiVendorError  = "vendor-error"   // INTERNAL_ERROR inside a result
	MegviiWillFail     = "will-fail"      // passes, the intention does not
	MegviiManyFaces    = "many-faces"     // passes, multifaces_tag "1"
	MegviiTechnical    = "failed"         // status FAILED
	MegviiNoWebRTC     = "unsupported"    // WEBRTC_UNSUPPORTED, SUPPORT_ERROR
	MegviiNoCamera     = "no-camera"      // WEBRTC_UNSUPPORTED, PERMISSIONS_ERROR
	MegviiStrange      = "strange"        // a status that no paper knows
	MegviiAbandon      = "abandon"        // the page is closed; TIMEOUT comes at expiry
)

// megviiSession is one flow.
type megviiSession struct {
	Token, BizID, BizNo, Extra   string
	ApiKey, ReturnURL, NotifyURL string
	Fields                       url.Values
	References                   []string // ref1 … ref3, as far as pictures were sent
	Name, Number                 string
	Created, Ended               time.Time
	Status                       string
	Opened                       bool
	Verdict                      megviiVerdict
	Looks                        int
	Notify                       *NotifyOptions // nil: the common ones
}

func (m *megviiSession) open() bool {
	return m.Status == MegviiNotStarted || m.Status == MegviiProcessing
}

// megviiVerdict is what came of a flow that ended.
type megviiVerdict struct {
	FailReason   string
	Live         string // PASS, FAIL; empty: interrupted
	Attack       string // synthetic_face, mask, screen_replay
	Replaced     bool
	ErrorMessage string
	Confidence   float64
	Attacked     int
	Monochrome   int
	Will         string // will_error_message
	ManyFaces    bool
}

var megviiScore = regexp.MustCompile(`^score-([0-9]{1,3}(?:\.[0-9]{1,3})?)$`)

// megviiLiteral tells an error of get_token, in capitals, from an outcome.
func megviiLiteral(text string) bool { return text != "" && text[0] >= 'A' && text[0] <= 'Z' }

// verdictOf turns an outcome into a status and a verdict.
func verdictOf(outcome string, fields url.Values) (status string, v megviiVerdict, ok bool) {
	v = megviiVerdict{Live: "PASS", Confidence: 83.412}
	switch outcome {
	case MegviiPass:
	case MegviiLowScore:
		v.Confidence = 48.207
	case MegviiLivenessFail:
		v.Live = "FAIL"
	case MegviiSpoof:
		v.Attack = "synthetic_face"
	case MegviiMask:
		v.Attack = "mask"
	case MegviiReplay:
		v.Attack = "screen_replay"
	case MegviiReplaced:
		v.Replaced = true
	case MegviiIDAttacked:
		v.Attacked = 1
	case MegviiMonochrome:
		v.Monochrome = 1
	case MegviiNoNumber:
		v.ErrorMessage = "NO_SUCH_ID_NUMBER"
	case MegviiNameDiffers:
		v.ErrorMessage = "ID_NUMBER_NAME_NOT_MATCH"
	case MegviiNoPhoto:
		v.ErrorMessage = "IMAGE_ERROR_UNSUPPORTED_FORMAT: data_source"
	case MegviiNoFaceSource:
		v.ErrorMessage = "NO_FACE_FOUND:data_source"
	case MegviiNoFaceImage:
		v.ErrorMessage = "NO_FACE_FOUND: image"
	case MegviiSourceError:
		v.ErrorMessage = "DATA_SOURCE_ERROR"
	case MegviiVendorError:
		v.ErrorMessage = "INTERNAL_ERROR"
	case MegviiWillFail:
		v.Will = "ACTION_FAIL"
	case MegviiManyFaces:
		v.ManyFaces = true
	case MegviiTechnical:
		return MegviiFailed, megviiVerdict{}, true
	case OutcomeCancel:
		return MegviiCanceled, megviiVerdict{}, true
	case MegviiNoWebRTC:
		return MegviiUnsupported, megviiVerdict{FailReason: "SUPPORT_ERROR"}, true
	case MegviiNoCamera:
		return MegviiUnsupported, megviiVerdict{FailReason: "PERMISSIONS_ERROR"}, true
	case MegviiStrange:
		return "SUSPENDED", megviiVerdict{}, true
	case OutcomeTimeout, OutcomeTimeoutBack:
		return MegviiTimeout, megviiVerdict{}, true
	default:
		if text, is := strings.CutPrefix(outcome, "error:"); is && text != "" {
			v.ErrorMessage = text
			return MegviiOK, v, true
		}
		if text, is := strings.CutPrefix(outcome, "status:"); is && text != "" {
			return text, megviiVerdict{}, true
		}
		m := megviiScore.FindStringSubmatch(outcome)
		if m == nil {
			return "", megviiVerdict{}, false
		}
		if v.Confidence, _ = strconv.ParseFloat(m[1], 64); v.Confidence > 100 {
			return "", megviiVerdict{}, false
		}
	}
	if v.Attack != "" && fields.Get("fmp_mode") == "0" {
		v.Live = "FAIL" // otherwise the scores are told and not counted
	}
	return MegviiOK, v, true
}

// atSource adds what the authority's records say, which come before any
// comparison of faces.
func (s *Sandbox) atSource(one *megviiSession, v *megviiVerdict) {
	if v.Live != "PASS" || v.ErrorMessage != "" || one.Fields.Get("comparison_type") != "1" {
		return
	}
	switch p, known := s.people.find(one.Number); {
	case !known:
		v.ErrorMessage = "NO_SUCH_ID_NUMBER"
	case p.Name != one.Name:
		v.ErrorMessage = "ID_NUMBER_NAME_NOT_MATCH"
	}
}

// charged: a comparison is billed, and of its errors those that the source
// answered.
func (v megviiVerdict) charged() bool {
	switch v.ErrorMessage {
	case "", "NO_SUCH_ID_NUMBER", "ID_NUMBER_NAME_NOT_MATCH", "IMAGE_ERROR_UNSUPPORTED_FORMAT: data_source", "NO_FACE_FOUND:data_source":
		return v.Live == "PASS"
	}
	return false
}

// word is the verdict in the ledger.
func (v megviiVerdict) word(status string) string {
	switch {
	case v.ErrorMessage != "":
		return status + ":" + v.ErrorMessage
	case v.Live == "FAIL":
		return status + ":LIVENESS_FAIL"
	}
	return status
}

// megviiChange applies an act to a flow, which sees its state now. A flow whose
// clock has run out ends first, and its end is notified.
func (s *Sandbox) megviiChange(token string, act func(*megviiSession) error) (megviiSession, error) {
	now := s.cfg.Clock()
	s.megvii.mu.Lock()
	one := s.megvii.byToken[token]
	if one == nil {
		s.megvii.mu.Unlock()
		return megviiSession{}, ErrNoSession
	}
	expiry := one.Created.Add(s.cfg.Megvii.FlowTTL)
	ranOut := one.open() && !now.Before(expiry)
	if ranOut {
		s.closeMegvii(one, MegviiTimeout, megviiVerdict{}, expiry)
	}
	err := act(one)
	found := *one
	s.megvii.mu.Unlock()
	if ranOut {
		s.notifyTimeout(found)
	}
	return found, err
}

// closeMegvii writes down an end; under the lock.
func (s *Sandbox) closeMegvii(one *megviiSession, status string, v megviiVerdict, at time.Time) {
	one.Status, one.Verdict, one.Ended = status, v, at
	s.book.session(Entry{Time: at, Vendor: Megvii, Operation: "session", Outcome: v.word(status), Charged: v.charged(),
		Subject: SubjectKey(one.Number), Token: TokenKey(one.Token)})
}

func (s *Sandbox) megviiFind(token string) (megviiSession, bool) {
	one, err := s.megviiChange(token, func(*megviiSession) error { return nil })
	return one, err == nil
}

// MegviiStatus returns the state of a flow without a vendor call. The token is
// that of the link to its page.
func (s *Sandbox) MegviiStatus(token string) (status string, known bool) {
	one, known := s.megviiFind(token)
	return one.Status, known
}

// MegviiTokens lists the flows that were opened for an ID number, oldest first:
// also those whose answer the caller never got.
func (s *Sandbox) MegviiTokens(idNumber string) []string {
	s.megvii.mu.Lock()
	defer s.megvii.mu.Unlock()
	var some []*megviiSession
	for _, one := range s.megvii.byToken {
		if one.Number == idNumber {
			some = append(some, one)
		}
	}
	slices.SortFunc(some, func(a, b *megviiSession) int { return a.Created.Compare(b.Created) })
	tokens := make([]string, len(some))
	for i, one := range some {
		tokens[i] = one.Token
	}
	return tokens
}

// MegviiBegin opens the page, which can be done once: NOT_STARTED becomes
// PROCESSING.
func (s *Sandbox) MegviiBegin(token string) error {
	_, err := s.openMegvii(token)
	return err
}

func (s *Sandbox) openMegvii(token string) (megviiSession, error) {
	return s.megviiChange(token, func(one *megviiSession) error {
		if one.Status != MegviiNotStarted {
			return ErrState
		}
		one.Status, one.Opened = MegviiProcessing, true
		return nil
	})
}

// MegviiEnd ends a flow whose page is open with an outcome, notifies, and
// returns how the browser goes back. A time-out may also come before MegviiBegin.
func (s *Sandbox) MegviiEnd(token, outcome string) (MegviiReturn, error) {
	one, err := s.endMegvii(token, outcome)
	if err != nil || outcome == MegviiAbandon {
		return MegviiReturn{}, err
	}
	return s.tellMegvii(one, outcome), nil
}

// MegviiExpire lets a flow's clock run out now, and notifies it as the options
// say. One that ended is refused with ErrState.
func (s *Sandbox) MegviiExpire(token string) error {
	_, err := s.MegviiEnd(token, OutcomeTimeout)
	return err
}

func (s *Sandbox) endMegvii(token, outcome string) (megviiSession, error) {
	return s.megviiChange(token, func(one *megviiSession) error {
		if p, known := s.people.find(one.Number); known && outcome == MegviiPass && p.MegviiOutcome != "" && !megviiLiteral(p.MegviiOutcome) {
			outcome = p.MegviiOutcome
		}
		status, v, ok := verdictOf(outcome, one.Fields)
		switch {
		case outcome == MegviiAbandon && one.open():
			return nil
		case !ok && outcome != MegviiAbandon:
			return ErrOutcome
		case status == MegviiTimeout && one.open(), one.Status == MegviiProcessing:
			s.atSource(one, &v)
			s.closeMegvii(one, status, v, s.cfg.Clock())
			return nil
		}
		return ErrState
	})
}
