package sandbox

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// States of a face session at Sino Connect, beside StatusInit, StatusDoing and
// StatusTimeout. The vendor tells none of them apart in words that are published.
const (
	StatusCaptured = "captured"
	StatusCanceled = "canceled"
	StatusFailed   = "failed"
)

// Outcomes with which SinoEnd ends a face session, beside OutcomeCancel,
// OutcomeTimeout and OutcomeTimeoutBack.
const (
	CaptureSame   = "same"    // the face of the person in question
	CaptureOther  = "other"   // somebody else's
	CaptureNoFace = "no-face" // a picture of a room with nobody in it
	CaptureBroken = "broken"  // pictures that are none
	OutcomeFail   = "fail"    // the vendor's page gives up
)

// faceSession is one session of the vendor's face page.
type faceSession struct {
	ID, Redirect string
	Created      time.Time
	Status       string
	Ended        time.Time
	// idNumber is whose face was captured; empty for nobody's.
	IdNumber    string
	Face, Scene []byte
	HandedOut   bool
	Key         string // TokenKey of the face token
}

func (f *faceSession) open() bool { return f.Status == StatusInit || f.Status == StatusDoing }

func (f *faceSession) state(now time.Time, ttl time.Duration) string {
	if f.open() && !now.Before(f.Created.Add(ttl)) {
		return StatusTimeout
	}
	return f.Status
}

// requestFace opens a session. Nothing says whom it is about: the vendor takes
// no name, no number and no picture.
func (s *Sandbox) requestFace(c *call, redirect string) answer {
	if !wayBack(redirect) {
		return sinoError(http.StatusBadRequest, "redirect is invalid")
	}
	one := &faceSession{ID: hex.EncodeToString(random(16)), Redirect: redirect, Created: c.now, Status: StatusInit}
	claims := mustMarshal(struct {
		SessionID string `json:"sessionId"`
		IssuedAt  int64  `json:"iat"`
	}{one.ID, c.now.Unix()})
	c.token = signHS256(s.sino.secret, claims)
	one.Key = TokenKey(c.token)
	s.sino.mu.Lock()
	s.sino.sweep(c.now)
	s.sino.sessions[one.ID] = one
	s.sino.mu.Unlock()
	return jsonAnswer(http.StatusOK, map[string]string{"message": "Success", "token": c.token, "url": s.publicURL(c.r) + "/page/sino/" + one.ID}, "ok")
}

// sessionIn returns the session that a face token is for; empty if the sandbox
// did not sign it.
func (n *sino) sessionIn(token string) string {
	text, signature, ok := cutLast(token, ".")
	if !ok {
		return ""
	}
	got, err := b64.DecodeString(signature)
	if err != nil || !hmac.Equal(got, hmacSHA256(n.secret, text)) {
		return ""
	}
	_, claims, _ := strings.Cut(text, ".")
	raw, _ := b64.DecodeString(claims)
	var c struct {
		SessionID string `json:"sessionId"`
	}
	_ = json.Unmarshal(raw, &c) // our own signature stands under it
	return c.SessionID
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// find returns a copy of a session with its state at a time.
func (n *sino) find(id string, now time.Time, ttl time.Duration) (faceSession, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	one := n.sessions[id]
	if one == nil {
		return faceSession{}, false
	}
	found := *one
	found.Status = one.state(now, ttl)
	return found, true
}

// pollFace answers a poll. Pictures are handed out once, unless ResultRepeats;
// what was handed out, or lies there for too long, is gone.
func (s *Sandbox) pollFace(c *call, token string) answer {
	id := s.sino.sessionIn(token)
	if id == "" {
		return sinoError(http.StatusBadRequest, "invalid token")
	}
	ttl := s.cfg.Sino.FaceTTL
	s.sino.mu.Lock()
	defer s.sino.mu.Unlock()
	one := s.sino.sessions[id]
	if one == nil {
		return sinoError(http.StatusBadRequest, "session not found")
	}
	one.Status = one.state(c.now, ttl)
	switch one.Status {
	case StatusTimeout:
		return sinoError(http.StatusBadRequest, "session expired")
	case StatusCanceled:
		return jsonAnswer(http.StatusOK, map[string]string{"message": "Cancelled"}, StatusCanceled)
	case StatusFailed:
		return jsonAnswer(http.StatusOK, map[string]string{"message": "Failed"}, StatusFailed)
	case StatusCaptured:
		if one.HandedOut && !s.cfg.Sino.ResultRepeats || !c.now.Before(one.Ended.Add(ttl)) {
			return sinoError(http.StatusBadRequest, "session not found")
		}
		one.HandedOut = true
		return jsonAnswer(http.StatusOK, map[string]string{"message": "Success",
			"faceImage":  s.pictureText(c.r, one, "face", one.Face),
			"sceneImage": s.pictureText(c.r, one, "scene", one.Scene)}, StatusCaptured)
	}
	return s.sinoPending()
}

// pictureText is a captured image in the configured form.
func (s *Sandbox) pictureText(r *http.Request, one *faceSession, name string, picture []byte) string {
	text := base64.StdEncoding.EncodeToString(picture)
	switch s.cfg.Sino.Pictures {
	case PicturesDataURL:
		return "data:image/jpeg;base64," + text
	case PicturesURL:
		return s.publicURL(r) + "/page/sino/" + one.ID + "/" + name + ".jpg"
	}
	return text
}

// SinoStatus returns the state of a face session without a vendor call. The
// session is the last part of the link to its page.
func (s *Sandbox) SinoStatus(session string) (status string, known bool) {
	one, known := s.sino.find(session, s.cfg.Clock(), s.cfg.Sino.FaceTTL)
	return one.Status, known
}

// SinoKey is TokenKey of a face session's token, which no page shows.
func (s *Sandbox) SinoKey(session string) string {
	one, _ := s.sino.find(session, s.cfg.Clock(), s.cfg.Sino.FaceTTL)
	return one.Key
}

// SinoBegin takes a face session from init to doing, as the person's first step
// on the page does.
func (s *Sandbox) SinoBegin(session string) error {
	_, err := s.sinoChange(session, func(one *faceSession) error {
		if one.Status != StatusInit {
			return ErrState
		}
		one.Status = StatusDoing
		return nil
	})
	return err
}

// SinoEnd ends a face session with an outcome: one of the Capture constants,
// OutcomeFail, OutcomeCancel or a timeout. The captures come after SinoBegin and
// are of the person with the number, or, if it is empty, of whoever's card was
// scanned last.
func (s *Sandbox) SinoEnd(session, outcome, idNumber string) error {
	_, err := s.sinoEnd(session, outcome, idNumber)
	return err
}

// SinoExpire lets a face session's clock run out now. One that ended is refused
// with ErrState.
func (s *Sandbox) SinoExpire(session string) error { return s.SinoEnd(session, OutcomeTimeout, "") }

// Captured returns the pictures that a face session captured.
func (s *Sandbox) Captured(session string) (face, scene []byte, captured bool) {
	one, _ := s.sino.find(session, s.cfg.Clock(), s.cfg.Sino.FaceTTL)
	return one.Face, one.Scene, one.Status == StatusCaptured
}

func (s *Sandbox) sinoChange(session string, act func(*faceSession) error) (faceSession, error) {
	s.sino.mu.Lock()
	defer s.sino.mu.Unlock()
	one := s.sino.sessions[session]
	if one == nil {
		return faceSession{}, ErrNoSession
	}
	one.Status = one.state(s.cfg.Clock(), s.cfg.Sino.FaceTTL)
	err := act(one)
	return *one, err
}

func (s *Sandbox) sinoEnd(session, outcome, idNumber string) (faceSession, error) {
	return s.sinoChange(session, func(one *faceSession) error {
		orElse(&idNumber, s.sino.lastScan.IDNumber) // under the lock that sinoChange holds
		next := map[string]string{OutcomeTimeout: StatusTimeout, OutcomeTimeoutBack: StatusTimeout, OutcomeCancel: StatusCanceled,
			OutcomeFail: StatusFailed, CaptureSame: StatusCaptured, CaptureOther: StatusCaptured, CaptureNoFace: StatusCaptured,
			CaptureBroken: StatusCaptured}[outcome]
		switch {
		case next == "":
			return ErrOutcome
		case next == StatusTimeout && one.Status == StatusTimeout:
			return nil
		case !one.open():
			return ErrState
		case one.Status == StatusInit && (next == StatusCaptured || next == StatusFailed):
			return ErrState
		case outcome == CaptureSame && idNumber == "":
			return ErrNobody
		}
		one.Status, one.Ended = next, s.cfg.Clock()
		one.shoot(outcome, idNumber)
		s.book.session(Entry{Time: one.Ended, Vendor: SinoConnect, Operation: "session", Outcome: next, Charged: next == StatusCaptured,
			Subject: SubjectKey(one.IdNumber), Token: one.Key})
		return nil
	})
}

// shoot takes the pictures.
func (f *faceSession) shoot(outcome, idNumber string) {
	switch outcome {
	case CaptureSame:
		f.IdNumber = idNumber
	case CaptureOther:
		_, f.IdNumber = otherHolder(idNumber)
	case CaptureNoFace:
		f.Face, f.Scene = EmptyCapture(f.ID)
		return
	case CaptureBroken:
		f.Face, f.Scene = []byte("not a picture"), []byte("not a picture either")
		return
	default:
		return
	}
	f.Face, f.Scene = Capture(f.IdNumber, f.ID)
}
