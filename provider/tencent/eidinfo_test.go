package tencent

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"
	"github.com/stretchr/testify/require"
)

func testKey(t testing.TB) *sm2.PrivateKey {
	key, err := parseSM2Key(sm2Hex)
	require.NoError(t, err)
	return key
}

// sealUser encrypts a text for the merchant as the vendor's guide says, with a
// filler for the last block.
func sealUser(t testing.TB, text string, filler byte) eidInfo {
	session := []byte("0123456789abcdef")
	wrapped, err := sm2.Encrypt(rand.Reader, &testKey(t).PublicKey, session, nil)
	require.NoError(t, err)
	return eidInfo{DesKey: base64.StdEncoding.EncodeToString(wrapped), UserInfo: sealText(t, session, text, filler)}
}

func sealText(t testing.TB, session []byte, text string, filler byte) string {
	block, err := sm4.NewCipher(session)
	require.NoError(t, err)
	plain := []byte(text)
	for len(plain)%sm4.BlockSize != 0 {
		plain = append(plain, filler)
	}
	for i := 0; i < len(plain); i += sm4.BlockSize {
		block.Encrypt(plain[i:], plain[i:])
	}
	return base64.StdEncoding.EncodeToString(plain)
}

func TestTheIdentityIsDecryptedWhateverFillsItsLastBlock(t *testing.T) {
	for _, user := range []string{user01, user00} {
		who, err := decryptEidInfo(testKey(t), eidInfo{DesKey: desKey, UserInfo: user})
		require.NoError(t, err)
		require.Equal(t, userInfo{Name: "测试甲", IDNum: "110101199003070011"}, who)
	}
	text := `{"name":"测","idtype":"01","idnum":"110101199003070011"}`
	for pad := range sm4.BlockSize {
		padded := text + strings.Repeat(" ", pad)
		fill := byte(sm4.BlockSize - len(padded)%sm4.BlockSize)
		for _, filler := range []byte{0, 1, fill, sm4.BlockSize} {
			who, err := decryptEidInfo(testKey(t), sealUser(t, padded, filler))
			require.NoError(t, err, "%d %d", pad, filler)
			require.Equal(t, "测", who.Name)
		}
	}
}

func TestTheSessionKeyIsUnwrappedInEveryForm(t *testing.T) {
	key := testKey(t)
	session := []byte("0123456789abcdef")
	encrypt := func(opts *sm2.EncrypterOpts) []byte {
		b, err := sm2.Encrypt(rand.Reader, &key.PublicKey, session, opts)
		require.NoError(t, err)
		return b
	}
	for range 50 { // a raw form may begin with any byte, and DER has any length
		c1c3c2 := encrypt(sm2.NewPlainEncrypterOpts(sm2.MarshalUncompressed, sm2.C1C3C2))
		c1c2c3 := encrypt(sm2.NewPlainEncrypterOpts(sm2.MarshalUncompressed, sm2.C1C2C3))
		require.Len(t, c1c3c2, rawLength)
		for name, wrapped := range map[string][]byte{
			"113 bytes": c1c3c2, "112 bytes": c1c3c2[1:], "DER": encrypt(sm2.ASN1EncrypterOpts),
			"113 bytes, old order": c1c2c3, "112 bytes, old order": c1c2c3[1:],
		} {
			got, err := unwrapKey(key, wrapped)
			require.NoError(t, err, name)
			require.Equal(t, session, got, name)
		}
	}
}

func TestAnUndecryptableIdentityIsNone(t *testing.T) {
	key := testKey(t)
	good, err := base64.StdEncoding.DecodeString(desKey)
	require.NoError(t, err)
	b64 := base64.StdEncoding.EncodeToString
	changed := bytes.Clone(good)
	changed[80] ^= 1
	longKey, err := sm2.Encrypt(rand.Reader, &key.PublicKey, []byte("0123456789abcdefX"), sm2.ASN1EncrypterOpts)
	require.NoError(t, err)
	for name, e := range map[string]eidInfo{
		"empty": {}, "no base64": {DesKey: "*", UserInfo: user01}, "short": {DesKey: b64(good[:50]), UserInfo: user01},
		"changed": {DesKey: b64(changed), UserInfo: user01}, "0x30 alone": {DesKey: b64([]byte{0x30}), UserInfo: user01},
		"zeros": {DesKey: b64(make([]byte, 112)), UserInfo: user01}, "another length of key": {DesKey: b64(longKey), UserInfo: user01},
		"no user": {DesKey: desKey, UserInfo: ""}, "user no base64": {DesKey: desKey, UserInfo: "*"}, "user no blocks": {DesKey: desKey, UserInfo: b64([]byte("x"))},
		"user garbage":       {DesKey: desKey, UserInfo: b64(make([]byte, 32))},
		"nothing but fill":   sealUser(t, strings.Repeat("\x10", 16), 0),
		"no name":            sealUser(t, `{"idnum":"110101199003070011"}`, 0),
		"no number":          sealUser(t, `{"name":"测试甲"}`, 0),
		"a number":           sealUser(t, `{"name":"测试甲","idnum":110101199003070011}`, 0),
		"two names":          sealUser(t, `{"name":"测试甲","name":"样例乙","idnum":"110101199003070011"}`, 0),
		"two values":         sealUser(t, `{"name":"测试甲","idnum":"110101199003070011"}{}`, 0),
		"an array":           sealUser(t, `["测试甲","110101199003070011"]`, 0),
		"a null":             sealUser(t, `null`, 0),
		"bytes above 0x10":   sealUser(t, `{"name":"测试甲","idnum":"110101199003070011"}`, 0x7f),
		"for another person": {DesKey: desKey, UserInfo: sealText(t, []byte("fedcba9876543210"), `{"name":"测试甲","idnum":"110101199003070011"}`, 0)},
	} {
		_, err := decryptEidInfo(key, e)
		require.ErrorIs(t, err, errEidInfo, name)
	}
}

func TestAKeyIsReadInHexAndPEM(t *testing.T) {
	key := testKey(t)
	sec1, err := smx509.MarshalSM2PrivateKey(key)
	require.NoError(t, err)
	pkcs8, err := smx509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for _, text := range []string{
		sm2Hex, strings.ToUpper(sm2Hex), " " + sm2Hex + "\n",
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
	} {
		got, err := parseSM2Key(text)
		require.NoError(t, err)
		require.True(t, key.Equal(got))
	}
	for _, text := range []string{
		"", "x", sm2Hex[:62], sm2Hex + "00", strings.Repeat("0", 64), strings.Repeat("f", 64), "-----BEGIN PRIVATE KEY-----",
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})),
	} {
		_, err := parseSM2Key(text)
		require.ErrorIs(t, err, errSM2Key, text)
	}
}

func FuzzDecryptingNeverPanicsNorInventsAnIdentity(f *testing.F) {
	key := testKey(f)
	good, _ := base64.StdEncoding.DecodeString(desKey)
	user, _ := base64.StdEncoding.DecodeString(user01)
	f.Add(good, user)
	f.Add(good[1:], user)
	f.Add([]byte{0x30, 0x00}, user)
	der, err := sm2.Encrypt(rand.Reader, &key.PublicKey, []byte("0123456789abcdef"), sm2.ASN1EncrypterOpts)
	require.NoError(f, err)
	f.Add(der, user)
	f.Fuzz(func(t *testing.T, wrapped, user []byte) {
		b64 := base64.StdEncoding.EncodeToString
		who, err := decryptEidInfo(key, eidInfo{DesKey: b64(wrapped), UserInfo: b64(user)})
		if (err == nil) != (who.Name != "" && who.IDNum != "") {
			t.Fatalf("%v", err)
		}
	})
}
