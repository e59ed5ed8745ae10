package megvii

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
)

func validate(c Config) error {
	c = settings.WithDefaults(c)
	return c.Validate()
}

// Everything at once, by the settings' names and without a value.
func TestAConfigurationReportsAllItsErrors(t *testing.T) {
	err := validate(Config{
		BaseURL: "http://api.megvii.com", TokenPath: "x", PagePath: "/do?x", ResultPath: "/é", APISecret: "with space", PreviousSecret: "tab\there",
		SceneID: "場", ProcedureType: "distance", ProcedurePriority: "flash", LivenessPreferences: "x", FMPMode: "2",
		ThresholdKey: "le-4", ReturnMethod: "PUT", WebTitle: strings.Repeat("字", 11), GetFailReason: "yes", DataDestroyed: "gone", Timeout: -1, LookAfter: -1,
	})
	for _, want := range []string{
		"BASE_URL must be https", "TOKEN_PATH must be a path", "PAGE_PATH must be a path", "RESULT_PATH must be a path", "API_KEY is not set", "API_SECRET must be printable",
		"PREVIOUS_SECRET must be printable", "SCENE_ID must be printable", "PROCEDURE_TYPE must be one of", "PROCEDURE_PRIORITY must be one of", "LIVENESS_PREFERENCES must be one of",
		"FMP_MODE must be one of", "THRESHOLD_KEY must be one of", "RETURN_METHOD must be one of", "WEB_TITLE must have at most 32 bytes", "GET_FAIL_REASON must be one of",
		"DATA_DESTROYED must be a code", "TIMEOUT must be more than 0 and at most 11s", "LOOK_AFTER must be more than 0",
	} {
		require.ErrorContains(t, err, "YANZHEN_MEGVII_"+want)
	}
	require.NotContains(t, err.Error(), "with space")
	_, err = New(Config{})
	require.ErrorContains(t, err, "YANZHEN_MEGVII_API_SECRET is not set")
}

// The literal that no result is kept any more by, and the paths under which
// the product is sold elsewhere, can be set.
func TestTheErrorOfALostResultAndThePathsAreSettings(t *testing.T) {
	var c Config
	require.Empty(t, settings.Read(&c, map[string]string{
		"YANZHEN_MEGVII_API_KEY": key, "YANZHEN_MEGVII_API_SECRET": secret, "YANZHEN_MEGVII_DATA_DESTROYED": "TOO_OLD", "YANZHEN_MEGVII_TOKEN_PATH": "/other/token",
		"YANZHEN_MEGVII_PAGE_PATH": "/other/do", "YANZHEN_MEGVII_RESULT_PATH": "/other/result",
	}))
	require.NoError(t, c.Validate())
	require.Equal(t, []string{"TOO_OLD", "/other/token", "/other/do", "/other/result"}, []string{c.DataDestroyed, c.TokenPath, c.PagePath, c.ResultPath})
}

func TestTheDefaultsNeedCredentialsOnly(t *testing.T) {
	cfg := newClient(t).cfg
	require.Equal(t, settings.WithDefaults(Config{APIKey: key, APISecret: secret, Timeout: cfg.Timeout}), cfg)
	require.Equal(t, "https://api.megvii.com/faceid/lite/get_token", cfg.BaseURL+cfg.TokenPath)
	require.Equal(t, []string{"0", "1e-4", "POST", "1", "DATA_DESTROYED"}, []string{cfg.FMPMode, cfg.ThresholdKey, cfg.ReturnMethod, cfg.GetFailReason, cfg.DataDestroyed})
}

func TestPlainHTTPIsForThisMachineOnly(t *testing.T) {
	for base, good := range map[string]bool{
		"http://127.0.0.1:8084": true, "http://localhost/x/": true, "https://api-sgp.megvii.com": true,
		"http://10.0.0.1": false, "api.megvii.com": false, "https://u:p@api.megvii.com": false, "https://api.megvii.com?x": false, "://": false, "ftp://127.0.0.1": false,
	} {
		require.Equal(t, good, validate(Config{BaseURL: base, APIKey: key, APISecret: secret}) == nil, base)
	}
}

func TestTheLoosestThresholdMustBeAllowed(t *testing.T) {
	for k, good := range map[string]bool{"1e-3": false, "1e-4": true, "1e-5": true, "1e-6": true, "1e-7": false} {
		require.Equal(t, good, validate(Config{APIKey: key, APISecret: secret, ThresholdKey: k}) == nil, k)
	}
	require.NoError(t, validate(Config{APIKey: key, APISecret: secret, ThresholdKey: "1e-3", AllowLowThreshold: true}))
}
