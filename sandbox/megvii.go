package sandbox

import (
	"bytes"
	"crypto/hmac"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	megviiToken  = "get_token"
	megviiResult = "get_result"

	megviiPrefix = "/megvii/faceid/lite/"
	// megviiBody is the limit of a request; over it, the answer is no JSON.
	megviiBody = 2 << 20
	tooLarge   = "Request Entity Too Large"
)

// megvii is what the stand-in of Megvii FaceID remembers.
type megvii struct {
	mu       sync.Mutex
	byToken  map[string]*megviiSession
	byBizID  map[string]*megviiSession
	bizNos   map[string]bool // api_key/biz_no
	notify   NotifyOptions
	swept    time.Time
	inFlight atomic.Int64
	http     *http.Client
}

func newMegvii(cfg MegviiConfig) *megvii {
	return &megvii{byToken: map[string]*megviiSession{}, byBizID: map[string]*megviiSession{}, bizNos: map[string]bool{}, notify: cfg.Notify,
		http: &http.Client{
			Timeout:       5 * time.Second,
			Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
}

// megviiID is the shape of request_id and biz_id: it holds a comma.
func megviiID(now time.Time) string {
	return strconv.FormatInt(now.Unix(), 10) + "," + uuid.NewString()
}

// megviiAnswer wraps what every JSON answer carries.
func megviiAnswer(c *call, status int, fields map[string]any, outcome string) answer {
	fields["request_id"], fields["time_used"] = megviiID(c.now), 40+c.now.Nanosecond()/1000%90
	return jsonAnswer(status, fields, outcome)
}

// megviiError answers with a documented error, such as "BAD_ARGUMENTS:biz_no",
// and with its documented status unless another is given.
func (s *Sandbox) megviiError(c *call, text string, status int) answer {
	code, _, _ := strings.Cut(text, ":")
	orElse(&status, megviiStatus(code))
	if code == tooLarge {
		return answer{status: status, body: []byte(tooLarge), contentType: "text/plain", outcome: "too_large"}
	}
	return megviiAnswer(c, status, map[string]any{s.cfg.Megvii.ErrorKey: text}, code)
}

func megviiStatus(code string) int {
	switch code {
	case "AUTHENTICATION_ERROR", "AUTHORIZATION_ERROR", "CONCURRENCY_LIMIT_EXCEEDED", SpentDestroyed:
		return http.StatusForbidden
	case "API_NOT_FOUND":
		return http.StatusNotFound
	case tooLarge:
		return http.StatusRequestEntityTooLarge
	case "INTERNAL_ERROR":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

func (s *Sandbox) handleMegvii(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.URL.Path, megviiPrefix)
	if !slices.Contains(operations[Megvii], operation) {
		operation = "unknown"
	}
	// Deferred, because a handler that cuts the connection ends by a panic.
	defer s.megvii.inFlight.Add(-1)
	crowded := s.megvii.inFlight.Add(1) > int64(s.cfg.Megvii.Concurrency)
	s.serve(w, r, Megvii, operation, func(c *call) answer { return s.megviiCall(c, crowded) })
}

// megviiForm is the parameters of a call: a form, or the query of get_result.
type megviiForm struct {
	url.Values
	files map[string][]byte
}

// megviiParameters reads what it can; what is no form has no parameters.
func megviiParameters(c *call) megviiForm {
	f := megviiForm{url.Values{}, map[string][]byte{}}
	if c.operation == megviiResult {
		f.Values = c.r.URL.Query()
		return f
	}
	kind, parameters, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch {
	case err != nil:
	case kind == "application/x-www-form-urlencoded":
		if values, err := url.ParseQuery(string(c.body)); err == nil {
			f.Values = values
		}
	case kind == "multipart/form-data":
		f.readParts(multipart.NewReader(bytes.NewReader(c.body), parameters["boundary"]))
	}
	return f
}

func (f *megviiForm) readParts(parts *multipart.Reader) {
	for {
		part, err := parts.NextPart()
		if err != nil {
			return // the end, or no multipart body
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return
		}
		if part.FileName() != "" {
			f.files[part.FormName()] = content
		} else {
			f.Add(part.FormName(), string(content))
		}
	}
}

// peekMegvii notes whom a call is about.
func (s *Sandbox) peekMegvii(c *call) {
	f := megviiParameters(c)
	if c.operation == megviiToken {
		c.idNumber = f.Get("idcard_number")
		return
	}
	s.megvii.mu.Lock()
	defer s.megvii.mu.Unlock()
	if one := s.megvii.byBizID[f.Get("biz_id")]; one != nil {
		c.token, c.idNumber = one.Token, one.Number
	}
}

// megviiCall is the gateway: size, path, key and secret, concurrency.
func (s *Sandbox) megviiCall(c *call, crowded bool) answer {
	if len(c.body) > megviiBody {
		return s.megviiError(c, tooLarge, 0)
	}
	wants := http.MethodPost
	if c.operation == megviiResult {
		wants = http.MethodGet
	}
	if c.operation == "unknown" || c.r.Method != wants {
		return s.megviiError(c, "API_NOT_FOUND", 0)
	}
	f := megviiParameters(c)
	for _, name := range []string{"api_key", "api_secret"} {
		if f.Get(name) == "" {
			return s.megviiError(c, "MISSING_ARGUMENTS: "+name, 0)
		}
	}
	if secret, known := s.megviiSecret(f.Get("api_key")); !known || !hmac.Equal([]byte(secret), []byte(f.Get("api_secret"))) {
		return s.megviiError(c, "AUTHENTICATION_ERROR", 0)
	}
	if crowded {
		return s.megviiError(c, "CONCURRENCY_LIMIT_EXCEEDED", 0)
	}
	if c.operation == megviiResult {
		return s.getMegviiResult(c, f)
	}
	return s.getMegviiToken(c, f)
}

func (s *Sandbox) megviiSecret(key string) (secret string, known bool) {
	for _, k := range s.cfg.Megvii.Keys {
		if k.Key == key {
			return k.Secret, true
		}
	}
	return "", false
}
