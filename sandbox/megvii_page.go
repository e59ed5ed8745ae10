package sandbox

import (
	"errors"
	"net/http"
	"strings"
)

// megviiPageRoutes are the pages that stand where Megvii's are, and its admin
// paths:
//
//	GET  /megvii/faceid/lite/do?token=         what is asked, and a button to begin; works once
//	POST /page/megvii/{token}/begin            shows the buttons of the endings
//	POST /page/megvii/{token}/end              field outcome; then back to return_url
//	POST /sandbox/megvii/notify                NotifyOptions from now on; with a member token, of that flow only; GET shows the common ones
//	GET  /sandbox/megvii/tokens/{token}        {status}
//	POST /sandbox/megvii/tokens/{token}/expire the flow's clock runs out now
//	POST /sandbox/megvii/tokens/{token}/end    {outcome} → {status, return}: as if the person had opened the page and ended
func (s *Sandbox) megviiPageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+megviiPagePath, s.getMegviiPage)
	mux.HandleFunc("POST /page/megvii/{token}/begin", s.postMegviiBegin)
	mux.HandleFunc("POST /page/megvii/{token}/end", s.postMegviiEnd)
	mux.HandleFunc("POST /sandbox/megvii/notify", s.postMegviiNotify)
	mux.HandleFunc("GET /sandbox/megvii/notify", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.MegviiNotify())
	})
	mux.HandleFunc("GET /sandbox/megvii/tokens/{token}", func(w http.ResponseWriter, r *http.Request) {
		status, known := s.MegviiStatus(r.PathValue("token"))
		writeSessionStatus(w, status, known, nil)
	})
	mux.HandleFunc("POST /sandbox/megvii/tokens/{token}/expire", func(w http.ResponseWriter, r *http.Request) {
		err := s.MegviiExpire(r.PathValue("token"))
		status, known := s.MegviiStatus(r.PathValue("token"))
		writeSessionStatus(w, status, known, err)
	})
	mux.HandleFunc("POST /sandbox/megvii/tokens/{token}/end", s.adminMegviiEnd)
}

var megviiName = vendorName{"旷视", "Megvii’s"}

var megviiGroups = []endingGroup{
	{"pass", "通过", "Passed", "good", []endingButton{
		{Outcome: MegviiPass, ZH: "核验通过", EN: "Pass", Detail: "OK · PASS · 83.412"},
		{Outcome: MegviiWillFail, ZH: "人脸通过，意愿未通过", EN: "Face passes, intention does not", Detail: "will_result FAIL", Needs: "will"},
	}},
	{"retry", "未通过，可再试", "Not passed, may try again", "warn", []endingButton{
		{Outcome: MegviiLowScore, ZH: "相似度不足", EN: "Not alike enough", Detail: "OK · 48.207"},
		{Outcome: MegviiLivenessFail, ZH: "活体检测未通过", EN: "Liveness not passed", Detail: "OK · FAIL"},
		{Outcome: MegviiNoFaceImage, ZH: "照片中无人脸", EN: "No face in the picture", Detail: "NO_FACE_FOUND: image"},
	}},
	{"attack", "疑似攻击", "Attack suspected", "bad", []endingButton{
		{Outcome: MegviiSpoof, ZH: "合成人脸", EN: "Synthetic face", Detail: "synthetic_face 0.97"},
		{Outcome: MegviiMask, ZH: "面具", EN: "Mask", Detail: "mask 0.97"},
		{Outcome: MegviiReplay, ZH: "屏幕翻拍", EN: "Screen replay", Detail: "screen_replay 0.97"},
		{Outcome: MegviiReplaced, ZH: "换脸", EN: "Swapped face", Detail: "face_replaced 1"},
		{Outcome: MegviiIDAttacked, ZH: "号码曾被攻击", EN: "Number used in attacks", Detail: "id_attacked 1"},
	}},
	{"final", "不符", "Differs", "bad", []endingButton{
		{Outcome: MegviiNameDiffers, ZH: "姓名与号码不符", EN: "Name and number differ", Detail: "ID_NUMBER_NAME_NOT_MATCH"},
	}},
	{"none", "无法判断", "Cannot be judged", "calm", []endingButton{
		{Outcome: MegviiNoNumber, ZH: "查无此号", EN: "Number not found", Detail: "NO_SUCH_ID_NUMBER"},
		{Outcome: MegviiNoPhoto, ZH: "库中无照片", EN: "No reference photo", Detail: "IMAGE_ERROR…: data_source"},
		{Outcome: MegviiNoFaceSource, ZH: "库中照片无人脸", EN: "No face in that photo", Detail: "NO_FACE_FOUND: source"},
		{Outcome: MegviiMonochrome, ZH: "库中为黑白照片", EN: "Black-and-white photo", Detail: "PASS · monochrome 1"},
		{Outcome: MegviiManyFaces, ZH: "多张人脸", EN: "Several faces", Detail: "PASS · multifaces_tag 1"},
		{Outcome: MegviiStrange, ZH: "未知状态", EN: "A status nobody knows", Detail: "SUSPENDED"},
	}},
	{"fault", "系统与设备", "System and device", "calm", []endingButton{
		{Outcome: MegviiSourceError, ZH: "数据源故障", EN: "Source fault", Detail: "DATA_SOURCE_ERROR"},
		{Outcome: MegviiVendorError, ZH: "服务故障", EN: "Vendor fault", Detail: "INTERNAL_ERROR"},
		{Outcome: MegviiNoWebRTC, ZH: "浏览器不支持", EN: "Browser unsupported", Detail: "SUPPORT_ERROR"},
		{Outcome: MegviiNoCamera, ZH: "未授权摄像头", EN: "Camera refused", Detail: "PERMISSIONS_ERROR"},
		{Outcome: MegviiTechnical, ZH: "流程异常", EN: "Flow broken off", Detail: "FAILED"},
	}},
	{"leave", "离开或超时", "Leave, or run out", "calm", []endingButton{
		{Outcome: OutcomeCancel, ZH: "取消，返回", EN: "Cancel, go back", Detail: "CANCELLED"},
		{Outcome: MegviiAbandon, ZH: "关闭页面", EN: "Close the page", Detail: "PROCESSING"},
		{Outcome: OutcomeTimeout, ZH: "立即超时，留在此页", EN: "Time out now, stay here", Detail: "TIMEOUT"},
		{Outcome: OutcomeTimeoutBack, ZH: "立即超时，返回", EN: "Time out now, go back", Detail: "TIMEOUT"},
	}},
}

// returnScript submits the only form of the page; without scripts, the person
// presses its button.
const returnScript = `document.forms[0].submit()`

// megviiScreen shows a flow, with the person masked.
func (s *Sandbox) megviiScreen(one megviiSession) screen {
	return screen{
		Vendor: megviiName, Path: "/page/megvii/" + one.Token, Person: personRows(one.Name, one.Number),
		ValidUntil: inChina(one.Created.Add(s.cfg.Megvii.FlowTTL)),
		Groups:     endingsFor(megviiGroups, map[string]bool{"will": one.Fields.Get("procedure_type") == "will"}),
		Other:      &otherField{"任意相似度", "Any other score", `score-[0-9]{1,3}(\.[0-9]{1,3})?`, "text", "score-71.5", nil},
	}
}

// refuseMegvii shows why an act on a flow is not possible.
func (s *Sandbox) refuseMegvii(w http.ResponseWriter, one megviiSession, err error) {
	state := map[string]string{MegviiTimeout: StatusTimeout, MegviiNotStarted: StatusInit}[one.Status]
	s.refuse(w, megviiName, state, err)
}

func (s *Sandbox) getMegviiPage(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	if r.Method == http.MethodHead { // a preview uses nothing up
		w.WriteHeader(http.StatusOK)
		return
	}
	one, err := s.openMegvii(token)
	if err != nil {
		s.refuseMegvii(w, one, err)
		return
	}
	s.render(w, http.StatusOK, "begin.html", s.megviiScreen(one))
}

func (s *Sandbox) postMegviiBegin(w http.ResponseWriter, r *http.Request) {
	one, err := s.megviiChange(r.PathValue("token"), func(one *megviiSession) error {
		if one.Status != MegviiProcessing {
			return ErrState
		}
		return nil
	})
	if err != nil {
		s.refuseMegvii(w, one, err)
		return
	}
	s.render(w, http.StatusOK, "choose.html", s.megviiScreen(one))
}

func (s *Sandbox) postMegviiEnd(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
	outcome := strings.TrimSpace(r.PostFormValue("outcome"))
	one, err := s.endMegvii(r.PathValue("token"), outcome)
	if err != nil {
		s.refuseMegvii(w, one, err)
		return
	}
	if outcome == MegviiAbandon {
		s.say(w, megviiName, messageLeft)
		return
	}
	switch back := s.tellMegvii(one, outcome); {
	case back.Method == http.MethodPost:
		s.render(w, http.StatusOK, "return.html", screen{Vendor: megviiName, Return: back, Script: returnScript})
	case back.Method == http.MethodGet:
		pageHeaders(w)
		http.Redirect(w, r, back.URL, http.StatusSeeOther)
	case outcome == OutcomeTimeout:
		s.say(w, megviiName, messageExpired)
	default:
		s.say(w, megviiName, messageDone)
	}
}

var messageLeft = message{"left", "calm", "页面已关闭", "You closed the page",
	"核验尚未结束，到时将自动超时。", "The check is not over; it runs out by the clock.", "", "", ""}

func (s *Sandbox) postMegviiNotify(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Token string `json:"token"`
		NotifyOptions
	}
	if !readJSON(w, r, &body) {
		return
	}
	err := error(nil)
	if body.Token == "" {
		err = s.SetMegviiNotify(body.NotifyOptions)
	} else {
		err = s.SetMegviiNotifyOf(body.Token, body.NotifyOptions)
	}
	switch {
	case errors.Is(err, ErrNoSession):
		writeProblem(w, http.StatusNotFound, "no such session")
	case err != nil:
		writeProblem(w, http.StatusUnprocessableEntity, err.Error())
	default:
		writeJSON(w, http.StatusOK, body.NotifyOptions)
	}
}

func (s *Sandbox) adminMegviiEnd(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Outcome string `json:"outcome"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	token := r.PathValue("token")
	_ = s.MegviiBegin(token) // it may be open; MegviiEnd says what is wrong
	back, err := s.MegviiEnd(token, body.Outcome)
	status, known := s.MegviiStatus(token)
	if err != nil {
		writeSessionStatus(w, status, known, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"status": status, "return": back})
}
