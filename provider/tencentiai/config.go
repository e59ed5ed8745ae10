package tencentiai

import (
	"log/slog"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Vendor describes Tencent's comparison of faces.
func Vendor() provider.Vendor {
	return provider.Vendor{
		Name: Name, Kinds: []string{provider.KindComparer},
		Settings: func() provider.Settings { return &Config{} },
		Remedies: map[provider.Class]string{
			provider.Misconfigured:     "The API key, face recognition's (iai) activation and balance, or the region: Tencent Cloud's console. other_model: have the vendor change the account to face model 3.0.",
			provider.ContractViolation: "An answer that the documents do not know. Nothing is compared, and a human looks.",
			provider.RateLimited:       "More calls than the account has: set YANZHEN_TENCENT_IAI_RATE, or buy more.",
			provider.Unavailable:       "Nothing: it is tried for YANZHEN_TENCENT_IAI_PATIENCE, then a human looks.",
		},
		Jurisdiction: provider.Mainland,
		Sends: []provider.Sending{
			{Operation: "CompareFace", Purpose: verification.PurposePortraitComparison, Fields: []provider.Field{{Name: "ImageA", Holds: provider.DatumPortrait}, {Name: "ImageB", Holds: provider.DatumFace}}},
		},
		Parties: map[string]provider.Party{
			"zh-CN": {Name: "腾讯云计算（北京）有限责任公司", Country: "中国", Keeps: "保存期限见其隐私政策"},
			"en":    {Name: "Tencent Cloud Computing (Beijing) Co., Ltd.", Country: "China", Keeps: "its privacy policy says how long it keeps it"},
		},
	}
}

// model30 is the face model asked for and insisted on: a policy's threshold is
// a score of it, and the same score of another means something else.
const model30 = "3.0"

// Config points a Client at Tencent Cloud. Its credentials are those of
// Tencent's other product unless it has its own.
type Config struct {
	_ struct{} `prefix:"TENCENT_IAI_"`

	On        bool          `env:"ENABLED" envDefault:"false" needed:"true" help:"Enables tencent_iai, the comparison of a captured face with a chip's portrait. The account needs Tencent's face recognition (iai)."`
	SecretID  string        `env:"SECRET_ID" else:"YANZHEN_TENCENT_SECRET_ID" secret:"all" help:"The id of the API key, if different from YANZHEN_TENCENT_SECRET_ID."`
	SecretKey string        `env:"SECRET_KEY" else:"YANZHEN_TENCENT_SECRET_KEY" secret:"all" help:"The API key, if different from YANZHEN_TENCENT_SECRET_KEY."`
	Endpoint  string        `env:"ENDPOINT" envDefault:"iai.tencentcloudapi.com" address:"true" help:"The host, optionally with a port, without a scheme."`
	Scheme    string        `env:"SCHEME" envDefault:"https" help:"https; http only for a stand-in on loopback."`
	Region    string        `env:"REGION" help:"Such as ap-guangzhou, if the account needs one. Unconfirmed by the vendor."`
	Rate      float64       `env:"RATE" envDefault:"20" help:"The maximum of calls per second of one worker. The vendor does not publish a limit."`
	Timeout   time.Duration `env:"TIMEOUT" envDefault:"10s" help:"The timeout of a call, at most 18s."`
	Patience  time.Duration `env:"PATIENCE" envDefault:"2m" help:"How long to retry an unreachable comparer, at most 2m: the images are not stored and cannot wait longer."`

	provider.Price
}

// maxPatience: the pictures rest nowhere and cannot wait longer.
const maxPatience = 2 * time.Minute

// Validate implements provider.Settings.
func (c *Config) Validate() error {
	check := settings.NewCheck(c)
	for _, credential := range []*string{&c.SecretID, &c.SecretKey} {
		if *credential == "" {
			check.Bad(credential, "is not set, nor are Tencent's other credentials, which would do")
		}
	}
	check.Word(&c.SecretID, &c.SecretKey, &c.Region)
	check.Endpoint(&c.Endpoint, &c.Scheme)
	check.Rate(&c.Rate)
	check.Span(&c.Timeout, provider.MaxCall)
	check.Span(&c.Patience, maxPatience)
	return check.Err()
}

// Register implements provider.Settings.
func (c *Config) Register(r *provider.Registry, _ *slog.Logger) error {
	client, err := New(*c)
	if err == nil {
		r.AddComparer(client.entry())
	}
	return err
}

// String, GoString and LogValue mask the secrets.
func (c Config) String() string       { return settings.Line(c) }
func (c Config) GoString() string     { return c.String() }
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
