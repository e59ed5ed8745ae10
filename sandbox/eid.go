package sandbox

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
)

// NewSM2Key makes a merchant's key pair: the private scalar (32 bytes) for the
// system under test and the public point (04||X||Y) for MerchantPublicKey, both
// in lower-case hex.
func NewSM2Key() (privateHex, publicHex string) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	point := append([]byte{4}, key.X.FillBytes(make([]byte, 32))...)
	point = append(point, key.Y.FillBytes(make([]byte, 32))...)
	return hex.EncodeToString(key.D.FillBytes(make([]byte, 32))), hex.EncodeToString(point)
}

func parseSM2PublicKey(text string) (*ecdsa.PublicKey, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 65 || raw[0] != 4 {
		return nil, errors.New("must be hex of 04||X||Y, 65 bytes")
	}
	//lint:ignore SA1019 ecdsa.ParseUncompressedPublicKey knows the NIST curves only
	key := &ecdsa.PublicKey{Curve: sm2.P256(), X: new(big.Int).SetBytes(raw[1:33]), Y: new(big.Int).SetBytes(raw[33:])}
	//lint:ignore SA1019 as above
	if !key.IsOnCurve(key.X, key.Y) {
		return nil, errors.New("is not a point of the SM2 curve")
	}
	return key, nil
}

// holder is the plain text of UserInfo.
type holder struct {
	Name   string `json:"name"`
	IDType string `json:"idtype"` // "01": resident identity card
	IDNum  string `json:"idnum"`
}

// sealHolder encrypts an identity as EidInfo carries it: a fresh 16-byte SM4 key
// wrapped with the merchant's SM2 key, the text in SM4-ECB under it.
func sealHolder(pub *ecdsa.PublicKey, h holder, keyForm, fill string) (desKey, userInfo string, err error) {
	session := make([]byte, 16)
	_, _ = rand.Read(session)
	wrapped, err := wrapKey(pub, session, keyForm)
	if err != nil {
		return "", "", err
	}
	plain, err := json.Marshal(h)
	if err != nil {
		return "", "", err
	}
	block, err := sm4.NewCipher(session)
	if err != nil {
		return "", "", err
	}
	plain = fillBlock(plain, fill)
	for i := 0; i < len(plain); i += sm4.BlockSize {
		block.Encrypt(plain[i:], plain[i:])
	}
	return base64.StdEncoding.EncodeToString(wrapped), base64.StdEncoding.EncodeToString(plain), nil
}

func fillBlock(plain []byte, fill string) []byte {
	missing := (sm4.BlockSize - len(plain)%sm4.BlockSize) % sm4.BlockSize
	filler := byte(missing)
	if fill == FillNUL {
		filler = 0
	}
	for range missing {
		plain = append(plain, filler)
	}
	return plain
}

func wrapKey(pub *ecdsa.PublicKey, key []byte, form string) ([]byte, error) {
	switch form {
	case DesKeyDER:
		return sm2.EncryptASN1(rand.Reader, pub, key)
	case DesKeyC1C2C3:
		return sm2.Encrypt(rand.Reader, pub, key, sm2.NewPlainEncrypterOpts(sm2.MarshalUncompressed, sm2.C1C2C3))
	}
	raw, err := sm2.Encrypt(rand.Reader, pub, key, sm2.NewPlainEncrypterOpts(sm2.MarshalUncompressed, sm2.C1C3C2))
	if err != nil || form != DesKeyRaw {
		return raw, err
	}
	return raw[1:], nil
}
