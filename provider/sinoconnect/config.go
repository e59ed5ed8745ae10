package sinoconnect

import (
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Vendor describes Fill Easy's Sino Connect.
func Vendor() provider.Vendor {
	return provider.Vendor{
		Name: Name, Kinds: []string{provider.KindFace, provider.KindChip},
		Settings: func() provider.Settings { return &Config{} },
		Remedies: map[provider.Class]string{
			provider.Misconfigured:     "The client's id and secret, or the address: the vendor gives out all three.",
			provider.ContractViolation: "An answer that the documents do not know. Keep its time, and ask the vendor; no verdict comes of it.",
			provider.RateLimited:       "Ask the vendor for more calls; until then it is waited out.",
			provider.Unavailable:       "Nothing: a scan is waited for as long as it lives and then asked for again, a session opens at the policy's next vendor.",
			provider.Unreadable:        "One scan: the person scans again. All of them: run yanzhen nfc inspect on a token, and see the line that was logged for it.",
		},
		Parties: map[string]provider.Party{
			"zh-CN": {Name: "Fill Easy", Country: "未公布所在地", Keeps: "保存期限见其隐私政策"},
			"en":    {Name: "Fill Easy", Country: "it does not say where it is", Keeps: "its privacy policy says how long it keeps it"},
		},
		Jurisdiction: provider.Unconfirmed,
		Sends: []provider.Sending{
			{Operation: "nfc/callback", Purpose: verification.PurposeDocumentChip, Fields: []provider.Field{{Name: "reqid", Holds: provider.DatumScan}}},
			{Operation: "face-rec/request", Purpose: verification.PurposeFace, Fields: []provider.Field{{Name: "redirect", Holds: provider.DatumReturn}}},
			{Operation: "face-rec/callback", Purpose: verification.PurposeFace, Fields: []provider.Field{{Name: "token", Holds: provider.DatumSession}}},
		},
		Takes: []provider.Datum{provider.DatumName, provider.DatumNumber, provider.DatumValidity, provider.DatumPortrait, provider.DatumFace},
	}
}

// Config points a Client at Sino Connect. Keys alone switch nothing on: to
// inspect a token takes no more than those.
type Config struct {
	_ struct{} `prefix:"SINO_"`

	BaseURL       string   `env:"BASE_URL" needed:"true" address:"true" help:"Enables sino_connect: the service's address, without the paths of calls, from the vendor. https, except on loopback."`
	ClientID      string   `env:"CLIENT_ID" needed:"true" secret:"all" help:"The client's id."`
	ClientSecret  string   `env:"CLIENT_SECRET" needed:"true" secret:"all" help:"The client's secret."`
	JWKS          string   `env:"JWKS" secret:"path" help:"The private keys for chip tokens: the path of a JWK set."`
	SharedKey     string   `env:"SHARED_KEY" secret:"all" help:"A key shared with the vendor, instead of private keys."`
	SharedKeyMode string   `env:"SHARED_KEY_MODE" envDefault:"raw" help:"The encoding of the shared key: raw, hex, base64url or sha256. Unconfirmed by the vendor."`
	AllowedAlg    []string `env:"ALLOWED_ALG" help:"The key algorithms allowed in chip tokens, comma-separated. Default: RSA-OAEP-256, ECDH-ES and ECDH-ES+A256KW; with a symmetric key also dir, A256KW and A256GCMKW. yanzhen nfc inspect shows those of a token."`
	AllowedEnc    []string `env:"ALLOWED_ENC" help:"The content encryptions allowed in chip tokens. Default: A256GCM and A256CBC-HS512."`
	// What is compressed beside a secret tells about it, and nobody needs it here.
	AllowZip  bool    `env:"ALLOW_ZIP" envDefault:"false" help:"Whether compressed chip tokens are accepted, up to 4 MiB uncompressed."`
	NestedKey string  `env:"NESTED_KEY" secret:"all" help:"The key for a signature inside the token: the path of a JWK set, or the secret for HMAC. With it, unsigned tokens are rejected; without it, signed ones."`
	NestedAlg string  `env:"NESTED_ALG" help:"The algorithm of that signature, such as RS256."`
	Aliases   Aliases `env:"ALIASES" help:"Other names of a chip's properties: name=fullName|xm,photo=pic. The usual ones are name, id_number, valid_from, valid_to, sex, birth_date, photo."`

	Patterns     Patterns      `envPrefix:"PATTERN_"`
	ReqIDPattern string        `env:"REQID_PATTERN" envDefault:"[A-Za-z0-9_-]{1,128}" help:"A regular expression for a whole reqid."`
	ReqIDLife    time.Duration `env:"REQID_LIFE" envDefault:"5m" help:"How long a scan can be fetched."`
	FaceDeadline time.Duration `env:"FACE_DEADLINE" envDefault:"10m" help:"How long a face session lasts; the vendor does not publish its own limit."`
	PollMin      time.Duration `env:"POLL_MIN" envDefault:"2500ms" help:"The interval between looks at a face session, at first."`
	PollMax      time.Duration `env:"POLL_MAX" envDefault:"5s" help:"The longest interval while the person is likely to be there, for 45 s. After that it is half a minute."`
	Rate         float64       `env:"RATE" envDefault:"5" help:"The maximum of chips read and sessions opened per second, for all workers together."`
	PollRate     float64       `env:"POLL_RATE" envDefault:"5" help:"The maximum of looks at sessions per second, which never delay those. The vendor does not publish a limit."`
	Timeout      time.Duration `env:"TIMEOUT" envDefault:"15s" help:"The timeout of a call, at most 18s; opening a face page never takes more than 10s."`

	PriceRead    provider.Money `env:"PRICE_READ" help:"The price of reading a chip, such as \"0.3 CNY\", for the metric yanzhen_vendor_cost_total."`
	PriceSession provider.Money `env:"PRICE_SESSION" help:"The price of a face session."`
	provider.Switch

	// Logger gets one line for a refused chip token, with its alg, enc and kid
	// and nothing else; nil: slog.Default().
	Logger *slog.Logger
}

// Costs implements provider.Priced.
func (c *Config) Costs(operation string) provider.Money {
	if operation == "read" {
		return c.PriceRead
	}
	return c.PriceSession
}

// Patterns are regular expressions over the vendor's messages; letters' case
// does not matter.
type Patterns struct {
	Pending  string `env:"PENDING" envDefault:"pending|processing|not (yet )?(ready|complete|finished)|in progress|waiting" help:"A regular expression for messages that mean \"not yet\"."`
	Canceled string `env:"CANCELED" envDefault:"cancel|abort" help:"Likewise for \"canceled by the person\"."`
	Failed   string `env:"FAILED" envDefault:"fail|not match|mismatch|reject" help:"Likewise for \"failed\"."`
	Gone     string `env:"GONE" envDefault:"expired|not found|invalid token|invalid reqid" help:"Likewise for \"expired\" or \"unknown\"."`
}

// Aliases are names of a chip's properties by ours. A name given here replaces
// the defaults of that name; letters' case does not matter.
type Aliases map[string][]string

// Form says how aliases are written.
func (Aliases) Form() string { return "list such as name=fullName|xm,photo=pic" }

// String is the form that UnmarshalText reads.
func (a Aliases) String() string {
	var pairs []string
	for _, ours := range slices.Sorted(maps.Keys(a)) {
		pairs = append(pairs, ours+"="+strings.Join(a[ours], "|"))
	}
	return strings.Join(pairs, ",")
}

// UnmarshalText reads name=fullName|xm,photo=pic.
func (a *Aliases) UnmarshalText(text []byte) error {
	*a = Aliases{}
	for pair := range strings.SplitSeq(string(text), ",") {
		ours, theirs, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || ours == "" || theirs == "" || (*a)[ours] != nil {
			return errors.New("not ours=theirs|theirs,ours=theirs")
		}
		(*a)[ours] = strings.Split(theirs, "|")
	}
	return nil
}

// Validate implements provider.Settings. It reads the files that the settings
// name.
func (c *Config) Validate() error {
	check := settings.NewCheck(c)
	check.Needed()
	check.URL(&c.BaseURL)
	check.Word(&c.ClientID, &c.ClientSecret)
	if c.JWKS == "" && c.SharedKey == "" {
		check.Bad(&c.JWKS, "and %s are not set: without a key no chip can be read", check.Name(&c.SharedKey))
	}
	c.parse(check)
	for _, span := range []*time.Duration{&c.ReqIDLife, &c.FaceDeadline, &c.PollMin, &c.PollMax} {
		check.Span(span, 0)
	}
	if c.PollMax < c.PollMin {
		check.Bad(&c.PollMax, "must not be less than %s", check.Name(&c.PollMin))
	}
	check.Span(&c.Timeout, provider.MaxCall)
	check.Rate(&c.Rate, &c.PollRate)
	return check.Err()
}

// parsed are the settings that are more than their texts.
type parsed struct {
	opener *opener
	names  aliases
	words  words
	reqid  *regexp.Regexp
}

func (c *Config) parse(check *settings.Check) parsed {
	p := parsed{opener: c.newOpener(check), names: c.newAliases(check), words: c.Patterns.compile(check)}
	var err error
	if p.reqid, err = wholeMatch(c.ReqIDPattern); err != nil {
		check.Bad(&c.ReqIDPattern, "is not a regular expression")
	}
	return p
}

// wholeMatch compiles a pattern that must match a value as a whole, whatever
// alternatives it holds.
func wholeMatch(pattern string) (*regexp.Regexp, error) {
	// Compiled alone first: what is put around it must not mend it.
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// Register implements provider.Settings.
func (c *Config) Register(r *provider.Registry, log *slog.Logger) error {
	own := *c
	own.Logger = log
	client, err := New(own)
	if err == nil {
		r.AddFace(client.faceEntry())
		r.AddChip(client.chipEntry())
	}
	return err
}

// String, GoString and LogValue mask the secrets.
func (c Config) String() string       { return settings.Line(c) }
func (c Config) GoString() string     { return c.String() }
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
