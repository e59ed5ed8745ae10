package e2e

import (
	"fmt"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// recordsAnswers are the answers of AceData's check-2e, in the order of
// acedata-identity.md: result codes in both lists that its papers print, HTTP
// errors, and ways in which no answer comes.
func recordsAnswers() []vendorAnswer {
	records := "identity_records "
	row := func(says string, times int, want vendorAnswer) vendorAnswer {
		want.operation, want.says, want.policy = "check-2e", fmt.Sprintf("%s ×%d", says, times), "records"
		want.faults = []sandbox.Fault{fault(sandbox.AceData, "check-2e", says, times)}
		return want
	}
	approved := vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 2, charged: 1}
	var rows []vendorAnswer
	add := func(times int, want vendorAnswer, says ...string) {
		for _, one := range says {
			rows = append(rows, row(one, times, want))
		}
	}
	review := func(because, billed string, asked, charged int) vendorAnswer {
		return vendorAnswer{leads: "review", because: records + because, billed: billed, recordsAsked: asked, charged: charged}
	}
	add(0, vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 1, charged: 1}, "0")
	add(0, vendorAnswer{leads: "declined", because: records + "failed identity.mismatch", billed: "yes", recordsAsked: 1, charged: 1}, "-1")
	add(0, review("inconclusive identity.number_malformed", "no", 1, 0), "-2")
	add(0, review("inconclusive identity.name_malformed", "no", 1, 0), "-3")
	// An answer of no list: a human.
	add(0, review("inconclusive provider.contract_violation", "unknown", 1, 0), "5", "-9")

	// Both lists, told apart by the description.
	for _, one := range []struct{ code, text, because string }{
		{"-4", "非法有效期", "inconclusive document.validity_malformed"},
		{"-5", "身份信息无效", "inconclusive records.not_verifiable"},
		{"-5", "证件库中无此身份证记录", "inconclusive records.not_found"},
		{"-7", "证件库中无此身份证记录", "inconclusive records.not_found"},
		{"-4", "证件库服务异常", "unavailable provider.unavailable"},
		{"-6", "证件库服务异常", "unavailable provider.unavailable"},
		{"-6", "权威比对系统升级中，请稍后再试", "unavailable provider.unavailable"},
		{"-7", "认证次数超过当日限制", "unavailable provider.unavailable"},
		{"-8", "认证次数超过当日限制，请次日重试", "unavailable provider.unavailable"},
	} {
		body := fmt.Sprintf(`{"result":%q,"description":%q}`, one.code, one.text)
		rows = append(rows, vendorAnswer{operation: "check-2e", says: one.code + " " + one.text, policy: "records", leads: "review", because: records + one.because,
			faults: []sandbox.Fault{{Vendor: sandbox.AceData, Operation: "check-2e", Kind: sandbox.FaultBody, Body: body}}})
	}

	// Nothing was charged: waited out, and asked again.
	add(1, approved, "too_many_requests", "rate_limited", "api_error")
	// Ours to mend: nobody else to ask, and a human.
	add(0, review("unavailable provider.misconfigured", "", -1, 0), "bad_request", "no_token", "token_mismatched", "api_not_implemented",
		"invalid_token", "token_expired", "used_up", "disabled", "forbidden", "no_api")
	// The charge is unknown: once more, and no further.
	add(1, vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 2, charged: 1},
		append([]string{"timeout", "drop", sandbox.FaultHTML502}, garbled...)...)
	add(1, vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 2, charged: 2}, sandbox.FaultDropAfter)
	add(0, review("unavailable records.charge_unknown", "unknown", 2, 0), "timeout", "drop", sandbox.FaultHTML502)
	add(0, review("unavailable records.charge_unknown", "unknown", 2, 2), sandbox.FaultDropAfter)
	add(0, review("unavailable records.charge_unknown", "unknown", 2, 0), garbled...)
	add(0, review("unavailable provider.unavailable", "", -1, 0), "api_error", "too_many_requests")
	return rows
}
