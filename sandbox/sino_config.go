package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// SinoConfig sets the stand-in of Fill Easy's Sino Connect. Most of what it
// switches is nowhere published; the defaults are the likelier habits.
type SinoConfig struct {
	Clients []SinoClient
	// AuthStatus is the HTTP status of bad credentials: 401, 403 or 400.
	AuthStatus int
	// KeyMode says how chip tokens are encrypted: KeyRSA, KeyECDH or KeyDir.
	KeyMode string
	// MerchantJWKS is the JWK set with the merchant's public keys, to which chip
	// tokens are encrypted. Empty: the sandbox makes a pair of its own, see
	// ChipKeys.
	MerchantJWKS []byte
	// SharedKey is the key of KeyDir, 32 bytes.
	SharedKey []byte
	// OmitKid leaves `kid` out of the tokens' headers.
	OmitKid bool
	// NestedSecret, if set, makes a token's plain text a JWT signed with it
	// (HS256), instead of plain JSON.
	NestedSecret []byte
	// ReqidTTL is the life of a scan (assumed: 300 s); MaxReads is how often it
	// can be read in that time (assumed: 10).
	ReqidTTL time.Duration
	MaxReads int
	// FaceTTL is the life of a face session, and of its pictures after it ended.
	FaceTTL time.Duration
	// Pending is how a poll is answered that comes too early: Pending202,
	// Pending200 or Pending400.
	Pending string
	// Pictures is the form of captured images: PicturesBase64, PicturesDataURL or
	// PicturesURL.
	Pictures string
	// ResultRepeats lets pictures be fetched again; otherwise the first answer
	// with them is the only one.
	ResultRepeats bool
	// Rate is the limit in calls a second and client; unpublished.
	Rate float64
}

// SinoClient is one pair of x-client-id and x-client-secret.
type SinoClient struct{ ID, Secret string }

// Values of the switches above.
const (
	KeyRSA  = "RSA-OAEP-256"
	KeyECDH = "ECDH-ES+A256KW"
	KeyDir  = "dir"

	Pending202 = "202-message"
	Pending200 = "200-message"
	Pending400 = "400-error"

	PicturesBase64  = "base64"
	PicturesDataURL = "dataurl"
	PicturesURL     = "url"
)

// Credentials of DefaultConfig. They open nothing but the sandbox.
const (
	DefaultSinoClientID     = "sandbox-sino-client"
	DefaultSinoClientSecret = "sandbox-sino-secret"
)

func defaultSino() SinoConfig {
	return SinoConfig{
		Clients:    []SinoClient{{DefaultSinoClientID, DefaultSinoClientSecret}},
		AuthStatus: 401,
		KeyMode:    KeyRSA,
		ReqidTTL:   300 * time.Second,
		MaxReads:   10,
		FaceTTL:    600 * time.Second,
		Pending:    Pending202,
		Pictures:   PicturesBase64,
		Rate:       50,
	}
}

func (c SinoConfig) withDefaults() SinoConfig {
	d := defaultSino()
	orElse(&c.AuthStatus, d.AuthStatus)
	orElse(&c.KeyMode, d.KeyMode)
	orElse(&c.ReqidTTL, d.ReqidTTL)
	orElse(&c.MaxReads, d.MaxReads)
	orElse(&c.FaceTTL, d.FaceTTL)
	orElse(&c.Pending, d.Pending)
	orElse(&c.Pictures, d.Pictures)
	orElse(&c.Rate, d.Rate)
	return c
}

func (c SinoConfig) faults() []error {
	faults := []error{
		mustBeOneOf("Sino.AuthStatus", c.AuthStatus, 401, 403, 400),
		mustBeOneOf("Sino.KeyMode", c.KeyMode, KeyRSA, KeyECDH, KeyDir),
		mustBeOneOf("Sino.Pending", c.Pending, Pending202, Pending200, Pending400),
		mustBeOneOf("Sino.Pictures", c.Pictures, PicturesBase64, PicturesDataURL, PicturesURL),
	}
	if len(c.SharedKey) != 32 && (c.KeyMode == KeyDir || len(c.SharedKey) != 0) {
		faults = append(faults, errors.New("sandbox: Sino.SharedKey must have 32 bytes"))
	}
	if len(c.MerchantJWKS) != 0 {
		keys, err := parseChipKeys(c.MerchantJWKS)
		if err == nil && (c.KeyMode == KeyRSA && keys.rsa == nil || c.KeyMode == KeyECDH && keys.ec == nil) {
			err = fmt.Errorf("holds no key for %s", c.KeyMode)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("sandbox: Sino.MerchantJWKS: %w", err))
		}
	}
	return faults
}
