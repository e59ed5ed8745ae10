package e2e

import (
	"fmt"
	"slices"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

const (
	aceDataCall        = "check-2e"
	tencentRecordsCall = "CheckIdNameDate"
)

// asksRecords: the row's answer is one of the records'.
func (a vendorAnswer) asksRecords() bool {
	return a.operation == aceDataCall || a.operation == tencentRecordsCall
}

// tencentRecordsAnswers are the answers of CheckIdNameDate, in the order of
// tencent-checkidnamedate.md: its result codes, its errors, and ways in which no
// answer comes; and then who is asked where it stands behind AceData.
func tencentRecordsAnswers() []vendorAnswer {
	var rows []vendorAnswer
	add := func(times int, want vendorAnswer, says ...string) {
		for _, one := range says {
			row := want
			row.operation, row.says, row.policy = tencentRecordsCall, fmt.Sprintf("%s ×%d", one, times), "records-tencent"
			row.faults = []sandbox.Fault{fault(sandbox.Tencent, tencentRecordsCall, one, times)}
			rows = append(rows, row)
		}
	}
	review := func(because, billed string, asked, charged int) vendorAnswer {
		return vendorAnswer{leads: "review", because: "identity_records " + because, billed: billed, recordsAsked: asked, charged: charged}
	}
	add(0, vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 1, charged: 1}, "0")
	add(0, vendorAnswer{leads: "declined", because: "identity_records failed identity.mismatch", billed: "yes", recordsAsked: 1, charged: 1}, "-1")
	for code, because := range map[string]string{
		"-2": "identity.number_malformed", "-3": "identity.name_malformed", "-4": "document.validity_malformed",
		"-5": "records.not_verifiable", "-7": "records.not_found", "InvalidParameterValue": "provider.contract_violation",
	} {
		add(0, review("inconclusive "+because, "no", 1, 0), code)
	}
	add(0, review("inconclusive provider.contract_violation", "unknown", 1, 0), "-9", "5")
	add(0, review("unavailable provider.unavailable", "", 1, 0), "-6", "-8") // asked again after this policy's patience
	for body, want := range map[string]vendorAnswer{
		`{"Response":{"Result":0,"Description":"一致","RequestId":"x"}}`:                 {leads: "approved", billed: "yes", recordsAsked: 1},
		`{"Response":{"Result":"0","Description":"不一致","RequestId":"x"}}`:              review("inconclusive provider.contract_violation", "unknown", 1, 0),
		`{"Response":{"Result":"-1","Result":"0","Description":"一致","RequestId":"x"}}`: review("unavailable records.charge_unknown", "unknown", 2, 0),
	} {
		want.operation, want.says, want.policy = tencentRecordsCall, body, "records-tencent"
		want.faults = []sandbox.Fault{{Vendor: sandbox.Tencent, Operation: tencentRecordsCall, Kind: sandbox.FaultBody, Body: body}}
		rows = append(rows, want)
	}

	// Ours to mend: nobody else to ask here, and a human.
	add(0, review("unavailable provider.misconfigured", "", -1, 0), "FailedOperation.DecryptSystemError", "InvalidParameter.UnsupportEncryptField",
		"FailedOperation.StsUnAuthErrError", "UnauthorizedOperation.Arrears", "UnauthorizedOperation.ChargeStatusException",
		"UnauthorizedOperation.NonAuthorize", "UnauthorizedOperation.Nonactivated", "AuthFailure.SignatureExpire", "AuthFailure.SecretIdNotFound",
		"InvalidAction", "NoSuchVersion", "MissingParameter", "InvalidParameter", "UnsupportedOperation", "ResourceInsufficient.Some")
	add(1, vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 2, charged: 1}, "RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded")
	// The charge is unknown: once more, and no further.
	lost := slices.Concat([]string{"InternalError", "InternalError.UnKnown", "FailedOperation.UnKnown", "SomethingNew.Altogether", "drop", sandbox.FaultHTML502}, garbled)
	add(1, vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 2, charged: 1}, lost...)
	add(0, review("unavailable records.charge_unknown", "unknown", 2, 0), lost...)
	add(1, vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 2, charged: 2}, sandbox.FaultDropAfter)
	add(0, review("unavailable records.charge_unknown", "unknown", 2, 2), sandbox.FaultDropAfter)
	return append(rows, recordsInTurn()...)
}

// recordsInTurn are AceData's answers where Tencent's records stand behind it.
func recordsInTurn() []vendorAnswer {
	var rows []vendorAnswer
	add := func(want vendorAnswer, says ...string) {
		for _, one := range says {
			row := want
			row.operation, row.says, row.policy = aceDataCall, one+", another behind", "records-both"
			row.faults = []sandbox.Fault{fault(sandbox.AceData, aceDataCall, one, 0)}
			rows = append(rows, row)
		}
	}
	over := func(class string, charged int) vendorAnswer {
		return vendorAnswer{leads: "approved", billed: "yes", tried: "acedata " + class, recordsAsked: 2, charged: charged}
	}
	add(over("misconfigured", 1), "no_token", "token_mismatched", "invalid_token", "token_expired", "used_up", "disabled", "forbidden")
	add(over("rate_limited", 1), "too_many_requests", "rate_limited")
	add(over("unavailable", 1), "api_error", "-6", "-8", "timeout", "drop", sandbox.FaultHTML502)
	add(over("contract_violation", 1), sandbox.FaultEmpty, sandbox.FaultWrongTypes)
	add(over("unavailable", 2), sandbox.FaultDropAfter)
	// After an answer nobody else is asked.
	add(vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 1, charged: 1}, "0")
	add(vendorAnswer{leads: "declined", because: "identity_records failed identity.mismatch", billed: "yes", recordsAsked: 1, charged: 1}, "-1")
	for code, because := range map[string]string{"-2": "identity.number_malformed", "-3": "identity.name_malformed", "-5": "records.not_verifiable", "-7": "records.not_found"} {
		add(vendorAnswer{leads: "review", because: "identity_records inconclusive " + because, billed: "no", recordsAsked: 1}, code)
	}
	add(vendorAnswer{leads: "review", because: "identity_records inconclusive provider.contract_violation", billed: "unknown", recordsAsked: 1}, "-9")
	// Nor a third time after two lost answers.
	for _, how := range []string{"drop", sandbox.FaultDropAfter} {
		charged := map[string]int{sandbox.FaultDropAfter: 2}[how]
		rows = append(rows, vendorAnswer{operation: aceDataCall, says: how + " at both", policy: "records-both", leads: "review",
			because: "identity_records unavailable records.charge_unknown", billed: "unknown", tried: "acedata unavailable", recordsAsked: 2, charged: charged,
			faults: []sandbox.Fault{fault(sandbox.AceData, aceDataCall, how, 0), fault(sandbox.Tencent, tencentRecordsCall, how, 0)}})
	}
	return rows
}
