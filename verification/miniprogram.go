package verification

// PresentationMiniProgram: in the caller's own WeChat mini program, whose SDK of
// the face vendor is given a token. The person agreed to what the policy asks for
// on the caller's screens.
const PresentationMiniProgram Presentation = "mini_program"

// MiniProgram says with what a mini program begins a face session. The token is
// personal and lives in the store.
type MiniProgram struct {
	Provider string `json:"provider"`
	// SDK is the vendor's, which the mini program holds, from MinSDKVersion on.
	SDK           string `json:"sdk"`
	MinSDKVersion string `json:"min_sdk_version"`
}

// HasLink reports whether the person begins with what the caller is given: a
// link, or the token for a mini program.
func (a NextAction) HasLink() bool {
	return a.Type == ActionRedirect || a.Type == ActionMiniProgram
}
