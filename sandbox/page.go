package sandbox

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed page
var pageFiles embed.FS

var (
	pageStyle     = mustRead("page/style.css")
	pageTemplates = template.Must(template.ParseFS(pageFiles, "page/*.html"))
	// The pages load nothing and hold no script, save for the one that submits
	// Megvii's return form. form-action is left out on
	// purpose: browsers apply it to the redirects after a form too, and the
	// person's way back leads over addresses that the page cannot know.
	pagePolicy = "default-src 'none'; img-src data:; style-src 'sha256-" + sourceHash(pageStyle) + "'; base-uri 'none'; frame-ancestors 'none'"
)

func mustRead(name string) string {
	b, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err) // embedded
	}
	return string(b)
}

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// pageRoutes are the pages that stand where Tencent's are:
//
//	GET  /page/tencent/{token}         what is asked, and a button to begin
//	POST /page/tencent/{token}/begin   init → doing; shows the buttons of the endings
//	POST /page/tencent/{token}/end     field outcome; 303 to the caller's RedirectUrl
func (s *Sandbox) pageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /page/tencent/{token}", s.getPage)
	mux.HandleFunc("POST /page/tencent/{token}/begin", s.postPageBegin)
	mux.HandleFunc("POST /page/tencent/{token}/end", s.postPageEnd)
}

// screen is what the templates show.
type screen struct {
	Style      template.CSS
	Vendor     vendorName
	Path       string // of the session, to which "/begin" and "/end" belong
	Person     []personRow
	ValidUntil time.Time
	Groups     []endingGroup
	Other      *otherField // an ending typed instead of pressed
	Number     *numberField
	Tell       bool // the caller's mini program is asked when it says that the person is back
	Return     MegviiReturn
	Script     template.JS
	Message    message
}

// vendorName says, in the genitive, whose page it is not.
type vendorName struct{ ZH, EN string }

var tencentName = vendorName{"腾讯", "Tencent’s"}

// personRow is a line about the person, masked.
type personRow struct{ ID, ZH, EN, Value string }

func personRows(name, number string) []personRow {
	return []personRow{
		{"person-name", "姓名", "Name", maskName(name)},
		{"person-number", "证件号码", "ID number", maskNumber(number)},
	}
}

// otherField takes an ending that has no button.
type otherField struct {
	ZH, EN, Pattern, InputMode, Placeholder string
	Known                                   []knownEnding
}

// numberField asks whose face is captured.
type numberField struct{ ZH, EN string }

// errUsed: the link of an unbegun session was used up by an earlier look.
var errUsed = errors.New("sandbox: link used")

// message is a page that only says something.
type message struct {
	ID, Tone                    string // Tone: "good", "bad" or "calm"
	TitleZH, TitleEN, ZH, EN    string
	ContinueURL, LinkZH, LinkEN string
}

// leadingTo is the message with a way back to the caller.
func (m message) leadingTo(address string) message {
	// An app's own scheme is no web address; the person has left the browser's
	// world anyway and returns to the app by hand.
	if webAddress(address) {
		m.ContinueURL, m.LinkZH, m.LinkEN = address, "返回", "Go back"
	}
	return m
}

func (s *Sandbox) render(w http.ResponseWriter, status int, name string, data screen) {
	data.Style = template.CSS(pageStyle) // embedded, nobody's input
	var b bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&b, name, data); err != nil {
		s.cfg.Logger.Error("page template", "page", name, "error", err)
		http.Error(w, "page template", http.StatusInternalServerError)
		return
	}
	pageHeaders(w)
	if data.Script != "" {
		w.Header().Set("Content-Security-Policy", pagePolicy+"; script-src 'sha256-"+sourceHash(string(data.Script))+"'")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser may be gone
}

func pageHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// screenOf shows a session, with the person masked.
func (s *Sandbox) screenOf(one session) screen {
	has := map[string]bool{"eid": s.merchantKey != nil, "intention": one.Intention != ""}
	return screen{
		Vendor: tencentName, Path: "/page/tencent/" + one.Token, Person: personRows(one.Name, one.IdNumber),
		ValidUntil: inChina(one.Created.Add(s.cfg.Tencent.TokenTTL)), Groups: endingsFor(tencentGroups, has),
		Other: &otherField{"其他结果代码", "Any other result code", "-?[0-9]{1,5}", "numeric", "2010", knownEndings()},
	}
}

func inChina(t time.Time) time.Time { return t.In(time.FixedZone("CST", 8*60*60)) }

// maskName leaves the first character.
func maskName(name string) string {
	if name == "" {
		return ""
	}
	_, first := utf8.DecodeRuneInString(name)
	return name[:first] + strings.Repeat("*", utf8.RuneCountInString(name)-1)
}

// maskNumber leaves the first three and the last two characters.
func maskNumber(number string) string {
	if len(number) < 6 {
		return strings.Repeat("*", len(number))
	}
	return number[:3] + strings.Repeat("*", len(number)-5) + number[len(number)-2:]
}

func (s *Sandbox) getPage(w http.ResponseWriter, r *http.Request) {
	one, err := s.sessions.change(r.PathValue("token"), s.cfg.Clock(), func(one *session) error {
		if one.Status != StatusInit {
			return ErrState
		}
		if one.Opened && s.cfg.Tencent.LinkUsedBy == LinkUsedByOpen {
			return errUsed
		}
		one.Opened = r.Method == http.MethodGet // a HEAD looks at nothing
		return nil
	})
	if err != nil {
		s.refuse(w, tencentName, one.Status, err)
		return
	}
	s.render(w, http.StatusOK, "begin.html", s.screenOf(one))
}

func (s *Sandbox) postPageBegin(w http.ResponseWriter, r *http.Request) {
	one, err := s.begin(r.PathValue("token"))
	if err != nil {
		s.refuse(w, tencentName, one.Status, err)
		return
	}
	s.render(w, http.StatusOK, "choose.html", s.screenOf(one))
}

func (s *Sandbox) postPageEnd(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
	outcome := strings.TrimSpace(r.PostFormValue("outcome"))
	one, err := s.end(r.PathValue("token"), outcome)
	switch {
	case err != nil:
		s.refuse(w, tencentName, one.Status, err)
	case outcome == OutcomeTimeout && one.Redirect == "":
		s.say(w, tencentName, messageExpired)
	case outcome == OutcomeTimeout:
		s.say(w, tencentName, messageExpired.leadingTo(back(one.Redirect, one.Token)))
	case one.Redirect == "":
		s.say(w, tencentName, messageDone)
	default:
		pageHeaders(w)
		http.Redirect(w, r, back(one.Redirect, one.Token), http.StatusSeeOther)
	}
}

// refuse shows why an act on a session is not possible.
func (s *Sandbox) refuse(w http.ResponseWriter, vendor vendorName, state string, err error) {
	status, m := http.StatusGone, messageUsed
	switch {
	case errors.Is(err, ErrNoSession):
		status, m = http.StatusNotFound, messageUnknown
	case errors.Is(err, ErrOutcome):
		status, m = http.StatusUnprocessableEntity, messageOutcome
	case errors.Is(err, ErrNobody):
		status, m = http.StatusUnprocessableEntity, messageNobody
	case state == StatusTimeout:
		m = messageExpired
	case state == StatusInit && !errors.Is(err, errUsed):
		status, m = http.StatusConflict, messageNotBegun
	}
	s.render(w, status, "message.html", screen{Vendor: vendor, Message: m})
}

func (s *Sandbox) say(w http.ResponseWriter, vendor vendorName, m message) {
	s.render(w, http.StatusOK, "message.html", screen{Vendor: vendor, Message: m})
}

var (
	messageUsed = message{"used", "calm", "链接已使用", "This link has been used",
		"每个链接只能使用一次。请回到原来的页面，重新获取链接。", "Each link works once only. Go back to where you came from and ask for a new one.", "", "", ""}
	messageExpired = message{"expired", "calm", "链接已过期", "This link has expired",
		"核验时间已到，未产生结果。请回到原来的页面，重新获取链接。", "The time for this check is over, and it ended without a result. Go back to where you came from and ask for a new link.", "", "", ""}
	messageUnknown = message{"unknown", "bad", "链接无效", "This link is not valid",
		"没有找到对应的核验。请检查链接是否完整。", "There is no check behind it. See whether the address is complete.", "", "", ""}
	messageOutcome = message{"outcome", "bad", "结果代码无效", "No such result code",
		"请返回上一页，按所示格式输入。", "Go back one page and enter a code of the kind that is shown there.", "", "", ""}
	messageNobody = message{"nobody", "bad", "不知是谁", "Nobody to capture",
		"尚未扫描证件。请返回上一页，输入证件号码。", "No card was scanned yet. Go back one page and enter an ID number.", "", "", ""}
	messageNotBegun = message{"not-begun", "calm", "核验尚未开始", "The check has not begun",
		"请打开链接，先点击“开始”。", "Open the link and press “Begin” first.", "", "", ""}
	messageDone = message{"done", "good", "核验已结束", "The check is over",
		"可以关闭此页面。", "You may close this page.", "", "", ""}
)
