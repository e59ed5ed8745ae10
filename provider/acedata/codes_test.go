package acedata

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/idrecords"
	"github.com/yanzhen-id/yanzhen/verification"
)

func withProfile(profile string) Config {
	return settings.WithDefaults(Config{Token: "t", ResultProfile: profile})
}

func TestEveryResultCodeHasItsMeaningInEveryProfile(t *testing.T) {
	profiles := []string{ProfileAuto, ProfileDoc, ProfileTencent}
	for _, row := range []struct {
		code, description string
		means             [3]idrecords.Outcome // in the order of profiles
	}{
		{"0", "", [3]idrecords.Outcome{idrecords.Passed, idrecords.Passed, idrecords.Passed}},
		{"0", "一致", [3]idrecords.Outcome{idrecords.Passed, idrecords.Passed, idrecords.Passed}},
		{"0", "姓名、身份证号及有效期一致", [3]idrecords.Outcome{idrecords.Passed, idrecords.Passed, idrecords.Passed}},
		{"-1", "", [3]idrecords.Outcome{idrecords.Mismatched, idrecords.Mismatched, idrecords.Mismatched}},
		{"-1", "不一致", [3]idrecords.Outcome{idrecords.Mismatched, idrecords.Mismatched, idrecords.Mismatched}},
		{"-1", "有效期不一致", [3]idrecords.Outcome{idrecords.Mismatched, idrecords.Mismatched, idrecords.Mismatched}},
		{"-2", "非法身份证号（长度、校验位等不正确）", [3]idrecords.Outcome{idrecords.BadNumber, idrecords.BadNumber, idrecords.BadNumber}},
		{"-3", "非法姓名（长度、格式等不正确）", [3]idrecords.Outcome{idrecords.BadName, idrecords.BadName, idrecords.BadName}},
		{"-4", "", [3]idrecords.Outcome{sourceFault, sourceFault, idrecords.BadDates}},
		{"-4", "证件库服务异常", [3]idrecords.Outcome{sourceFault, sourceFault, sourceFault}},
		{"-4", "非法有效期", [3]idrecords.Outcome{idrecords.BadDates, idrecords.BadDates, idrecords.BadDates}},
		{"-4", "Illegal VALIDITY date", [3]idrecords.Outcome{idrecords.BadDates, idrecords.BadDates, idrecords.BadDates}},
		{"-5", "", [3]idrecords.Outcome{idrecords.Unverifiable, idrecords.NotFound, idrecords.Unverifiable}},
		{"-5", "证件库中无此身份证记录", [3]idrecords.Outcome{idrecords.NotFound, idrecords.NotFound, idrecords.NotFound}},
		{"-5", "身份信息无效", [3]idrecords.Outcome{idrecords.Unverifiable, idrecords.Unverifiable, idrecords.Unverifiable}},
		{"-6", "", [3]idrecords.Outcome{upgrading, upgrading, upgrading}},
		{"-6", "权威比对系统升级中，请稍后再试", [3]idrecords.Outcome{upgrading, upgrading, upgrading}},
		{"-7", "", [3]idrecords.Outcome{limitOrNoRecord, idrecords.DayLimit, idrecords.NotFound}},
		{"-7", "认证次数超过当日限制", [3]idrecords.Outcome{idrecords.DayLimit, idrecords.DayLimit, idrecords.DayLimit}},
		{"-7", "证件库中无此身份证记录", [3]idrecords.Outcome{idrecords.NotFound, idrecords.NotFound, idrecords.NotFound}},
		{"-8", "认证次数超过当日限制，请次日重试", [3]idrecords.Outcome{idrecords.DayLimit, idrecords.DayLimit, idrecords.DayLimit}},
		{"-9", "", [3]idrecords.Outcome{idrecords.Garbled, idrecords.Garbled, idrecords.Garbled}},
		{"1", "一致", [3]idrecords.Outcome{idrecords.Garbled, idrecords.Garbled, idrecords.Garbled}},
		{"unrecognized", "一致", [3]idrecords.Outcome{idrecords.Garbled, idrecords.Garbled, idrecords.Garbled}},
	} {
		for i, profile := range profiles {
			require.Equal(t, row.means[i], withProfile(profile).classify(row.code, row.description),
				"%s %q in %s", row.code, row.description, profile)
		}
	}
}

func TestAnAnswerThatContradictsItselfNeitherPassesNorDeclines(t *testing.T) {
	for _, description := range []string{"证件库服务异常", "证件库中无此身份证记录", "身份信息无效", "认证次数超过当日限制"} {
		for _, code := range []string{"0", "-1"} {
			require.Equal(t, idrecords.Garbled, withProfile(ProfileAuto).classify(code, description), "%s %s", code, description)
		}
	}
	require.Equal(t, idrecords.Garbled, withProfile(ProfileAuto).classify("0", "不一致"))
}

func TestOnlyZeroPassesAndOnlyMinusOneFails(t *testing.T) {
	descriptions := []string{"", "一致", "不一致", "有效期", "异常", "无此", "无效", "次数"}
	for _, profile := range []string{ProfileAuto, ProfileDoc, ProfileTencent} {
		for n := -60; n <= 60; n++ {
			for _, d := range descriptions {
				code := fmt.Sprint(n)
				switch o := withProfile(profile).classify(code, d); o.Status {
				case verification.Passed:
					require.Equal(t, "0", code)
				case verification.Failed:
					require.Equal(t, "-1", code)
					require.True(t, o.Check(Name, code).FailedFinally())
				}
			}
		}
	}
}

func TestEveryReasonThatIsTalkedOfIsInTheCatalogue(t *testing.T) {
	for code, rules := range results {
		require.Equal(t, rule{means: rules[len(rules)-1].means}, rules[len(rules)-1], "the last rule of %s must always apply", code)
		for _, r := range rules {
			if r.means.Status == verification.Passed {
				continue
			}
			_, known := r.means.Reason.Describe()
			require.True(t, known, "%s: %q", code, r.means.Reason)
		}
	}
}

func TestAFailureIsReadByItsStatusThenItsCode(t *testing.T) {
	no, unknown := verification.BillableNo, verification.BillableUnknown
	for _, row := range []struct {
		status   int
		code     string
		class    provider.Class
		billable verification.Billable
		shown    string
	}{
		{400, "bad_request", provider.Misconfigured, no, "bad_request"},
		{400, "no_token", provider.Misconfigured, no, "no_token"},
		{400, "token_mismatched", provider.Misconfigured, no, "token_mismatched"},
		{401, "token_mismatched", provider.Misconfigured, no, "token_mismatched"},
		{400, "api_not_implemented", provider.Misconfigured, no, "api_not_implemented"},
		{401, "invalid_token", provider.Misconfigured, no, "invalid_token"},
		{401, "token_expired", provider.Misconfigured, no, "token_expired"},
		{403, "used_up", provider.Misconfigured, no, "used_up"},
		{403, "disabled", provider.Misconfigured, no, "disabled"},
		{403, "forbidden", provider.Misconfigured, no, "forbidden"},
		{404, "no_api", provider.Misconfigured, no, "no_api"},
		{408, "", provider.Unavailable, no, "http_408"},
		{422, "something_new", provider.Misconfigured, no, "http_422"},
		{429, "too_many_requests", provider.RateLimited, no, "too_many_requests"},
		{429, "rate_limited", provider.RateLimited, no, "rate_limited"},
		{429, "", provider.RateLimited, no, "http_429"},
		{500, "api_error", provider.Unavailable, no, "api_error"},
		{500, "", provider.Unavailable, unknown, "http_500"},
		{502, "", provider.Unavailable, unknown, "http_502"},
		{503, "api_error", provider.Unavailable, unknown, "api_error"},
		{504, "timeout", provider.Unavailable, unknown, "timeout"},
		{307, "", provider.ContractViolation, unknown, "http_307"},
		{204, "", provider.ContractViolation, unknown, "http_204"},
	} {
		e := httpFailure(row.status, row.code, 0)
		require.Equal(t, row.class, e.Class, "%d %s", row.status, row.code)
		require.Equal(t, row.billable, e.Billable, "%d %s", row.status, row.code)
		require.Equal(t, row.shown, e.Code)
		_, known := e.Reason.Describe()
		require.True(t, known)
		require.Equal(t, row.status == http.StatusTooManyRequests, e.Class == provider.RateLimited)
	}
	require.True(t, slices.IsSorted(errorCodes))
}
