package tencent

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
)

// Config points a Client at Tencent Cloud. SecretID, SecretKey and MerchantID
// are needed; the zero value of every other field stands for its default.
type Config struct {
	// SecretID and SecretKey are the API key of the account that applied for
	// the merchant. They are secrets.
	SecretID  string
	SecretKey string
	// MerchantID of E证通, from the console.
	MerchantID string
	// Endpoint is host[:port][/path] without a scheme; default
	// faceid.tencentcloudapi.com.
	Endpoint string
	// Scheme is https (default); http is for this machine only.
	Scheme string
	// InfoType is what is asked of a result; default "1" (text), with Intention
	// "156". It must hold what proves the intention.
	InfoType string
	// TokenTTL is the life of a token and its link, default 600 s.
	TokenTTL time.Duration
	// SM2PrivateKey of the merchant, 64 hex digits or PEM; a secret. Without
	// it holder_match is skipped.
	SM2PrivateKey string
	// Timeout of one call, default 10 s.
	Timeout time.Duration
	// Intention is how the person also says that they mean it: IntentionReadAloud,
	// IntentionQuestions or IntentionNod. Empty: not asked for. It is billed in its
	// own way.
	Intention string
	// IntentionText is what is read aloud, at most 120 characters; with
	// IntentionNod one to ten texts of at most 150 each, with | between them.
	IntentionText string
	// IntentionQuestions are one to ten rounds, "question=answer|answer; …": a
	// question has at most 250 characters, an answer at most 10, and a round at
	// most 50 answers.
	IntentionQuestions string
}

func (c Config) withDefaults() Config {
	if c.Endpoint == "" {
		c.Endpoint = "faceid.tencentcloudapi.com"
	}
	if c.Scheme == "" {
		c.Scheme = "https"
	}
	if c.InfoType == "" {
		c.InfoType = "1"
		if c.Intention != "" {
			c.InfoType = "156"
		}
	}
	if c.TokenTTL == 0 {
		c.TokenTTL = 600 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return c
}

// Validate reports every fault at once, each naming its field. No secret is
// in its text.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field, what string) { errs = append(errs, fmt.Errorf("tencent: %s %s", field, what)) }

	for field, value := range map[string]string{"SecretID": c.SecretID, "SecretKey": c.SecretKey, "MerchantID": c.MerchantID} {
		if value == "" {
			bad(field, "is empty")
		} else if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			bad(field, "must be printable ASCII without spaces")
		}
	}
	host, ok := tencentcloud.EndpointHost(c.Endpoint)
	if !ok {
		bad("Endpoint", "must be host[:port][/path] without a scheme")
	}
	if c.Scheme != "https" && (c.Scheme != "http" || !provider.Loopback(host)) {
		bad("Scheme", "must be https; http is for this machine only")
	}
	switch {
	case strings.Trim(c.InfoType, "0123456789") != "":
		bad("InfoType", "must be digits")
	case !strings.ContainsAny(c.InfoType, "01"):
		bad("InfoType", "must hold 1 (text) or 0 (everything): without the text there is no verdict")
	}
	if c.TokenTTL < 0 {
		bad("TokenTTL", "is negative")
	}
	if c.Timeout < 0 {
		bad("Timeout", "is negative")
	}
	if c.SM2PrivateKey != "" {
		if _, err := parseSM2Key(c.SM2PrivateKey); err != nil {
			bad("SM2PrivateKey", "is no SM2 key, in 64 hex digits or PEM")
		}
	}
	c.checkIntention(bad)
	return errors.Join(errs...)
}

// String prints the settings with the secrets masked.
func (c Config) String() string {
	mask := func(s string) string {
		if s == "" {
			return "unset"
		}
		return "***"
	}
	return fmt.Sprintf("{SecretID:%s SecretKey:%s MerchantID:%s Endpoint:%s Scheme:%s InfoType:%s TokenTTL:%s SM2PrivateKey:%s Timeout:%s Intention:%s}",
		mask(c.SecretID), mask(c.SecretKey), c.MerchantID, c.Endpoint, c.Scheme, c.InfoType, c.TokenTTL, mask(c.SM2PrivateKey), c.Timeout, c.Intention)
}

// GoString masks like String.
func (c Config) GoString() string { return "tencent.Config" + c.String() }

// LogValue masks like String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
