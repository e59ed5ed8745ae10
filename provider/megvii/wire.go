package megvii

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"

	"github.com/yanzhen-id/yanzhen/provider"
)

// Values of form fields that change what an answer must hold.
const (
	withAuthority = "1"    // comparison_type: with the authority's photo
	withIntention = "will" // procedure_type: asks for the intention, too
	scoresOnly    = "1"    // fmp_mode: attack scores do not count in PASS
)

// tokenForm is get_token. Optional fields are left out rather than sent
// empty: their defaults are the scene's.
func (c *Client) tokenForm(o provider.Opening, bizNo string) url.Values {
	form := url.Values{
		"api_key": {c.cfg.APIKey}, "api_secret": {c.cfg.APISecret},
		"return_url": {o.ReturnURL}, "notify_url": {o.NotifyURL}, "biz_no": {bizNo},
		"comparison_type": {withAuthority},
		"idcard_mode":     {"0"}, // we give name and number
		"idcard_name":     {o.Subject.Name}, "idcard_number": {o.Subject.IDNumber},
		"fmp_mode": {c.cfg.FMPMode}, "get_fail_reason": {c.cfg.GetFailReason},
	}
	for field, value := range map[string]string{
		"scene_id": c.cfg.SceneID, "web_title": c.cfg.WebTitle, "procedure_type": c.cfg.ProcedureType,
		"procedure_priority": c.cfg.ProcedurePriority, "liveness_preferences": c.cfg.LivenessPreferences,
	} {
		if value != "" {
			form.Set(field, value)
		}
	}
	if c.cfg.ReturnMethod == "GET" { // POST is the default, and the literals are unconfirmed
		form.Set("action_http_method", c.cfg.ReturnMethod)
	}
	return form
}

type tokenAnswer struct {
	Token       scalar `json:"token"`
	BizID       scalar `json:"biz_id"`
	BizNo       scalar `json:"biz_no"`
	ExpiredTime scalar `json:"expired_time"` // Unix seconds
}

// failedAnswer is the body of a failed call. Beside error_message, clients of
// the vendor have met the keys error and ERROR.
type failedAnswer struct {
	ErrorMessage scalar `json:"error_message"`
	Error        scalar `json:"error"`
}

// answer is get_result's answer and a callback's data, as far as a verdict
// needs it: no pictures, no card, nothing typed by the person.
type answer struct {
	Status     scalar `json:"status"`
	FailReason scalar `json:"fail_reason"`
	BizInfo    struct {
		BizID scalar `json:"biz_id"`
		BizNo scalar `json:"biz_no"`
	} `json:"biz_info"`
	Liveness part[livenessResult] `json:"liveness_result"`
	Verify   part[verifyResult]   `json:"verify_result"`
	Will     part[[]willResult]   `json:"will_result"`
}

type livenessResult struct {
	Result      scalar             `json:"result"`
	Genuineness part[genuineScore] `json:"face_genuineness"`
}

// genuineScore holds attack scores, each from 0 to 1 with a threshold of its
// own. Any of them may be missing, or 0 when it was not computed.
type genuineScore struct {
	SyntheticFace          scalar `json:"synthetic_face_confidence"`
	SyntheticFaceThreshold scalar `json:"synthetic_face_threshold"`
	Mask                   scalar `json:"mask_confidence"`
	MaskThreshold          scalar `json:"mask_threshold"`
	ScreenReplay           scalar `json:"screen_replay_confidence"`
	ScreenReplayThreshold  scalar `json:"screen_replay_threshold"`

	FaceReplaced scalar `json:"face_replaced"` // 0 or 1: a swapped face
	// Of selfies only, 0 or 1.
	SelfieInconsistent         scalar `json:"selfie_inconsistent"`
	SelfieMetadataInconsistent scalar `json:"selfie_metadata_inconsistent"`
}

type verifyResult struct {
	ErrorMessage scalar           `json:"error_message"`
	FaceID       part[comparison] `json:"result_faceid"` // with the authority's photo
	Ref1         part[comparison] `json:"result_ref1"`   // with the photos that we gave
	Ref2         part[comparison] `json:"result_ref2"`
	Ref3         part[comparison] `json:"result_ref3"`
	Exceptions   part[struct {
		IDAttacked scalar `json:"id_attacked"` // 0 or 1
	}] `json:"id_exceptions"`
}

// comparison is a likeness from 0 to 100 with the thresholds that hold for
// this answer and for no other, by false-accept rate.
type comparison struct {
	Confidence scalar            `json:"confidence"`
	Thresholds map[string]scalar `json:"thresholds"`
}

type willResult struct {
	Result  scalar `json:"result"`
	Message scalar `json:"will_error_message"`
}

// scalar is a string, number or boolean, as text: the same member has been
// seen in several types. What is neither is odd, and fails no decoding: it
// must not hide what else an answer says.
type scalar struct {
	text     string
	set, odd bool
}

// UnmarshalJSON never fails.
func (s *scalar) UnmarshalJSON(raw []byte) error {
	*s = scalar{set: true}
	switch raw[0] {
	case 'n': // null
		s.set = false
	case '"':
		s.odd = json.Unmarshal(raw, &s.text) != nil
	case '{', '[':
		s.odd = true
	default:
		s.text = string(raw)
	}
	return nil
}

// decimal is how a number may be written, quoted or not: as in JSON. ParseFloat
// also takes hexadecimal, infinities and NaN.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?$`)

// number reads a number; false: it is none.
func (s scalar) number() (float64, bool) {
	if s.odd || !decimal.MatchString(s.text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s.text, 64)
	return f, err == nil
}

// flag reads a 0 or 1 in any of its forms. What is missing is 0; ok is false
// for what is neither.
func (s scalar) flag() (on, ok bool) {
	switch n, isNumber := s.number(); {
	case !s.set, !s.odd && (s.text == "" || s.text == "false"), isNumber && n == 0:
		return false, true
	case !s.odd && s.text == "true", isNumber && n == 1:
		return true, true
	}
	return false, false
}

// part is a member that may be missing. One of another form than the
// contract's is odd, and fails no decoding either.
type part[T any] struct {
	v        T
	set, odd bool
}

// UnmarshalJSON never fails.
func (p *part[T]) UnmarshalJSON(raw []byte) error {
	*p = part[T]{set: raw[0] != 'n'}
	if p.set && json.Unmarshal(raw, &p.v) != nil {
		*p = part[T]{set: true, odd: true}
	}
	return nil
}

// given reports whether the part is there in the contract's form.
func (p part[T]) given() bool { return p.set && !p.odd }

// handle is how a session is found again. It rests sealed in the store, so
// its members are only ever added to.
type handle struct {
	BizNo string `json:"biz_no"`
	BizID string `json:"biz_id"`
	asked
}

// asked is what an answer must hold, as get_token asked for it.
type asked struct {
	// Refs is the number of photos of ours to compare with; 0: the authority's
	// photo (comparison_type 1).
	Refs int `json:"refs,omitempty"`
	// Will: the intention is asked for.
	Will bool `json:"will,omitempty"`
	// ScoresOnly: attack scores do not count in PASS, so they must be there.
	ScoresOnly bool `json:"scores_only,omitempty"`
}

func (handle) String() string   { return "[handle]" }
func (handle) GoString() string { return "[handle]" }
