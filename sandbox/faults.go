package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// Kinds of fault.
const (
	FaultHTML502        = "html_502"        // a gateway's HTML page, HTTP 502
	FaultEmpty          = "empty"           // an empty body, HTTP 200
	FaultHalfJSON       = "half_json"       // an answer cut in half, HTTP 200
	FaultWrongTypes     = "wrong_types"     // members of other types than the contract says
	FaultMissingMembers = "missing_members" // the one member that matters is not there
	FaultHuge           = "huge"            // an answer padded to 16 MiB
	FaultDrop           = "drop"            // the connection dies instead of an answer; nothing was processed
	FaultDropAfter      = "drop_after"      // processed (and charged), then the connection dies
	FaultDelay          = "delay"           // answered properly, DelayMS late
	FaultRefuse         = "refuse"          // reset at once, the request unread
	FaultErrorCode      = "error_code"      // the vendor's own error with Code and Status
	FaultBody           = "body"            // exactly Body, with Status (200)
)

var faultKinds = []string{FaultHTML502, FaultEmpty, FaultHalfJSON, FaultWrongTypes, FaultMissingMembers, FaultHuge,
	FaultDrop, FaultDropAfter, FaultDelay, FaultRefuse, FaultErrorCode, FaultBody}

// Fault is something that goes wrong at a vendor. The oldest one that matches a
// call and is not used up applies.
type Fault struct {
	Vendor string `json:"vendor"`
	// Operation is one of the vendor's, e.g. GetEidToken, CompareFace, check-2e
	// or nfc/callback; empty means every operation of the vendor.
	Operation string `json:"operation"`
	Kind      string `json:"kind"`
	// Subject, if set, is SubjectKey of the one person whose calls it strikes, or
	// TokenKey of the one session or scan.
	Subject string `json:"subject,omitempty"`
	// Code belongs to error_code: an API error code; or a result code (a number),
	// which then stands in an otherwise proper answer of GetEidResult, CheckIdNameDate or check-2e,
	// and is the score in one of CompareFace.
	Code string `json:"code,omitempty"`
	// Status belongs to error_code, where 0 means what the vendor documents for the
	// code, and to body.
	Status int `json:"status,omitempty"`
	// Body belongs to body.
	Body    string `json:"body,omitempty"`
	DelayMS int    `json:"delay_ms,omitempty"`
	// Times is how many calls it strikes; 0 means until it is cleared.
	Times int `json:"times"`
	// Processed lets the vendor do its work, and charge, before the answer is
	// spoilt, or late: a delayed call otherwise arrives late. drop_after implies
	// it, drop and refuse exclude it.
	Processed bool `json:"processed,omitempty"`
	// Struck is how many calls it has struck so far; set by the sandbox.
	Struck int `json:"struck"`
}

func (f Fault) check() error {
	switch {
	case operations[f.Vendor] == nil:
		return fmt.Errorf("vendor must be one of %q", slices.Sorted(maps.Keys(operations)))
	case f.Operation != "" && !slices.Contains(operations[f.Vendor], f.Operation):
		return fmt.Errorf("operation must be empty or one of %q", operations[f.Vendor])
	case !slices.Contains(faultKinds, f.Kind):
		return fmt.Errorf("kind must be one of %q", faultKinds)
	case f.Kind == FaultErrorCode && f.Code == "":
		return errors.New("error_code needs a code")
	case f.Kind == FaultDelay && f.DelayMS <= 0:
		return errors.New("delay needs delay_ms")
	case f.Times < 0 || f.DelayMS < 0 || f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("times, delay_ms or status out of range")
	case f.Kind == FaultRefuse && f.Subject != "":
		return errors.New("a refused request is unread: it cannot be about one person")
	case f.Processed && (f.Kind == FaultDrop || f.Kind == FaultRefuse):
		return errors.New("processed contradicts the kind; drop_after drops a processed call")
	}
	return nil
}

type faultList struct {
	mu   sync.Mutex
	list []Fault
}

func (l *faultList) add(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	f.Struck = 0
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, f)
	return nil
}

// take returns the fault that strikes this call, and counts it. A call's person
// is known once its body was read: before, the subject is empty, and afterwards
// only faults for one person are looked at.
func (l *faultList) take(vendor, operation, subject string) (Fault, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.list {
		f := &l.list[i]
		if f.Vendor == vendor && f.Subject == subject && (f.Operation == "" || f.Operation == operation) && (f.Times == 0 || f.Struck < f.Times) {
			f.Struck++
			return *f, true
		}
	}
	return Fault{}, false
}

func (l *faultList) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

func (l *faultList) snapshot() []Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Fault{}, l.list...)
}

// errorCode is the vendor's own error of a fault of kind error_code.
func (s *Sandbox) errorCode(c *call, f Fault) answer {
	_, err := strconv.ParseFloat(f.Code, 64)
	isResult := err == nil
	switch {
	case f.Vendor == AceData && isResult:
		return s.aceResult(f.Code)
	case f.Vendor == AceData:
		status := f.Status
		orElse(&status, s.aceStatus(f.Code))
		return s.aceError(status, f.Code)
	case f.Vendor == SinoConnect:
		status := f.Status
		orElse(&status, http.StatusBadRequest)
		return sinoError(status, f.Code)
	case f.Vendor == Megvii:
		return s.megviiError(c, f.Code, f.Status)
	case isResult && f.Vendor == TencentIAI:
		score, _ := strconv.ParseFloat(f.Code, 64)
		return s.compared(c, score)
	case isResult && c.operation == "CheckIdNameDate":
		return s.idNameDate(f.Code)
	case isResult && c.operation == "GetEidResult":
		code, _ := strconv.Atoi(f.Code)
		one, _ := s.sessions.find(c.token, c.now)
		one.Code, one.Ended = code, c.now
		result := emptyResult()
		result["Text"], result["IsVerifyIntention"] = resultText(one), false
		return tencentEnvelope(result, f.Code)
	}
	a := (&apiError{f.Code, "An error of the sandbox."}).answer()
	if f.Status != 0 {
		a.status = f.Status
	}
	return a
}
