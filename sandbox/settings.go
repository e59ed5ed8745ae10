package sandbox

import (
	"os"
)

// The sample key pair of GB/T 32918.5-2017, annex A: public, and therefore for
// stand-ins only.
const (
	sampleSM2Private = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	sampleSM2Public  = "04" +
		"09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020" +
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)

// Settings point a worker and an api at the stand-in vendors at an
// address without a scheme. chipKeys is the path of the keys that open chip
// tokens, as worker and api see it.
func Settings(address, chipKeys string) []string {
	return []string{
		"YANZHEN_TENCENT_SCHEME=http",
		"YANZHEN_TENCENT_ENDPOINT=" + address + "/tencent",
		"YANZHEN_TENCENT_SECRET_ID=" + DefaultSecretID,
		"YANZHEN_TENCENT_SECRET_KEY=" + DefaultSecretKey,
		"YANZHEN_TENCENT_MERCHANT_ID=" + DefaultMerchantID,
		"YANZHEN_TENCENT_SM2_PRIVATE_KEY=" + sampleSM2Private,
		"YANZHEN_TENCENT_RECORDS_ENABLED=true",
		"YANZHEN_TENCENT_RECORDS_SCHEME=http",
		"YANZHEN_TENCENT_RECORDS_ENDPOINT=" + address + "/tencent",
		"YANZHEN_TENCENT_IAI_ENABLED=true",
		"YANZHEN_TENCENT_IAI_SCHEME=http",
		"YANZHEN_TENCENT_IAI_ENDPOINT=" + address + "/iai",
		"YANZHEN_ACEDATA_BASE_URL=http://" + address + "/acedata",
		"YANZHEN_ACEDATA_TOKEN=" + DefaultAceDataToken,
		"YANZHEN_MEGVII_BASE_URL=http://" + address + "/megvii",
		"YANZHEN_MEGVII_API_KEY=" + DefaultMegviiKey,
		"YANZHEN_MEGVII_API_SECRET=" + DefaultMegviiSecret,
		"YANZHEN_SINO_BASE_URL=http://" + address + "/sino",
		"YANZHEN_SINO_CLIENT_ID=" + DefaultSinoClientID,
		"YANZHEN_SINO_CLIENT_SECRET=" + DefaultSinoClientSecret,
		"YANZHEN_SINO_JWKS=" + chipKeys,
	}
}

// ConfigOf is the configuration of stand-ins for which Settings are right.
// chipKeys is the path of the keys to which chip tokens are sealed; if it
// is empty, the stand-ins make their own.
func ConfigOf(chipKeys string) (Config, error) {
	c := DefaultConfig()
	c.Tencent.MerchantPublicKey = sampleSM2Public
	if chipKeys == "" {
		return c, nil
	}
	var err error
	if c.Sino.MerchantJWKS, err = os.ReadFile(chipKeys); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// ChipKeysPath is where the stand-ins tell the private keys that open their chip
// tokens, if they made them.
const ChipKeysPath = "/sandbox/sino/keys"
