package sandbox

import (
	"errors"
	"net/http"
	"strings"
)

// sinoPageRoutes are the pages that stand where the vendor's face page is, and
// the admin paths of Sino Connect:
//
//	GET  /page/sino/{session}              what is asked, and a button to begin
//	POST /page/sino/{session}/begin        init → doing; shows the buttons of the endings
//	POST /page/sino/{session}/end          fields outcome, number; 303 to the caller's redirect
//	GET  /page/sino/{session}/face.jpg     the captured image, also scene.jpg, where results are addresses
//	POST /sandbox/sino/scans               ScanOptions → {reqid, token, subject}: as if the SDK had read a card
//	GET  /sandbox/sino/keys                the private JWK set that opens chip tokens, if the sandbox made it
//	GET  /sandbox/sino/sessions/{session}  {status}
//	POST /sandbox/sino/sessions/{session}/expire   the session's clock runs out now
//	POST /sandbox/sino/sessions/{session}/end      {outcome, id_number}: as if the person had begun and ended
func (s *Sandbox) sinoPageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /page/sino/{session}", s.getSinoPage)
	mux.HandleFunc("POST /page/sino/{session}/begin", s.postSinoBegin)
	mux.HandleFunc("POST /page/sino/{session}/end", s.postSinoEnd)
	mux.HandleFunc("GET /page/sino/{session}/face.jpg", s.getSinoPicture)
	mux.HandleFunc("GET /page/sino/{session}/scene.jpg", s.getSinoPicture)
	mux.HandleFunc("POST /sandbox/sino/scans", s.postScan)
	mux.HandleFunc("GET "+ChipKeysPath, s.getChipKeys)
	mux.HandleFunc("GET /sandbox/sino/sessions/{session}", func(w http.ResponseWriter, r *http.Request) {
		s.writeSinoStatus(w, r, nil)
	})
	mux.HandleFunc("POST /sandbox/sino/sessions/{session}/expire", func(w http.ResponseWriter, r *http.Request) {
		s.writeSinoStatus(w, r, s.SinoExpire(r.PathValue("session")))
	})
	mux.HandleFunc("POST /sandbox/sino/sessions/{session}/end", s.adminSinoEnd)
}

var sinoName = vendorName{" Fill Easy ", "Fill Easy’s"}

var sinoGroups = []endingGroup{
	{"pass", "已拍摄", "Captured", "good", []endingButton{
		{Outcome: CaptureSame, ZH: "本人的人脸", EN: "This person’s face", Detail: "200 · faceImage, sceneImage"},
	}},
	{"other", "拍到别的", "Captured, but", "bad", []endingButton{
		{Outcome: CaptureOther, ZH: "他人的人脸", EN: "Another person’s face", Detail: "200"},
		{Outcome: CaptureNoFace, ZH: "画面中无人脸", EN: "No face in the picture", Detail: "200"},
		{Outcome: CaptureBroken, ZH: "返回的不是图片", EN: "What is no picture", Detail: "200"},
	}},
	{"fault", "未完成", "Not completed", "warn", []endingButton{
		{Outcome: OutcomeCancel, ZH: "取消，返回", EN: "Cancel, go back", Detail: "200 · Cancelled"},
		{Outcome: OutcomeFail, ZH: "识别失败，留在此页", EN: "Fail, stay here", Detail: "200 · Failed"},
	}},
	{"leave", "超时", "Run out", "calm", []endingButton{
		{Outcome: OutcomeTimeout, ZH: "立即超时，留在此页", EN: "Time out now, stay here", Detail: "400 · expired"},
		{Outcome: OutcomeTimeoutBack, ZH: "立即超时，返回", EN: "Time out now, go back", Detail: "400 · expired"},
	}},
}

// sinoScreen shows a session. The vendor knows nobody's name here; what is shown
// is whose card was scanned last, masked.
func (s *Sandbox) sinoScreen(one faceSession) screen {
	found := screen{
		Vendor: sinoName, Path: "/page/sino/" + one.ID, Groups: sinoGroups, Number: &numberField{"拍到谁？留空则为最近扫描的证件", "Whose face? Empty: the card scanned last"},
		ValidUntil: inChina(one.Created.Add(s.cfg.Sino.FaceTTL)),
	}
	s.sino.mu.Lock()
	last := s.sino.lastScan
	s.sino.mu.Unlock()
	if last.IDNumber != "" {
		found.Person = []personRow{
			{"last-name", "最近扫描", "Scanned last", maskName(last.Name)},
			{"last-number", "证件号码", "ID number", maskNumber(last.IDNumber)},
		}
	}
	return found
}

func (s *Sandbox) getSinoPage(w http.ResponseWriter, r *http.Request) {
	one, known := s.sino.find(r.PathValue("session"), s.cfg.Clock(), s.cfg.Sino.FaceTTL)
	switch {
	case !known:
		s.refuse(w, sinoName, "", ErrNoSession)
	case one.Status != StatusInit:
		s.refuse(w, sinoName, one.Status, ErrState)
	default:
		s.render(w, http.StatusOK, "begin.html", s.sinoScreen(one))
	}
}

func (s *Sandbox) postSinoBegin(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("session")
	err := s.SinoBegin(id)
	one, _ := s.sino.find(id, s.cfg.Clock(), s.cfg.Sino.FaceTTL)
	if err != nil {
		s.refuse(w, sinoName, one.Status, err)
		return
	}
	s.render(w, http.StatusOK, "choose.html", s.sinoScreen(one))
}

// postSinoEnd goes back on completion and on cancel, to the redirect as it is:
// the vendor documents no parameters.
func (s *Sandbox) postSinoEnd(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
	outcome := strings.TrimSpace(r.PostFormValue("outcome"))
	number := strings.ToUpper(strings.TrimSpace(r.PostFormValue("number")))
	one, err := s.sinoEnd(r.PathValue("session"), outcome, number)
	switch {
	case err != nil:
		s.refuse(w, sinoName, one.Status, err)
	case outcome == OutcomeTimeout:
		s.say(w, sinoName, messageExpired.leadingTo(one.Redirect))
	case outcome == OutcomeFail:
		s.say(w, sinoName, messageFailed.leadingTo(one.Redirect))
	default:
		pageHeaders(w)
		http.Redirect(w, r, one.Redirect, http.StatusSeeOther)
	}
}

var messageFailed = message{"failed", "bad", "人脸识别失败", "The face check failed",
	"本次核验已结束。请回到原来的页面。", "This check is over. Go back to where you came from.", "", "", ""}

func (s *Sandbox) getSinoPicture(w http.ResponseWriter, r *http.Request) {
	face, scene, captured := s.Captured(r.PathValue("session"))
	if !captured {
		http.NotFound(w, r)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/scene.jpg") {
		face = scene
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(face)
}

func (s *Sandbox) getChipKeys(w http.ResponseWriter, _ *http.Request) {
	private := s.ChipKeys()
	if private == nil {
		writeProblem(w, http.StatusNotFound, "chip tokens are sealed to configured keys")
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(private)
}

func (s *Sandbox) adminSinoEnd(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Outcome  string `json:"outcome"`
		IDNumber string `json:"id_number"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	session := r.PathValue("session")
	if err := s.SinoBegin(session); err != nil && !errors.Is(err, ErrState) {
		s.writeSinoStatus(w, r, err)
		return
	}
	s.writeSinoStatus(w, r, s.SinoEnd(session, body.Outcome, body.IDNumber))
}

func (s *Sandbox) writeSinoStatus(w http.ResponseWriter, r *http.Request, err error) {
	status, known := s.SinoStatus(r.PathValue("session"))
	writeSessionStatus(w, status, known, err)
}
