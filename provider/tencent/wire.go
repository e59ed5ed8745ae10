package tencent

import (
	"encoding/json"
	"fmt"

	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
)

const (
	service = "faceid"
	version = "2018-03-01"
)

// tokenRequest is GetEidToken. A request object serves one call: the SDK
// leaves domain and parameters in it. Optional members are pointers because
// the SDK's own JSON encoder omits nothing but nil.
type tokenRequest struct {
	*tchttp.BaseRequest
	MerchantId  string
	IdCard      string
	Name        string
	Extra       string
	Config      tokenConfig
	RedirectUrl *string `json:",omitempty"`
	// Encryption says that IdCard and Name are sealed.
	Encryption *tencentcloud.Sealed `json:",omitempty"`
}

type tokenConfig struct {
	InputType           string              // "4": we give name and number
	UseIntentionVerify  *bool               `json:",omitempty"`
	IntentionMode       *string             `json:",omitempty"` // as modes has it
	IntentionVerifyText *string             `json:",omitempty"`
	IntentionQuestions  []intentionQuestion `json:",omitempty"`
	IntentionActions    []intentionAction   `json:",omitempty"`
}

type intentionQuestion struct {
	Question string
	Answers  []string
}

type intentionAction struct {
	Text string
}

type tokenAnswer struct {
	EidToken string
	Url      string
}

// statusRequest is CheckEidTokenStatus.
type statusRequest struct {
	*tchttp.BaseRequest
	EidToken string
}

type statusAnswer struct {
	Status string
}

// resultRequest is GetEidResult.
type resultRequest struct {
	*tchttp.BaseRequest
	EidToken string
	InfoType string
}

// resultAnswer holds what a verdict needs and nothing else: no media, and
// none of the identity fields that come back empty. Every member may be null.
type resultAnswer struct {
	Text                    *detectText
	EidInfo                 *eidInfo
	IntentionVerifyData     *struct{ ErrorCode *int64 }
	IntentionQuestionResult *struct {
		FinalResultDetailCode *int64
		FinalResultCode       *string
	}
	IntentionActionResult *struct{ FinalResultDetailCode *int64 }
	// IsVerifyIntention: the check was used. The results above may hold a 0
	// although it was not.
	IsVerifyIntention *bool
	// IntentionVerifyType counts otherwise than IntentionMode, see modes.
	IntentionVerifyType *string
}

type detectText struct {
	ErrCode       *int64 // the outcome of the whole flow
	LiveStatus    *int64 // of the liveness stage
	Comparestatus *int64 // of the comparison; spelled like this
	Sim           *string
	Extra         *string
	// LivenessDetail has one entry a try; only whether there was one counts.
	LivenessDetail []json.RawMessage
}

// eidInfo is the encrypted identity; DesKey and UserInfo are base64.
type eidInfo struct {
	DesKey   string
	UserInfo string
}

func (e *eidInfo) present() bool { return e != nil && e.DesKey != "" && e.UserInfo != "" }

// userInfo is the plaintext of UserInfo. It is personal data.
type userInfo struct {
	Name  string `json:"name"`
	IDNum string `json:"idnum"`
}

func (userInfo) String() string   { return "[user info]" }
func (userInfo) GoString() string { return "[user info]" }

// handle is how a session is found again. It rests sealed in the store, so
// its members are only ever added to.
type handle struct {
	EidToken string `json:"token"`
	// Intention is the IntentionMode that we asked for when opening; empty: none.
	Intention string `json:"intention,omitempty"`
	// MiniProgram: the session was opened for a mini program.
	MiniProgram bool `json:"mini_program,omitempty"`
}

func (handle) String() string   { return "[handle]" }
func (handle) GoString() string { return "[handle]" }

// extra binds a token to its session: it goes into GetEidToken and comes back
// with the result.
func extra(verificationID string, session int) string {
	return fmt.Sprintf("%s/%d", verificationID, session)
}
