package sandbox

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// How Tencent's stand-in behaves where a session began in a mini program
// (TencentConfig.MiniStatus): the vendor documents CheckEidTokenStatus for its
// page alone.
const (
	MiniStatusMoves = "moves" // as with the page
	MiniStatusStuck = "stuck" // init until the token runs out
	MiniStatusError = "error" // the token is not known
)

// When the caller's program says that its person is back, as the page's field
// tell has it.
const (
	TellNow   = "now"
	TellTwice = "twice"
	TellEarly = "early" // before there is a result
	TellLate  = "late"  // some seconds later
	TellNever = "never" // WeChat ended the program
)

// tellLate is how long after the end a late program says so. A variable for tests.
var tellLate = 5 * time.Second

// miniRoutes are the page that stands for the caller's mini program, the vendor's
// SDK in it and the vendor's own program:
//
//	GET  /sandbox/eid/mini?token=&returned=   the program's page, whose button is the tap
//	POST /sandbox/eid/mini/{token}/begin      the SDK goes to the vendor's program
//	POST /sandbox/eid/mini/{token}/end        fields outcome and tell: back in the program, which posts to returned as tell says
func (s *Sandbox) miniRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /sandbox/eid/mini", s.getMini)
	mux.HandleFunc("POST /sandbox/eid/mini/{token}/begin", s.postMiniBegin)
	mux.HandleFunc("POST /sandbox/eid/mini/{token}/end", s.postMiniEnd)
}

// miniScreen is a session's screen in the mini program.
func (s *Sandbox) miniScreen(one session) screen {
	screen := s.screenOf(one)
	screen.Path, screen.Tell = "/sandbox/eid/mini/"+one.Token, true
	return screen
}

func (s *Sandbox) getMini(w http.ResponseWriter, r *http.Request) {
	one, err := s.sessions.change(r.URL.Query().Get("token"), s.cfg.Clock(), func(one *session) error {
		if one.Status != StatusInit {
			return ErrState
		}
		one.Returned = ""
		if to := r.URL.Query().Get("returned"); webAddress(to) {
			one.Returned = to
		}
		return nil
	})
	if err != nil {
		s.refuse(w, tencentName, one.Status, err)
		return
	}
	s.render(w, http.StatusOK, "begin.html", s.miniScreen(one))
}

func (s *Sandbox) postMiniBegin(w http.ResponseWriter, r *http.Request) {
	one, err := s.beginMini(r.PathValue("token"))
	if err != nil {
		s.refuse(w, tencentName, one.Status, err)
		return
	}
	s.render(w, http.StatusOK, "choose.html", s.miniScreen(one))
}

// beginMini takes a session from init to doing by the mini program's door. A
// token works once.
func (s *Sandbox) beginMini(token string) (session, error) {
	return s.sessions.change(token, s.cfg.Clock(), func(one *session) error {
		if one.Status != StatusInit || one.Opened {
			return ErrState // begun, or opened by its link
		}
		one.Status, one.Mini = StatusDoing, true
		return nil
	})
}

func (s *Sandbox) postMiniEnd(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
	token, outcome, tell := r.PathValue("token"), strings.TrimSpace(r.PostFormValue("outcome")), r.PostFormValue("tell")
	before, known := s.sessions.find(token, s.cfg.Clock())
	if known && tell == TellEarly {
		s.tellReturned(r.Context(), before.Returned)
	}
	one, err := s.end(token, outcome)
	if err != nil {
		s.refuse(w, tencentName, one.Status, err)
		return
	}
	switch tell {
	case TellEarly, TellNever:
	case TellLate:
		go func() {
			time.Sleep(tellLate)
			s.tellReturned(context.Background(), one.Returned)
		}()
	case TellTwice:
		s.tellReturned(r.Context(), one.Returned)
		fallthrough
	default:
		s.tellReturned(r.Context(), one.Returned)
	}
	s.say(w, tencentName, messageDone)
}

// miniClient is what the program asks with: as WeChat does, it follows no redirect
// to a page.
var miniClient = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// tellReturned does what the program does when its person is back. What the answer
// is, is noted without the address, which is a secret.
func (s *Sandbox) tellReturned(ctx context.Context, to string) {
	if to == "" {
		return
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, to, strings.NewReader("{}"))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := miniClient.Do(req)
	if err != nil {
		s.cfg.Logger.Info("the mini program's word did not arrive", "timeout", errors.Is(err, context.DeadlineExceeded))
		return
	}
	res.Body.Close()
	s.cfg.Logger.Info("the mini program said that its person is back", "status", res.StatusCode)
}
