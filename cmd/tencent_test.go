package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every fault of the intention check is told in the settings' names.
func TestTheIntentionChecksFaultsAreToldInTheSettingsNames(t *testing.T) {
	for name, value := range map[string]string{"SECRET_ID": "i", "SECRET_KEY": "s", "MERCHANT_ID": "m", "INTENTION": "nod", "INFO_TYPE": "1"} {
		t.Setenv("YANZHEN_TENCENT_"+name, value)
	}
	t.Setenv("YANZHEN_ACEDATA_TOKEN", "t")
	t.Setenv("YANZHEN_PUBLIC_URL", "https://kyc.example.com")
	_, err := run(t.Context(), "config")
	for _, want := range []string{
		"  - YANZHEN_TENCENT_INFO_TYPE must hold 6", "  - YANZHEN_TENCENT_INTENTION_TEXT must have 1 to 150 characters",
	} {
		require.ErrorContains(t, err, want)
	}
	t.Setenv("YANZHEN_TENCENT_INFO_TYPE", "")
	t.Setenv("YANZHEN_TENCENT_INTENTION_TEXT", "本人自愿")
	_, err = run(t.Context(), "config")
	require.NoError(t, err)
}
