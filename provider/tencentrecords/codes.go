package tencentrecords

import (
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/idrecords"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

// databaseFault is asked about twice in all; then it lasts.
var databaseFault = idrecords.Outcome{Reason: verification.ProviderUnavailable, Billable: verification.BillableNo, Wait: 5 * time.Minute, MaxTries: 2}

// results maps every code of the action's list. 0 and -1 are charged, no other.
var results = map[string]idrecords.Outcome{
	"0":  idrecords.Passed,
	"-1": idrecords.Mismatched,
	"-2": idrecords.BadNumber,
	"-3": idrecords.BadName,
	"-4": idrecords.BadDates,
	"-5": idrecords.Unverifiable,
	"-6": databaseFault,
	"-7": idrecords.NotFound,
	"-8": idrecords.DayLimit,
}

// contradictions are words that cannot stand beside a code.
var contradictions = map[string][]string{
	"0":  {"不一致", "异常", "无此", "无效", "次数"},
	"-1": {"异常", "无此", "无效", "次数"},
}

func meaningOf(code, description string) idrecords.Outcome {
	o, known := results[code]
	if !known || slices.ContainsFunc(contradictions[code], func(word string) bool { return strings.Contains(description, word) }) {
		return idrecords.Garbled
	}
	return o
}

var (
	down    = tencentcloud.Meaning{Class: provider.Unavailable, Reason: verification.ProviderUnavailable, Billable: verification.BillableUnknown}
	limited = tencentcloud.Meaning{Class: provider.RateLimited, Reason: verification.ProviderUnavailable}
	ours    = tencentcloud.Meaning{Class: provider.Misconfigured, Reason: verification.ProviderMisconfigured}
	unknown = tencentcloud.Meaning{Class: provider.Misconfigured, Reason: verification.ProviderMisconfigured, Billable: verification.BillableUnknown}
	// refusedValue may be this person's name, and is not for others to be kept
	// waiting for.
	refusedValue = tencentcloud.Meaning{Class: provider.Refused, Reason: verification.ProviderContractViolation}
)

// apiErrors maps the codes of Response.Error: the nine that the SDK lists for the
// action, and the common list of the platform. A code that is not here is read by
// its first part, then as one that nobody knows, which may have been charged.
var apiErrors = tencentcloud.Codes{
	"InternalError": down, "ServiceUnavailable": down, "FailedOperation.UnKnown": down,
	"RequestLimitExceeded":  limited,
	"InvalidParameterValue": refusedValue,

	"FailedOperation.DecryptSystemError": ours, "InvalidParameter.UnsupportEncryptField": ours, "FailedOperation.StsUnAuthErrError": ours,
	"UnauthorizedOperation.Arrears": ours, "UnauthorizedOperation.ChargeStatusException": ours,
	"UnauthorizedOperation.NonAuthorize": ours, "UnauthorizedOperation.Nonactivated": ours,

	"AuthFailure.SignatureExpire": ours, // a clock
	"AuthFailure":                 ours, "UnauthorizedOperation": ours, "InvalidParameter": ours, "MissingParameter": ours,
	"InvalidAction": ours, "NoSuchVersion": ours, "NoSuchProduct": ours, "UnsupportedOperation": ours, "ActionOffline": ours,
	"ResourceInsufficient": ours, "LimitExceeded": ours, "IpInBlacklist": ours, "IpNotInWhitelist": ours,
}

func meaningOfAPICode(code string) tencentcloud.Meaning { return apiErrors.Of(code, unknown) }
