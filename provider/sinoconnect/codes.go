package sinoconnect

import (
	"fmt"
	"net/http"
	"regexp"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// call is one of the three.
type call int

const (
	readChip call = iota
	openFace
	lookFace
)

// calls has an entry for each: its path, its name in errors, and what a body
// that the vendor refuses (400) means. A refused reqid or token is used up; a
// refused redirect is our own fault.
var calls = map[call]struct {
	path, op string
	refused  meaning
}{
	readChip: {pathChip, "sinoconnect.nfc", meaning{provider.Unreadable, verification.DocumentUnreadable}},
	openFace: {pathFaceOpen, "sinoconnect.face-request", misconfigured},
	lookFace: {pathFaceLook, "sinoconnect.face-poll", meaning{provider.Gone, verification.SessionExpired}},
}

// meaning is what a failed call means for us.
type meaning struct {
	class  provider.Class
	reason verification.ReasonCode
}

var (
	down          = meaning{provider.Unavailable, verification.ProviderUnavailable}
	limited       = meaning{provider.RateLimited, verification.ProviderUnavailable}
	misconfigured = meaning{provider.Misconfigured, verification.ProviderMisconfigured}
	violated      = meaning{provider.ContractViolation, verification.ProviderContractViolation}
)

// statuses maps HTTP statuses other than 200 and 202 to their meaning, alike
// for all calls; 400, 410 and 422 refuse the body and mean what calls says.
var statuses = map[int]meaning{
	http.StatusUnauthorized: misconfigured, http.StatusForbidden: misconfigured, http.StatusNotFound: misconfigured,
	http.StatusRequestTimeout: down, http.StatusTooEarly: down, http.StatusTooManyRequests: limited,
}

func (c call) meaningOf(status int) meaning {
	if m, ok := statuses[status]; ok {
		return m
	}
	switch {
	case status == http.StatusBadRequest, status == http.StatusGone, status == http.StatusUnprocessableEntity:
		return calls[c].refused
	case 400 <= status && status <= 499:
		return misconfigured
	case status >= 500:
		return down
	}
	return violated // a redirect, or a success that the contract does not know
}

// failure is an answer other than 200 and 202 as an error.
func (c call) failure(status int) *provider.Error {
	m := c.meaningOf(status)
	e := c.error(m, fmt.Sprintf("http_%d", status))
	// A gateway speaks for an upstream that may have handed out the pictures.
	e.Lost = c == lookFace && (status == http.StatusBadGateway || status == http.StatusGatewayTimeout)
	return e
}

func (c call) error(m meaning, code string) *provider.Error {
	e := &provider.Error{Op: calls[c].op, Class: m.class, Code: code, Reason: m.reason, Billable: verification.BillableNo}
	if m.class == provider.ContractViolation {
		e.MaxTries = 2
	}
	return e
}

// says is what a message tells.
type says int

const (
	nothing says = iota
	pending
	canceled
	failed
	gone
)

// words reads messages, with compiled patterns.
type words struct{ pending, canceled, failed, gone *regexp.Regexp }

func (p *Patterns) compile(check *settings.Check) words {
	var w words
	for _, one := range []struct {
		pattern *string
		into    **regexp.Regexp
	}{
		{&p.Pending, &w.pending}, {&p.Canceled, &w.canceled}, {&p.Failed, &w.failed}, {&p.Gone, &w.gone},
	} {
		re, err := regexp.Compile("(?i)" + *one.pattern)
		switch {
		case err != nil:
			check.Bad(one.pattern, "is not a regular expression")
		case re.MatchString(""):
			check.Bad(one.pattern, "matches everything")
		}
		*one.into = re
	}
	return w
}

// A message longer than this is read as far as here: patterns are cheap, and
// megabytes are not.
const maxMessage = 4 << 10

// read tells what a message says. Pending comes first: a message that also
// holds another word ends nothing, and our own deadline does.
func (w words) read(message text) says {
	m := string(message[:min(len(message), maxMessage)])
	switch {
	case w.pending.MatchString(m):
		return pending
	case w.canceled.MatchString(m):
		return canceled
	case w.failed.MatchString(m):
		return failed
	case w.gone.MatchString(m):
		return gone
	}
	return nothing
}

// ended maps the words that end a face session to how it ended. They are a
// guess, so none of them is a judgement.
var ended = map[says]struct {
	reason verification.ReasonCode
	code   string
}{
	canceled: {verification.SessionCanceled, "face_canceled"},
	failed:   {verification.SessionInterrupted, "face_failed"},
}

// notComparable is the result of a session whose pictures nobody can compare.
// They may be handed out only once, so it is an ending, and what it says is
// that the vendor answered and cannot tell.
func notComparable(code string) *verification.FaceResult {
	r := &verification.FaceResult{Judged: true, Reason: verification.FaceNotCompared, Begun: true, ProviderCode: code}
	for _, t := range []verification.CheckType{verification.Liveness, verification.FaceMatch} {
		c := verification.NewCheck(t, verification.Inconclusive, verification.FaceNotCompared)
		c.Provider, c.ProviderCode, c.Billable = Name, code, verification.BillableUnknown
		r.Checks = append(r.Checks, c)
	}
	return r
}
