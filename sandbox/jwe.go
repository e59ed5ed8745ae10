package sandbox

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"strings"
	"sync"
)

// Encryption of chip tokens (RFC 7516, 7518), from the standard library alone:
// who decrypts them with a JOSE library finds another implementation here.

var b64 = base64.RawURLEncoding

// chipKeys are the keys to which chip tokens are encrypted.
type chipKeys struct {
	rsa          *rsa.PublicKey
	ec           *ecdh.PublicKey
	rsaID, ecID  string
	shared       []byte
	private      []byte // the private set, if the sandbox made the pair itself
	nestedSecret []byte
}

type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid,omitempty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	D   string `json:"d,omitempty"`
	P   string `json:"p,omitempty"`
	Q   string `json:"q,omitempty"`
	Dp  string `json:"dp,omitempty"`
	Dq  string `json:"dq,omitempty"`
	Qi  string `json:"qi,omitempty"`
}

type jwkSet struct {
	Keys []jwk `json:"keys"`
}

// NewChipKeys makes a merchant's keys for chip tokens, RSA of 2048 bit and EC on
// P-256: the private JWK set for the system under test, and the public one for
// SinoConfig.MerchantJWKS.
func NewChipKeys() (privateJWKS, publicJWKS []byte) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	e, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	integer := func(n *big.Int) string { return b64.EncodeToString(n.Bytes()) }
	point := e.PublicKey().Bytes() // 04||X||Y
	public := jwkSet{[]jwk{
		{Kty: "RSA", Kid: "sandbox-rsa-1", Use: "enc", Alg: KeyRSA, N: integer(r.N), E: integer(big.NewInt(int64(r.E)))},
		{Kty: "EC", Kid: "sandbox-ec-1", Use: "enc", Alg: KeyECDH, Crv: "P-256", X: b64.EncodeToString(point[1:33]), Y: b64.EncodeToString(point[33:])},
	}}
	private := jwkSet{append([]jwk{}, public.Keys...)}
	k := &private.Keys[0]
	k.D, k.P, k.Q = integer(r.D), integer(r.Primes[0]), integer(r.Primes[1])
	k.Dp, k.Dq, k.Qi = integer(r.Precomputed.Dp), integer(r.Precomputed.Dq), integer(r.Precomputed.Qinv)
	private.Keys[1].D = b64.EncodeToString(e.Bytes())
	return mustMarshal(private), mustMarshal(public)
}

func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // own structs only
	}
	return b
}

var curves = map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()}

// parseChipKeys takes the first RSA and the first EC key of a set.
func parseChipKeys(set []byte) (chipKeys, error) {
	var keys chipKeys
	var decoded jwkSet
	if json.Unmarshal(set, &decoded) != nil {
		return keys, errors.New("is not a JWK set")
	}
	for _, k := range decoded.Keys {
		if k.D != "" {
			return keys, errors.New("holds a private key, which belongs to the merchant alone")
		}
		n, errN := b64.DecodeString(k.N)
		e, errE := b64.DecodeString(k.E)
		x, errX := b64.DecodeString(k.X)
		y, errY := b64.DecodeString(k.Y)
		switch {
		case errors.Join(errN, errE, errX, errY) != nil:
			return keys, errors.New("has a property that is not base64url")
		case k.Kty == "RSA" && keys.rsa == nil:
			keys.rsa = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
			keys.rsaID = k.Kid
			if keys.rsa.N.BitLen() < 2048 || keys.rsa.E < 3 {
				return keys, errors.New("holds an RSA key under 2048 bit")
			}
		case k.Kty == "EC" && keys.ec == nil && curves[k.Crv] != nil:
			public, err := curves[k.Crv].NewPublicKey(append(append([]byte{4}, x...), y...))
			if err != nil {
				return keys, errors.New("holds an EC key that is no point of its curve")
			}
			keys.ec, keys.ecID = public, k.Kid
		}
	}
	return keys, nil
}

// sealing says how one token is made.
type sealing struct {
	mode     string
	omitKid  bool
	compress bool           // with `zip`: "DEF"
	extra    map[string]any // header members beside alg, enc, kid
}

// seal encrypts a plain text into a compact JWE with A256GCM.
func (k chipKeys) seal(plain []byte, how sealing) string {
	header := map[string]any{"alg": how.mode, "enc": "A256GCM"}
	maps.Copy(header, how.extra)
	if k.nestedSecret != nil {
		plain, header["cty"] = []byte(signHS256(k.nestedSecret, plain)), "JWT"
	}
	if how.compress {
		plain, header["zip"] = deflate(plain), "DEF"
	}
	content := random(32)
	var wrapped []byte
	kid := ""
	switch how.mode {
	case KeyDir:
		content, kid = k.shared, "sandbox-shared-1"
	case KeyECDH:
		kid = k.ecID
		wrapped = k.wrapECDH(content, header)
	default:
		kid = k.rsaID
		var err error
		if wrapped, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, k.rsa, content, nil); err != nil {
			panic(err) // the key was checked
		}
	}
	if !how.omitKid && kid != "" {
		header["kid"] = kid
	}
	protected := b64.EncodeToString(mustMarshal(header))
	block, err := aes.NewCipher(content)
	if err != nil {
		panic(err) // 32 bytes, always
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	iv := random(12)
	sealed := gcm.Seal(nil, iv, plain, []byte(protected))
	body, tag := sealed[:len(sealed)-16], sealed[len(sealed)-16:]
	return strings.Join([]string{protected, b64.EncodeToString(wrapped), b64.EncodeToString(iv), b64.EncodeToString(body), b64.EncodeToString(tag)}, ".")
}

// wrapECDH agrees on a key with a fresh pair, whose public half goes into the
// header (RFC 7518, 4.6), and wraps the content key with it.
func (k chipKeys) wrapECDH(content []byte, header map[string]any) []byte {
	fresh, err := k.ec.Curve().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	agreed, err := fresh.ECDH(k.ec)
	if err != nil {
		panic(err) // the key was checked
	}
	point := fresh.PublicKey().Bytes()
	half := (len(point) - 1) / 2
	name := ""
	for n, c := range curves {
		if c == k.ec.Curve() {
			name = n
		}
	}
	header["epk"] = jwk{Kty: "EC", Crv: name, X: b64.EncodeToString(point[1 : 1+half]), Y: b64.EncodeToString(point[1+half:])}
	return wrapAES(concatKDF(agreed, KeyECDH), content)
}

// concatKDF derives 32 bytes for an algorithm with empty apu and apv.
func concatKDF(agreed []byte, algorithm string) []byte {
	b := append([]byte{0, 0, 0, 1}, agreed...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(algorithm)))
	b = append(b, algorithm...)
	b = append(b, make([]byte, 8)...)          // apu and apv, no bytes each
	b = binary.BigEndian.AppendUint32(b, 32*8) // bits wanted
	sum := sha256.Sum256(b)
	return sum[:]
}

// wrapAES is AES key wrap (RFC 3394, 2.2.1).
func wrapAES(kek, key []byte) []byte {
	block, err := aes.NewCipher(kek)
	if err != nil {
		panic(err)
	}
	out := append(bytes.Repeat([]byte{0xA6}, 8), key...)
	buf := make([]byte, 16)
	for j := range 6 {
		for i := 1; i <= len(key)/8; i++ {
			copy(buf, out[:8])
			copy(buf[8:], out[8*i:8*i+8])
			block.Encrypt(buf, buf)
			step := uint64(j*len(key)/8 + i)
			binary.BigEndian.PutUint64(out[:8], binary.BigEndian.Uint64(buf[:8])^step)
			copy(out[8*i:], buf[8:])
		}
	}
	return out
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func deflate(plain []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // the level exists
	_, _ = w.Write(plain)
	_ = w.Close()
	return b.Bytes()
}

// signHS256 makes a compact JWT of claims as they are.
func signHS256(secret, claims []byte) string {
	text := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64.EncodeToString(claims)
	return text + "." + b64.EncodeToString(hmacSHA256(secret, text))
}

// strangerKeys belong to nobody: what is sealed to them cannot be opened.
var strangerKeys = sync.OnceValue(func() chipKeys {
	_, public := NewChipKeys()
	keys, err := parseChipKeys(public)
	if err != nil {
		panic(err) // own keys
	}
	keys.shared = random(32)
	return keys
})
