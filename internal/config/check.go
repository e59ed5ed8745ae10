package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
)

// checkSettings holds the rules for single settings and pairs of them.
func (c *Config) checkSettings() []error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	for name, addr := range map[string]string{"YANZHEN_API_LISTEN": c.API, "YANZHEN_OPS_LISTEN": c.Ops} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			bad("%s must be host:port, such as 127.0.0.1:8080", name)
		}
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if why := webAddress(c.PublicURL); why != "" {
		bad("YANZHEN_PUBLIC_URL %s", why)
	}
	if !strings.HasPrefix(c.Store, "sqlite:") && !strings.HasPrefix(c.Store, "postgres://") && !strings.HasPrefix(c.Store, "postgresql://") {
		bad("YANZHEN_STORE must begin with sqlite: or postgres://")
	}
	if !slices.Contains([]string{"json", "text"}, c.LogFormat) {
		bad("YANZHEN_LOG_FORMAT must be json or text")
	}
	if why := knownPassword(c.Store); why != "" {
		bad("YANZHEN_STORE %s", why)
	}
	if c.StartPatience < 0 {
		bad("YANZHEN_START_PATIENCE must not be less than 0s")
	}
	faults = append(faults, c.SandboxForward.check(c)...)
	faults = append(faults, c.checkWayBack()...)
	faults = append(faults, c.Tencent.check()...)
	faults = append(faults, c.TencentIAI.check(c.Tencent)...)
	faults = append(faults, c.AceData.check()...)
	faults = append(faults, c.Sino.check()...)
	faults = append(faults, c.Megvii.check()...)
	faults = append(faults, c.Switches.check()...)
	if c.Caller.API != "" {
		if why := webAddress(c.Caller.API); why != "" {
			bad("YANZHEN_API %s", why)
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return faults
}

func (t Tencent) check() []error {
	if !t.Enabled() {
		return nil
	}
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for name, value := range map[string]string{"SECRET_ID": t.SecretID, "SECRET_KEY": t.SecretKey, "MERCHANT_ID": t.MerchantID} {
		if value == "" {
			bad("YANZHEN_TENCENT_%s is not set, but another of Tencent's credentials is: set all three or none", name)
		}
	}
	if strings.Contains(t.Endpoint, "://") || t.Endpoint == "" {
		bad("YANZHEN_TENCENT_ENDPOINT must be a host without a scheme; the scheme is YANZHEN_TENCENT_SCHEME")
	} else if t.Scheme != "https" && !(t.Scheme == "http" && provider.Loopback(hostOf(t.Endpoint))) {
		bad("YANZHEN_TENCENT_SCHEME must be https; http is for a stand-in on loopback only")
	}
	if strings.Trim(t.InfoType, "0123456789") != "" {
		bad("YANZHEN_TENCENT_INFO_TYPE must be digits, such as 1")
	}
	if t.TokenTTL <= 0 {
		bad("YANZHEN_TENCENT_TOKEN_TTL must be more than 0")
	}
	if t.Timeout < time.Second || t.Timeout%time.Second != 0 || t.Timeout > maxOpening {
		bad("YANZHEN_TENCENT_TIMEOUT must be whole seconds, at least 1s and at most %s", maxOpening)
	}
	if len(t.SM2PrivateKey) != 0 && (len(t.SM2PrivateKey) != 64 || strings.Trim(t.SM2PrivateKey, "0123456789abcdefABCDEF") != "") {
		bad("YANZHEN_TENCENT_SM2_PRIVATE_KEY must be 64 hex digits")
	}
	return faults
}

// The most that a vendor's call may take: below what its step has (workflows),
// which is 12 s where a session is opened or looked at and 20 s elsewhere; and
// below the 20 s of a worker that stops.
const (
	maxOpening  = 11 * time.Second
	longestCall = 18 * time.Second
)

func (a AceData) check() []error {
	if !a.Enabled() {
		return nil
	}
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if strings.HasPrefix(a.Token, "platform-") {
		bad("YANZHEN_ACEDATA_TOKEN is an account token (platform-…), which the service refuses: make a credential for the identity service")
	}
	if why := webAddress(a.BaseURL); why != "" {
		bad("YANZHEN_ACEDATA_BASE_URL %s", why)
	}
	if !slices.Contains([]string{"auto", "acedata-doc", "tencent-checkidnamedate"}, a.ResultProfile) {
		bad("YANZHEN_ACEDATA_RESULT_PROFILE must be auto, acedata-doc or tencent-checkidnamedate")
	}
	if a.Timeout <= 0 || a.Timeout > longestCall {
		bad("YANZHEN_ACEDATA_TIMEOUT must be more than 0 and at most %s", longestCall)
	}
	return faults
}

// webAddress tells what is wrong with a base URL, or "". Plain http is for
// loopback only: links, tickets and people travel on it.
func webAddress(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "must be an address such as https://kyc.example.com"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "must have no user, query or fragment"
	case u.Scheme == "http" && !provider.Loopback(u.Hostname()):
		return "must be https: http is for loopback only"
	}
	return ""
}

func hostOf(endpoint string) string {
	host, _, _ := strings.Cut(endpoint, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}
