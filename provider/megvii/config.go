package megvii

import (
	"log/slog"
	"regexp"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Vendor describes Megvii FaceID.
func Vendor() provider.Vendor {
	return provider.Vendor{
		Name: Name, Kinds: []string{provider.KindFace},
		Settings: func() provider.Settings { return &Config{} },
		Remedies: map[provider.Class]string{
			provider.Misconfigured:     "The API key and secret, FaceID's activation and balance, the scene, or the address to notify, whose port the vendor must allow: the console.",
			provider.ContractViolation: "An answer that the documents do not know. Sessions end inconclusive or open elsewhere; drain the vendor if it lasts.",
			provider.RateLimited:       "Too many calls at once for the key: ask the vendor for more, or drain it for a while.",
			provider.Unavailable:       "Nothing: sessions open at the policy's next vendor, and results are looked for again. Drain the vendor if it lasts.",
			provider.Gone:              "A result was looked up three times or kept no longer. If that is said of fresh ones, compare the error's text with YANZHEN_MEGVII_DATA_DESTROYED.",
		},
		Jurisdiction: provider.Mainland,
		Sends: []provider.Sending{
			{Operation: "get_token", Purpose: verification.PurposeFace, Fields: []provider.Field{{Name: "idcard_name", Holds: provider.DatumName}, {Name: "idcard_number", Holds: provider.DatumNumber}, {Name: "biz_no", Holds: provider.DatumSession}, {Name: "biz_no", Holds: provider.DatumID}, {Name: "return_url", Holds: provider.DatumReturn}, {Name: "notify_url", Holds: provider.DatumReturn}}},
			{Operation: "get_result", Purpose: verification.PurposeFace, Fields: []provider.Field{{Name: "biz_id", Holds: provider.DatumSession}}},
		},
		Takes: []provider.Datum{provider.DatumFace},
		Parties: map[string]provider.Party{
			"zh-CN": {Name: "北京旷视科技有限公司", Country: "中国", Keeps: "核验结果可供查询 1 天，其他信息的保存期限见其隐私政策"},
			"en":    {Name: "Beijing Megvii Technology Co., Ltd.", Country: "China", Keeps: "its result can be fetched for 1 day, and its privacy policy says how long it keeps the rest"},
		},
	}
}

// Config points a Client at Megvii.
type Config struct {
	_ struct{} `prefix:"MEGVII_"`

	APIKey         string `env:"API_KEY" needed:"true" secret:"all" help:"Enables megvii_faceid: the API key."`
	APISecret      string `env:"API_SECRET" needed:"true" secret:"all" help:"The API secret, which also signs the callbacks."`
	PreviousSecret string `env:"PREVIOUS_SECRET" secret:"all" help:"While changing the secret: the old one, which still verifies callbacks."`
	BaseURL        string `env:"BASE_URL" envDefault:"https://api.megvii.com" address:"true" help:"The service's address, without the paths of calls. https, except on loopback."`
	TokenPath      string `env:"TOKEN_PATH" envDefault:"/faceid/lite/get_token" help:"The path of the call that opens a session; the same product is also sold at other addresses."`
	PagePath       string `env:"PAGE_PATH" envDefault:"/faceid/lite/do" help:"The path of the person's page."`
	ResultPath     string `env:"RESULT_PATH" envDefault:"/faceid/lite/get_result" help:"The path of the call for a result."`
	SceneID        string `env:"SCENE_ID" help:"A scene in the vendor's console, whose settings take precedence over these."`

	ProcedureType       string `env:"PROCEDURE_TYPE" help:"The kind of liveness check: video, still, flash, meglive_flash, selfie, or will, which also asks for the person's intention. Default: the scene's."`
	ProcedurePriority   string `env:"PROCEDURE_PRIORITY" help:"The fallback for a browser: video, still, or keep for none."`
	LivenessPreferences string `env:"LIVENESS_PREFERENCES" help:"none, video_strict, still_strict or selfie_no_metadata_check."`
	FMPMode             string `env:"FMP_MODE" envDefault:"0" help:"0: a face that looks fake does not pass; 1: the scores are only reported. They are evaluated in both cases."`
	ThresholdKey        string `env:"THRESHOLD_KEY" envDefault:"1e-4" help:"The false-accept rate that the face must meet, by the threshold in each answer: 1e-4, 1e-5 or 1e-6."`
	AllowLowThreshold   bool   `env:"ALLOW_LOW_THRESHOLD" envDefault:"false" help:"Whether THRESHOLD_KEY can be 1e-3, the vendor's threshold for a different person."`
	ReturnMethod        string `env:"RETURN_METHOD" envDefault:"POST" help:"How the browser returns: POST, with signed data, or GET."`
	WebTitle            string `env:"WEB_TITLE" help:"The page's title, at most 32 bytes."`
	GetFailReason       string `env:"GET_FAIL_REASON" envDefault:"1" help:"1: ask the vendor why a browser is not supported; 0: do not."`
	DataDestroyed       string `env:"DATA_DESTROYED" envDefault:"DATA_DESTROYED" help:"The error that means that a result is no longer stored. A 403 with another error is treated as an outage."`

	Timeout   time.Duration `env:"TIMEOUT" envDefault:"10s" help:"The timeout of a call, at most 11s."`
	Rate      float64       `env:"RATE" envDefault:"5" help:"The maximum of sessions opened per second, for all workers together, and of look-ups. The vendor does not publish a limit."`
	LookAfter time.Duration `env:"LOOK_AFTER" envDefault:"30s" help:"How long after a session's expiry to look up its result, if no notice came. The vendor allows three look-ups per session."`

	provider.Price
	provider.Switch
}

// thresholdKeys from the loosest to the strictest.
var thresholdKeys = []string{"1e-3", "1e-4", "1e-5", "1e-6"}

// maxTitle in bytes.
const maxTitle = 32

// Validate implements provider.Settings.
func (c *Config) Validate() error {
	check := settings.NewCheck(c)
	check.Needed()
	check.Word(&c.APIKey, &c.APISecret, &c.PreviousSecret, &c.SceneID)
	check.URL(&c.BaseURL)
	for _, path := range []*string{&c.TokenPath, &c.PagePath, &c.ResultPath} {
		if !plainPath.MatchString(*path) {
			check.Bad(path, "must be a path from /, without a query")
		}
	}
	check.OneOf(&c.ProcedureType, "", "video", "still", "flash", "meglive_flash", "selfie", withIntention)
	check.OneOf(&c.ProcedurePriority, "", "video", "still", "keep")
	check.OneOf(&c.LivenessPreferences, "", "none", "video_strict", "still_strict", "selfie_no_metadata_check")
	check.OneOf(&c.FMPMode, "0", scoresOnly)
	check.OneOf(&c.ThresholdKey, thresholdKeys...)
	check.OneOf(&c.ReturnMethod, "POST", "GET")
	check.OneOf(&c.GetFailReason, "0", "1")
	if c.ThresholdKey == thresholdKeys[0] && !c.AllowLowThreshold {
		check.Bad(&c.ThresholdKey, "is the border to another person: use 1e-4, or set %s", check.Name(&c.AllowLowThreshold))
	}
	if len(c.WebTitle) > maxTitle {
		check.Bad(&c.WebTitle, "must have at most 32 bytes")
	}
	if !apiCode.MatchString(c.DataDestroyed) {
		check.Bad(&c.DataDestroyed, "must be a code of capital letters")
	}
	check.Span(&c.Timeout, provider.MaxOpening)
	check.Span(&c.LookAfter, 0)
	check.Rate(&c.Rate)
	return check.Err()
}

var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

// Register implements provider.Settings.
func (c *Config) Register(r *provider.Registry, _ *slog.Logger) error {
	client, err := New(*c)
	if err == nil {
		r.AddFace(client.entry())
	}
	return err
}

// String, GoString and LogValue mask the secrets.
func (c Config) String() string       { return settings.Line(c) }
func (c Config) GoString() string     { return c.String() }
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
