package tencentrecords

import (
	"log/slog"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Vendor describes Tencent's records.
func Vendor() provider.Vendor {
	return provider.Vendor{
		Name: Name, Kinds: []string{provider.KindRecords},
		Settings: func() provider.Settings { return &Config{} },
		Remedies: map[provider.Class]string{
			provider.Misconfigured:     "The API key, its permission for CheckIdNameDate, the product's activation and balance, or a clock that is five minutes off: Tencent Cloud's console.",
			provider.ContractViolation: "An answer that the documents do not know. Compare it with the vendor's page; it is never a pass nor a decline.",
			provider.RateLimited:       "20 requests a second for an account: something else uses it too, or it was never enough.",
			provider.Unavailable:       "Nothing: the policy's other records vendor is asked, or it is waited out while the face goes on. A call that may have been charged is repeated once at most.",
		},
		Jurisdiction: provider.Mainland,
		Sends: []provider.Sending{
			{Operation: "CheckIdNameDate", Purpose: verification.PurposeIdentityRecords, Fields: []provider.Field{{Name: "Name", Holds: provider.DatumName}, {Name: "IdCard", Holds: provider.DatumNumber}, {Name: "ValidityBegin", Holds: provider.DatumValidity}, {Name: "ValidityEnd", Holds: provider.DatumValidity}}},
		},
		Parties: map[string]provider.Party{
			"zh-CN": {Name: "腾讯云计算（北京）有限责任公司", Country: "中国", Keeps: "保存期限见其隐私政策"},
			"en":    {Name: "Tencent Cloud Computing (Beijing) Co., Ltd.", Country: "China", Keeps: "its privacy policy says how long it keeps it"},
		},
	}
}

// Config points a Client at Tencent Cloud. Its credentials are those of
// Tencent's other product unless it has its own.
type Config struct {
	_ struct{} `prefix:"TENCENT_RECORDS_"`

	On        bool          `env:"ENABLED" envDefault:"false" needed:"true" help:"Enables tencent_records, the comparison of name, number and dates with the authority's records. The account needs the product, bought or post-paid."`
	SecretID  string        `env:"SECRET_ID" else:"YANZHEN_TENCENT_SECRET_ID" secret:"all" help:"The id of the API key, if different from YANZHEN_TENCENT_SECRET_ID."`
	SecretKey string        `env:"SECRET_KEY" else:"YANZHEN_TENCENT_SECRET_KEY" secret:"all" help:"The API key, if different from YANZHEN_TENCENT_SECRET_KEY."`
	Endpoint  string        `env:"ENDPOINT" envDefault:"faceid.tencentcloudapi.com" address:"true" help:"The host, optionally with a port, without a scheme."`
	Scheme    string        `env:"SCHEME" envDefault:"https" help:"https; http only for a stand-in on loopback."`
	Timeout   time.Duration `env:"TIMEOUT" envDefault:"10s" help:"The timeout of a call, at most 18s."`
	Rate      float64       `env:"RATE" envDefault:"15" help:"The maximum of calls per second, for all workers together. The vendor allows 20 per account."`
	Permits   bool          `env:"PERMITS" envDefault:"false" help:"Whether residence permits (81, 82, 83) are sent too. Unconfirmed by the vendor."`

	Encryption    string `env:"ENCRYPTION" else:"YANZHEN_TENCENT_ENCRYPTION" envDefault:"off" help:"off or aes-256-cbc, if different from YANZHEN_TENCENT_ENCRYPTION. If a key or another of these settings is set here, set all of them here."`
	EncryptionKey string `env:"ENCRYPTION_KEY" else:"YANZHEN_TENCENT_ENCRYPTION_KEY" secret:"path" help:"The path of the RSA public key, if different from YANZHEN_TENCENT_ENCRYPTION_KEY."`
	EncryptionIV  string `env:"ENCRYPTION_IV" else:"YANZHEN_TENCENT_ENCRYPTION_IV" envDefault:"base64" help:"base64 or text, if different from YANZHEN_TENCENT_ENCRYPTION_IV."`

	provider.Price
	provider.Switch
}

// Validate implements provider.Settings.
func (c *Config) Validate() error {
	check := settings.NewCheck(c)
	for _, credential := range []*string{&c.SecretID, &c.SecretKey} {
		if *credential == "" {
			check.Bad(credential, "is not set, nor are Tencent's other credentials, which would do")
		}
	}
	check.Word(&c.SecretID, &c.SecretKey)
	check.Endpoint(&c.Endpoint, &c.Scheme)
	check.Span(&c.Timeout, provider.MaxCall)
	check.Rate(&c.Rate)
	tencentcloud.CheckSealing(check, &c.Encryption, &c.EncryptionKey, &c.EncryptionIV)
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
