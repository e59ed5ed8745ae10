package e2e

import (
	"slices"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// answers makes a row for each of the words.
func answers(row vendorAnswer, says ...string) []vendorAnswer {
	var rows []vendorAnswer
	for _, one := range says {
		row.says = one
		rows = append(rows, row)
	}
	return rows
}

// tencentCodes are the business codes of GetEidResult, in the words of
// tencent-faceid.md, 6.2, as section 7 of the design settles them.
func tencentCodes() []vendorAnswer {
	face := "face_match "
	code := func(row vendorAnswer, says ...string) []vendorAnswer {
		row.operation, row.policy = "GetEidResult", "tencent"
		rows := answers(row, says...)
		for i := range rows {
			rows[i].end = rows[i].says
		}
		return rows
	}
	var rows []vendorAnswer
	for _, some := range [][]vendorAnswer{
		code(vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 1, charged: 1}, "0"),
		// Not the person's doing, and no judgement: the same vendor again.
		code(vendorAnswer{leads: "retry", last: "session.interrupted", next: "tencent_eid"},
			"4", "8", "10", "12", "13", "201", "202", "1001", "1006", "1007", "1008", "2001", "2017"),
		code(vendorAnswer{leads: "retry", last: "session.vendor_limit", next: "tencent_eid"}, "16"),
		code(vendorAnswer{leads: "retry", last: "session.expired", next: "tencent_eid"}, "15"),
		// Ours to mend, and nobody else to ask.
		code(vendorAnswer{leads: "error", last: "provider.misconfigured"}, "1", "2", "3", "203", "204"),
		// Over and not over at once.
		code(vendorAnswer{leads: "review", because: "liveness inconclusive provider.contract_violation; face_match inconclusive provider.contract_violation", billed: "no"},
			"14", "17", "9999"),
		// Final.
		code(vendorAnswer{leads: "declined", because: face + "failed identity.mismatch", billed: "no"}, "301"),
		code(vendorAnswer{leads: "declined", because: face + "failed identity.mismatch", billed: "yes"}, "2006"),
		code(vendorAnswer{leads: "declined", because: face + "failed document.expired", billed: "no"}, "302"),
		// The same person may pass next time.
		code(vendorAnswer{leads: "retry", because: face + "failed face.no_match", last: "face.no_match", next: "tencent_eid", billed: "yes"}, "2016"),
		code(vendorAnswer{leads: "retry", because: face + "failed face.poor_capture", last: "face.poor_capture", next: "tencent_eid", billed: "no"},
			"303", "2004", "2010", "2012", "2013", "2014", "2015"),
		code(vendorAnswer{leads: "retry", because: "liveness failed face.not_live", last: "face.not_live", next: "tencent_eid", billed: "no"},
			"1003", "1004", "1005", "1101", "1201"),
		// An attack is for a human.
		code(vendorAnswer{leads: "review", because: "liveness failed face.spoof_suspected", billed: "no"}, "1002"),
		code(vendorAnswer{leads: "review", because: face + "failed face.spoof_suspected", billed: "no"}, "2011"),
		// Sources have gaps, and our rules and theirs may disagree.
		code(vendorAnswer{leads: "review", because: face + "inconclusive records.not_found", billed: "no"}, "2005"),
		code(vendorAnswer{leads: "review", because: face + "inconclusive face.no_reference_photo", billed: "no"}, "2007", "2008", "2009"),
		code(vendorAnswer{leads: "review", because: face + "inconclusive identity.name_malformed", billed: "no"}, "2002"),
		code(vendorAnswer{leads: "review", because: face + "inconclusive identity.number_malformed", billed: "no"}, "2003"),
	} {
		rows = append(rows, some...)
	}
	// Ours to mend, and another vendor is there.
	for _, says := range []string{"1", "203"} {
		rows = append(rows, vendorAnswer{operation: "GetEidResult", says: says, end: says, policy: "tencent-megvii", leads: "link", next: "megvii_faceid"})
	}
	return rows
}

// Errors of the API and of the way to it. What a fault is to an opening: the
// next vendor is asked.
var (
	tencentOurs = []string{"FailedOperation.DecryptSystemError", "FailedOperation.StsUnAuthErrError", "InvalidParameter",
		"InvalidParameter.UnsupportEncryptField", "InvalidParameterValue", "MissingParameter", "InvalidParameterValue.RuleIdNotExist",
		"InvalidParameterValue.RuleIdDisabled", "UnauthorizedOperation.Arrears", "UnauthorizedOperation.NonAuthorize",
		"UnauthorizedOperation.Nonactivated", "UnauthorizedOperation.ChargeStatusException", "UnauthorizedOperation.Activating",
		"UnauthorizedOperation.ActivateError", "AuthFailure.SignatureExpire", "AuthFailure.SignatureFailure", "AuthFailure.SecretIdNotFound",
		"AuthFailure.InvalidSecretId", "AuthFailure.InvalidAuthorization", "AuthFailure.TokenFailure", "AuthFailure.MFAFailure",
		"AuthFailure.UnauthorizedOperation", "InvalidAction", "NoSuchVersion", "NoSuchProduct", "UnsupportedOperation", "ActionOffline",
		"IpInBlacklist", "IpNotInWhitelist", "LimitExceeded", "SomethingNew.Altogether"}
	tencentLimited = []string{"RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded", "RequestLimitExceeded.IPLimitExceeded",
		"RequestLimitExceeded.GlobalRegionUinLimitExceeded", "FailedOperation.RequestLimitExceeded"}
	tencentDown = []string{"InternalError", "InternalError.UnKnown", "InternalError.EncryptSystemError", "FailedOperation.UnKnown",
		"FailedOperation.DbError", "ServiceUnavailable"}
	// garbled are answers that are none.
	garbled = []string{sandbox.FaultEmpty, sandbox.FaultHalfJSON, sandbox.FaultWrongTypes, sandbox.FaultMissingMembers, sandbox.FaultHuge}
	// broken are ways in which no answer comes.
	broken = []string{sandbox.FaultHTML502, sandbox.FaultDrop, sandbox.FaultDropAfter}
)

// fault is a vendor's error of a code, or a kind of fault.
func fault(vendor, operation, says string, times int) sandbox.Fault {
	f := sandbox.Fault{Vendor: vendor, Operation: operation, Kind: says, Times: times}
	for _, kind := range slices.Concat(garbled, broken, []string{sandbox.FaultRefuse}) {
		if says == kind {
			return f
		}
	}
	f.Kind, f.Code = sandbox.FaultErrorCode, says
	return f
}

// openings are a vendor's errors at the opening of a session, under a policy
// with another vendor behind it.
func openings(vendor, provider, operation, policy, next string, classes map[string][]string) []vendorAnswer {
	var rows []vendorAnswer
	for class, list := range classes {
		for _, says := range list {
			rows = append(rows, vendorAnswer{operation: operation, says: says, policy: policy, faults: []sandbox.Fault{fault(vendor, operation, says, 0)},
				leads: "approved", tried: provider + " " + class, next: next, recordsAsked: 1, charged: 1})
		}
	}
	return rows
}

func tencentAnswers() []vendorAnswer {
	rows := tencentCodes()
	rows = append(rows, openings(sandbox.Tencent, "tencent_eid", "GetEidToken", "tencent-megvii", "megvii_faceid", map[string][]string{
		"misconfigured": tencentOurs, "rate_limited": tencentLimited, "unavailable": slices.Concat(tencentDown, broken),
		"refused": {"FailedOperation.UnregisteredEid"}, "contract_violation": garbled,
	})...)
	unregistered := vendorAnswer{operation: "GetEidToken", says: "FailedOperation.UnregisteredEid", policy: "tencent", leads: "review",
		because: "liveness inconclusive provider.holder_unregistered; face_match inconclusive provider.holder_unregistered", last: "provider.holder_unregistered", tried: "tencent_eid refused"}
	unregistered.faults = []sandbox.Fault{fault(sandbox.Tencent, "GetEidToken", unregistered.says, 0)}
	rows = append(rows, unregistered)
	// A look or a result that fails for a while is asked for again, whatever the
	// fault: the result rests at the vendor.
	for _, operation := range []string{"CheckEidTokenStatus", "GetEidResult"} {
		for _, list := range [][]string{{"AuthFailure.SignatureExpire", "UnauthorizedOperation.Arrears"}, tencentLimited, tencentDown, garbled, broken} {
			for _, says := range list {
				rows = append(rows, vendorAnswer{operation: operation, says: says + " once", policy: "tencent", struck: []sandbox.Fault{fault(sandbox.Tencent, operation, says, 1)},
					leads: "approved", billed: "yes", recordsAsked: 1, charged: 1})
			}
		}
		// The person did their part, and the session is no more.
		for _, says := range []string{"InvalidParameterValue.BizTokenIllegal", "InvalidParameterValue.BizTokenExpired"} {
			row := vendorAnswer{operation: operation, says: says, policy: "tencent", struck: []sandbox.Fault{fault(sandbox.Tencent, operation, says, 0)},
				leads: "retry", last: "session.expired", next: "tencent_eid"}
			if operation == "CheckEidTokenStatus" {
				row.leads, row.next = "expired", "" // nobody saw that they had begun
			}
			rows = append(rows, row)
		}
	}
	return rows
}
