package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// operations of each vendor, as they stand in faults and in the ledger.
var operations = map[string][]string{
	Tencent:     {"GetEidToken", "CheckEidTokenStatus", "GetEidResult", "CheckIdNameDate"},
	TencentIAI:  {"CompareFace"},
	AceData:     {"check-2e"},
	SinoConnect: {sinoChip, sinoFaceRequest, sinoFacePoll},
	Megvii:      {megviiToken, megviiResult},
}

const (
	maxRequestBody = 10 << 20 // Tencent takes up to 10 MB
	hugePadding    = 16 << 20
)

// call is one request to a vendor, its body read as raw bytes: the signature
// covers those and not what a decoder makes of them.
type call struct {
	r         *http.Request
	vendor    string
	operation string
	body      []byte
	now       time.Time
	// idNumber and token are filled in as far as the body names them; subject
	// is set instead of idNumber where only the digest of it is known.
	idNumber, subject, token string
	// flag is the ledger's Flag.
	flag string
}

// answer is what a vendor says to a call.
type answer struct {
	status  int
	body    []byte
	outcome string // for the ledger
	charged bool
	delay   time.Duration
	drop    bool // the connection dies instead
	// contentType, if the body is neither JSON nor an HTML page.
	contentType string
}

func jsonAnswer(status int, body any, outcome string) answer {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic(err) // own structs only
	}
	return answer{status: status, body: bytes.TrimSuffix(b.Bytes(), []byte("\n")), outcome: outcome}
}

// serve takes one vendor call through faults, processing and ledger. The ledger
// is written before the answer, so that whoever has the answer can read it there.
func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request, vendor, operation string, process func(*call) answer) {
	c := &call{r: r, vendor: vendor, operation: operation, now: s.cfg.Clock()}
	fault, struck := s.faults.take(vendor, operation, "")
	if struck && fault.Kind == FaultRefuse {
		s.record(c, answer{outcome: "fault:" + FaultRefuse})
		reset(w)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	if err != nil {
		s.record(c, answer{outcome: "unread"})
		panic(http.ErrAbortHandler)
	}
	c.body = body
	s.peek(c)
	orElse(&c.subject, SubjectKey(c.idNumber))
	for _, key := range []string{c.subject, TokenKey(c.token)} {
		if !struck && key != "" {
			fault, struck = s.faults.take(vendor, operation, key)
		}
	}

	var a answer
	if struck {
		a = s.strike(r.Context(), fault, c, process)
	} else {
		a = process(c)
	}
	s.record(c, a)
	s.remembers()
	if !pause(r.Context(), a.delay) || a.drop {
		panic(http.ErrAbortHandler) // net/http's own way of cutting a connection
	}
	if len(a.body) > 0 && a.body[0] == '<' {
		a.contentType = "text/html"
	}
	orElse(&a.contentType, "application/json")
	w.Header().Set("Content-Type", a.contentType)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// peek notes whom a call is about, whatever becomes of it: also a call that a
// fault swallows must be found in the ledger by its subject.
func (s *Sandbox) peek(c *call) {
	switch c.vendor {
	case TencentIAI:
		s.peekFaces(c)
		return
	case SinoConnect:
		s.peekSino(c)
		return
	case Megvii:
		s.peekMegvii(c)
		return
	}
	var named struct {
		IdCard   string `json:"IdCard"`
		EidToken string `json:"EidToken"`
		IDCard   string `json:"id_card"`
	}
	_ = json.Unmarshal(c.body, &named) // best effort; the vendor's own decoding follows
	c.idNumber, c.token = s.peekSealed(c.body, named.IdCard)+named.IDCard, named.EidToken
	if c.token != "" {
		c.idNumber = s.sessions.idNumber(c.token)
	}
}

func (s *Sandbox) record(c *call, a answer) {
	e := Entry{Time: c.now, Vendor: c.vendor, Operation: c.operation, Outcome: a.outcome, Charged: a.charged,
		Subject: SubjectKey(c.idNumber), Token: TokenKey(c.token), Flag: c.flag}
	orElse(&e.Subject, c.subject)
	s.book.call(e)
	s.cfg.Logger.Info("vendor call", "vendor", c.vendor, "operation", e.Operation, "outcome", e.Outcome, "charged", e.Charged)
}

// strike answers a call that a fault has struck.
func (s *Sandbox) strike(ctx context.Context, f Fault, c *call, process func(*call) answer) answer {
	if f.Kind == FaultDelay {
		late := time.Duration(f.DelayMS) * time.Millisecond
		if f.Processed {
			a := process(c)
			a.delay += late
			return a
		}
		if !pause(ctx, late) {
			return answer{outcome: "fault:" + FaultDelay, drop: true}
		}
		c.now = s.cfg.Clock() // processed when it gets there, not when it set out
		return process(c)
	}
	a := answer{status: http.StatusOK}
	var proper []byte
	if f.Processed || f.Kind == FaultDropAfter {
		a = process(c)
		proper = a.body
	}
	a.outcome, a.status = "fault:"+f.Kind, http.StatusOK
	switch f.Kind {
	case FaultDrop, FaultDropAfter:
		a.drop = true
	case FaultHTML502:
		a.status, a.body = http.StatusBadGateway, []byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>")
	case FaultEmpty:
		a.body = nil
	case FaultHalfJSON:
		if len(proper) == 0 {
			proper = []byte(strings.Replace(spoiled[c.operation][FaultHuge], "%s", "", 1))
		}
		a.body = proper[:len(proper)/2]
	case FaultErrorCode:
		e := s.errorCode(c, f)
		a.status, a.body, a.outcome = e.status, e.body, e.outcome
		a.charged = a.charged || e.charged
	case FaultBody:
		a.body = []byte(f.Body)
		if f.Status != 0 {
			a.status = f.Status
		}
	case FaultHuge:
		a.body = []byte(strings.Replace(spoiled[c.operation][f.Kind], "%s", strings.Repeat("0", hugePadding), 1))
	default:
		a.body = []byte(spoiled[c.operation][f.Kind])
	}
	return a
}

// pause waits and tells whether the caller is still there.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reset closes the connection with an RST and ends the handler: the nearest a
// listening server comes to refusing.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}
