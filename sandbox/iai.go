package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"image"
	_ "image/gif" // recognised, to be refused
	_ "image/jpeg"
	_ "image/png"
	"net/http"
)

const (
	iaiService = "iai"
	iaiVersion = "2020-03-03"
	// iaiImageSize is the limit of one picture, in base64.
	iaiImageSize = 5 << 20
)

// IAIConfig sets the stand-in of Tencent Cloud's face comparison (iai). The
// credentials are those of TencentConfig.
type IAIConfig struct {
	// Rate is the limit in calls a second and account; unpublished.
	Rate float64
	// Model is the FaceModelVersion of calls that name none: "3.0", or "2.0" as
	// old accounts have it.
	Model string
	// AnswerModel is the FaceModelVersion of the answers; empty: the one asked
	// for. Anything else is a vendor who breaks its contract.
	AnswerModel string
	// RequireRegion refuses calls without X-TC-Region, as an older page has it.
	RequireRegion bool
}

func defaultIAI() IAIConfig { return IAIConfig{Rate: 20, Model: "3.0"} }

func (c IAIConfig) withDefaults() IAIConfig {
	d := defaultIAI()
	orElse(&c.Rate, d.Rate)
	orElse(&c.Model, d.Model)
	return c
}

func (c IAIConfig) faults() []error {
	if err := mustBeOneOf("IAI.Model", c.Model, "2.0", "3.0"); err != nil {
		return []error{err}
	}
	return nil
}

func (s *Sandbox) handleIAI(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, TencentIAI, r.Header.Get("X-TC-Action"), s.iaiCall)
}

// iaiCall checks a call in the order of tencentCall.
func (s *Sandbox) iaiCall(c *call) answer {
	if c.r.Method != http.MethodPost {
		return (&apiError{"UnsupportedOperation", "This endpoint takes POST only."}).answer()
	}
	account, fault := verifyTC3(c.r, c.body, iaiService, c.now, s.secretKey)
	switch {
	case fault != nil:
		return fault.answer()
	case c.operation != "CompareFace":
		return (&apiError{"InvalidAction", "The action does not exist."}).answer()
	case c.r.Header.Get("X-TC-Version") != iaiVersion:
		return (&apiError{"NoSuchVersion", "The version does not exist."}).answer()
	case s.cfg.IAI.RequireRegion && c.r.Header.Get("X-TC-Region") == "":
		return (&apiError{"MissingParameter", "Region is required."}).answer()
	case !s.limits.allow(TencentIAI+"/"+account, s.cfg.IAI.Rate, c.now):
		return (&apiError{"RequestLimitExceeded", "The number of requests a second is over the limit of this action."}).answer()
	}
	return s.compareFace(c)
}

type compareRequest struct {
	ImageA, ImageB, UrlA, UrlB                                *string
	FaceModelVersion                                          *string
	QualityControl, NeedRotateDetection, FaceMatchingStrategy *int
}

// peekFaces notes whose faces are compared: the first picture's person.
func (s *Sandbox) peekFaces(c *call) {
	var q compareRequest
	_ = json.Unmarshal(c.body, &q) // best effort; compareFace decodes it again
	if sent(q.UrlA) || sent(q.UrlB) {
		c.flag = FlagURLSent
	}
	if q.ImageA != nil {
		raw, _ := base64.StdEncoding.DecodeString(*q.ImageA)
		c.subject = shownIn(raw)
	}
}

func sent(text *string) bool { return text != nil && *text != "" }

func outside(n *int, most int) bool { return n != nil && (*n < 0 || *n > most) }

func (s *Sandbox) compareFace(c *call) answer {
	var q compareRequest
	if json.Unmarshal(c.body, &q) != nil {
		return (&apiError{"InvalidParameter", "The body is not JSON of the right types."}).answer()
	}
	switch model := s.modelOf(c); {
	case model != "2.0" && model != "3.0":
		return (&apiError{"InvalidParameterValue.FaceModelVersionIllegal", "The model version does not exist."}).answer()
	case outside(q.QualityControl, 4) || outside(q.NeedRotateDetection, 1) || outside(q.FaceMatchingStrategy, 1):
		return (&apiError{"InvalidParameterValue", "A switch is out of range."}).answer()
	}
	keyA, fault := faceIn(q.ImageA, q.UrlA)
	if fault == nil {
		var keyB string
		if keyB, fault = faceIn(q.ImageB, q.UrlB); fault == nil {
			return s.compared(c, score(keyA, keyB, s.modelOf(c)))
		}
	}
	return fault.answer()
}

// modelOf is the face model that a call asks for.
func (s *Sandbox) modelOf(c *call) string {
	var q compareRequest
	if json.Unmarshal(c.body, &q) == nil && q.FaceModelVersion != nil {
		return *q.FaceModelVersion
	}
	return s.cfg.IAI.Model
}

// compared answers with a score, which is charged.
func (s *Sandbox) compared(c *call, score float64) answer {
	model := s.cfg.IAI.AnswerModel
	orElse(&model, s.modelOf(c))
	a := tencentEnvelope(map[string]any{"Score": score, "FaceModelVersion": model}, "ok")
	a.charged = true
	return a
}

// score says how alike two persons are. The older model's scores lie higher,
// so that who compares them with the newer one's thresholds lets strangers
// through. A picture that came as an address was not fetched and shows nobody.
func score(a, b, model string) float64 {
	same := a == b && a != ""
	// Real scores are never twice the same; these are, for the same two.
	spread := float64(hashOf("score", a, b)[0]) / 64
	switch {
	case same && model == "2.0":
		return 94 + spread
	case same:
		return 83 + spread
	case model == "2.0":
		return 61 + spread
	}
	return 10 + spread
}

// faceIn checks a picture as the vendor does and tells whom it shows. An
// address wins over a picture, as at the vendor.
func faceIn(picture, address *string) (key string, fault *apiError) {
	switch {
	case sent(address):
		return "", nil
	case picture == nil:
		return "", &apiError{"MissingParameter", "A picture is missing."}
	case *picture == "":
		return "", &apiError{"InvalidParameterValue.ImageEmpty", "A picture is empty."}
	case len(*picture) > iaiImageSize:
		return "", &apiError{"FailedOperation.ImageSizeExceed", "A picture is over 5 MB."}
	}
	raw, err := base64.StdEncoding.DecodeString(*picture)
	if err != nil {
		return "", &apiError{"FailedOperation.ImageDecodeFailed", "A picture is not base64."}
	}
	format, w, h := dimensions(raw)
	longest := 2000
	if format == "jpeg" {
		longest = 4000
	}
	switch key = shownIn(raw); {
	case format == "" || format == "gif":
		return "", &apiError{"FailedOperation.ImageDecodeFailed", "A picture cannot be decoded."}
	case min(w, h) < 64:
		return "", &apiError{"FailedOperation.ImageResolutionTooSmall", "A picture is too small."}
	case max(w, h) > longest:
		return "", &apiError{"FailedOperation.ImageResolutionExceed", "A picture is too large."}
	case key == "":
		return "", &apiError{"InvalidParameterValue.NoFaceInPhoto", "There is no face in a picture."}
	}
	return key, nil
}

// dimensions reads a picture's header; format is empty for what is none.
func dimensions(raw []byte) (format string, w, h int) {
	if len(raw) >= 26 && bytes.HasPrefix(raw, []byte("BM")) {
		return "bmp", int(int32(binary.LittleEndian.Uint32(raw[18:]))), max(int(int32(binary.LittleEndian.Uint32(raw[22:]))), -int(int32(binary.LittleEndian.Uint32(raw[22:]))))
	}
	cfg, format, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return "", 0, 0
	}
	return format, cfg.Width, cfg.Height
}
