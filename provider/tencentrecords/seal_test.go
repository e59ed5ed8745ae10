package tencentrecords

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

func publishedKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)}), 0o600))
	return path
}

// Name and number leave sealed, the dates in plain, as in the contract's example.
func TestASealedQuestionHoldsNeitherNameNorNumber(t *testing.T) {
	v := newVendor(t, result(`"Result":"0","Description":"一致"`))
	key := publishedKey(t)
	c := clientAt(t, v.URL, func(c *Config) { c.Encryption, c.EncryptionKey = "aes-256-cbc", key })
	check, err := c.Check(t.Context(), holder)
	require.NoError(t, err)
	require.Equal(t, verification.Passed, check.Status)
	raw := string(v.bodies[0])
	require.NotContains(t, raw, holder.Name)
	require.NotContains(t, raw, holder.IDNumber)
	var body struct {
		ValidityBegin, ValidityEnd string
		Encryption                 map[string]any
	}
	require.NoError(t, json.Unmarshal(v.bodies[0], &body))
	require.Equal(t, holder.IDValidity, verification.Validity{From: body.ValidityBegin, To: body.ValidityEnd})
	require.Equal(t, []any{"Name", "IdCard"}, body.Encryption["EncryptList"])
}

// The answer to a question may have been charged, whatever it says of itself.
func TestASealedAnswerIsNoResult(t *testing.T) {
	v := newVendor(t, result(`"Result":"0","Description":"一致","Encryption":{"EncryptList":["Result"],"CiphertextBlob":"AA=="}`))
	_, err := clientAt(t, v.URL).Check(t.Context(), holder)
	e, ok := errors.AsType[*provider.Error](err)
	require.True(t, ok)
	require.Equal(t, provider.ContractViolation, e.Class)
	require.Equal(t, verification.BillableUnknown, e.Billable)
}

// One setting seals for both products, unless the records have an account of
// their own.
func TestSealingIsThatOfTencentsOtherProduct(t *testing.T) {
	var c Config
	vars := map[string]string{"YANZHEN_TENCENT_ENCRYPTION": "aes-256-cbc", "YANZHEN_TENCENT_ENCRYPTION_KEY": "/published.pem", "YANZHEN_TENCENT_ENCRYPTION_IV": "text"}
	require.Empty(t, settings.Read(&c, vars))
	require.Equal(t, []string{"aes-256-cbc", "/published.pem", "text"}, []string{c.Encryption, c.EncryptionKey, c.EncryptionIV})
	require.ErrorContains(t, c.Validate(), "YANZHEN_TENCENT_RECORDS_ENCRYPTION_KEY names a file that cannot be read")
	vars["YANZHEN_TENCENT_RECORDS_SECRET_ID"] = "own"
	c = Config{}
	require.Empty(t, settings.Read(&c, vars))
	require.Equal(t, []string{"off", "", "base64"}, []string{c.Encryption, c.EncryptionKey, c.EncryptionIV})
}
