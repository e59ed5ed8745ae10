package cmd

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// chipToken is a token as the stand-in hands it out, and the file of the keys
// that open it.
func chipToken(t *testing.T, mode string) (token, keys string) {
	t.Helper()
	cfg := sandbox.DefaultConfig()
	cfg.Sino.KeyMode = mode
	box, err := sandbox.Start(cfg)
	require.NoError(t, err)
	defer box.Close()
	keys = filepath.Join(t.TempDir(), "chip-keys.json")
	require.NoError(t, os.WriteFile(keys, box.ChipKeys(), 0o600))

	reqid, err := box.AddScan(sandbox.ScanOptions{})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, box.URL+"/sino/sino-connect/nfc/callback", strings.NewReader(`{"reqid":"`+reqid+`"}`))
	require.NoError(t, err)
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Client-Id": {sandbox.DefaultSinoClientID}, "X-Client-Secret": {sandbox.DefaultSinoClientSecret}}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	var answer struct {
		Token string `json:"token"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	require.NotEmpty(t, answer.Token)
	return answer.Token, keys
}

// inspected runs `yanzhen nfc inspect`.
func inspected(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := Root()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(in))
	root.SetArgs(append([]string{"nfc", "inspect"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestInspectTellsWhatATokenUsesAndWhetherItWouldBeTaken(t *testing.T) {
	for mode, key := range map[string]string{sandbox.KeyRSA: "RSA 2048 sandbox-rsa-1", sandbox.KeyECDH: "EC P-256 sandbox-ec-1"} {
		token, keys := chipToken(t, mode)
		t.Setenv("YANZHEN_SINO_JWKS", keys)
		for _, ask := range []func() (string, error){
			func() (string, error) { return inspected(t, "", token) },
			func() (string, error) { return inspected(t, token+"\n") },
		} {
			out, err := ask()
			require.NoError(t, err, out)
			for _, want := range []string{"alg: " + mode, "enc: A256GCM", "key: " + key, "accepted"} {
				require.Contains(t, out, want)
			}
			require.NotContains(t, out, token[len(token)/2:][:24], "no more than the header is told")
		}

		t.Setenv("YANZHEN_SINO_ALLOWED_ALG", "dir")
		t.Setenv("YANZHEN_SINO_SHARED_KEY", "0123456789abcdef0123456789abcdef")
		out, err := inspected(t, token)
		requireExit(t, exitRefused, err)
		require.Contains(t, out, "refused: its alg "+mode+" is not allowed")
		require.NotContains(t, out, "0123456789abcdef")
		t.Setenv("YANZHEN_SINO_ALLOWED_ALG", "")
		t.Setenv("YANZHEN_SINO_SHARED_KEY", "")
	}
}

func TestInspectTellsOfATokenWithoutAnyKey(t *testing.T) {
	token, _ := chipToken(t, sandbox.KeyRSA)
	out, err := inspected(t, token)
	requireExit(t, exitRefused, err)
	require.Contains(t, out, "alg: RSA-OAEP-256", "what the vendor uses is told before there is a key")

	evil := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RSA1_5","enc":"A256GCM","jku":"https://evil.example/\u001b[2J"}`)) + ".AA.AA.AA.AA"
	out, err = inspected(t, evil)
	requireExit(t, exitRefused, err)
	require.Contains(t, out, "RSA1_5")
	require.Contains(t, out, "jku")
	require.NotContains(t, out, "\x1b", "a token does not command the terminal")
	require.NotContains(t, out, "evil.example")
}

func TestInspectSaysWhatItCannotRead(t *testing.T) {
	for what, c := range map[string]struct {
		in   string
		args []string
		code int
	}{
		"nothing":    {"", nil, exitUsage},
		"two tokens": {"", []string{"a", "b"}, exitUsage},
		"too long":   {strings.Repeat("a", maxToken+1), nil, exitUsage},
		"no token":   {"读卡成功", nil, exitRefused},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := inspected(t, c.in, c.args...)
			requireExit(t, c.code, err)
		})
	}
	t.Setenv("YANZHEN_SINO_JWKS", "/nowhere/at/all.json")
	_, err := inspected(t, "a.b.c.d.e")
	require.ErrorContains(t, err, "YANZHEN_SINO_JWKS is neither a JWK set nor a readable file with one")
}

func requireExit(t *testing.T, code int, err error) {
	t.Helper()
	e, ok := errors.AsType[*exitError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, e.code, "%v", err)
}

func TestTheVendorsFaultsAreToldInTheSettingsNames(t *testing.T) {
	for name, value := range map[string]string{
		"BASE_URL": "https://sino.example", "CLIENT_ID": "i", "CLIENT_SECRET": "s", "JWKS": "/nowhere/at/all.json",
		"ALLOWED_ALG": "RSA1_5", "PATTERN_GONE": "(", "SHARED_KEY": "short",
	} {
		t.Setenv("YANZHEN_SINO_"+name, value)
	}
	t.Setenv("YANZHEN_ACEDATA_TOKEN", "t")
	t.Setenv("YANZHEN_PUBLIC_URL", "https://kyc.example.com")
	_, err := run(t.Context(), "config")
	for _, want := range []string{
		"  - YANZHEN_SINO_JWKS is neither a JWK set", "YANZHEN_SINO_SHARED_KEY decodes to a key of other than 32 or 64 bytes",
		`YANZHEN_SINO_ALLOWED_ALG holds "RSA1_5", which is never accepted`, "YANZHEN_SINO_PATTERN_GONE is not a regular expression",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "short")
}
