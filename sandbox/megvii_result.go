package sandbox

import (
	"encoding/base64"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
)

// getMegviiResult answers a look-up. There are three in a day, whatever they
// find; what comes later finds nothing.
func (s *Sandbox) getMegviiResult(c *call, f megviiForm) answer {
	for name, allowed := range map[string][]string{"return_image": {"0", "1", "2", "3", "4", "5", "6"}, "return_verify_time": {"0", "1"}} {
		if f.Has(name) && !slices.Contains(allowed, f.Get(name)) {
			return s.megviiError(c, "BAD_ARGUMENTS:"+name, 0)
		}
	}
	if f.Get("biz_id") == "" {
		return s.megviiError(c, "MISSING_ARGUMENTS: biz_id", 0)
	}
	cfg := s.cfg.Megvii
	spent := false
	one, err := s.megviiChange(c.token, func(one *megviiSession) error { // peek has found the token of the biz_id
		if one.ApiKey != f.Get("api_key") {
			return ErrNoSession
		}
		if !one.open() || !cfg.PendingIsFree {
			one.Looks++
		}
		spent = one.Looks > cfg.Lookups || !c.now.Before(one.Created.Add(cfg.LookupWindow))
		return nil
	})
	switch {
	case err != nil:
		return s.megviiError(c, SpentNotFound, 0)
	case spent:
		return s.megviiError(c, cfg.SpentAnswer, 0)
	}
	body := one.body()
	if images := one.images(f.Get("return_image")); len(images) > 0 && one.Status == MegviiOK {
		body["images"] = images
	}
	if verified, is := body["verify_result"].(map[string]any); is && f.Get("return_verify_time") == "1" {
		verified["verify_time"] = one.Ended.Unix()
	}
	return megviiAnswer(c, http.StatusOK, body, one.Verdict.word(one.Status))
}

// body is what is said of a flow, to get_result and to the callbacks alike. Each
// call makes new thresholds: who keeps them from an earlier answer is wrong.
func (m megviiSession) body() map[string]any {
	v := m.Verdict
	body := map[string]any{"status": m.Status,
		"biz_info": map[string]string{"biz_id": m.BizID, "biz_no": m.BizNo, "biz_extra_data": m.Extra}}
	if v.FailReason != "" && m.Fields.Get("get_fail_reason") == "1" {
		body["fail_reason"] = v.FailReason
	}
	if v.Live == "" {
		return body
	}
	body["liveness_result"] = m.liveness()
	if v.Live == "PASS" {
		body["verify_result"] = m.comparison()
	}
	if mode := m.Fields.Get("idcard_mode"); mode != "" && mode != "0" {
		body["idcard_info"] = map[string]string{"idcard_mode": mode, "idcard_name": m.Name, "idcard_number": m.Number,
			"idcard_valid_date": "2020.01.15-2040.01.15", "idcard_issued_by": "某市公安局测试分局"}
	}
	if m.Fields.Get("procedure_type") == "will" {
		result := map[string]string{"result": "PASS", "will_error_message": v.Will}
		if v.Will != "" {
			result["result"] = "FAIL"
		}
		body["will_result"] = []any{result}
	}
	if m.Fields.Get("return_multifaces_tag") == "1" {
		body["multifaces_tag"] = map[bool]string{false: "0", true: "1"}[v.ManyFaces]
	}
	return body
}

func (m megviiSession) liveness() map[string]any {
	genuine := map[string]any{}
	for name, low := range map[string]float64{"synthetic_face": .02, "mask": .01, "screen_replay": 0} {
		if name == m.Verdict.Attack {
			low = .97
		}
		genuine[name+"_confidence"], genuine[name+"_threshold"] = low, .5
	}
	if m.Verdict.Replaced {
		genuine["face_replaced"] = 1
	}
	procedure := m.Fields.Get("procedure_type")
	orElse(&procedure, "video")
	details := map[string]int{"UPLOAD_TIMES": 1, "FACE_NOT_FOUND": 0}
	if m.Verdict.Live == "FAIL" {
		details = map[string]int{"UPLOAD_TIMES": 5, "FACE_NOT_FOUND": 2, "NOT_SYNCHRONIZED": 3}
	}
	return map[string]any{"result": m.Verdict.Live, "procedure_type": procedure, "details": details, "face_genuineness": genuine}
}

func (m megviiSession) comparison() map[string]any {
	v := m.Verdict
	if v.ErrorMessage != "" {
		return map[string]any{"error_message": v.ErrorMessage}
	}
	result := map[string]any{}
	compared := func() map[string]any {
		return map[string]any{"confidence": v.Confidence, "thresholds": thresholds()}
	}
	for _, ref := range m.References {
		result["result_"+ref] = compared()
	}
	if m.Fields.Get("comparison_type") == "1" {
		result["result_faceid"] = compared()
		result["id_exceptions"] = map[string]int{"id_attacked": v.Attacked, "id_photo_monochrome": v.Monochrome}
	}
	return result
}

// thresholds lie around those that were seen, up to a point and a half off.
func thresholds() map[string]float64 {
	found := map[string]float64{"1e-3": 62.169, "1e-4": 69.315, "1e-5": 74.399, "1e-6": 78.038}
	off := rand.Float64()*3 - 1.5
	for key := range maps.Keys(found) {
		found[key] = math.Round((found[key]+off)*1000) / 1000
	}
	return found
}

// images are those that return_image asks for, as data URIs.
func (m megviiSession) images(asked string) map[string]string {
	images := map[string]string{}
	add := func(name, number string, any ...string) {
		if slices.Contains(any, asked) {
			face, _ := Capture(m.Number, m.Token+number)
			images[name] = "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(face)
		}
	}
	add("image_best", "best", "1", "4")
	if mode := m.Fields.Get("idcard_mode"); mode == "1" || mode == "2" {
		add("image_idcard_front", "front", "2", "4")
		add("image_idcard_back", "back", "3", "4")
	}
	return images
}
