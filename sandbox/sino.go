package sandbox

import (
	"crypto/hmac"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Operations of Sino Connect, which are its paths. The "callback" in two of
// them is the vendor's word for a poll.
const (
	sinoChip        = "nfc/callback"
	sinoFaceRequest = "face-rec/request"
	sinoFacePoll    = "face-rec/callback"

	sinoPrefix = "/sino/sino-connect/"
)

// sino is what the stand-in of Sino Connect remembers.
type sino struct {
	mu       sync.Mutex
	scans    map[string]*scan
	sessions map[string]*faceSession
	lastScan Person // the holder of the card that was scanned last
	secret   []byte // signs face tokens
	swept    time.Time
	// keys of the merchant; made at the first use if none are configured.
	keys func() chipKeys
}

func newSino(cfg SinoConfig) *sino {
	made := sync.OnceValue(func() chipKeys {
		private, public := []byte(nil), cfg.MerchantJWKS
		if len(public) == 0 {
			private, public = NewChipKeys()
		}
		keys, err := parseChipKeys(public)
		if err != nil {
			panic(err) // Validate has parsed it
		}
		keys.private, keys.shared, keys.nestedSecret = private, cfg.SharedKey, cfg.NestedSecret
		return keys
	})
	return &sino{scans: map[string]*scan{}, sessions: map[string]*faceSession{}, secret: random(32), keys: made}
}

// ChipKeys returns the private JWK set that opens chip tokens, or nil if
// SinoConfig.MerchantJWKS names keys of which only the merchant has that half.
func (s *Sandbox) ChipKeys() []byte { return s.sino.keys().private }

func sinoError(status int, text string) answer {
	return jsonAnswer(status, map[string]string{"error": text}, text)
}

func (s *Sandbox) handleSino(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.URL.Path, sinoPrefix)
	if !slices.Contains(operations[SinoConnect], operation) {
		operation = "unknown"
	}
	s.serve(w, r, SinoConnect, operation, s.sinoCall)
}

// sinoRequest is the body of any of the three calls.
type sinoRequest struct {
	Reqid    *string `json:"reqid"`
	Redirect *string `json:"redirect"`
	Token    *string `json:"token"`
}

// peekSino notes which scan or face session a call is about.
func (s *Sandbox) peekSino(c *call) {
	var q sinoRequest
	_ = json.Unmarshal(c.body, &q) // best effort; sinoCall decodes it again
	switch {
	case c.operation == sinoChip && q.Reqid != nil:
		c.token, c.idNumber = *q.Reqid, s.sino.holderOf(*q.Reqid)
	case c.operation == sinoFacePoll && q.Token != nil:
		c.token = *q.Token
		if one, known := s.sino.find(s.sino.sessionIn(*q.Token), c.now, s.cfg.Sino.FaceTTL); known {
			c.idNumber = one.IdNumber
		}
	}
}

// sinoCall is the gateway: path, the two headers, limit, body.
func (s *Sandbox) sinoCall(c *call) answer {
	if c.operation == "unknown" || c.r.Method != http.MethodPost {
		return sinoError(http.StatusNotFound, "Not Found")
	}
	id := c.r.Header.Get("X-Client-Id")
	if !s.sinoClient(id, c.r.Header.Get("X-Client-Secret")) {
		return sinoError(s.cfg.Sino.AuthStatus, "Unauthorized")
	}
	if !s.limits.allow(SinoConnect+"/"+id, s.cfg.Sino.Rate, c.now) {
		return sinoError(http.StatusTooManyRequests, "Too Many Requests")
	}
	var q sinoRequest
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/json") || json.Unmarshal(c.body, &q) != nil {
		return sinoError(http.StatusBadRequest, "the body must be a JSON object")
	}
	switch c.operation {
	case sinoChip:
		if !sent(q.Reqid) {
			return sinoError(http.StatusBadRequest, "reqid is required")
		}
		return s.readChip(c, *q.Reqid)
	case sinoFaceRequest:
		if !sent(q.Redirect) {
			return sinoError(http.StatusBadRequest, "redirect is required")
		}
		return s.requestFace(c, *q.Redirect)
	}
	if !sent(q.Token) {
		return sinoError(http.StatusBadRequest, "token is required")
	}
	return s.pollFace(c, *q.Token)
}

func (s *Sandbox) sinoClient(id, secret string) bool {
	for _, c := range s.cfg.Sino.Clients {
		if c.ID == id && hmac.Equal([]byte(c.Secret), []byte(secret)) {
			return true
		}
	}
	return false
}

// sinoPending is the answer "not yet", in the configured style.
func (s *Sandbox) sinoPending() answer {
	body := map[string]string{"message": "Pending"}
	switch s.cfg.Sino.Pending {
	case Pending200:
		return jsonAnswer(http.StatusOK, body, "pending")
	case Pending400:
		a := sinoError(http.StatusBadRequest, "Pending")
		a.outcome = "pending"
		return a
	}
	return jsonAnswer(http.StatusAccepted, body, "pending")
}

// wayBack says whether a redirect is one that the vendor takes: an https
// address, http on this machine, or an app's own scheme.
func wayBack(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		return u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1"
	case "", "javascript", "data", "vbscript", "file", "blob", "about":
		return false
	}
	return strings.HasPrefix(text, u.Scheme+"://")
}
