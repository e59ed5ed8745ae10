package sinoconnect

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
)

// Config points a Client at Sino Connect. BaseURL, the credentials and a key
// for the chip token are needed; the zero value of every other field stands
// for its default.
type Config struct {
	// BaseURL without the paths of the calls. There is no default: the
	// production host is not published. Plain http is for this machine only.
	BaseURL string
	// ClientID and ClientSecret are sent with every call. They are secrets.
	ClientID     string
	ClientSecret string

	// JWKS is a set of private keys as JSON, or the path of a file that holds
	// one. A secret.
	JWKS string
	// SharedKey is what the vendor and we share, if we share anything, and
	// SharedKeyMode how it becomes a key: ModeRaw (default), ModeHex,
	// ModeBase64URL or ModeSHA256. A secret.
	SharedKey     string
	SharedKeyMode string
	// AllowedAlg and AllowedEnc are the algorithms that a token may name.
	// Defaults: RSA-OAEP-256, ECDH-ES, ECDH-ES+A256KW, with a symmetric key
	// also dir, A256KW, A256GCMKW; A256GCM and A256CBC-HS512.
	AllowedAlg []string
	AllowedEnc []string
	// AllowZip takes compressed tokens, up to 4 MiB once they are not. Default
	// off: what is compressed beside a secret tells about it, and nobody needs
	// it here.
	AllowZip bool
	// NestedKey verifies a signature inside the token: a public JWK or a set of
	// them, as JSON or as a path; for an NestedAlg of HMAC also the secret
	// itself. NestedAlg is the one algorithm taken, e.g. "RS256". With them an
	// unsigned token is refused; without them (default) a signed one.
	NestedKey string
	NestedAlg string

	// Aliases names the members of the plaintext, by ours: name, id_number,
	// valid_from, valid_to, sex, birth_date, photo. A name given here replaces
	// the defaults of that name; letters' case does not matter.
	Aliases map[string][]string
	// Patterns are regular expressions over the vendor's messages; letters'
	// case does not matter. Empty ones have their defaults.
	Patterns Patterns
	// ReqIDPattern is what a reqid must look like as a whole; default
	// [A-Za-z0-9_-]{1,128}.
	ReqIDPattern string
	// ReqIDLife is how long a scan can be fetched, counted from the scan,
	// default 5 min; a fifth of it is left for its way to us.
	ReqIDLife time.Duration
	// FaceDeadline is our own end of a face session, default 10 min: its token
	// has none.
	FaceDeadline time.Duration
	// PollMin and PollMax bound the time between looks, default 2.5 s and 5 s.
	PollMin, PollMax time.Duration
	// Timeout of one call, default 15 s: answers carry pictures. Opening a face
	// session, whose answer carries none, takes 10 s at most.
	Timeout time.Duration
	// Logger gets one line for a refused chip token, with its alg, enc and kid
	// and nothing else; default slog.Default().
	Logger *slog.Logger
}

// Patterns tell what a message of the vendor says.
type Patterns struct {
	Pending   string
	Cancelled string
	Failed    string
	Gone      string
}

var defaultPatterns = Patterns{
	Pending:   `pending|processing|not (yet )?(ready|complete|finished)|in progress|waiting`,
	Cancelled: `cancel|abort`,
	Failed:    `fail|not match|mismatch|reject`,
	Gone:      `expired|not found|invalid token|invalid reqid`,
}

const defaultReqIDPattern = `[A-Za-z0-9_-]{1,128}`

func (c Config) withDefaults() Config {
	text := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	span := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	text(&c.SharedKeyMode, ModeRaw)
	text(&c.Patterns.Pending, defaultPatterns.Pending)
	text(&c.Patterns.Cancelled, defaultPatterns.Cancelled)
	text(&c.Patterns.Failed, defaultPatterns.Failed)
	text(&c.Patterns.Gone, defaultPatterns.Gone)
	text(&c.ReqIDPattern, defaultReqIDPattern)
	span(&c.ReqIDLife, 5*time.Minute)
	span(&c.FaceDeadline, 10*time.Minute)
	span(&c.PollMin, 2500*time.Millisecond)
	span(&c.PollMax, max(5*time.Second, c.PollMin))
	span(&c.Timeout, 15*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Validate reports every fault at once, each naming its field. It reads the
// files that the settings name. No secret is in its text.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field, what string) { errs = append(errs, fmt.Errorf("sinoconnect: %s %s", field, what)) }

	switch u, err := url.Parse(c.BaseURL); {
	case c.BaseURL == "":
		bad("BaseURL", "is empty: there is no default")
	case err != nil || u.Host == "":
		bad("BaseURL", "is no absolute URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		bad("BaseURL", "must have no user, query or fragment")
	case u.Scheme == "https":
	case u.Scheme == "http" && provider.Loopback(u.Hostname()):
	default:
		bad("BaseURL", "must be https; http is for this machine only")
	}
	for _, secret := range []struct{ field, value string }{{"ClientID", c.ClientID}, {"ClientSecret", c.ClientSecret}} {
		if secret.value == "" {
			bad(secret.field, "is empty")
		} else if strings.ContainsFunc(secret.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			bad(secret.field, "must be printable ASCII without spaces")
		}
	}
	if _, faults := newOpener(c); len(faults) > 0 {
		errs = append(errs, faults...)
	}
	if _, faults := newAliases(c.Aliases); len(faults) > 0 {
		errs = append(errs, faults...)
	}
	if _, faults := c.Patterns.compile(); len(faults) > 0 {
		errs = append(errs, faults...)
	}
	if _, err := wholeMatch(c.ReqIDPattern); err != nil {
		bad("ReqIDPattern", "is no regular expression")
	}
	for _, span := range []struct {
		field string
		value time.Duration
	}{
		{"ReqIDLife", c.ReqIDLife}, {"FaceDeadline", c.FaceDeadline}, {"PollMin", c.PollMin}, {"PollMax", c.PollMax}, {"Timeout", c.Timeout},
	} {
		if span.value < 0 {
			bad(span.field, "is negative")
		}
	}
	if c.PollMax < c.PollMin {
		bad("PollMax", "is less than PollMin")
	}
	return errors.Join(errs...)
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

// String prints the settings with the secrets masked.
func (c Config) String() string {
	mask := func(s string) string {
		if s == "" {
			return "unset"
		}
		return "***"
	}
	return fmt.Sprintf("{BaseURL:%s ClientID:%s ClientSecret:%s JWKS:%s SharedKey:%s SharedKeyMode:%s AllowedAlg:%v AllowedEnc:%v AllowZip:%t "+
		"NestedKey:%s NestedAlg:%s ReqIDPattern:%s ReqIDLife:%s FaceDeadline:%s PollMin:%s PollMax:%s Timeout:%s}",
		c.BaseURL, mask(c.ClientID), mask(c.ClientSecret), mask(c.JWKS), mask(c.SharedKey), c.SharedKeyMode, c.AllowedAlg, c.AllowedEnc, c.AllowZip,
		mask(c.NestedKey), c.NestedAlg, c.ReqIDPattern, c.ReqIDLife, c.FaceDeadline, c.PollMin, c.PollMax, c.Timeout)
}

// GoString masks like String.
func (c Config) GoString() string { return "sinoconnect.Config" + c.String() }

// LogValue masks like String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
