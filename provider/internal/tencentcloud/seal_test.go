package tencentcloud

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
)

// The key of the test vectors: PKCS #8, 1024 bits, known to everybody.
const vectorKey = "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAMT0mvQOM6yeCsr29F5zh9SRutTU6LatdjbA6voeu72oK73ve7918vJ6s3YJvrJgGW3Z+t1OXFtgM6Gs+MCUQWcOGijCqYNmOMc+PoTmXUlUhtNmTiSihlSS8GaLEBScWMwl59/w1QnEgKWQo9gXQXNWU3m68SQKCBvyJnnW+0IxAgMBAAECgYBX3b5BUhKomEs9WCYV+xmmcis1JxT45nL+I1vRISPljSCSmEQPWvn7RlVIvDk4j9nYYa5iy8I1O7pdDvNcyudP36blhT3t9zOn58iO671yNw1AvforS9hy+aH/tXBX13Fn7GOu+Bit7Y+t9cWOaoXzbxPhuhTe9t5a5RoXcdsLBwJBAOEQ/OrcW31mRtp2mn1s1dd9KQ4Cq0Ij9gU9IqzKkDp5JM1d5SBXWOyYkn7fEEqBNPpSJGlS5Txxk8pnyscMNLcCQQDgBoekjJ5uqMCncTnuvS+T7ibgtBQFz7FD5I7GfFpMj0ahVZywznjpwSQriX4mJ214W71LkkRSUejj/NQJ7WhXAkEAolSjZy5amr67GfTzhsWKEyvGAcHxDfpsBulKakCL+HDKF4nCqin2DGgbOYDf+izpLicy9fiBOLBevV1RR3HJTwJBAIa8ZqhYypDTfcs3Fhi4P/1AprFOnRxBpeOnexd1gvm40koGK49LHv235AErWGuqGvTgeCETf3PjP6afUQgHeVECQQCPJj+ACmHlQVBST8jTsupYfUvmgebh2AxzmzOH5Hy2vZLlXdd9jM2F9lI1ec5SLq6kCLfgvWOfb7/U8qCz8C0w"

// What was made with it from the key ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef.
const vectorBlob = "J0ugbQHZOFXI8Gnyug2lyN4lCvxoMd5/7Ad47jRbaVE4akjrk5GWEc/5FHmY9OvjhDFfp5cmSzqE+R7IrRRqsabddHwYN+XA2dQnPmHwXdZMZAXvTt8OabHzfM7fzBPxtm6DaCOQeQjQXHqPrUmIGMUle2cF2/JLoQBQDepcK9A="

func privateKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(vectorKey)
	require.NoError(t, err)
	key, err := x509.ParsePKCS8PrivateKey(der)
	require.NoError(t, err)
	return key.(*rsa.PrivateKey)
}

func keyFile(t *testing.T, kind string, der []byte) string {
	t.Helper()
	return textFile(t, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func textFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return b
}

// Ciphertexts are those of the contract's vectors, for both forms of the IV.
func TestSealedFieldsAreTheContractsVectors(t *testing.T) {
	key := []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef")
	iv := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	require.Equal(t, "+218iIGg+jrZlAj/GL0kBA==", encrypt(key, iv, "测试甲"))
	require.Equal(t, "d7/JnuTsfx7/nwz47QVc870Pf2Zjsb1TfJiYOScOz04=", encrypt(key, iv, "110199199003070017"))
	require.Equal(t, "Yl8XLU1n8tj1P+ul2X9u9g==", encrypt(key, []byte("0123456789abcdef"), "测试甲"))
	require.Equal(t, "kuFCMlJkwZ5JeEdOj15zDPtm0QYWoYO86tVD1n/G9DU=", encrypt(key, []byte("0123456789abcdef"), "110199199003070017"))
	//lint:ignore SA1019 the padding that the vendor takes
	opened, err := rsa.DecryptPKCS1v15(nil, privateKey(t), bytesOf(t, vectorBlob))
	require.NoError(t, err)
	require.Equal(t, key, opened)
}

// What is sealed, the holder of the private key opens; no two requests share a
// key or an IV.
func TestSealingIsOpenedByTheHolderOfThePrivateKey(t *testing.T) {
	private := privateKey(t)
	path := keyFile(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey))
	for _, form := range []string{"", IVBase64, IVText} {
		sealer, err := NewSealer(SealingAES256CBC, path, form)
		require.NoError(t, err)
		seen := map[string]bool{}
		for range 3 {
			name, number := "测试甲", "110199199003070017"
			told, err := sealer.Seal("op", Field{"Name", &name}, Field{"IdCard", &number})
			require.NoError(t, err)
			require.Equal(t, []string{"Name", "IdCard"}, told.EncryptList)
			require.Equal(t, "AES-256-CBC", told.Algorithm)
			//lint:ignore SA1019 the padding that the vendor takes
			key, err := rsa.DecryptPKCS1v15(nil, private, bytesOf(t, told.CiphertextBlob))
			require.NoError(t, err)
			require.Regexp(t, regexp.MustCompile(`^[A-Z0-9]{32}$`), string(key))
			iv := []byte(told.Iv)
			if form != IVText {
				iv = bytesOf(t, told.Iv)
			}
			require.Len(t, iv, aes.BlockSize)
			require.False(t, seen[told.Iv] || seen[string(key)])
			seen[told.Iv], seen[string(key)] = true, true
			require.Equal(t, "测试甲", opened(t, key, iv, name))
			require.Equal(t, "110199199003070017", opened(t, key, iv, number))
		}
	}
}

func opened(t *testing.T, key, iv []byte, text string) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	b := bytesOf(t, text)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(b, b)
	return string(b[:len(b)-int(b[len(b)-1])])
}

func TestWithoutASealerFieldsStayAsTheyAre(t *testing.T) {
	for _, off := range []string{"", SealingOff} {
		sealer, err := NewSealer(off, "/nowhere", "")
		require.NoError(t, err)
		name := "测试甲"
		told, err := sealer.Seal("op", Field{"Name", &name})
		require.NoError(t, err)
		require.Nil(t, told)
		require.Equal(t, "测试甲", name)
	}
}

// Whatever cannot work is told at start, by the setting's name and without what
// is in the file.
func TestSealingThatCannotWorkIsRefused(t *testing.T) {
	private := privateKey(t)
	good := keyFile(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey))
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ecDER, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	short := private.PublicKey
	short.N = short.N.Rsh(short.N, 512)
	private = privateKey(t)
	even := private.PublicKey
	even.E = 2
	twice, err := os.ReadFile(good)
	require.NoError(t, err)

	type cfg struct {
		_         struct{} `prefix:"TENCENT_"`
		Algorithm string   `env:"ENCRYPTION"`
		Key       string   `env:"ENCRYPTION_KEY" secret:"path"`
		IV        string   `env:"ENCRYPTION_IV"`
	}
	for name, one := range map[string]struct {
		cfg  cfg
		want string
	}{
		"off":                    {cfg{Algorithm: "off", Key: "/nowhere"}, ""},
		"unset":                  {cfg{}, ""},
		"PKCS #1":                {cfg{Algorithm: "aes-256-cbc", Key: good}, ""},
		"X.509, IV as it is":     {cfg{Algorithm: "aes-256-cbc", Key: keyFile(t, "PUBLIC KEY", spki), IV: "text"}, ""},
		"SM4":                    {cfg{Algorithm: "sm4-gcm", Key: good}, "YANZHEN_TENCENT_ENCRYPTION must not be sm4-gcm: as the vendor publishes it, one nonce serves all fields"},
		"SM4 in the vendor's":    {cfg{Algorithm: "SM4-GCM", Key: good}, "YANZHEN_TENCENT_ENCRYPTION must not be sm4-gcm"},
		"another algorithm":      {cfg{Algorithm: "des", Key: good}, "YANZHEN_TENCENT_ENCRYPTION must be one of off, aes-256-cbc"},
		"another form of the IV": {cfg{Algorithm: "off", IV: "hex"}, "YANZHEN_TENCENT_ENCRYPTION_IV must be one of base64, text"},
		"no key":                 {cfg{Algorithm: "aes-256-cbc"}, "YANZHEN_TENCENT_ENCRYPTION_KEY is not set"},
		"no file":                {cfg{Algorithm: "aes-256-cbc", Key: "/nowhere"}, "YANZHEN_TENCENT_ENCRYPTION_KEY names a file that cannot be read"},
		"no PEM":                 {cfg{Algorithm: "aes-256-cbc", Key: textFile(t, "planted")}, "ENCRYPTION_KEY names a file that is not PEM"},
		"two keys":               {cfg{Algorithm: "aes-256-cbc", Key: textFile(t, strings.Repeat(string(twice), 2))}, "more than one key"},
		"EC":                     {cfg{Algorithm: "aes-256-cbc", Key: keyFile(t, "PUBLIC KEY", ecDER)}, "is not RSA"},
		"no key in the PEM":      {cfg{Algorithm: "aes-256-cbc", Key: keyFile(t, "PUBLIC KEY", []byte("planted"))}, "is not RSA"},
		"a private key":          {cfg{Algorithm: "aes-256-cbc", Key: keyFile(t, "PRIVATE KEY", pkcs8)}, "must name the vendor's public key"},
		"512 bits":               {cfg{Algorithm: "aes-256-cbc", Key: keyFile(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&short))}, "of an unsupported size"},
		"an even exponent":       {cfg{Algorithm: "aes-256-cbc", Key: keyFile(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&even))}, "that cannot encrypt"},
	} {
		check := settings.NewCheck(&one.cfg)
		CheckSealing(check, &one.cfg.Algorithm, &one.cfg.Key, &one.cfg.IV)
		if one.want == "" {
			require.NoError(t, check.Err(), name)
			continue
		}
		require.ErrorContains(t, check.Err(), one.want, name)
		require.NotContains(t, check.Err().Error(), "planted", name)
		if one.cfg.Algorithm == SealingAES256CBC {
			_, err := NewSealer(one.cfg.Algorithm, one.cfg.Key, one.cfg.IV)
			require.Error(t, err, name)
		}
	}
}

// No answer is ever asked for sealed, so one that says it is cannot be read and
// is not believed; a member that says nothing is none.
func TestASealedAnswerIsAContractViolation(t *testing.T) {
	for body, sealed := range map[string]bool{
		`{"Word":"heard"}`:                                               false,
		`{"Word":"heard","Encryption":null}`:                             false,
		`{"Word":"heard","Encryption":{"EncryptList":[],"Iv":""}}`:       false,
		`{"Word":"heard","Encryption":{"EncryptList":["Word"]}}`:         true,
		`{"Word":"heard","Encryption":{"CiphertextBlob":"AAAA"}}`:        true,
		`{"Word":"heard","Encryption":"AES-256-CBC"}`:                    true,
		`{"Word":"heard","encryption":{"EncryptList":["Word"],"Iv":""}}`: true,
	} {
		word, err := call(t, respond(200, `{"Response":`+body+`}`))
		if !sealed {
			require.NoError(t, err, body)
			require.Equal(t, "heard", word)
			continue
		}
		e, ok := errors.AsType[*provider.Error](err)
		require.True(t, ok, body)
		require.Equal(t, provider.ContractViolation, e.Class, body)
		require.Equal(t, "sealed", e.Code, body)
	}
}
