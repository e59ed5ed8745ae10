package tencent

import (
	"log/slog"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Vendor describes Tencent's E证通.
func Vendor() provider.Vendor {
	return provider.Vendor{
		Name: Name, Kinds: []string{provider.KindFace}, MiniProgram: true,
		Settings: func() provider.Settings { return &Config{} },
		Remedies: map[provider.Class]string{
			provider.Misconfigured:     "The API key, the merchant's id, E证通's activation and balance: Tencent Cloud's console. 203 and 204: the product's permission and official account there.",
			provider.ContractViolation: "An answer that the documents do not know. Sessions end inconclusive or open elsewhere; drain the vendor if it lasts.",
			provider.RateLimited:       "Over 100 requests a second for the account: something else uses it too, or it was never enough. It is waited out.",
			provider.Unavailable:       "Nothing: sessions open at the policy's next vendor, and results rest there for three days. Drain the vendor if it lasts.",
		},
		Jurisdiction: provider.Mainland,
		Sends: []provider.Sending{
			{Operation: "GetEidToken", Purpose: verification.PurposeFace, Fields: []provider.Field{{Name: "Name", Holds: provider.DatumName}, {Name: "IdCard", Holds: provider.DatumNumber}, {Name: "Extra", Holds: provider.DatumID}, {Name: "RedirectUrl", Holds: provider.DatumReturn}}},
			{Operation: "CheckEidTokenStatus", Purpose: verification.PurposeFace, Fields: []provider.Field{{Name: "EidToken", Holds: provider.DatumSession}}},
			{Operation: "GetEidResult", Purpose: verification.PurposeFace, Fields: []provider.Field{{Name: "EidToken", Holds: provider.DatumSession}}},
		},
		Takes: []provider.Datum{provider.DatumFace},
		Parties: map[string]provider.Party{
			"zh-CN": {Name: "腾讯云计算（北京）有限责任公司", Country: "中国", Keeps: "核验结果可供查询 3 天，其他信息的保存期限见其隐私政策"},
			"en":    {Name: "Tencent Cloud Computing (Beijing) Co., Ltd.", Country: "China", Keeps: "its result can be fetched for 3 days, and its privacy policy says how long it keeps the rest"},
		},
	}
}

// Config points a Client at Tencent Cloud.
type Config struct {
	_ struct{} `prefix:"TENCENT_"`

	SecretID      string        `env:"SECRET_ID" needed:"true" secret:"all" help:"Enables tencent_eid: the id of the API key."`
	SecretKey     string        `env:"SECRET_KEY" needed:"true" secret:"all" help:"The API key."`
	MerchantID    string        `env:"MERCHANT_ID" needed:"true" help:"The id of the E证通 merchant, from Tencent's console."`
	MiniMerchant  string        `env:"MERCHANT_ID_MINI_PROGRAM" help:"The merchant's id for mini programs, if different from YANZHEN_TENCENT_MERCHANT_ID."`
	Endpoint      string        `env:"ENDPOINT" envDefault:"faceid.tencentcloudapi.com" address:"true" help:"The host, optionally with a port, without a scheme."`
	Scheme        string        `env:"SCHEME" envDefault:"https" help:"https; http only for a stand-in on loopback."`
	InfoType      string        `env:"INFO_TYPE" help:"What to request of a result. Default: 1 (text), or 156 with the intention check, which includes its proof. Images are not requested without need."`
	TokenTTL      time.Duration `env:"TOKEN_TTL" envDefault:"600s" help:"The lifetime of an EidToken, as set by Tencent."`
	SM2PrivateKey string        `env:"SM2_PRIVATE_KEY" secret:"all" help:"The merchant's SM2 private key (64 hex digits or PEM), if you applied for the return of identity: holder_match needs it."`
	Timeout       time.Duration `env:"TIMEOUT" envDefault:"10s" help:"The timeout of a call, at most 11s."`
	Rate          float64       `env:"RATE" envDefault:"80" help:"The maximum of sessions opened per second, for all workers together, and of results fetched. Tencent allows 100 of each per account."`
	PollRate      float64       `env:"POLL_RATE" envDefault:"1500" help:"The maximum of looks at sessions per second. Tencent allows 2,000 per account."`

	Intention          string `env:"INTENTION" help:"The intention check: read_aloud, questions or nod. Default: none. Tencent bills it separately."`
	IntentionText      string `env:"INTENTION_TEXT" help:"The text to read aloud, at most 120 characters; with nod, one to ten texts of at most 150 characters, separated by |."`
	IntentionQuestions string `env:"INTENTION_QUESTIONS" help:"With questions: one to ten questions and their accepted answers, 您是否自愿办理？=是|我自愿; 是否本人？=是."`

	Encryption    string `env:"ENCRYPTION" envDefault:"off" help:"off, or aes-256-cbc, which encrypts name and number within the TLS connection, if a regulation requires it."`
	EncryptionKey string `env:"ENCRYPTION_KEY" secret:"path" help:"With aes-256-cbc: the path of the RSA public key that Tencent publishes, PEM."`
	EncryptionIV  string `env:"ENCRYPTION_IV" envDefault:"base64" help:"base64: the IV is sent as 16 random bytes in base64, as in Tencent's samples; text: as 16 characters. Unconfirmed by the vendor."`

	provider.Price
	provider.Switch
}

// infoType is what is asked of a result.
func (c *Config) infoType() string {
	switch {
	case c.InfoType != "":
		return c.InfoType
	case c.Intention != "":
		return "156"
	}
	return "1"
}

// Validate implements provider.Settings.
func (c *Config) Validate() error {
	check := settings.NewCheck(c)
	check.Needed()
	check.Word(&c.SecretID, &c.SecretKey, &c.MerchantID, &c.MiniMerchant)
	check.Endpoint(&c.Endpoint, &c.Scheme)
	switch info := c.infoType(); {
	case strings.Trim(info, "0123456789") != "":
		check.Bad(&c.InfoType, "must be digits, such as 1")
	case !strings.ContainsAny(info, "01"):
		check.Bad(&c.InfoType, "must contain 1 (text) or 0 (everything): without the text there is no verdict")
	}
	check.Span(&c.TokenTTL, 0)
	check.Rate(&c.Rate, &c.PollRate)
	check.Span(&c.Timeout, provider.MaxOpening)
	if c.SM2PrivateKey != "" {
		if _, err := parseSM2Key(c.SM2PrivateKey); err != nil {
			check.Bad(&c.SM2PrivateKey, "is not an SM2 key: 64 hex digits or PEM")
		}
	}
	tencentcloud.CheckSealing(check, &c.Encryption, &c.EncryptionKey, &c.EncryptionIV)
	c.checkIntention(check)
	return check.Err()
}

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
