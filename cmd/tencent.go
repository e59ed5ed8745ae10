package cmd

import (
	"errors"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/provider/tencent"
)

func tencentConfig(t config.Tencent) tencent.Config {
	return tencent.Config{
		SecretID: t.SecretID, SecretKey: t.SecretKey, MerchantID: t.MerchantID, Endpoint: t.Endpoint, Scheme: t.Scheme,
		InfoType: t.InfoType, TokenTTL: t.TokenTTL, SM2PrivateKey: t.SM2PrivateKey, Timeout: t.Timeout,
		Intention: t.Intention, IntentionText: t.IntentionText, IntentionQuestions: t.Questions,
	}
}

// asTencentSettings says YANZHEN_TENCENT_… where the vendor's package names its
// fields.
func asTencentSettings(err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		errs = append(errs, errors.New(tencentSettings.Replace(strings.TrimPrefix(line, "tencent: "))))
	}
	return errors.Join(errs...)
}

// tencentSettings: of two names that begin alike the longer one comes first.
var tencentSettings = strings.NewReplacer(
	"SecretID", "YANZHEN_TENCENT_SECRET_ID", "SecretKey", "YANZHEN_TENCENT_SECRET_KEY", "MerchantID", "YANZHEN_TENCENT_MERCHANT_ID",
	"Endpoint", "YANZHEN_TENCENT_ENDPOINT", "Scheme", "YANZHEN_TENCENT_SCHEME", "InfoType", "YANZHEN_TENCENT_INFO_TYPE",
	"TokenTTL", "YANZHEN_TENCENT_TOKEN_TTL", "SM2PrivateKey", "YANZHEN_TENCENT_SM2_PRIVATE_KEY", "Timeout", "YANZHEN_TENCENT_TIMEOUT",
	"IntentionText", "YANZHEN_TENCENT_INTENTION_TEXT", "IntentionQuestions", "YANZHEN_TENCENT_INTENTION_QUESTIONS",
	"Intention", "YANZHEN_TENCENT_INTENTION",
)
