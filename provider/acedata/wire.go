package acedata

import (
	"encoding/json"
	"errors"
	"regexp"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/verification"
)

// request is the whole body of a call: the documented optional members are
// left out on purpose (see the package comment).
type request struct {
	Name          string `json:"name"`
	IDCard        string `json:"id_card"`
	ValidityBegin string `json:"validity_begin"` // YYYYMMDD
	ValidityEnd   string `json:"validity_end"`   // YYYYMMDD or 00000000
}

func newRequest(s verification.Subject) request {
	return request{Name: s.Name, IDCard: s.IDNumber, ValidityBegin: s.IDValidity.From, ValidityEnd: s.IDValidity.To}
}

// answer is a 200. Result is a string by the schema and a number in some
// hands, so it is read by parseAnswer.
type answer struct {
	Result      json.RawMessage `json:"result"`
	Description json.RawMessage `json:"description"`
}

// failure is every other status. Other members (success) are not needed; the
// message is never read.
type failure struct {
	Error struct {
		Code string `json:"code"`
	} `json:"error"`
}

// traced is any answer: trace_id is optional in all of them.
type traced struct {
	TraceID string `json:"trace_id"`
}

// traceID is the vendor's id of the call, of the body or a header; empty: it told
// none.
func traceID(a reply) string {
	var t traced
	if json.Unmarshal(a.body, &t) == nil && t.TraceID != "" {
		return t.TraceID
	}
	return a.header.Get("X-Trace-Id")
}

var errNoAnswer = errors.New("acedata: the response does not match the contract")

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,3})$`)

// parseAnswer reads a 200: result as a string or number in its plainest
// spelling, so that only "0" and 0 can become a pass. A result of the right
// type outside of that spelling comes back as "unrecognized"; it may hold
// anything, and must not be shown.
func parseAnswer(body []byte) (result, description string, err error) {
	var a answer
	if strictjson.CheckFolded(body) != nil || json.Unmarshal(body, &a) != nil || len(a.Result) == 0 {
		return "", "", errNoAnswer
	}
	switch first := a.Result[0]; {
	case first == '"':
		if json.Unmarshal(a.Result, &result) != nil {
			return "", "", errNoAnswer
		}
	case first == '-' || '0' <= first && first <= '9':
		result = string(a.Result)
	default:
		return "", "", errNoAnswer
	}
	if result == "" {
		return "", "", errNoAnswer
	}
	if !integer.MatchString(result) {
		result = "unrecognized"
	}
	// A description of another type is no description: the code decides.
	_ = json.Unmarshal(a.Description, &description)
	return result, description, nil
}

// errorCode reads the code of a failure, empty when there is none.
func errorCode(body []byte) string {
	var f failure
	if json.Unmarshal(body, &f) != nil {
		return ""
	}
	return f.Error.Code
}
