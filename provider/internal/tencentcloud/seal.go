package tencentcloud

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// How personal fields of a request are sealed: the values of the settings that
// CheckSealing and NewSealer are given. An empty one stands for the first.
const (
	SealingOff       = "off"
	SealingAES256CBC = "aes-256-cbc"

	// IVBase64 sends 16 random bytes in base64, as the vendor's own samples do.
	IVBase64 = "base64"
	// IVText sends 16 letters and digits, which are the IV's bytes, as the comment
	// on the field and the older guide have it.
	IVText = "text"
)

// Sealer seals fields of requests for Tencent's member Encryption. A nil one
// leaves them as they are.
type Sealer struct {
	key  *rsa.PublicKey
	text bool // the IV is sent as it is
}

// Field is one field of a request, by the name that the vendor gives it.
type Field struct {
	Name  string
	Value *string
}

// Sealed is the request's member Encryption. TagList has no place in it: it
// belongs to SM4-GCM.
type Sealed struct {
	EncryptList    []string
	CiphertextBlob string
	Iv             string
	Algorithm      string
}

// CheckSealing reports what is wrong with three settings: the algorithm, the
// path of the vendor's public key, and the IV's form.
func CheckSealing(check *settings.Check, algorithm, keyFile, iv *string) {
	if strings.EqualFold(*algorithm, "sm4-gcm") {
		check.Bad(algorithm, "must not be sm4-gcm: as the vendor publishes it, one nonce serves all fields under one key, and name and number can be told from what is sent. Use %s", SealingAES256CBC)
		return
	}
	check.OneOf(algorithm, "", SealingOff, SealingAES256CBC)
	check.OneOf(iv, "", IVBase64, IVText)
	if *algorithm != SealingAES256CBC {
		return
	}
	if *keyFile == "" {
		check.Bad(keyFile, "is not set: %s needs the path of the vendor's public key", SealingAES256CBC)
	} else if _, err := readKey(*keyFile); err != nil {
		check.Bad(keyFile, "%s", err)
	}
}

// NewSealer makes what the settings say; nil: fields stay as they are.
func NewSealer(algorithm, keyFile, iv string) (*Sealer, error) {
	if algorithm == "" || algorithm == SealingOff {
		return nil, nil
	}
	key, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	return &Sealer{key: key, text: iv == IVText}, nil
}

// Sizes of the vendor's key in bits. The published one has 1024, below which
// crypto/rsa refuses; nobody publishes more than 4096.
const minKey, maxKey = 1024, 4096

// readKey reads the vendor's public key, PEM of PKCS #1 or of X.509.
func readKey(path string) (*rsa.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New("names a file that cannot be read")
	}
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("names a file that is not PEM")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("names a file with more than one key")
	}
	var key any
	switch block.Type {
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	default: // a private key, a certificate
		return nil, errors.New("must name the vendor's public key, PUBLIC KEY or RSA PUBLIC KEY")
	}
	public, isRSA := key.(*rsa.PublicKey)
	switch {
	case err != nil || !isRSA: // SM2 does not even parse
		return nil, errors.New("names a key that is not RSA")
	case public.N.BitLen() < minKey || public.N.BitLen() > maxKey:
		return nil, errors.New("names an RSA key of an unsupported size: want 1024 to 4096 bits")
	}
	if _, err := (&Sealer{key: public}).Seal("", Field{"", new(string)}); err != nil {
		return nil, errors.New("names an RSA key that cannot encrypt")
	}
	return public, nil
}

// Seal puts ciphertext into the fields and returns the member that tells the
// vendor so; nil: there is no sealer. Each call has its own key and IV.
func (s *Sealer) Seal(op string, fields ...Field) (*Sealed, error) {
	if s == nil {
		return nil, nil
	}
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv) // never fails
	sent := base64.StdEncoding.EncodeToString(iv)
	if s.text {
		iv = letters(aes.BlockSize)
		sent = string(iv)
	}
	key := letters(32)
	//lint:ignore SA1019 the padding that the vendor takes
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, s.key, key)
	if err != nil {
		return nil, &provider.Error{Op: op, Class: provider.Misconfigured, Code: "sealing", Reason: verification.ProviderMisconfigured, Billable: verification.BillableNo}
	}
	out := &Sealed{CiphertextBlob: base64.StdEncoding.EncodeToString(wrapped), Iv: sent, Algorithm: "AES-256-CBC"}
	for _, f := range fields {
		*f.Value = encrypt(key, iv, *f.Value)
		out.EncryptList = append(out.EncryptList, f.Name)
	}
	return out, nil
}

// encrypt is AES-CBC with PKCS #7's padding, in base64.
func encrypt(key, iv []byte, plain string) string {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key's length is ours
	}
	missing := aes.BlockSize - len(plain)%aes.BlockSize
	text := append([]byte(plain), bytes.Repeat([]byte{byte(missing)}, missing)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	return base64.StdEncoding.EncodeToString(text)
}

// letters draws letters and digits, 5 bits in each: the vendor's samples draw
// their keys from such, and whoever takes bytes takes these.
func letters(n int) []byte {
	var text string
	for len(text) < n {
		text += rand.Text()
	}
	return []byte(text[:n])
}
