package tencent

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
)

// sealing is a configuration that seals, under a key made for the test.
func sealing(t *testing.T) func(*Config) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)})
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return func(c *Config) { c.Encryption, c.EncryptionKey = "aes-256-cbc", path }
}

// Switched on, neither name nor number leaves in plain; a name is still measured
// before it is sealed.
func TestASealedOpeningHoldsNeitherNameNorNumber(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidToken", envelopeOf(members{"EidToken": eidToken, "Url": pageURL}))
	c, _ := v.client(sealing(t))
	_, err := c.Open(t.Context(), opening)
	require.NoError(t, err)
	body := v.requests()[0].body
	told := body["Encryption"].(map[string]any)
	require.Equal(t, []any{"Name", "IdCard"}, told["EncryptList"])
	require.Equal(t, "AES-256-CBC", told["Algorithm"])
	require.NotContains(t, told, "TagList")
	require.Len(t, told["Iv"], 24)
	text, err := json.Marshal(body)
	require.NoError(t, err)
	require.NotContains(t, string(text), subject.Name)
	require.NotContains(t, string(text), subject.IDNumber)
	require.Contains(t, string(text), opening.ReturnURL)
}

// What the vendor cannot open is ours to mend, and nothing about the person.
func TestSealingThatTheVendorCannotOpenIsOursToMend(t *testing.T) {
	for _, code := range []string{"FailedOperation.DecryptSystemError", "InvalidParameter.UnsupportEncryptField"} {
		v := newVendor(t)
		v.on("GetEidToken", apiFailure(code))
		c, _ := v.client(sealing(t))
		_, err := c.Open(t.Context(), opening)
		require.Equal(t, provider.Misconfigured, failureOf(t, err).Class)
		require.Equal(t, code, failureOf(t, err).Code)
	}
}

func TestSealingWithoutItsKeyIsRefusedAtStart(t *testing.T) {
	cfg := newVendor(t).config()
	cfg.Encryption = "aes-256-cbc"
	_, err := New(cfg)
	require.ErrorContains(t, err, "YANZHEN_TENCENT_ENCRYPTION_KEY is not set")
	cfg.Encryption = "sm4-gcm"
	_, err = New(cfg)
	require.ErrorContains(t, err, "one nonce serves all fields")
}
