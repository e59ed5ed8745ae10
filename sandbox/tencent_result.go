package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

var infoTypes = regexp.MustCompile(`^[012356]{0,6}$`)

func (s *Sandbox) getEidResult(c *call) answer {
	var q struct {
		EidToken        *string
		InfoType        string
		BestFramesCount uint
	}
	if json.Unmarshal(c.body, &q) != nil || !infoTypes.MatchString(q.InfoType) || q.BestFramesCount > 3 {
		return (&apiError{"InvalidParameter", "The body is not JSON of the right types and values."}).answer()
	}
	one, fault := s.heldSession(c, q.EidToken)
	if fault != nil {
		return fault.answer()
	}
	if one.Status != StatusFinished {
		return s.earlyResult(one)
	}
	all := q.InfoType == "" || strings.Contains(q.InfoType, "0")
	asked := func(kind string) bool { return all || strings.Contains(q.InfoType, kind) }

	result := emptyResult()
	if asked("1") {
		result["Text"] = resultText(one)
	}
	if asked("3") && one.Code == 0 {
		frames := make([]string, q.BestFramesCount)
		for i := range frames {
			frames[i] = portrait()
		}
		result["BestFrame"] = map[string]any{"BestFrame": portrait(), "BestFrames": frames}
	}
	if one.Code == 0 && (all || !s.cfg.Tencent.EidInfoOnlyWithAll) {
		info, err := s.eidInfo(one)
		if err != nil {
			return (&apiError{"InternalError.EncryptSystemError", "The identity could not be encrypted."}).answer()
		}
		result["EidInfo"] = info
	}
	if one.Code == 0 {
		maps.Copy(result, intentionResult(one, asked))
	}
	result["IsVerifyIntention"] = one.Intention != "" && !one.IntentionUnused
	return tencentEnvelope(result, strconv.Itoa(one.Code))
}

// emptyResult holds every member of GetEidResult, at null.
func emptyResult() map[string]any {
	return map[string]any{"Text": nil, "IdCardData": nil, "BestFrame": nil, "EidInfo": nil, "IntentionVerifyData": nil,
		"IntentionQuestionResult": nil, "IntentionActionResult": nil, "IsVerifyIntention": nil, "IntentionVerifyType": nil}
}

// earlyResult answers a look before the person is done.
func (s *Sandbox) earlyResult(one session) answer {
	if one.Status == StatusTimeout {
		switch s.cfg.Tencent.TimedOutResult {
		case TimedOutExpired:
			return (&apiError{"InvalidParameterValue.BizTokenExpired", "The token has expired."}).answer()
		case TimedOutCode15:
			return codeOnly(15, "token expired", one)
		}
	}
	if s.cfg.Tencent.EarlyResult == EarlyCode17 {
		return codeOnly(17, "flow not finished", one)
	}
	return tencentEnvelope(emptyResult(), "early")
}

func codeOnly(code int, message string, one session) answer {
	result, text := emptyResult(), emptyText(one)
	text["ErrCode"], text["ErrMsg"] = code, message
	result["Text"] = text
	return tencentEnvelope(result, strconv.Itoa(code))
}

// emptyText holds every member of Text. Name and IdCard stay empty in E证通:
// the identity is in EidInfo only. What has no value is null.
func emptyText(one session) map[string]any {
	text := map[string]any{"Name": "", "IdCard": "", "Extra": one.Extra, "LivenessDetail": []any{}}
	for _, member := range []string{"ErrCode", "ErrMsg", "LiveStatus", "LiveMsg", "Comparestatus", "Comparemsg", "Sim",
		"CompareLibType", "LivenessMode", "LivenessInfoTag", "Location", "Mobile", "IdInfoFrom", "UseIDType", "OcrName",
		"OcrIdCard", "OcrGender", "OcrNation", "OcrBirth", "OcrAddress", "OcrAuthority", "OcrValidDate", "PassNo",
		"VisaNum", "LivenessActionSequence", "NFCRequestIds", "NFCBillingCounts"} {
		text[member] = nil
	}
	return text
}

// stages splits a code into those of the liveness and the compare stage: a stage
// that was not reached is null, and so is the similarity.
func stages(code int) (live, compare, similarity any) {
	switch {
	case code == 0:
		return 0, 0, "91.07"
	case code == 2016:
		return 0, 2016, "41.20"
	case code == 2011:
		return 0, 2011, "63.55"
	case code >= 2000 && code < 3000:
		return 0, code, "0.00"
	case code >= 1000 && code < 2000:
		return code, nil, nil
	}
	return nil, nil, nil
}

func resultText(one session) map[string]any {
	text := emptyText(one)
	live, compare, similarity := stages(one.Code)
	text["ErrCode"], text["ErrMsg"] = one.Code, tencentMessage(one.Code)
	text["LiveStatus"], text["Comparestatus"], text["Sim"] = live, compare, similarity
	if live != nil {
		text["LiveMsg"] = tencentMessage(live.(int))
	}
	if compare != nil {
		text["Comparemsg"], text["CompareLibType"] = tencentMessage(compare.(int)), "权威库"
	}
	text["LivenessMode"], text["UseIDType"], text["IdInfoFrom"] = 4, 0, "其他"
	// The person's first try did not pass, whatever the end: who reads the first
	// entry instead of Text reads the wrong one.
	text["LivenessDetail"] = []any{liveTry(one, 1003, 1, -21*time.Second), liveTry(one, one.Code, 2, -2*time.Second)}
	return text
}

// liveTry is one entry of LivenessDetail, in the spelling it has there.
func liveTry(one session, code, number int, before time.Duration) map[string]any {
	live, compare, similarity := stages(code)
	try := map[string]any{
		"ReqTime": strconv.FormatInt(one.Ended.Add(before).UnixMilli(), 10), "Seq": one.Seq + "-" + strconv.Itoa(number),
		"Idcard": nil, "Name": nil, "Sim": similarity, "IsNeedCharge": tencentCharges(code), "Errcode": code,
		"Errmsg": tencentMessage(code), "Livestatus": live, "Livemsg": nil, "Comparestatus": compare, "Comparemsg": nil,
		"CompareLibType": "权威库", "LivenessMode": 4,
	}
	if live != nil {
		try["Livemsg"] = tencentMessage(live.(int))
	}
	if compare != nil {
		try["Comparemsg"] = tencentMessage(compare.(int))
	}
	return try
}

func (s *Sandbox) eidInfo(one session) (map[string]any, error) {
	mac := hmac.New(sha256.New, []byte("sandbox eid code"))
	mac.Write([]byte(one.IdNumber))
	info := map[string]any{"EidCode": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "EidSign": "MEQCIA==", "DesKey": "", "UserInfo": ""}
	if s.merchantKey == nil {
		return info, nil
	}
	h := holder{Name: one.Name, IDType: "01", IDNum: one.IdNumber}
	if one.OtherHolder {
		h.Name, h.IDNum = otherHolder(one.IdNumber)
	}
	var err error
	info["DesKey"], info["UserInfo"], err = sealHolder(s.merchantKey, h, s.cfg.Tencent.DesKeyForm, s.cfg.Tencent.UserInfoFill)
	return info, err
}

// otherHolder is a fixture who is not the given person.
func otherHolder(idNumber string) (name, number string) {
	people := Fixtures()
	if people[1].IDNumber == idNumber {
		return people[0].Name, people[0].IDNumber
	}
	return people[1].Name, people[1].IDNumber
}

// portrait is a drawn head, base64 of a JPEG: nobody's face.
var portrait = sync.OnceValue(func() string {
	const w, h = 240, 320
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			shade := uint8(225)
			dx, dy := float64(x-w/2)/70, float64(y-140)/95
			sx, sy := float64(x-w/2)/110, float64(y-330)/95
			if dx*dx+dy*dy < 1 || sx*sx+sy*sy < 1 {
				shade = 140
			}
			img.SetGray(x, y, color.Gray{Y: shade})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 70}); err != nil {
		panic(err) // a buffer takes everything
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
})
