package cmd

import (
	"errors"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/acedata"
	"github.com/yanzhen-id/yanzhen/provider/tencent"
)

// vendors registers every vendor that the configuration enables.
func vendors(cfg *config.Config) (*provider.Registry, error) {
	r := &provider.Registry{}
	var errs []error
	if t := cfg.Tencent; t.Enabled() {
		c, err := tencent.New(tencent.Config{
			SecretID: t.SecretID, SecretKey: t.SecretKey, MerchantID: t.MerchantID, Endpoint: t.Endpoint, Scheme: t.Scheme,
			InfoType: t.InfoType, TokenTTL: t.TokenTTL, SM2PrivateKey: t.SM2PrivateKey, Timeout: t.Timeout,
		})
		if err == nil {
			r.AddFace(tencent.Vendor(c))
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
