package tencentiai

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/tencentcloud"
)

// Model30 is the face model that a policy's threshold is a score of.
const Model30 = "3.0"

// Config points a Client at Tencent Cloud. SecretID and SecretKey are needed;
// the zero value of every other field stands for its default.
type Config struct {
	// SecretID and SecretKey are the account's API key. They are secrets.
	SecretID  string
	SecretKey string
	// Endpoint is host[:port][/path] without a scheme; default
	// iai.tencentcloudapi.com.
	Endpoint string
	// Scheme is https (default); http is for this machine only.
	Scheme string
	// Region, e.g. "ap-guangzhou"; default none.
	Region string
	// Model is the face model asked for and insisted on. Only Model30 (default)
	// is taken: the same score of another means something else.
	Model string
	// Timeout of one call, default 10 s.
	Timeout time.Duration
	// RatePerSecond bounds the calls of this process, default 20.
	RatePerSecond float64
}

func (c Config) withDefaults() Config {
	if c.Endpoint == "" {
		c.Endpoint = "iai.tencentcloudapi.com"
	}
	if c.Scheme == "" {
		c.Scheme = "https"
	}
	if c.Model == "" {
		c.Model = Model30
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.RatePerSecond == 0 {
		c.RatePerSecond = 20
	}
	return c
}

// Validate reports every fault at once, each naming its field. No secret is
// in its text.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field, what string) { errs = append(errs, fmt.Errorf("tencentiai: %s %s", field, what)) }

	unprintable := func(r rune) bool { return r <= ' ' || r > '~' }
	for _, secret := range []struct{ field, value string }{{"SecretID", c.SecretID}, {"SecretKey", c.SecretKey}} {
		if secret.value == "" {
			bad(secret.field, "is empty")
		} else if strings.ContainsFunc(secret.value, unprintable) {
			bad(secret.field, "must be printable ASCII without spaces")
		}
	}
	host, ok := tencentcloud.EndpointHost(c.Endpoint)
	if !ok {
		bad("Endpoint", "must be host[:port][/path] without a scheme")
	}
	if c.Scheme != "https" && (c.Scheme != "http" || !provider.Loopback(host)) {
		bad("Scheme", "must be https; http is for this machine only")
	}
	if strings.ContainsFunc(c.Region, unprintable) {
		bad("Region", "must be printable ASCII without spaces")
	}
	if c.Model != Model30 {
		bad("Model", "must be 3.0: a policy's threshold is a score of that model")
	}
	if c.Timeout < 0 {
		bad("Timeout", "is negative")
	}
	if !(c.RatePerSecond > 0 && c.RatePerSecond <= 10_000) {
		bad("RatePerSecond", "must be more than 0, and 10,000 at most")
	}
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
	return fmt.Sprintf("{SecretID:%s SecretKey:%s Endpoint:%s Scheme:%s Region:%s Model:%s Timeout:%s RatePerSecond:%g}",
		mask(c.SecretID), mask(c.SecretKey), c.Endpoint, c.Scheme, c.Region, c.Model, c.Timeout, c.RatePerSecond)
}

// GoString masks like String.
func (c Config) GoString() string { return "tencentiai.Config" + c.String() }

// LogValue masks like String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
