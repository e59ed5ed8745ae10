package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
)

// Sino configures Fill Easy's Sino Connect, for chips and faces; it is enabled
// when its address or one of its credentials is set, and then all of them must
// be, and a key for chip tokens too.
type Sino struct {
	BaseURL      string   `env:"BASE_URL" help:"Enables sino_connect: the service's address, without the calls' paths; the vendor tells it. https, but on loopback,"`
	ClientID     string   `env:"CLIENT_ID" secret:"all" help:"the client's id,"`
	ClientSecret string   `env:"CLIENT_SECRET" secret:"all" help:"its secret,"`
	JWKS         string   `env:"JWKS" secret:"path" help:"and our private keys for chip tokens: the path of a JWK set,"`
	SharedKey    string   `env:"SHARED_KEY" secret:"all" help:"or a key that the vendor and we share."`
	SharedMode   string   `env:"SHARED_KEY_MODE" envDefault:"raw" help:"How the shared key becomes one: raw, hex, base64url or sha256. Unconfirmed by the vendor."`
	AllowedAlg   []string `env:"ALLOWED_ALG" help:"The key algorithms that a chip token may name, comma-separated. Without it RSA-OAEP-256, ECDH-ES and ECDH-ES+A256KW; with a symmetric key also dir, A256KW and A256GCMKW. yanzhen nfc inspect tells what a token names."`
	AllowedEnc   []string `env:"ALLOWED_ENC" help:"The content encryptions likewise. Without it A256GCM and A256CBC-HS512."`
	AllowZip     bool     `env:"ALLOW_ZIP" envDefault:"false" help:"Whether compressed chip tokens are taken."`
	NestedKey    string   `env:"NESTED_KEY" secret:"all" help:"The key for a signature inside the token: the path of a JWK set, or for HMAC the secret. With it unsigned tokens are refused, without it signed ones."`
	NestedAlg    string   `env:"NESTED_ALG" help:"The one algorithm of that signature, such as RS256."`
	Aliases      Aliases  `env:"ALIASES" help:"Names of a chip's members, where they are not the usual ones: name=fullName|xm,photo=pic. Ours are name, id_number, valid_from, valid_to, sex, birth_date, photo."`

	// Words in the vendor's messages. Empty: the provider's own pattern.
	Pending   string `env:"PATTERN_PENDING" help:"A regular expression for messages that say \"not yet\", if the built-in one misses them."`
	Cancelled string `env:"PATTERN_CANCELLED" help:"Likewise for \"cancelled by the person\","`
	Failed    string `env:"PATTERN_FAILED" help:"for \"failed\","`
	Gone      string `env:"PATTERN_GONE" help:"and for \"expired\" or \"unknown\"."`

	ReqIDPattern string        `env:"REQID_PATTERN" help:"What a reqid looks like. Without it letters, digits, _ and -, at most 128."`
	ReqIDLife    time.Duration `env:"REQID_LIFE" envDefault:"5m" help:"How long a scan can be fetched."`
	FaceDeadline time.Duration `env:"FACE_DEADLINE" envDefault:"10m" help:"How long a face session lives: the vendor's own end is not published."`
	PollMin      time.Duration `env:"POLL_MIN" envDefault:"2500ms" help:"Between two looks at a face session, at first"`
	PollMax      time.Duration `env:"POLL_MAX" envDefault:"5s" help:"and at last."`
	Timeout      time.Duration `env:"TIMEOUT" envDefault:"15s" help:"For one call, at most 18s; opening a face page never takes more than 10s."`
}

// Enabled reports whether the address or a credential is set. Keys alone
// enable nothing: nfc inspect needs no more than those.
func (s Sino) Enabled() bool { return s.BaseURL != "" || s.ClientID != "" || s.ClientSecret != "" }

// TencentIAI configures the comparison of faces. Its credentials are E证通's
// unless it has its own.
type TencentIAI struct {
	On        bool          `env:"ENABLED" envDefault:"false" help:"Enables tencent_iai, the comparison of a captured face with a chip's portrait. The account needs Tencent's face recognition (iai)."`
	SecretID  string        `env:"SECRET_ID" secret:"all" help:"The API key's id, if it is not YANZHEN_TENCENT_SECRET_ID,"`
	SecretKey string        `env:"SECRET_KEY" secret:"all" help:"and its key."`
	Endpoint  string        `env:"ENDPOINT" envDefault:"iai.tencentcloudapi.com" help:"Host, and port if need be, without a scheme."`
	Scheme    string        `env:"SCHEME" envDefault:"https" help:"https; http only for a stand-in on loopback."`
	Region    string        `env:"REGION" help:"Such as ap-guangzhou, if the account needs one. Unconfirmed by the vendor."`
	Rate      float64       `env:"RATE" envDefault:"20" help:"Calls a second of one worker, at most. The vendor publishes no limit."`
	Timeout   time.Duration `env:"TIMEOUT" envDefault:"10s" help:"For one call; whole seconds, at most 18s."`
	Patience  time.Duration `env:"PATIENCE" envDefault:"2m" help:"How long an unreachable comparer is tried, at most 2m: the pictures rest nowhere and cannot wait longer."`
}

// Enabled reports whether it was switched on.
func (t TencentIAI) Enabled() bool { return t.On }

// Credentials are its own, or those of the fallback.
func (t TencentIAI) Credentials(fallback Tencent) (id, key string) {
	if t.SecretID == "" && t.SecretKey == "" {
		return fallback.SecretID, fallback.SecretKey
	}
	return t.SecretID, t.SecretKey
}

func (s Sino) check() []error {
	if !s.Enabled() {
		return nil
	}
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if s.BaseURL == "" {
		bad("YANZHEN_SINO_BASE_URL is not set, but a credential of Sino Connect is: set all three or none")
	} else if why := webAddress(s.BaseURL); why != "" {
		bad("YANZHEN_SINO_BASE_URL %s", why)
	}
	for name, value := range map[string]string{"CLIENT_ID": s.ClientID, "CLIENT_SECRET": s.ClientSecret} {
		if value == "" {
			bad("YANZHEN_SINO_%s is not set, but another setting of Sino Connect is: set all three or none", name)
		}
	}
	if s.JWKS == "" && s.SharedKey == "" {
		bad("YANZHEN_SINO_JWKS and YANZHEN_SINO_SHARED_KEY are not set: without a key no chip can be read")
	}
	for name, d := range map[string]time.Duration{
		"REQID_LIFE": s.ReqIDLife, "FACE_DEADLINE": s.FaceDeadline, "POLL_MIN": s.PollMin, "POLL_MAX": s.PollMax, "TIMEOUT": s.Timeout,
	} {
		if d <= 0 {
			bad("YANZHEN_SINO_%s must be more than 0", name)
		}
	}
	if s.PollMax < s.PollMin {
		bad("YANZHEN_SINO_POLL_MAX must not be less than YANZHEN_SINO_POLL_MIN")
	}
	if s.Timeout > longestCall {
		bad("YANZHEN_SINO_TIMEOUT must be at most %s", longestCall)
	}
	return faults
}

func (t TencentIAI) check(fallback Tencent) []error {
	if !t.Enabled() {
		return nil
	}
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if id, key := t.Credentials(fallback); id == "" || key == "" {
		bad("YANZHEN_TENCENT_IAI_ENABLED needs credentials: set YANZHEN_TENCENT_IAI_SECRET_ID and YANZHEN_TENCENT_IAI_SECRET_KEY, or those of YANZHEN_TENCENT")
	}
	if strings.Contains(t.Endpoint, "://") || t.Endpoint == "" {
		bad("YANZHEN_TENCENT_IAI_ENDPOINT must be a host without a scheme; the scheme is YANZHEN_TENCENT_IAI_SCHEME")
	} else if t.Scheme != "https" && !(t.Scheme == "http" && provider.Loopback(hostOf(t.Endpoint))) {
		bad("YANZHEN_TENCENT_IAI_SCHEME must be https; http is for a stand-in on loopback only")
	}
	if t.Timeout < time.Second || t.Timeout%time.Second != 0 || t.Timeout > longestCall {
		bad("YANZHEN_TENCENT_IAI_TIMEOUT must be whole seconds, at least 1s and at most %s", longestCall)
	}
	if !(t.Rate > 0 && t.Rate <= 10_000) {
		bad("YANZHEN_TENCENT_IAI_RATE must be more than 0 and at most 10000")
	}
	if t.Patience <= 0 || t.Patience > 2*time.Minute {
		bad("YANZHEN_TENCENT_IAI_PATIENCE must be more than 0 and at most 2m")
	}
	return faults
}

// Aliases are names of a chip's members by ours.
type Aliases map[string][]string

var errAliases = errors.New("not of the form ours=theirs|theirs,ours=theirs")

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
			return errAliases
		}
		(*a)[ours] = strings.Split(theirs, "|")
	}
	return nil
}
