package sandbox

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
	"github.com/stretchr/testify/require"
)

// open decrypts an EidInfo with the merchant's private key, as the vendor's guide
// tells merchants to (https://cloud.tencent.com/document/product/1007/63370).
func open(t *testing.T, privateHex, desKey, userInfo, form string) holder {
	t.Helper()
	d, err := hex.DecodeString(privateHex)
	require.NoError(t, err)
	key := new(sm2.PrivateKey)
	key.Curve, key.D = sm2.P256(), new(big.Int).SetBytes(d)
	key.X, key.Y = key.ScalarBaseMult(d)

	wrapped, err := base64.StdEncoding.DecodeString(desKey)
	require.NoError(t, err)
	opts := sm2.NewPlainDecrypterOpts(sm2.C1C3C2)
	switch form {
	case DesKeyRaw04:
		require.Len(t, wrapped, 113)
		require.Equal(t, byte(4), wrapped[0])
	case DesKeyRaw:
		require.Len(t, wrapped, 112)
		wrapped = append([]byte{4}, wrapped...)
	case DesKeyC1C2C3:
		require.Len(t, wrapped, 113)
		opts = sm2.NewPlainDecrypterOpts(sm2.C1C2C3)
	case DesKeyDER:
		var parts struct {
			X, Y       *big.Int
			Hash, Text []byte
		}
		rest, err := asn1.Unmarshal(wrapped, &parts)
		require.NoError(t, err)
		require.Empty(t, rest)
		wrapped = append([]byte{4}, parts.X.FillBytes(make([]byte, 32))...)
		wrapped = append(append(append(wrapped, parts.Y.FillBytes(make([]byte, 32))...), parts.Hash...), parts.Text...)
	}
	session, err := key.Decrypt(nil, wrapped, opts)
	require.NoError(t, err)
	require.Len(t, session, 16)
	block, err := sm4.NewCipher(session)
	require.NoError(t, err)
	plain, err := base64.StdEncoding.DecodeString(userInfo)
	require.NoError(t, err)
	require.Zero(t, len(plain)%16)
	for i := 0; i < len(plain); i += 16 {
		block.Decrypt(plain[i:], plain[i:])
	}
	var h holder
	require.NoError(t, json.Unmarshal([]byte(strings.TrimRight(string(plain), "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f")), &h))
	return h
}

func eidInfoOf(t *testing.T, r response) (info struct{ EidCode, DesKey, UserInfo string }) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r["EidInfo"], &info))
	return info
}

func TestTheIdentityComesEncryptedForTheMerchantInEveryForm(t *testing.T) {
	private, public := NewSM2Key()
	for _, form := range []string{DesKeyRaw04, DesKeyRaw, DesKeyDER, DesKeyC1C2C3} {
		for _, fill := range []string{FillPKCS7, FillNUL} {
			t.Run(form+" "+fill, func(t *testing.T) {
				w := start(t, func(c *Config) {
					c.Tencent.MerchantPublicKey, c.Tencent.DesKeyForm, c.Tencent.UserInfoFill = public, form, fill
				})
				token, _ := w.eidToken(nil)
				require.NoError(t, w.Begin(token))
				require.NoError(t, w.End(token, "0"))
				r, _ := w.result(token, "1")
				info := eidInfoOf(t, r)
				require.NotEmpty(t, info.EidCode)
				require.Equal(t, holder{"测试甲", "01", "110199199003070017"}, open(t, private, info.DesKey, info.UserInfo, form))
			})
		}
	}
}

func TestTheVendorCanReturnSomebodyElse(t *testing.T) {
	private, public := NewSM2Key()
	w := start(t, func(c *Config) { c.Tencent.MerchantPublicKey = public })
	token, _ := w.eidToken(nil)
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, OutcomePassOtherHolder))
	r, text := w.result(token, "1")
	require.Equal(t, 0, *text.ErrCode)
	info := eidInfoOf(t, r)
	require.Equal(t, "样例乙", open(t, private, info.DesKey, info.UserInfo, DesKeyRaw04).Name)
}

func TestEidInfoCanBeMadeToNeedInfoTypeZero(t *testing.T) {
	_, public := NewSM2Key()
	w := start(t, func(c *Config) { c.Tencent.MerchantPublicKey, c.Tencent.EidInfoOnlyWithAll = public, true })
	token, _ := w.eidToken(nil)
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, "0"))
	r, _ := w.result(token, "1")
	require.JSONEq(t, `null`, string(r["EidInfo"]))
	r, _ = w.result(token, "0")
	require.NotEmpty(t, eidInfoOf(t, r).DesKey)
}
