package cmd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/acedata"
	"github.com/yanzhen-id/yanzhen/provider/megvii"
	"github.com/yanzhen-id/yanzhen/provider/sinoconnect"
	"github.com/yanzhen-id/yanzhen/provider/tencent"
	"github.com/yanzhen-id/yanzhen/provider/tencentiai"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// vendors registers every vendor that the configuration enables.
func vendors(cfg *config.Config, log *slog.Logger) (*provider.Registry, error) {
	r := &provider.Registry{}
	var errs []error
	if t := cfg.Tencent; t.Enabled() {
		c, err := tencent.New(tencentConfig(t))
		if err == nil {
			r.AddFace(tencent.Vendor(c))
		}
		errs = append(errs, asTencentSettings(err))
	}
	if cfg.Megvii.Enabled() {
		c, err := megvii.New(megviiConfig(cfg))
		if err == nil {
			r.AddFace(megvii.Vendor(c))
		}
		errs = append(errs, asMegviiSettings(err))
	}
	if cfg.Sino.Enabled() {
		c, err := sinoconnect.New(sinoConfig(cfg, log))
		if err == nil {
			r.AddFace(sinoconnect.FaceVendor(c))
			r.AddChip(sinoconnect.ChipVendor(c))
		}
		errs = append(errs, asSettings(err))
	}
	if t := cfg.TencentIAI; t.Enabled() {
		id, key := t.Credentials(cfg.Tencent)
		c, err := tencentiai.New(tencentiai.Config{
			SecretID: id, SecretKey: key, Endpoint: t.Endpoint, Scheme: t.Scheme, Region: t.Region, Timeout: t.Timeout, RatePerSecond: t.Rate,
		})
		if err == nil {
			r.AddComparer(tencentiai.Vendor(c))
		}
		errs = append(errs, err)
	}
	if a := cfg.AceData; a.Enabled() {
		c, err := acedata.New(acedata.Config{
			BaseURL: a.BaseURL, Token: a.Token, ResultProfile: a.ResultProfile, Timeout: a.Timeout, Permits: a.Permits,
		})
		if err == nil {
			r.AddRecords(acedata.Vendor(c))
		}
		errs = append(errs, err)
	}
	return r, errors.Join(errs...)
}

func sinoConfig(cfg *config.Config, log *slog.Logger) sinoconnect.Config {
	s := cfg.Sino
	return sinoconnect.Config{
		BaseURL: s.BaseURL, ClientID: s.ClientID, ClientSecret: s.ClientSecret,
		JWKS: s.JWKS, SharedKey: s.SharedKey, SharedKeyMode: s.SharedMode, AllowedAlg: s.AllowedAlg, AllowedEnc: s.AllowedEnc,
		AllowZip: s.AllowZip, NestedKey: s.NestedKey, NestedAlg: s.NestedAlg, Aliases: s.Aliases,
		Patterns:     sinoconnect.Patterns{Pending: s.Pending, Cancelled: s.Cancelled, Failed: s.Failed, Gone: s.Gone},
		ReqIDPattern: s.ReqIDPattern, ReqIDLife: s.ReqIDLife, FaceDeadline: s.FaceDeadline,
		PollMin: s.PollMin, PollMax: s.PollMax, Timeout: s.Timeout, Logger: log,
	}
}

// checkVendors tells what the vendors' packages would not take, in the names
// of our settings.
func checkVendors(cfg *config.Config) error {
	var errs []error
	if cfg.Tencent.Enabled() {
		errs = append(errs, asTencentSettings(tencentConfig(cfg.Tencent).Validate()))
	}
	if cfg.Sino.Enabled() {
		errs = append(errs, asSettings(sinoConfig(cfg, nil).Validate()))
	}
	if cfg.Megvii.Enabled() {
		errs = append(errs, asMegviiSettings(megviiConfig(cfg).Validate()))
	}
	return errors.Join(append(errs, standInCredentials(cfg)...)...)
}

// standInCredentials refuses credentials that everybody can read in our source
// where a real vendor is asked: they were left over from a first look.
func standInCredentials(cfg *config.Config) []error {
	real := func(address string) bool {
		_, rest, ok := strings.Cut(address, "://")
		if !ok {
			rest = address
		}
		host, _, _ := strings.Cut(rest, "/")
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		return !provider.Loopback(host)
	}
	var errs []error
	for _, c := range []struct{ setting, value, standIn, addressSetting, address string }{
		{"TENCENT_SECRET_KEY", cfg.Tencent.SecretKey, sandbox.DefaultSecretKey, "TENCENT_ENDPOINT", cfg.Tencent.Endpoint},
		{"TENCENT_SM2_PRIVATE_KEY", strings.ToLower(cfg.Tencent.SM2PrivateKey), sampleSM2Private, "TENCENT_ENDPOINT", cfg.Tencent.Endpoint},
		{"TENCENT_IAI_SECRET_KEY", cfg.TencentIAI.SecretKey, sandbox.DefaultSecretKey, "TENCENT_IAI_ENDPOINT", cfg.TencentIAI.Endpoint},
		{"ACEDATA_TOKEN", cfg.AceData.Token, sandbox.DefaultAceDataToken, "ACEDATA_BASE_URL", cfg.AceData.BaseURL},
		{"SINO_CLIENT_SECRET", cfg.Sino.ClientSecret, sandbox.DefaultSinoClientSecret, "SINO_BASE_URL", cfg.Sino.BaseURL},
		{"MEGVII_API_SECRET", cfg.Megvii.APISecret, sandbox.DefaultMegviiSecret, "MEGVII_BASE_URL", cfg.Megvii.BaseURL},
	} {
		if c.value == c.standIn && real(c.address) {
			errs = append(errs, fmt.Errorf("YANZHEN_%s is the stand-in's, but YANZHEN_%s names a real vendor: set the credential that this one gave you", c.setting, c.addressSetting))
		}
	}
	return errs
}

// asSettings says YANZHEN_SINO_… where the vendor's package names its fields.
func asSettings(err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		errs = append(errs, errors.New(sinoSettings.Replace(strings.TrimPrefix(line, "sinoconnect: "))))
	}
	return errors.Join(errs...)
}

// sinoSettings: of two names that begin alike the longer one comes first.
var sinoSettings = strings.NewReplacer(
	"BaseURL", "YANZHEN_SINO_BASE_URL", "ClientID", "YANZHEN_SINO_CLIENT_ID", "ClientSecret", "YANZHEN_SINO_CLIENT_SECRET",
	"JWKS", "YANZHEN_SINO_JWKS", "SharedKeyMode", "YANZHEN_SINO_SHARED_KEY_MODE", "SharedKey", "YANZHEN_SINO_SHARED_KEY",
	"AllowedAlg", "YANZHEN_SINO_ALLOWED_ALG", "AllowedEnc", "YANZHEN_SINO_ALLOWED_ENC", "NestedKey", "YANZHEN_SINO_NESTED_KEY",
	"NestedAlg", "YANZHEN_SINO_NESTED_ALG", "Aliases", "YANZHEN_SINO_ALIASES", "ReqIDPattern", "YANZHEN_SINO_REQID_PATTERN",
	"Patterns.Pending", "YANZHEN_SINO_PATTERN_PENDING", "Patterns.Cancelled", "YANZHEN_SINO_PATTERN_CANCELLED",
	"Patterns.Failed", "YANZHEN_SINO_PATTERN_FAILED", "Patterns.Gone", "YANZHEN_SINO_PATTERN_GONE",
)
