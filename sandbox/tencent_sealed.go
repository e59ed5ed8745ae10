package sandbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"
)

// sampleRSAPrivate opens what callers seal for the stand-in: PKCS #8, 1024 bits
// as the vendor's own, and known to everybody.
const sampleRSAPrivate = "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAMT0mvQOM6yeCsr29F5zh9SRutTU6LatdjbA6voeu72oK73ve7918vJ6s3YJvrJgGW3Z+t1OXFtgM6Gs+MCUQWcOGijCqYNmOMc+PoTmXUlUhtNmTiSihlSS8GaLEBScWMwl59/w1QnEgKWQo9gXQXNWU3m68SQKCBvyJnnW+0IxAgMBAAECgYBX3b5BUhKomEs9WCYV+xmmcis1JxT45nL+I1vRISPljSCSmEQPWvn7RlVIvDk4j9nYYa5iy8I1O7pdDvNcyudP36blhT3t9zOn58iO671yNw1AvforS9hy+aH/tXBX13Fn7GOu+Bit7Y+t9cWOaoXzbxPhuhTe9t5a5RoXcdsLBwJBAOEQ/OrcW31mRtp2mn1s1dd9KQ4Cq0Ij9gU9IqzKkDp5JM1d5SBXWOyYkn7fEEqBNPpSJGlS5Txxk8pnyscMNLcCQQDgBoekjJ5uqMCncTnuvS+T7ibgtBQFz7FD5I7GfFpMj0ahVZywznjpwSQriX4mJ214W71LkkRSUejj/NQJ7WhXAkEAolSjZy5amr67GfTzhsWKEyvGAcHxDfpsBulKakCL+HDKF4nCqin2DGgbOYDf+izpLicy9fiBOLBevV1RR3HJTwJBAIa8ZqhYypDTfcs3Fhi4P/1AprFOnRxBpeOnexd1gvm40koGK49LHv235AErWGuqGvTgeCETf3PjP6afUQgHeVECQQCPJj+ACmHlQVBST8jTsupYfUvmgebh2AxzmzOH5Hy2vZLlXdd9jM2F9lI1ec5SLq6kCLfgvWOfb7/U8qCz8C0w"

// EncryptionKey is the public key, PEM of PKCS #1, under which callers of
// Tencent's stand-in seal fields: what the vendor publishes.
func EncryptionKey() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaPrivate().PublicKey)})
}

func rsaPrivate() *rsa.PrivateKey {
	der, _ := base64.StdEncoding.DecodeString(sampleRSAPrivate)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		panic(err) // it stands above
	}
	return key.(*rsa.PrivateKey)
}

// encryption is the member of a request that says which of its fields are sealed.
type encryption struct {
	EncryptList    []string
	CiphertextBlob string
	Iv             string
	TagList        []string
	Algorithm      string
}

// FlagSealed marks, in the ledger, a call whose fields were sealed.
const FlagSealed = "sealed"

var errSealed = errors.New("sandbox: what is sealed cannot be opened")

// unseal opens the listed fields of a request in place. The fields are those that
// the action lets callers seal; must: all of them have to be.
func (s *Sandbox) unseal(c *call, e *encryption, fields map[string]*string) *apiError {
	listed := map[string]bool{}
	if e != nil {
		for _, name := range e.EncryptList {
			listed[name] = true
			if value := fields[name]; value == nil || *value == "" {
				return &apiError{"InvalidParameter.UnsupportEncryptField", "A listed field is missing or may not be encrypted."}
			}
		}
	}
	for name, value := range fields {
		if s.cfg.Tencent.SealedOnly && *value != "" && !listed[name] {
			return &apiError{"InvalidParameter.UnsupportEncryptField", "There is a field that is not encrypted."}
		}
	}
	if len(listed) == 0 {
		return nil
	}
	c.flag = FlagSealed
	for i, name := range e.EncryptList {
		plain, err := s.openField(e, i, *fields[name])
		if err != nil {
			return &apiError{"FailedOperation.DecryptSystemError", "The field cannot be decrypted."}
		}
		*fields[name] = plain
	}
	return nil
}

// openField opens one field, which is the list's i-th.
func (s *Sandbox) openField(e *encryption, i int, text string) (string, error) {
	wrapped, err1 := base64.StdEncoding.DecodeString(e.CiphertextBlob)
	sealed, err2 := base64.StdEncoding.DecodeString(text)
	iv, err3 := s.iv(e)
	if errors.Join(err1, err2, err3) != nil {
		return "", errSealed
	}
	switch e.Algorithm {
	case "", "AES-256-CBC":
		//lint:ignore SA1019 the padding that the vendor takes
		key, err := rsa.DecryptPKCS1v15(nil, rsaPrivate(), wrapped)
		if err != nil {
			return "", errSealed
		}
		return openCBC(key, iv, sealed)
	case "SM4-GCM":
		key, err := sm2.Decrypt(sampleSM2(), wrapped)
		if err != nil || i >= len(e.TagList) {
			return "", errSealed
		}
		tag, err := base64.StdEncoding.DecodeString(e.TagList[i])
		if err != nil {
			return "", errSealed
		}
		return openGCM(key, iv, append(sealed, tag...))
	}
	return "", errSealed
}

// iv reads the IV in the form that the stand-in is set to: the vendor's samples
// send base64, the comment on the field says 16 characters.
func (s *Sandbox) iv(e *encryption) ([]byte, error) {
	if s.cfg.Tencent.SealedIV == SealedIVText {
		return []byte(e.Iv), nil
	}
	return base64.StdEncoding.DecodeString(e.Iv)
}

func openCBC(key, iv, sealed []byte) (string, error) {
	block, err := aes.NewCipher(key)
	if err != nil || len(key) != 32 || len(iv) != aes.BlockSize || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return "", errSealed
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(sealed, sealed)
	fill := int(sealed[len(sealed)-1])
	if fill < 1 || fill > aes.BlockSize {
		return "", errSealed
	}
	for _, b := range sealed[len(sealed)-fill:] {
		if int(b) != fill {
			return "", errSealed
		}
	}
	return string(sealed[:len(sealed)-fill]), nil
}

func openGCM(key, nonce, sealed []byte) (string, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return "", errSealed
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(nonce) != gcm.NonceSize() {
		return "", errSealed
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return "", errSealed
	}
	return string(plain), nil
}

func sampleSM2() *sm2.PrivateKey {
	d, err := hex.DecodeString(sampleSM2Private)
	if err != nil {
		panic(err) // it stands in this package
	}
	// SEC 1, with the curve's identifier of GB/T 33560.
	der, err := asn1.Marshal(struct {
		Version int
		D       []byte
		Curve   asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	}{1, d, asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}})
	if err != nil {
		panic(err)
	}
	key, err := smx509.ParseSM2PrivateKey(der)
	if err != nil {
		panic(err)
	}
	return key
}

// peekSealed finds whom a sealed call is about.
func (s *Sandbox) peekSealed(body []byte, number string) string {
	var q struct{ Encryption *encryption }
	if json.Unmarshal(body, &q) != nil || q.Encryption == nil {
		return number
	}
	for i, name := range q.Encryption.EncryptList {
		if name != "IdCard" {
			continue
		}
		if plain, err := s.openField(q.Encryption, i, number); err == nil {
			return plain
		}
	}
	return number
}
