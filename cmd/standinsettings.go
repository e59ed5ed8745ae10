package cmd

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// The sample key pair of GB/T 32918.5-2017, annex A: public, and therefore for
// stand-ins only.
const (
	sampleSM2Private = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	sampleSM2Public  = "04" +
		"09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020" +
		"ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)

// standInSettings point a worker and an api at the stand-in vendors at an
// address without a scheme. chipKeys is the path of the keys that open chip
// tokens, as worker and api see it.
func standInSettings(address, chipKeys string) []string {
	return []string{
		"YANZHEN_TENCENT_SCHEME=http",
		"YANZHEN_TENCENT_ENDPOINT=" + address + "/tencent",
		"YANZHEN_TENCENT_SECRET_ID=" + sandbox.DefaultSecretID,
		"YANZHEN_TENCENT_SECRET_KEY=" + sandbox.DefaultSecretKey,
		"YANZHEN_TENCENT_MERCHANT_ID=" + sandbox.DefaultMerchantID,
		"YANZHEN_TENCENT_SM2_PRIVATE_KEY=" + sampleSM2Private,
		"YANZHEN_TENCENT_IAI_ENABLED=true",
		"YANZHEN_TENCENT_IAI_SCHEME=http",
		"YANZHEN_TENCENT_IAI_ENDPOINT=" + address + "/iai",
		"YANZHEN_ACEDATA_BASE_URL=http://" + address + "/acedata",
		"YANZHEN_ACEDATA_TOKEN=" + sandbox.DefaultAceDataToken,
		"YANZHEN_MEGVII_BASE_URL=http://" + address + "/megvii",
		"YANZHEN_MEGVII_API_KEY=" + sandbox.DefaultMegviiKey,
		"YANZHEN_MEGVII_API_SECRET=" + sandbox.DefaultMegviiSecret,
		"YANZHEN_SINO_BASE_URL=http://" + address + "/sino",
		"YANZHEN_SINO_CLIENT_ID=" + sandbox.DefaultSinoClientID,
		"YANZHEN_SINO_CLIENT_SECRET=" + sandbox.DefaultSinoClientSecret,
		"YANZHEN_SINO_JWKS=" + chipKeys,
	}
}

// standIns is the configuration of stand-ins for which standInSettings are
// right. chipKeys is the path of the keys to which chip tokens are sealed; if it
// is empty, the stand-ins make their own.
func standIns(chipKeys string) (sandbox.Config, error) {
	c := sandbox.DefaultConfig()
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

// Files of the chip's keys beside the configuration. Both halves are kept, so
// that they are the same after a restart.
const (
	chipKeysFile       = "chip-keys.json"
	chipPublicKeysFile = "chip-keys.public.json"
)

// makeChipKeys makes the keys that open chip tokens, and those to which the
// stand-in seals them, unless they are there. It returns the former's path.
func makeChipKeys(dir string) (string, error) {
	path, public := filepath.Join(dir, chipKeysFile), filepath.Join(dir, chipPublicKeysFile)
	_, err := os.Stat(public) // written last
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return path, err
	}
	ours, theirs := sandbox.NewChipKeys()
	return path, errors.Join(writePrivate(path, ours), writePrivate(public, theirs))
}
