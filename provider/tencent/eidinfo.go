package tencent

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
)

var (
	errSM2Key  = errors.New("tencent: no SM2 private key")
	errEidInfo = errors.New("tencent: EidInfo does not match the contract")
)

// sm2Curve names the curve in keys (GM/T 0006-2012).
var sm2Curve = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}

// parseSM2Key reads a private key: 64 hex digits, or PEM with PKCS #8 or SEC 1
// in it. Its errors hold nothing of the key.
func parseSM2Key(text string) (*sm2.PrivateKey, error) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "-----BEGIN ") {
		return parseHexKey(text)
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errSM2Key
	}
	if key, err := smx509.ParseSM2PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errSM2Key
	}
	if key, ok := key.(*sm2.PrivateKey); ok {
		return key, nil
	}
	return nil, errSM2Key
}

func parseHexKey(text string) (*sm2.PrivateKey, error) {
	d, err := hex.DecodeString(text)
	if err != nil || len(d) != 32 || len(bytes.Trim(d, "\x00")) == 0 {
		return nil, errSM2Key
	}
	// SEC 1: the parser checks the range and computes the public key.
	der, err := asn1.Marshal(struct {
		Version int
		D       []byte
		Curve   asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	}{1, d, sm2Curve})
	if err != nil {
		return nil, errSM2Key
	}
	key, err := smx509.ParseSM2PrivateKey(der)
	if err != nil {
		return nil, errSM2Key
	}
	return key, nil
}

// decryptEidInfo opens the identity that the person gave at the vendor
// (https://cloud.tencent.com/document/product/1007/63370): the session key is
// encrypted with SM2, the identity with it in SM4-ECB.
func decryptEidInfo(key *sm2.PrivateKey, e eidInfo) (userInfo, error) {
	wrapped, err := base64.StdEncoding.DecodeString(e.DesKey)
	if err != nil {
		return userInfo{}, errEidInfo
	}
	sessionKey, err := unwrapKey(key, wrapped)
	if err != nil {
		return userInfo{}, err
	}
	text, err := base64.StdEncoding.DecodeString(e.UserInfo)
	if err != nil || len(text) == 0 || len(text)%sm4.BlockSize != 0 {
		return userInfo{}, errEidInfo
	}
	block, err := sm4.NewCipher(sessionKey)
	if err != nil {
		return userInfo{}, errEidInfo
	}
	for i := 0; i < len(text); i += sm4.BlockSize {
		block.Decrypt(text[i:i+sm4.BlockSize], text[i:i+sm4.BlockSize])
	}
	// What fills the last block is not documented: PKCS #7, zeros and blanks
	// all end up here. JSON ends with a brace, so nothing of it is lost.
	for len(text) > 0 && text[len(text)-1] <= sm4.BlockSize {
		text = text[:len(text)-1]
	}
	var who userInfo
	if strictjson.CheckFolded(text) != nil || json.Unmarshal(text, &who) != nil || who.Name == "" || who.IDNum == "" {
		return userInfo{}, errEidInfo
	}
	return who, nil
}

const (
	rawLength    = 1 + 64 + 32 + 16 // point, hash and a key of 16 bytes
	uncompressed = 0x04
	derSequence  = 0x30
)

// unwrapKey decrypts the session key. The encoding is not documented; forms
// are told apart by length and first byte. The order of hash and ciphertext is
// told by trying, which is safe: the hash is checked.
func unwrapKey(key *sm2.PrivateKey, wrapped []byte) ([]byte, error) {
	switch {
	case len(wrapped) == rawLength && wrapped[0] == uncompressed:
	case len(wrapped) == rawLength-1:
		wrapped = append([]byte{uncompressed}, wrapped...)
	case len(wrapped) > 0 && wrapped[0] == derSequence:
	default:
		return nil, errEidInfo
	}
	for _, opts := range []*sm2.DecrypterOpts{
		sm2.NewPlainDecrypterOpts(sm2.C1C3C2), // the standard's order, GB/T 32918.4-2016; DER has its own
		sm2.NewPlainDecrypterOpts(sm2.C1C2C3), // the draft's
	} {
		if k, err := key.Decrypt(nil, wrapped, opts); err == nil && len(k) == sm4.BlockSize {
			return k, nil
		}
	}
	return nil, errEidInfo
}
