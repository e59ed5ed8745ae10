package acedata

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// The lists of result codes that a Config may name.
const (
	// ProfileAuto: the description decides; without one, the careful meaning.
	ProfileAuto = "auto"
	// ProfileDoc: the list on AceData's page.
	ProfileDoc = "acedata-doc"
	// ProfileTencent: the list of Tencent's CheckIdNameDate.
	ProfileTencent = "tencent-checkidnamedate"
)

// Vendor describes AceData.
func Vendor() provider.Vendor {
	return provider.Vendor{
		Name: Name, Kinds: []string{provider.KindRecords},
		Settings: func() provider.Settings { return &Config{} },
		Remedies: map[provider.Class]string{
			provider.Misconfigured:     "The token, its permission for the identity service, or the balance: AceData's console.",
			provider.ContractViolation: "An answer outside of both lists of codes. Compare it with the vendor's page; it is never a pass nor a decline.",
			provider.RateLimited:       "60 requests a second for a token, or the day's limit of a number, which is asked about again after midnight in China.",
			provider.Unavailable:       "Nothing: it is waited out while the face goes on, then a human looks. A call that may have been charged is repeated once at most.",
		},
		Parties: map[string]provider.Party{
			"zh-CN": {Name: "AceData Cloud", Country: "未公布所在地", Keeps: "保存期限见其隐私政策"},
			"en":    {Name: "AceData Cloud", Country: "it does not say where it is", Keeps: "its privacy policy says how long it keeps it"},
		},
		Jurisdiction: provider.Unconfirmed,
		Sends: []provider.Sending{
			{Operation: "check-2e", Purpose: verification.PurposeIdentityRecords, Fields: []provider.Field{{Name: "name", Holds: provider.DatumName}, {Name: "id_card", Holds: provider.DatumNumber}, {Name: "validity_begin", Holds: provider.DatumValidity}, {Name: "validity_end", Holds: provider.DatumValidity}}},
		},
	}
}

// Config points a Client at AceData.
type Config struct {
	_ struct{} `prefix:"ACEDATA_"`

	Token         string        `env:"TOKEN" needed:"true" secret:"all" help:"Enables acedata: a credential for the identity service."`
	BaseURL       string        `env:"BASE_URL" envDefault:"https://api.acedata.cloud" address:"true" help:"The service's address. https, except on loopback."`
	ResultProfile string        `env:"RESULT_PROFILE" envDefault:"auto" help:"The list of result codes to assume: auto, acedata-doc or tencent-checkidnamedate. Unconfirmed by the vendor; auto is safe with both."`
	Timeout       time.Duration `env:"TIMEOUT" envDefault:"15s" help:"The timeout of a call, at most 18s."`
	Rate          float64       `env:"RATE" envDefault:"50" help:"The maximum of calls per second, for all workers together. The vendor allows 60 per token."`
	Permits       bool          `env:"PERMITS" envDefault:"false" help:"Whether residence permits (81, 82, 83) are sent too. Unconfirmed by the vendor."`
	Keywords      Keywords      `envPrefix:"KEYWORDS_"`

	provider.Price
	provider.Switch
}

// Keywords are parts of descriptions, whatever the case of their letters, by
// what they tell.
type Keywords struct {
	Dates    []string `env:"DATES" envDefault:"有效期,validity" help:"Words in a result's description that mean wrong validity dates, comma-separated. The description takes precedence over the code."`
	Fault    []string `env:"FAULT" envDefault:"异常,exception,升级,upgrad" help:"Likewise for an error or upgrade of the source."`
	NoRecord []string `env:"NO_RECORD" envDefault:"无此,no record" help:"Likewise for no record."`
	Invalid  []string `env:"INVALID" envDefault:"无效,invalid identity" help:"Likewise for an identity that cannot be verified."`
	Limit    []string `env:"LIMIT" envDefault:"次数,limit" help:"Likewise for a reached daily limit."`
	Mismatch []string `env:"MISMATCH" envDefault:"不一致,不符,inconsistent,mismatch,not match" help:"Likewise for a mismatch of name, number or dates."`
}

// Validate implements provider.Settings.
func (c *Config) Validate() error {
	check := settings.NewCheck(c)
	check.Needed()
	check.Word(&c.Token)
	if strings.HasPrefix(c.Token, "platform-") {
		check.Bad(&c.Token, "is an account token (platform-…), which the service refuses: create a credential for the identity service")
	}
	check.URL(&c.BaseURL)
	check.OneOf(&c.ResultProfile, ProfileAuto, ProfileDoc, ProfileTencent)
	check.Span(&c.Timeout, provider.MaxCall)
	check.Rate(&c.Rate)
	k := &c.Keywords
	for _, words := range []*[]string{&k.Dates, &k.Fault, &k.NoRecord, &k.Invalid, &k.Limit, &k.Mismatch} {
		if slices.Contains(*words, "") {
			check.Bad(words, "contains an empty word, which every description contains")
		}
	}
	return check.Err()
}

// Register implements provider.Settings.
func (c *Config) Register(r *provider.Registry, _ *slog.Logger) error {
	client, err := New(*c)
	if err == nil {
		r.AddRecords(client.entry())
	}
	return err
}

// String, GoString and LogValue mask the secrets.
func (c Config) String() string       { return settings.Line(c) }
func (c Config) GoString() string     { return c.String() }
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
