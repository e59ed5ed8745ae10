package tencent

import (
	"strconv"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

// answers says which checks a code answers.
type answers int

const (
	// nothing: the session ended without a judgement of the person.
	nothing answers = iota
	// liveness alone: the comparison was not reached.
	liveness
	// comparison: face_match, with liveness as LiveStatus tells.
	comparison
	// neither: both are inconclusive, because the answer cannot be believed.
	neither
)

// meaning is what a business code says.
type meaning struct {
	answers answers
	status  verification.CheckStatus
	reason  verification.ReasonCode
	// next: ours to mend; another vendor may serve the person.
	next bool
	// open: the flow should be over and is not, as far as this answer tells.
	open bool
}

var (
	violated = meaning{answers: neither, status: verification.Inconclusive, reason: verification.ProviderContractViolation}
	notOver  = meaning{answers: neither, status: verification.Inconclusive, reason: verification.ProviderContractViolation, open: true}

	misconfigured = meaning{reason: verification.ProviderMisconfigured, next: true}
	interrupted   = meaning{reason: verification.SessionInterrupted}
	vendorLimit   = meaning{reason: verification.SessionVendorLimit}
	tokenExpired  = meaning{reason: verification.SessionExpired}
	userLeft      = meaning{reason: verification.SessionCanceled}
	wrongBrowser  = meaning{reason: verification.DeviceUnsupported}
	noCamera      = meaning{reason: verification.DeviceCameraDenied}

	notLive = meaning{answers: liveness, status: verification.Failed, reason: verification.FaceNotLive}
	spoof   = meaning{answers: liveness, status: verification.Failed, reason: verification.FaceSpoofSuspected}

	otherIdentity = failed(verification.IdentityMismatch)
	cardExpired   = failed(verification.DocumentExpired)
	noMatch       = failed(verification.FaceNoMatch)
	poorCapture   = failed(verification.FacePoorCapture)
	spoofOrOther  = failed(verification.FaceSpoofSuspected)

	badName          = undecided(verification.IdentityNameMalformed)
	badNumber        = undecided(verification.IdentityNumberMalformed)
	notFound         = undecided(verification.RecordsNotFound)
	noReferencePhoto = undecided(verification.FaceNoReferencePhoto)
)

func failed(r verification.ReasonCode) meaning {
	return meaning{answers: comparison, status: verification.Failed, reason: r}
}

func undecided(r verification.ReasonCode) meaning {
	return meaning{answers: comparison, status: verification.Inconclusive, reason: r}
}

// flowCodes maps every code of Text.ErrCode but 0
// (https://cloud.tencent.com/document/product/1007/115318).
var flowCodes = map[int64]meaning{
	1: misconfigured, 2: misconfigured, 3: misconfigured, // wrong call
	4: interrupted, 8: interrupted, 10: interrupted, 12: interrupted, 13: interrupted, // service fault
	14: notOver,      // already complete; a fresh session cannot be
	15: tokenExpired, // the token ran out
	16: vendorLimit,  // too many tries in one session
	17: notOver,      // not finished

	201: interrupted, 202: interrupted, // image or video not fetched from WeChat
	203: misconfigured, 204: misconfigured, // no permission, account not authorised
	301: otherIdentity, // the scanned card has another number than we gave
	302: cardExpired,
	303: poorCapture, // card not scanned

	1001: interrupted, // engine time-out
	1002: spoof,       // suspected not to be recorded live
	1003: notLive, 1004: notLive, 1005: notLive,
	1006: interrupted, // source of identities faulty
	1007: interrupted, // WeChat's result not fetched
	1008: interrupted, // the person's network

	2001: interrupted, // engine time-out
	2002: badName,
	2003: badNumber,
	2004: poorCapture, // no usable picture in the video
	2005: notFound,
	2006: otherIdentity, // name and number differ
	2007: noReferencePhoto, 2008: noReferencePhoto,
	2009: noReferencePhoto, // too small
	2010: poorCapture,      // face not fully visible
	2011: spoofOrOther,     // not the same person, or suspected not live
	// From sibling products: several faces, incomplete face, low resolution,
	// comparison failed; source under maintenance.
	2012: poorCapture, 2013: poorCapture, 2014: poorCapture, 2015: poorCapture,
	2016: noMatch, // similarity below the threshold
	2017: interrupted,
}

// meaningOf reads Text.ErrCode other than 0.
func meaningOf(code int64) meaning {
	if m, ok := flowCodes[code]; ok {
		return m
	}
	if 1100 <= code && code <= 1299 { // guidance of digit and action liveness, older table
		return notLive
	}
	return violated
}

// billable: Tencent charges a flow that ends with one of these, since
// 2021-07-19.
func billable(code int64) verification.Billable {
	switch code {
	case 0, 2006, 2016:
		return verification.BillableYes
	}
	return verification.BillableNo
}

// guidedIntentionCodes are FinalResultDetailCode of the modes question and
// answer, and nod (https://cloud.tencent.com/document/product/1007/115319).
var guidedIntentionCodes = map[int64]meaning{
	-1: misconfigured, // parameters
	-2: interrupted, -998: interrupted, -999: interrupted,
	-101: poorCapture, -102: poorCapture, -103: poorCapture, -104: poorCapture, -105: poorCapture, -106: poorCapture, -107: poorCapture,
	-201: noMatch, -202: noMatch,
	// Refused, and no movement of the mouth: the vendor counts both as not
	// passed, and there is nothing final in either.
	-301: notLive, -302: notLive,
	-800: wrongBrowser, -801: noCamera, -802: interrupted, -803: userLeft, -804: interrupted,
}

// spokenIntentionCodes are IntentionVerifyData.ErrorCode, of reading aloud. The
// documents swap the meanings of -1 and -2 between the two lists.
var spokenIntentionCodes = map[int64]meaning{
	-1: interrupted, -2: misconfigured,
	-3: interrupted, -4: interrupted, -5: interrupted, -6: interrupted, -7: interrupted,
	-8: interrupted, -9: interrupted, -10: interrupted, -11: interrupted,
	-12:  interrupted, // not finished
	-13:  interrupted, // token check
	-14:  interrupted, // already over
	-15:  vendorLimit, // too many tries
	-16:  interrupted, // unknown fault
	-17:  notLive,     // no voice
	3001: poorCapture, 3002: poorCapture, 3003: poorCapture,
	3011: noMatch, 3012: noMatch,
	-800: wrongBrowser, -801: noCamera, -802: interrupted, -803: userLeft,
}

// shownCode is a business code as it may be shown. What is longer than any
// code may be somebody's number.
func shownCode(code int64) string {
	if code < -99999 || code > 99999 {
		return "unrecognized"
	}
	return strconv.FormatInt(code, 10)
}

var (
	down     = tencentcloud.Meaning{Class: provider.Unavailable, Reason: verification.ProviderUnavailable}
	limited  = tencentcloud.Meaning{Class: provider.RateLimited, Reason: verification.ProviderUnavailable}
	ours     = tencentcloud.Meaning{Class: provider.Misconfigured, Reason: verification.ProviderMisconfigured}
	gone     = tencentcloud.Meaning{Class: provider.Gone, Reason: verification.SessionExpired}
	noHolder = tencentcloud.Meaning{Class: provider.Refused, Reason: verification.ProviderHolderUnregistered}
)

// apiErrors maps the codes of Response.Error
// (https://cloud.tencent.com/document/product/1007/108012 and the common list
// of the platform). A code that is not here is read by its first part, then
// held for ours to mend.
var apiErrors = tencentcloud.Codes{
	"RequestLimitExceeded": limited, "FailedOperation.RequestLimitExceeded": limited,
	"InternalError": down, "ServiceUnavailable": down, "ClientError": down,
	"FailedOperation.UnKnown": down, "FailedOperation.DbError": down,
	"FailedOperation.DecryptSystemError": ours, "FailedOperation.StsUnAuthErrError": ours,
	"FailedOperation.UnregisteredEid": noHolder,
	"InvalidParameter":                ours, "InvalidParameter.UnsupportEncryptField": ours, "InvalidParameterValue": ours, "MissingParameter": ours,
	"InvalidParameterValue.RuleIdNotExist": ours, "InvalidParameterValue.RuleIdDisabled": ours,
	"InvalidParameterValue.BizTokenIllegal": gone, "InvalidParameterValue.BizTokenExpired": gone,
	"UnauthorizedOperation.Arrears": ours, "UnauthorizedOperation.NonAuthorize": ours, "UnauthorizedOperation.Nonactivated": ours,
	"UnauthorizedOperation.ChargeStatusException": ours, "UnauthorizedOperation.Activating": ours, "UnauthorizedOperation.ActivateError": ours,
	"AuthFailure.SignatureExpire": ours, // a clock, or a body held up for five minutes
	"AuthFailure":                 ours, "UnauthorizedOperation": ours, "FailedOperation": ours,
	"InvalidAction": ours, "NoSuchVersion": ours, "NoSuchProduct": ours, "UnsupportedOperation": ours, "ActionOffline": ours,
	"IpInBlacklist": ours, "IpNotInWhitelist": ours, "LimitExceeded": ours,
}

const tokenHasExpired = "InvalidParameterValue.BizTokenExpired"

func meaningOfAPICode(code string) tencentcloud.Meaning { return apiErrors.Of(code, ours) }
