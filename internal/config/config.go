package config

import (
	"log/slog"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Prefix of every setting's variable.
const Prefix = "YANZHEN_"

// Config is everything that the process can be told. A field's tags are its
// documentation: env names the variable after Prefix, help goes into
// docs/settings.md, and what is tagged secret is never printed.
type Config struct {
	File      string     `env:"CONFIG" help:"The catalogue: YAML with clients, their keys' hashes and return URLs, and policies. Without it there are no clients and only the built-in policies."`
	API       string     `env:"API_LISTEN" envDefault:"127.0.0.1:8080" help:"Where the API listens."`
	Ops       string     `env:"OPS_LISTEN" envDefault:"127.0.0.1:9090" help:"Where health, readiness and metrics are served. Keep it inside."`
	PublicURL string     `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:8080" help:"The API's address as browsers and vendors reach it; callbacks are built on it. https, but on loopback."`
	Store     string     `env:"STORE" envDefault:"sqlite:yanzhen.db" secret:"dsn" help:"The store: sqlite:PATH or postgres://…"`
	Keys      string     `env:"KEYS" help:"The key file (a JWK set), the same for every process. yanzhen setup --make-keys makes one."`
	LogLevel  slog.Level `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error."`
	LogFormat string     `env:"LOG_FORMAT" envDefault:"json" help:"json or text."`

	StartPatience  time.Duration `env:"START_PATIENCE" envDefault:"5m" help:"How long worker, api and setup wait at their start for Temporal, the store and what setup makes, telling it every few seconds. 0s: not at all."`
	SandboxForward Forward       `env:"SANDBOX_FORWARD" help:"For stand-in vendors on another host, never for real ones: the worker listens on the first address, on loopback, and passes everything on to the second, such as 127.0.0.1:8090=sandbox:8090."`

	Tencent    Tencent    `envPrefix:"TENCENT_"`
	TencentIAI TencentIAI `envPrefix:"TENCENT_IAI_"`
	AceData    AceData    `envPrefix:"ACEDATA_"`
	Sino       Sino       `envPrefix:"SINO_"`
	Megvii     Megvii     `envPrefix:"MEGVII_"`
	Switches   Switches
	Caller     Caller

	// Clients, Reviewers and Policies come from the catalogue; Policies is keyed by name
	// and holds the built-in ones too. Where providers are needed, it holds only
	// those of them that the configured providers can run.
	Clients   []Client
	Reviewers []Reviewer
	Policies  map[string]verification.Policy

	// written names the policies that the catalogue holds.
	written map[string]bool
	// older: a client is in the older form, and missing from Clients.
	older bool
}

// Tencent configures E证通; it is enabled when one of its credentials is set,
// and then all of them must be.
type Tencent struct {
	SecretID      string        `env:"SECRET_ID" secret:"all" help:"Enables tencent_eid: the API key's id,"`
	SecretKey     string        `env:"SECRET_KEY" secret:"all" help:"its key,"`
	MerchantID    string        `env:"MERCHANT_ID" help:"and the E证通 merchant's id from Tencent's console."`
	Endpoint      string        `env:"ENDPOINT" envDefault:"faceid.tencentcloudapi.com" help:"Host, and port if need be, without a scheme."`
	Scheme        string        `env:"SCHEME" envDefault:"https" help:"https; http only for a stand-in on loopback."`
	InfoType      string        `env:"INFO_TYPE" help:"What is asked of a result. Without it 1 (text), and 156 with the intention check, whose proof it brings; images are not asked for without need."`
	TokenTTL      time.Duration `env:"TOKEN_TTL" envDefault:"600s" help:"The life of an EidToken, as Tencent sets it."`
	SM2PrivateKey string        `env:"SM2_PRIVATE_KEY" secret:"all" help:"The merchant's SM2 private key (hex), if the return of identity was applied for: holder_match needs it."`
	Timeout       time.Duration `env:"TIMEOUT" envDefault:"10s" help:"For one call; whole seconds, at most 11s."`
	Intention     string        `env:"INTENTION" help:"How the person also says that they mean it: read_aloud, questions or nod. Without it they are not asked. Tencent bills it in its own way."`
	IntentionText string        `env:"INTENTION_TEXT" help:"What is read aloud, at most 120 characters; with nod one to ten texts of at most 150, with | between them."`
	Questions     string        `env:"INTENTION_QUESTIONS" help:"With questions: one to ten rounds and the answers that count, 您是否自愿办理？=是|我自愿; 是否本人？=是."`
}

// Enabled reports whether any credential is set.
func (t Tencent) Enabled() bool { return t.SecretID != "" || t.SecretKey != "" || t.MerchantID != "" }

// AceData configures the records check; it is enabled when its token is set.
type AceData struct {
	Token         string        `env:"TOKEN" secret:"all" help:"Enables acedata: a credential for the identity service."`
	BaseURL       string        `env:"BASE_URL" envDefault:"https://api.acedata.cloud" help:"Where the service is."`
	ResultProfile string        `env:"RESULT_PROFILE" envDefault:"auto" help:"Which list its result codes follow: auto, acedata-doc or tencent-checkidnamedate. Unconfirmed by the vendor; auto holds under both."`
	Timeout       time.Duration `env:"TIMEOUT" envDefault:"15s" help:"For one call, at most 18s."`
	Permits       bool          `env:"PERMITS" envDefault:"false" help:"Whether residence permits (81, 82, 83) are sent, too. Unconfirmed by the vendor."`
}

// Enabled reports whether the token is set.
func (a AceData) Enabled() bool { return a.Token != "" }

// Caller is what the commands that only talk to an API need.
type Caller struct {
	API    string `env:"API" help:"For start and status: the API to talk to."`
	APIKey string `env:"API_KEY" secret:"all" help:"For start and status: the key."`
}
