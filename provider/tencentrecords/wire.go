package tencentrecords

import (
	"encoding/json"
	"regexp"

	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	service = "faceid"
	version = "2018-03-01"
	action  = "CheckIdNameDate"
)

// checkRequest is CheckIdNameDate.
type checkRequest struct {
	*tchttp.BaseRequest
	IdCard        string
	Name          string
	ValidityBegin string // YYYYMMDD
	ValidityEnd   string // YYYYMMDD or 00000000
	// Encryption says that IdCard and Name are sealed.
	Encryption *tencentcloud.Sealed `json:",omitempty"`
}

func newRequest(s verification.Subject) *checkRequest {
	return &checkRequest{
		BaseRequest: &tchttp.BaseRequest{}, IdCard: s.IDNumber, Name: s.Name,
		ValidityBegin: s.IDValidity.From, ValidityEnd: s.IDValidity.To,
	}
}

// checkAnswer is its answer. Result is a string by the documents and may come as
// a number.
type checkAnswer struct {
	Result      json.RawMessage
	Description json.RawMessage
}

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,3})$`)

// result is the code in its plainest spelling, so that only "0" and 0 can become
// a pass. One of the right type and another spelling is "unrecognized": it may
// hold anything, and must not be shown. false: there is none.
func (a checkAnswer) result() (string, bool) {
	var code string
	switch {
	case len(a.Result) == 0:
		return "", false
	case a.Result[0] == '"':
		if json.Unmarshal(a.Result, &code) != nil {
			return "", false
		}
	case a.Result[0] == '-' || '0' <= a.Result[0] && a.Result[0] <= '9':
		code = string(a.Result)
	}
	switch {
	case code == "":
		return "", false
	case !integer.MatchString(code):
		return "unrecognized", true
	}
	return code, true
}

// description is empty where it is of another type.
func (a checkAnswer) description() (text string) {
	_ = json.Unmarshal(a.Description, &text)
	return text
}
