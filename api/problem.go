package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// httpError is an error as HTTP reports it: RFC 9457 with a stable code. Every text
// in it is ours; nothing that a caller sent enters one.
type httpError struct {
	status  int
	code    string
	title   string
	detail  string
	errors  []starter.FieldError
	now     verification.Status
	allowed []verification.Status
	session int
	open    string
	// header is one more header, for the statuses that demand one.
	header, value string
}

func (f *httpError) Error() string { return "api: " + f.code }

var (
	errNotFound        = &httpError{status: 404, code: "not_found", title: "Not found."}
	errNoPath          = &httpError{status: 404, code: "not_found", title: "Not found.", detail: "There is no such path. None ends with a slash; /docs lists them."}
	errMethod          = &httpError{status: 405, code: "method_not_allowed", title: "Method not allowed.", detail: "The header Allow names those that are."}
	errUnauthenticated = &httpError{status: 401, code: "unauthenticated", title: "A valid API key is required.",
		detail: "Send it as Authorization: Bearer yz_….", header: "WWW-Authenticate", value: `Bearer realm="yanzhen"`}
	errKeyMissing = &httpError{status: 400, code: "idempotency_key_missing", title: "The header Idempotency-Key is missing."}
	errKeyInvalid = &httpError{status: 400, code: "idempotency_key_invalid",
		title: "The header Idempotency-Key must be given once, with 1 to 255 visible ASCII characters."}
	errMediaType = &httpError{status: 415, code: "unsupported_media_type", title: "The body must be application/json, in UTF-8."}
	errEncoding  = &httpError{status: 415, code: "unsupported_media_type", title: "The body must not be compressed: no Content-Encoding."}
	errTooLarge  = &httpError{status: 413, code: "body_too_large", title: "The body is larger than 64 KiB."}
	errJSON      = &httpError{status: 400, code: "malformed_json", title: "The body is not one valid JSON value."}
	errMark      = &httpError{status: 400, code: "malformed_json", title: "The body begins with a byte order mark: write UTF-8 without one."}
	errNoBody    = &httpError{status: 400, code: "malformed_json", title: "The body is missing."}
	errDuplicate = &httpError{status: 400, code: "malformed_json", title: "The body has a property twice."}
	errUnread    = &httpError{status: 400, code: "malformed_body", title: "The body could not be read."}
	// errParameter: the checks of parameters let it pass and the generated code
	// does not.
	errParameter    = &httpError{status: 422, code: string(starter.InvalidRequest), title: "A parameter breaks a rule of the contract."}
	errPrecondition = &httpError{status: 428, code: "precondition_required",
		title: "The header If-Match must name the ETag of what was read."}
	errVersion = &httpError{status: 412, code: string(starter.VersionConflict),
		title: "The verification has changed since it was read.", detail: "Read it again."}
	// errTag: what is no tag of ours matches nothing (RFC 9110 section 13.1.1).
	errTag = &httpError{status: errVersion.status, code: errVersion.code, title: "If-Match names no version of a verification.",
		detail: `Send one ETag as an answer gave it, with its quotes: "v3".`}
	errPurpose  = &httpError{status: 403, code: "purpose_not_allowed", title: "Yanzhen-Purpose is not one of the purposes configured for this client."}
	errNoLink   = &httpError{status: 409, code: "no_link", title: "There is no link for the person now.", detail: "Read the verification: next_action says how it goes on."}
	errInternal = &httpError{status: 500, code: string(starter.Internal), title: "Internal server error.",
		detail: "The call may be repeated as it was. Name the request_id when you report it."}
)

func errScope(scope string) *httpError {
	return &httpError{status: 403, code: "insufficient_scope", title: "The API key lacks the scope " + scope + ".",
		header: "WWW-Authenticate", value: `Bearer realm="yanzhen", error="insufficient_scope", scope="` + scope + `"`}
}

func errParameters(faults []starter.FieldError) *httpError {
	return &httpError{status: errParameter.status, code: errParameter.code, title: errParameter.title, errors: faults}
}

func errFields(fields []starter.FieldError) *httpError {
	return &httpError{status: 422, code: string(starter.InvalidRequest), title: "The request breaks a rule of the contract.", errors: fields}
}

// httpErrorOf maps every error to a problem document. An error that it does not know
// is an internal error.
func httpErrorOf(err error) *httpError {
	if f, ok := errors.AsType[*httpError](err); ok {
		return f
	}
	e, ok := errors.AsType[*starter.Error](err)
	if !ok {
		return errInternal
	}
	switch e.Code {
	case starter.InvalidRequest:
		return errFields(e.Fields)
	case starter.IdempotencyKeyReused:
		return &httpError{status: 422, code: string(e.Code), title: "The Idempotency-Key was used for another request.",
			detail: "The verification started under it continues."}
	case starter.NotFound:
		return errNotFound
	case starter.Redacted:
		return &httpError{status: 410, code: string(e.Code), title: "The personal data was erased.", detail: "The receipt of the erasure can still be read."}
	case starter.CursorExpired:
		return &httpError{status: 410, code: string(e.Code), title: "Events after the cursor are no longer served.",
			detail: "Read the verifications themselves, and begin without a cursor."}
	case starter.InvalidState:
		return &httpError{status: 409, code: string(e.Code), title: "The verification's status does not allow this.",
			detail: "Read it again.", now: e.Status, allowed: e.Allowed}
	case starter.SessionReplaced:
		return &httpError{status: 409, code: string(e.Code), title: "The named session is not the newest one.",
			detail: "Read the verification again. To replace the newest one, name current_session.", now: e.Status, session: e.Session}
	case starter.ConsentRequired:
		return &httpError{status: 422, code: string(e.Code), title: "The person's consent is required.",
			detail: "Ask the person, and send what they agree to as consents.", errors: e.Fields}
	case starter.LinkExpiring:
		return &httpError{status: 409, code: string(e.Code), title: "The person's link ends too soon for another session.",
			detail: "Start another verification, under another Idempotency-Key.", now: e.Status}
	case starter.ReqIDReused:
		return &httpError{status: 409, code: string(e.Code), title: "This chip scan was used before. Scan the card again."}
	case starter.AlreadyOpen:
		return &httpError{status: 409, code: string(e.Code), title: "The person has an open verification of yours.", open: e.ID,
			detail: "Go on with it, or cancel it."}
	case starter.VersionConflict:
		return &httpError{status: errVersion.status, code: errVersion.code, title: errVersion.title, detail: errVersion.detail, now: e.Status}
	case starter.ReviewOver:
		return &httpError{status: 409, code: string(e.Code), title: "The verdict was reopened before, and its review ended without a decision.",
			detail: "The verdict stands. Start another verification instead.", now: e.Status}
	case starter.RateLimited:
		return &httpError{status: 429, code: string(e.Code), title: "Too many requests wait for a change already.",
			detail: "Nothing was done. Wait for Retry-After and repeat the request.", header: "Retry-After", value: "1"}
	case starter.EngineUnavailable:
		const repeat = " Repeat it as it was; a start with the same Idempotency-Key."
		f := &httpError{status: 503, code: string(e.Code), title: "The engine or the store did not answer in time.",
			detail: "The call may still take effect." + repeat, header: "Retry-After", value: "5"}
		if e.Untouched {
			f.title, f.detail = "The engine is not ready.", "The call did not take effect."+repeat
		}
		return f
	}
	return errInternal
}

const problemType = "application/problem+json"

// unchanged is what a 503 says to a call that changes nothing.
const unchanged = "Nothing was changed. Try again."

// refuse answers with a problem document, or a person's browser with a page,
// and ends the request.
func (s *server) refuse(c *gin.Context, err error) {
	f := httpErrorOf(err)
	noteRefusal(c, f.code)
	if f.status >= 500 && !left(c) {
		s.Logger.ErrorContext(c, "request failed", "request_id", requestID(c.Request.Context()), "route", route(c), "verification_id", verificationOf(c.Request.Context()), "error", composed(err))
	}
	if c.Writer.Written() {
		c.Abort()
		return
	}
	if f.header != "" {
		c.Header(f.header, f.value)
	}
	if f.status == http.StatusServiceUnavailable && c.Request.Method == http.MethodGet {
		asked := *f
		asked.detail, f = unchanged, &asked
	}
	if onReturnPath(c.Request.URL.Path) {
		badLinkPage.write(c, f.status)
		c.Abort()
		return
	}
	body, _ := json.Marshal(f.document(requestID(c.Request.Context())))
	c.Data(f.status, problemType, body)
	c.Abort()
}

// unsent notes an answer that could not be written: the caller is gone, or we
// made one that the contract does not know.
func (s *server) unsent(c *gin.Context, err error) {
	if !c.Writer.Written() {
		s.refuse(c, err)
		return
	}
	c.Abort()
}

func (f *httpError) document(requestID string) contract.Problem {
	p := contract.Problem{
		Type: "urn:yanzhen:problem:" + f.code, Title: f.title, Status: f.status, Code: f.code, RequestId: requestID,
		Detail: nonEmpty(f.detail),
	}
	if len(f.errors) > 0 {
		list := make([]contract.FieldError, 0, len(f.errors))
		for _, e := range f.errors {
			list = append(list, contract.FieldError{Field: e.Field, Code: e.Code, Message: e.Message})
		}
		p.Errors = &list
	}
	if f.now != "" {
		now := contract.Status(f.now)
		p.CurrentStatus = &now
	}
	if len(f.allowed) > 0 {
		list := make([]contract.Status, 0, len(f.allowed))
		for _, s := range f.allowed {
			list = append(list, contract.Status(s))
		}
		p.AllowedStatuses = &list
	}
	if f.session > 0 {
		p.CurrentSession = &f.session
	}
	p.VerificationId = nonEmpty(f.open)
	return p
}

// composed returns an error's text if it is one of ours, whose texts hold
// nothing personal, and only its type otherwise.
func composed(err error) string {
	if e, ok := errors.AsType[*starter.Error](err); ok {
		return e.Error()
	}
	if f, ok := errors.AsType[*httpError](err); ok {
		return f.Error()
	}
	return typeName(err)
}
