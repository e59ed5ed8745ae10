package megvii

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Values of status (https://v2.faceid.com/document/faceid-guide-docs/adv_h5_get_result).
const (
	notStarted = "NOT_STARTED" // the page was never opened
	processing = "PROCESSING"
	ok         = "OK" // the flow ended; the verdict is elsewhere
	timedOut   = "TIMEOUT"
	noWebRTC   = "WEBRTC_UNSUPPORTED"
)

// unjudged maps every status that ends a session without a judgement.
var unjudged = map[string]verification.FaceResult{
	"FAILED":    {Reason: verification.SessionInterrupted, Begun: true},
	"CANCELLED": {Reason: verification.SessionCanceled, Begun: true},
	// It cannot tell whether the person had begun.
	timedOut: {Reason: verification.SessionExpired},
	noWebRTC: {Reason: verification.DeviceUnsupported, Begun: true},
}

// failReasons tell why a browser could not do it.
var failReasons = map[string]verification.ReasonCode{
	"NETWORK_ERROR":     verification.SessionInterrupted,
	"PERMISSIONS_ERROR": verification.DeviceCameraDenied,
	"SUPPORT_ERROR":     verification.DeviceUnsupported,
}

// meaning is what an error in verify_result says.
type meaning struct {
	status verification.CheckStatus // empty: the session ended without a judgement
	reason verification.ReasonCode
	charge verification.Billable
	// next: another vendor may serve the person better now.
	next bool
}

func failed(r verification.ReasonCode, charge verification.Billable) meaning {
	return meaning{status: verification.Failed, reason: r, charge: charge}
}

func undecided(r verification.ReasonCode, charge verification.Billable) meaning {
	return meaning{status: verification.Inconclusive, reason: r, charge: charge}
}

const (
	charged  = verification.BillableYes
	free     = verification.BillableNo
	unstated = verification.BillableUnknown // the documents do not say
)

// Whose picture an error is about, by the parameter behind its code.
const (
	referencePhoto = "data_source" // the authority's photo
	givenPhoto     = "image_ref"   // a photo that we gave
	livePhoto      = "image"       // what the person's camera took
)

// verifyErrors maps verify_result.error_message, by its code and, where one
// stands behind it, whose picture it is about. A code that is not here is
// inconclusive.
var verifyErrors = map[string]meaning{
	"NO_SUCH_ID_NUMBER":        undecided(verification.RecordsNotFound, charged),
	"ID_NUMBER_NAME_NOT_MATCH": failed(verification.IdentityMismatch, charged),

	"IMAGE_ERROR_UNSUPPORTED_FORMAT:" + referencePhoto: undecided(verification.FaceNoReferencePhoto, charged),
	"IMAGE_ERROR_UNSUPPORTED_FORMAT:" + givenPhoto:     undecided(verification.FaceNoReferencePhoto, free),
	"NO_FACE_FOUND:" + referencePhoto:                  undecided(verification.FaceNoReferencePhoto, charged),
	"NO_FACE_FOUND:" + givenPhoto:                      undecided(verification.FaceNoReferencePhoto, free),
	"NO_FACE_FOUND:" + livePhoto:                       failed(verification.FacePoorCapture, free),
	"NO_FACE_FOUND":                                    undecided(verification.FaceNotCompared, unstated), // in whose picture?
	// Documented for the sister interface that compares without a page.
	"MULTIPLE_FACES:" + referencePhoto: undecided(verification.FaceNoReferencePhoto, unstated),
	"MULTIPLE_FACES:" + givenPhoto:     undecided(verification.FaceNoReferencePhoto, unstated),
	"MULTIPLE_FACES:" + livePhoto:      failed(verification.FacePoorCapture, unstated),
	"INVALID_NAME_FORMAT":              undecided(verification.IdentityNameMalformed, unstated),
	"INVALID_IDCARD_NUMBER":            undecided(verification.IdentityNumberMalformed, unstated),

	// The vendor advises to stop and call: the next person would fare no better.
	"DATA_SOURCE_ERROR": {reason: verification.ProviderUnavailable, charge: free, next: true},
	"INTERNAL_ERROR":    {reason: verification.SessionInterrupted, charge: free},
}

// meaningOf reads an error_message of verify_result; code may be shown.
func meaningOf(message string) (m meaning, code string) {
	code, param := splitError(message)
	if picture := pictureOf(param); picture != "" {
		code += ":" + picture
	}
	if m, known := verifyErrors[code]; known {
		return m, code
	}
	return undecided(verification.ProviderContractViolation, unstated), shownCode(code)
}

// splitError takes the forms CODE, CODE: param and CODE:param apart.
func splitError(message string) (code, param string) {
	code, param, _ = strings.Cut(message, ":")
	return strings.TrimSpace(code), strings.TrimSpace(param)
}

// pictureOf tells whose picture a parameter names, e.g. image_ref1.
func pictureOf(param string) string {
	switch {
	case param == referencePhoto:
		return referencePhoto
	case strings.HasPrefix(param, givenPhoto):
		return givenPhoto
	case strings.HasPrefix(param, livePhoto):
		return livePhoto
	}
	return ""
}

// apiError is what a failed call means for us.
type apiError struct {
	class  provider.Class
	reason verification.ReasonCode
}

var (
	down      = apiError{provider.Unavailable, verification.ProviderUnavailable}
	limited   = apiError{provider.RateLimited, verification.ProviderUnavailable}
	oursFault = apiError{provider.Misconfigured, verification.ProviderMisconfigured}
	gone      = apiError{provider.Gone, verification.SessionExpired}
	violated  = apiError{provider.ContractViolation, verification.ProviderContractViolation}
	badName   = apiError{provider.Refused, verification.IdentityNameMalformed}
	badNumber = apiError{provider.Refused, verification.IdentityNumberMalformed}
	tooLong   = apiError{provider.Refused, verification.ProviderHolderUnregistered}
)

// apiErrors maps the errors of get_token and get_result that do not hang on
// anything else (https://faceid.com/document/faceid-guide-docs/h5_get_token).
var apiErrors = map[string]apiError{
	"MISSING_ARGUMENTS": oursFault, "BAD_ARGUMENTS": oursFault,
	"AUTHENTICATION_ERROR": oursFault, "AUTHORIZATION_ERROR": oursFault, "API_NOT_FOUND": oursFault,
	"INVALID_NAME_FORMAT": badName, "INVALID_IDCARD_NUMBER": badNumber,
	"BAD_ARGUMENTS:idcard_name": badName, "BAD_ARGUMENTS:idcard_number": badNumber,
	"CONCURRENCY_LIMIT_EXCEEDED": limited,
	"RESULT_NOT_FOUND":           gone,
	"INTERNAL_ERROR":             down,
}

// fields are the parameters of our calls that an error may name. Nothing else
// behind an error's colon is shown.
var fields = []string{
	"api_key", "api_secret", "return_url", "notify_url", "biz_no", "biz_id", "comparison_type", "idcard_mode", "idcard_name",
	"idcard_number", "fmp_mode", "get_fail_reason", "scene_id", "web_title", "procedure_type", "procedure_priority",
	"liveness_preferences", "action_http_method", "return_image", "key",
}

// failureOf reads a failed call: its HTTP status and the error_message of its
// body, which is empty where the body is no JSON. code may be shown.
func (c Config) failureOf(status int, message string) (e apiError, code string) {
	name, param := splitError(message)
	code = shownCode(name)
	if slices.Contains(fields, param) && name == code {
		code += ":" + param
	}
	if known, found := apiErrors[code]; found {
		return known, code
	}
	switch known, found := apiErrors[name]; {
	case name == c.DataDestroyed && status < 500:
		return gone, code
	case found:
		return known, code
	case status < 400:
		e = violated
	case status == http.StatusTooManyRequests:
		e = limited
	case status == http.StatusRequestEntityTooLarge, status == http.StatusUnauthorized:
		e = oursFault
	case status == http.StatusForbidden, status >= 500, message == "":
		// A gateway's page says nothing about the call, and a 403 may be a limit
		// whose name we do not know.
		e = down
	default:
		e = oursFault
	}
	if message == "" {
		code = httpCode(status)
	}
	return e, code
}

// apiCode is the form of the vendor's codes. Anything else under that name is
// not shown.
var apiCode = regexp.MustCompile(`^[A-Z][A-Z_]{1,63}$`)

// shownCode is a code as it may be shown, with the picture that it is about.
func shownCode(code string) string {
	name, picture, more := strings.Cut(code, ":")
	if !apiCode.MatchString(name) || more && !slices.Contains([]string{referencePhoto, givenPhoto, livePhoto}, picture) {
		return "unrecognized"
	}
	return code
}
