package megvii

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAConfigurationReportsAllItsFaults(t *testing.T) {
	err := Config{
		BaseURL: "http://api.megvii.com", TokenPath: "x", PagePath: "/do?x", ResultPath: "/é", APISecret: "with space", PreviousSecret: "tab\there",
		SceneID: "場", ProcedureType: "distance", ProcedurePriority: "flash", LivenessPreferences: "x", FMPMode: "2", ComparisonType: "-1",
		ThresholdKey: "le-4", ReturnMethod: "PUT", WebTitle: strings.Repeat("字", 11), GetFailReason: "yes", DataDestroyed: "gone", Timeout: -1, LookAfter: -1,
	}.Validate()
	for _, field := range []string{
		"BaseURL must be https", "TokenPath", "PagePath", "ResultPath", "APIKey is empty", "APISecret must", "PreviousSecret", "SceneID", "ProcedureType",
		"ProcedurePriority", "LivenessPreferences", "FMPMode", "ComparisonType", "ThresholdKey", "ReturnMethod", "WebTitle", "GetFailReason", "DataDestroyed", "Timeout", "LookAfter",
	} {
		require.ErrorContains(t, err, "megvii: "+field)
	}
	require.NotContains(t, err.Error(), "with space")
	_, err = New(Config{})
	require.ErrorContains(t, err, "APISecret is empty")
}

func TestTheDefaultsNeedCredentialsOnly(t *testing.T) {
	cfg := newClient(t).cfg
	require.Equal(t, Config{APIKey: key, APISecret: secret, Timeout: cfg.Timeout}.withDefaults(), cfg)
	require.Equal(t, "https://api.megvii.com/faceid/lite/get_token", cfg.BaseURL+cfg.TokenPath)
	require.Equal(t, []string{"0", "1", "1e-4", "POST", "1", "DATA_DESTROYED"}, []string{cfg.FMPMode, cfg.ComparisonType, cfg.ThresholdKey, cfg.ReturnMethod, cfg.GetFailReason, cfg.DataDestroyed})
}

func TestPlainHTTPIsForThisMachineOnly(t *testing.T) {
	for base, good := range map[string]bool{
		"http://127.0.0.1:8084": true, "http://localhost/x/": true, "https://api-sgp.megvii.com": true,
		"http://10.0.0.1": false, "api.megvii.com": false, "https://u:p@api.megvii.com": false, "https://api.megvii.com?x": false, "://": false, "ftp://127.0.0.1": false,
	} {
		require.Equal(t, good, Config{BaseURL: base, APIKey: key, APISecret: secret}.Validate() == nil, base)
	}
}

func TestTheLoosestThresholdMustBeAllowed(t *testing.T) {
	for k, good := range map[string]bool{"1e-3": false, "1e-4": true, "1e-5": true, "1e-6": true, "1e-7": false} {
		require.Equal(t, good, Config{APIKey: key, APISecret: secret, ThresholdKey: k}.Validate() == nil, k)
	}
	require.NoError(t, Config{APIKey: key, APISecret: secret, ThresholdKey: "1e-3", AllowLowThreshold: true}.Validate())
}
