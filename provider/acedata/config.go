package acedata

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
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

// Config points a Client at AceData. The zero value of every field but Token
// stands for its default.
type Config struct {
	// BaseURL without the path of the call; default https://api.acedata.cloud.
	// Plain http is for this machine only.
	BaseURL string
	// Token is the bearer token of the service. It is a secret.
	Token string
	// ResultProfile is ProfileAuto (default), ProfileDoc or ProfileTencent.
	ResultProfile string
	// Timeout of one call, default 15 s.
	Timeout time.Duration
	// Permits: also ask about residence permits of Hong Kong, Macao and Taiwan
	// residents (numbers from 81, 82, 83). Default false: unconfirmed.
	Permits bool
	// Keywords tell what a description says; an empty set has its default.
	Keywords Keywords
}

// Keywords are parts of descriptions, whatever the case of their letters, by
// what they tell.
type Keywords struct {
	Dates    []string // the validity dates are at fault
	Fault    []string // the source is faulty or being upgraded
	NoRecord []string // the source has no record
	Invalid  []string // the source holds the identity not verifiable
	Limit    []string // the day's limit is reached
	Mismatch []string // name, number or dates differ
}

var defaultKeywords = Keywords{
	Dates:    []string{"有效期", "validity"},
	Fault:    []string{"异常", "exception", "升级", "upgrad"},
	NoRecord: []string{"无此", "no record"},
	Invalid:  []string{"无效", "invalid identity"},
	Limit:    []string{"次数", "limit"},
	Mismatch: []string{"不一致", "不符", "inconsistent", "mismatch", "not match"},
}

func (c Config) withDefaults() Config {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	words := func(s *[]string, v []string) {
		if len(*s) == 0 {
			*s = v
		}
	}
	set(&c.BaseURL, "https://api.acedata.cloud")
	set(&c.ResultProfile, ProfileAuto)
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	words(&c.Keywords.Dates, defaultKeywords.Dates)
	words(&c.Keywords.Fault, defaultKeywords.Fault)
	words(&c.Keywords.NoRecord, defaultKeywords.NoRecord)
	words(&c.Keywords.Invalid, defaultKeywords.Invalid)
	words(&c.Keywords.Limit, defaultKeywords.Limit)
	words(&c.Keywords.Mismatch, defaultKeywords.Mismatch)
	return c
}

// Validate reports every fault at once, each naming its field. No secret is
// in its text.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field, what string) { errs = append(errs, fmt.Errorf("acedata: %s %s", field, what)) }

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
	switch {
	case c.Token == "":
		bad("Token", "is empty")
	case strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		bad("Token", "must be printable ASCII without spaces")
	case strings.HasPrefix(c.Token, "platform-"):
		bad("Token", "is an account token, which does not serve calls: use a service credential")
	}
	if !slices.Contains([]string{ProfileAuto, ProfileDoc, ProfileTencent}, c.ResultProfile) {
		bad("ResultProfile", "is none of auto, acedata-doc, tencent-checkidnamedate")
	}
	if c.Timeout < 0 {
		bad("Timeout", "is negative")
	}
	for _, set := range [][]string{c.Keywords.Dates, c.Keywords.Fault, c.Keywords.NoRecord, c.Keywords.Invalid, c.Keywords.Limit, c.Keywords.Mismatch} {
		if slices.Contains(set, "") {
			bad("Keywords", "hold an empty word, which every description contains")
		}
	}
	return errors.Join(errs...)
}

// String prints the settings with the token masked.
func (c Config) String() string {
	token := "unset"
	if c.Token != "" {
		token = "***"
	}
	return fmt.Sprintf("{BaseURL:%s Token:%s ResultProfile:%s Timeout:%s Permits:%t}",
		c.BaseURL, token, c.ResultProfile, c.Timeout, c.Permits)
}

// GoString masks like String.
func (c Config) GoString() string { return "acedata.Config" + c.String() }

// LogValue masks like String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
