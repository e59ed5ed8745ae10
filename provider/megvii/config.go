package megvii

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
)

// Config points a Client at Megvii. The zero value of every field but the
// credentials stands for its default.
type Config struct {
	// BaseURL without the paths; default https://api.megvii.com. Plain http is
	// for this machine only.
	BaseURL string
	// TokenPath, PagePath and ResultPath default to /faceid/lite/get_token, /do
	// and /get_result: the same product is sold under other roofs, too.
	TokenPath, PagePath, ResultPath string
	// APIKey and APISecret travel in every request. They are secrets, and the
	// second one signs the callbacks.
	APIKey, APISecret string
	// PreviousSecret still verifies callbacks while a secret is changed; empty:
	// none does.
	PreviousSecret string

	// SceneID names a scene of the vendor's console, whose settings override
	// ours; empty: the default scene.
	SceneID string
	// ProcedureType is the kind of liveness check: video, still, flash,
	// meglive_flash, selfie, or will, which also asks for the person's intention.
	// Empty: the scene's.
	ProcedureType string
	// ProcedurePriority is what a browser falls back to: video, still or keep
	// (nothing). Empty: the vendor's default.
	ProcedurePriority string
	// LivenessPreferences is none, video_strict, still_strict or
	// selfie_no_metadata_check. Empty: the vendor's default.
	LivenessPreferences string
	// FMPMode is "0" (default: a fake face is no PASS) or "1" (the scores are
	// reported only). The scores are looked at either way.
	FMPMode string
	// ComparisonType is "1": the face is compared with the authority's photo.
	ComparisonType string
	// ThresholdKey names the false-accept rate whose threshold, as each answer
	// brings it, a face must reach: "1e-4" (default), "1e-5" or "1e-6". The
	// loosest, "1e-3", is the vendor's border to another person, and needs
	// AllowLowThreshold.
	ThresholdKey      string
	AllowLowThreshold bool
	// ReturnMethod is how the browser comes back: "POST" (default) with signed
	// data, or "GET" with biz_id alone.
	ReturnMethod string
	// WebTitle is the page's title, at most 32 bytes; empty: the vendor's.
	WebTitle string
	// GetFailReason is "1" (default) or "0": is the vendor asked why a browser
	// cannot do it?
	GetFailReason string

	// DataDestroyed is the error that says that a result is not kept any more;
	// default "DATA_DESTROYED".
	DataDestroyed string
	// Timeout of one call, default 10 s.
	Timeout time.Duration
	// LookAfter is how long after a session's expiry the vendor is asked for
	// its result, if none was reported; default 30 s.
	LookAfter time.Duration
}

func (c Config) withDefaults() Config {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&c.BaseURL, "https://api.megvii.com")
	set(&c.TokenPath, "/faceid/lite/get_token")
	set(&c.PagePath, "/faceid/lite/do")
	set(&c.ResultPath, "/faceid/lite/get_result")
	set(&c.FMPMode, "0")
	set(&c.ComparisonType, withAuthority)
	set(&c.ThresholdKey, "1e-4")
	set(&c.ReturnMethod, "POST")
	set(&c.GetFailReason, "1")
	set(&c.DataDestroyed, "DATA_DESTROYED")
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.LookAfter == 0 {
		c.LookAfter = 30 * time.Second
	}
	return c
}

// thresholdKeys from the loosest to the strictest.
var thresholdKeys = []string{"1e-3", "1e-4", "1e-5", "1e-6"}

// maxTitle in bytes.
const maxTitle = 32

// Validate reports every fault at once, each naming its field. No secret is
// in its text.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field, what string) { errs = append(errs, fmt.Errorf("megvii: %s %s", field, what)) }

	switch u, err := url.Parse(c.BaseURL); {
	case err != nil || u.Host == "":
		bad("BaseURL", "is no absolute URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		bad("BaseURL", "must have no user, query or fragment")
	case u.Scheme == "https":
	case u.Scheme == "http" && provider.Loopback(u.Hostname()):
	default:
		bad("BaseURL", "must be https; http is for this machine only")
	}
	for _, p := range [][2]string{{"TokenPath", c.TokenPath}, {"PagePath", c.PagePath}, {"ResultPath", c.ResultPath}} {
		if !plainPath.MatchString(p[1]) {
			bad(p[0], "must be a path from /, without a query")
		}
	}
	for _, s := range [][2]string{{"APIKey", c.APIKey}, {"APISecret", c.APISecret}} {
		if s[1] == "" {
			bad(s[0], "is empty")
		}
	}
	for _, s := range [][2]string{{"APIKey", c.APIKey}, {"APISecret", c.APISecret}, {"PreviousSecret", c.PreviousSecret}, {"SceneID", c.SceneID}} {
		if strings.ContainsFunc(s[1], func(r rune) bool { return r <= ' ' || r > '~' }) {
			bad(s[0], "must be printable ASCII without spaces")
		}
	}
	for _, f := range []struct {
		name, value string
		of          []string
	}{
		{"ProcedureType", c.ProcedureType, []string{"", "video", "still", "flash", "meglive_flash", "selfie", withIntention}},
		{"ProcedurePriority", c.ProcedurePriority, []string{"", "video", "still", "keep"}},
		{"LivenessPreferences", c.LivenessPreferences, []string{"", "none", "video_strict", "still_strict", "selfie_no_metadata_check"}},
		{"FMPMode", c.FMPMode, []string{"0", scoresOnly}},
		{"ComparisonType", c.ComparisonType, []string{withAuthority}},
		{"ThresholdKey", c.ThresholdKey, thresholdKeys},
		{"ReturnMethod", c.ReturnMethod, []string{"POST", "GET"}},
		{"GetFailReason", c.GetFailReason, []string{"0", "1"}},
	} {
		if !slices.Contains(f.of, f.value) {
			bad(f.name, "must be one of "+strings.TrimPrefix(strings.Join(f.of, ", "), ", "))
		}
	}
	if c.ThresholdKey == thresholdKeys[0] && !c.AllowLowThreshold {
		bad("ThresholdKey", "1e-3 is the border to another person: use 1e-4, or set AllowLowThreshold")
	}
	if len(c.WebTitle) > maxTitle {
		bad("WebTitle", "must have at most 32 bytes")
	}
	if !apiCode.MatchString(c.DataDestroyed) {
		bad("DataDestroyed", "must be a code of capital letters")
	}
	if c.Timeout < 0 {
		bad("Timeout", "is negative")
	}
	if c.LookAfter < 0 {
		bad("LookAfter", "is negative")
	}
	return errors.Join(errs...)
}

var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

// String prints the settings with the secrets masked.
func (c Config) String() string {
	mask := func(s string) string {
		if s == "" {
			return "unset"
		}
		return "***"
	}
	return fmt.Sprintf("{BaseURL:%s TokenPath:%s PagePath:%s ResultPath:%s APIKey:%s APISecret:%s PreviousSecret:%s SceneID:%s "+
		"ProcedureType:%s ProcedurePriority:%s LivenessPreferences:%s FMPMode:%s ComparisonType:%s ThresholdKey:%s AllowLowThreshold:%t "+
		"ReturnMethod:%s WebTitle:%s GetFailReason:%s DataDestroyed:%s Timeout:%s LookAfter:%s}",
		c.BaseURL, c.TokenPath, c.PagePath, c.ResultPath, mask(c.APIKey), mask(c.APISecret), mask(c.PreviousSecret), c.SceneID,
		c.ProcedureType, c.ProcedurePriority, c.LivenessPreferences, c.FMPMode, c.ComparisonType, c.ThresholdKey, c.AllowLowThreshold,
		c.ReturnMethod, c.WebTitle, c.GetFailReason, c.DataDestroyed, c.Timeout, c.LookAfter)
}

// GoString masks like String.
func (c Config) GoString() string { return "megvii.Config" + c.String() }

// LogValue masks like String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
