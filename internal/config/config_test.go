package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	secret = "s3cr3t-that-must-not-be-shown"
	hash   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "yanzhen.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return "YANZHEN_CONFIG=" + path
}

func TestDefaultsLoadWithTheBuiltInPolicies(t *testing.T) {
	c, err := config.Load(nil, config.Needs{})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.API)
	require.Equal(t, 600*time.Second, c.Tencent.TokenTTL)

	p := c.Policies["cn-resident"]
	require.NoError(t, p.Validate())
	for _, check := range []verification.CheckType{verification.DocumentValidity, verification.IdentityRecords, verification.Liveness, verification.FaceMatch} {
		require.Equal(t, verification.Required, p.Requirement(check), check)
	}
	require.Equal(t, verification.IfAvailable, p.Requirement(verification.HolderMatch))
	require.Equal(t, verification.Off, p.Requirement(verification.DocumentChip))
	require.Equal(t, []string{"tencent_eid"}, p.FaceProviders)
	require.Equal(t, "acedata", p.RecordsProvider)
	require.Equal(t, 30*time.Minute, p.StartPatience)
}

func TestAConfiguredPolicyOverridesWhatItNamesAndKeepsTheRest(t *testing.T) {
	c, err := config.Load([]string{file(t, `
policies:
  - name: cn-resident
    version: 2
    checks: {holder_match: required}
    start_patience: 10s
  - name: records-only
    version: 1
    checks: {identity_records: required}
    records_provider: acedata
    review_deadline: 24h
`)}, config.Needs{})
	require.NoError(t, err)
	p := c.Policies["cn-resident"]
	require.Equal(t, 2, p.Version)
	require.Equal(t, verification.Required, p.Requirement(verification.HolderMatch))
	require.Equal(t, verification.Required, p.Requirement(verification.FaceMatch), "kept from the built-in one")
	require.Equal(t, 10*time.Second, p.StartPatience)
	require.Equal(t, 24*time.Hour, p.RecordsPatience, "kept from the default")
	require.Equal(t, 24*time.Hour, c.Policies["records-only"].ReviewDeadline)
	require.Equal(t, verification.IfAvailable, config.BuiltIn()["cn-resident"].Requirement(verification.HolderMatch),
		"the built-in policy itself is untouched")
}

func TestEveryFaultIsToldAtOnceWithItsNameAndWithoutItsValue(t *testing.T) {
	_, err := config.Load([]string{
		"YANZHEN_PUBLIC_URL=http://kyc.example.com",
		"YANZHEN_STORE=" + secret,
		"YANZHEN_LOG_LEVEL=" + secret,
		"YANZHEN_TENCENT_SECRET_KEY=" + secret,
		"YANZHEN_TENCENT_TOKEN_TTL=" + secret,
		"YANZHEN_TENCENT_SM2_PRIVATE_KEY=" + secret,
		"YANZHEN_TENCENT_SCHEME=http",
		"YANZHEN_ACEDATA_TOKEN=platform-" + secret,
		"YANZHEN_TENCENT_SECRETID=" + secret,
		file(t, "clients:\n  - id: Shop\n    key_hashes: ["+secret+"]\n    scopes: [all]\n    return_urls: ['http://shop.example', 'https://u:p@shop.example']\n"+
			"policies:\n  - name: cn-resident\n    version: 1\n    attempts: 0\n    retry_window: 0s\n"),
	}, config.Needs{Keys: true, CheckClients: func(cl []config.Client) error {
		require.Len(t, cl, 1)
		return errors.Join(errors.New("first thing about clients"), errors.New("second thing"))
	}})
	require.Error(t, err)
	text := err.Error()
	require.NotContains(t, text, secret)
	for _, want := range []string{
		"YANZHEN_PUBLIC_URL must be https",
		"YANZHEN_STORE must begin with sqlite: or postgres://",
		"YANZHEN_LOG_LEVEL is not a level: debug, info, warn or error",
		"YANZHEN_TENCENT_TOKEN_TTL is not a duration such as 10s or 5m",
		"YANZHEN_TENCENT_SECRET_ID is not set, but another of Tencent's credentials is",
		"YANZHEN_TENCENT_MERCHANT_ID is not set",
		"YANZHEN_TENCENT_SM2_PRIVATE_KEY must be 64 hex digits",
		"YANZHEN_TENCENT_SCHEME must be https",
		"YANZHEN_ACEDATA_TOKEN is an account token",
		"YANZHEN_TENCENT_SECRETID is no setting; did you mean YANZHEN_TENCENT_SECRET_ID?",
		"clients[0].id must be lower case",
		`YANZHEN_CONFIG: first thing about clients`,
		`YANZHEN_CONFIG: second thing`,
		`policy "cn-resident": attempts must be 1 or more`,
		`policy "cn-resident": retry_window must be more than 0`,
		"its version must be higher",
		"YANZHEN_KEYS is not set",
	} {
		require.Contains(t, text, want)
	}
}

func TestTheCatalogueIsStrict(t *testing.T) {
	for name, text := range map[string]string{
		"unknown member": "policies:\n  - name: a\n    patience: 3s\n",
		"repeated":       "clients: []\nclients: []\n",
		"wrong type":     "clients: 3\n",
		"bad duration":   "policies:\n  - name: a\n    version: 1\n    retry_window: soon\n",
		"not YAML":       "clients: [\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load([]string{file(t, text)}, config.Needs{})
			require.ErrorContains(t, err, "YANZHEN_CONFIG")
		})
	}
	_, err := config.Load([]string{file(t, "")}, config.Needs{})
	require.NoError(t, err, "an empty file says nothing, and may")
	_, err = config.Load([]string{"YANZHEN_CONFIG=/nowhere/at/all.yaml"}, config.Needs{})
	require.ErrorContains(t, err, "cannot be read")
}

func TestAPolicyNamingAProviderThatIsNotConfiguredIsAFault(t *testing.T) {
	_, err := config.Load([]string{"YANZHEN_ACEDATA_TOKEN=t"}, config.Needs{Providers: true})
	require.ErrorContains(t, err, "policy cn-resident needs the provider tencent_eid, which is not configured: set YANZHEN_TENCENT_SECRET_ID")
	require.NotContains(t, err.Error(), "provider acedata")

	_, err = config.Load([]string{file(t, `
policies:
  - {name: other, version: 1, checks: {liveness: required}, face_providers: [nobody]}
`)}, config.Needs{Providers: true})
	require.ErrorContains(t, err, `policy other names the provider "nobody"`)
}

func TestAKeyFileOpenToOthersIsAFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o644))
	_, err := config.Load([]string{"YANZHEN_KEYS=" + path}, config.Needs{Keys: true})
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = config.Load([]string{"YANZHEN_KEYS=" + path}, config.Needs{Keys: true})
	require.NoError(t, err)
}

func TestPrintedSettingsShowNoSecret(t *testing.T) {
	c, err := config.Load([]string{
		"YANZHEN_TENCENT_SECRET_ID=" + secret, "YANZHEN_TENCENT_SECRET_KEY=" + secret, "YANZHEN_TENCENT_MERCHANT_ID=m1",
		"YANZHEN_TENCENT_SM2_PRIVATE_KEY=" + strings.Repeat("ab", 32),
		"YANZHEN_ACEDATA_TOKEN=" + secret, "YANZHEN_API_KEY=" + secret,
		"YANZHEN_STORE=postgres://yz:" + secret + "@db/yz?password=" + secret,
		file(t, "clients:\n  - {id: shop, key_hashes: ['"+hash+"'], scopes: ['verifications:read']}\n"),
	}, config.Needs{Providers: true, Clients: true})
	require.NoError(t, err)
	for _, text := range []string{c.String(), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v", *c)} {
		require.NotContains(t, text, secret)
		require.NotContains(t, text, "abab")
		require.NotContains(t, text, hash)
		require.Contains(t, text, "YANZHEN_TENCENT_MERCHANT_ID=m1")
		require.Contains(t, text, "YANZHEN_TENCENT_SECRET_KEY=***")
		require.Contains(t, text, "YANZHEN_STORE=postgres://yz:xxx@db/yz")
		require.Contains(t, text, "client shop")
	}
}

// The README's table is the one that the code holds.
func TestReadmeShowsTheSettingsAsTheyAre(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), config.Markdown(), "run `go run . config --markdown` and put its output into README.md")
}
