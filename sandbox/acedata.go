package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

const aceDataPath = "/acedata/identity/idcard/check-2e"

// aceError answers in the gateway's error shape.
func (s *Sandbox) aceError(status int, code string) answer {
	body := map[string]any{"error": map[string]string{"code": code, "message": aceMessages[code]}}
	if code != "rate_limited" || !s.cfg.AceData.OmitTraceIDWhenLimited {
		body["trace_id"] = uuid.NewString()
	}
	if s.cfg.AceData.ErrorStyle == ErrorSuccessFalse {
		body["success"] = false
	}
	return jsonAnswer(status, body, code)
}

var aceMessages = map[string]string{
	"bad_request":         "the request body is not acceptable",
	"no_token":            "no token was given",
	"invalid_token":       "the token is not valid",
	"token_expired":       "the token has expired",
	"token_mismatched":    "the token does not belong to this service",
	"api_not_implemented": "the API is not implemented",
	"used_up":             "the balance is used up",
	"disabled":            "the account is disabled",
	"forbidden":           "the request is forbidden",
	"no_api":              "there is no such API",
	"too_many_requests":   "rate limit exceeded",
	"rate_limited":        "too many requests at a time",
	"api_error":           "fetching from the upstream failed",
	"timeout":             "the upstream did not answer in time",
}

// aceStatus is the documented HTTP status of an error code; 400 for others.
func (s *Sandbox) aceStatus(code string) int {
	switch code {
	case "token_mismatched":
		return s.cfg.AceData.MismatchStatus
	case "invalid_token", "token_expired":
		return http.StatusUnauthorized
	case "used_up", "disabled", "forbidden":
		return http.StatusForbidden
	case "no_api":
		return http.StatusNotFound
	case "too_many_requests", "rate_limited":
		return http.StatusTooManyRequests
	case "api_error":
		return http.StatusInternalServerError
	case "timeout":
		return http.StatusGatewayTimeout
	}
	return http.StatusBadRequest
}

// aceTexts is a profile's list of descriptions: code → Chinese, English.
var aceTexts = map[string]map[string][2]string{
	// The list printed on AceData's page.
	ProfileAceDataDoc: {
		"0": {"一致", "consistent"}, "-1": {"不一致", "inconsistent"},
		"-2": {"非法身份证号", "illegal ID number"}, "-3": {"非法姓名", "illegal name"},
		"-4": {"证件库服务异常", "document database service exception"},
		"-5": {"证件库中无此身份证记录", "no record of this ID number in the database"},
		"-6": {"权威比对系统升级中，请稍后再试", "the authority's system is being upgraded, try again later"},
		"-7": {"认证次数超过当日限制", "the number of checks is over the limit of the day"},
	},
	// The list of Tencent's CheckIdNameDate, https://cloud.tencent.com/document/api/1007/60075.
	ProfileCheckIDNameDate: {
		"0": {"一致", "consistent"}, "-1": {"不一致", "inconsistent"},
		"-2": {"非法身份证号", "illegal ID number"}, "-3": {"非法姓名", "illegal name"},
		"-4": {"非法有效期", "illegal validity period"},
		"-5": {"身份信息无效", "invalid identity information"},
		"-6": {"证件库服务异常", "document database service exception"},
		"-7": {"证件库中无此身份证记录", "no record of this ID number in the database"},
		"-8": {"认证次数超过当日限制，请次日重试", "the number of checks is over the limit of the day, try again the next day"},
	},
}

// aceResult answers with a result code. 0 and -1 are charged, no other.
func (s *Sandbox) aceResult(code string) answer {
	texts, known := aceTexts[s.cfg.AceData.Profile][code]
	if !known {
		texts = [2]string{"未知", "unknown"}
	}
	text := texts[0]
	if s.cfg.AceData.English {
		text = texts[1]
	}
	result := any(code)
	if n, err := strconv.Atoi(code); err == nil && s.cfg.AceData.NumericResult {
		result = n
	}
	a := jsonAnswer(http.StatusOK, map[string]any{"result": result, "description": text}, code)
	a.charged = code == "0" || code == "-1"
	return a
}

func (s *Sandbox) handleAceData(w http.ResponseWriter, r *http.Request) {
	operation := "check-2e"
	if r.URL.Path != aceDataPath {
		operation = "unknown"
	}
	s.serve(w, r, AceData, operation, s.aceDataCall)
}

// aceDataCall is the gateway: path, token, limit, balance; then the check itself.
func (s *Sandbox) aceDataCall(c *call) answer {
	if c.r.URL.Path != aceDataPath || c.r.Method != http.MethodPost {
		return s.aceError(http.StatusNotFound, "no_api")
	}
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return s.aceError(http.StatusBadRequest, "no_token")
	}
	token, bearer := strings.CutPrefix(header, "Bearer ")
	cfg := s.cfg.AceData
	code := ""
	switch {
	case bearer && slices.Contains(cfg.ExpiredTokens, token):
		code = "token_expired"
	case bearer && slices.Contains(cfg.OtherServiceTokens, token):
		code = "token_mismatched"
	case !bearer || !slices.Contains(cfg.Tokens, token):
		code = "invalid_token"
	case !s.limits.allow(AceData+"/"+token, cfg.Rate, c.now):
		code = "too_many_requests"
	case cfg.UsedUpAfter > 0 && s.counters.next("balance/"+token) > cfg.UsedUpAfter:
		code = "used_up"
	}
	if code != "" {
		return s.aceError(s.aceStatus(code), code)
	}
	return s.check2e(c)
}

func (s *Sandbox) check2e(c *call) answer {
	var q struct {
		Name  *string `json:"name"`
		ID    *string `json:"id_card"`
		Begin *string `json:"validity_begin"`
		End   *string `json:"validity_end"`
	}
	if json.Unmarshal(c.body, &q) != nil || q.Name == nil || q.ID == nil || q.Begin == nil || q.End == nil {
		return s.aceError(http.StatusBadRequest, "bad_request")
	}
	person, known := s.people.find(*q.ID)
	wanted := c.r.Header.Get("X-Sim-Outcome")
	orElse(&wanted, person.AceDataOutcome)
	if wanted != "" {
		if a, forced := s.forcedAnswer(wanted, *q.ID); forced {
			return a
		}
	}
	return s.aceResult(s.compare(person, known, *q.Name, *q.ID, *q.Begin, *q.End, wanted != ""))
}

// compare is the authority's verdict on name, number and dates. With agree set,
// well-formed input agrees whatever is held: a forced outcome has run out.
func (s *Sandbox) compare(p Person, known bool, name, id, begin, end string, agree bool) string {
	documented := s.cfg.AceData.Profile == ProfileAceDataDoc
	switch {
	case !wellFormedNumber(id):
		return "-2"
	case !plausibleName(name):
		return "-3"
	case !wellFormedDates(begin, end) && documented:
		return "-1" // that list has no code for malformed dates
	case !wellFormedDates(begin, end):
		return "-4"
	case agree:
		return "0"
	case !known && documented:
		return "-5"
	case !known:
		return "-7"
	case p.Name != name || p.ValidFrom != begin || p.ValidTo != end:
		return "-1"
	}
	return "0"
}
