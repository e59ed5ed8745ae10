package config

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFileOfAnotherUserIsNamedWithTheRemedy(t *testing.T) {
	err := underlying(&os.PathError{Op: "open", Path: "/etc/yanzhen/keys.json", Err: syscall.EACCES})
	require.ErrorContains(t, err, "permission denied: give it to the user as whom this runs, which is ")
	require.NotContains(t, err.Error(), "/etc", "the sentence around it holds the path")
}

// A step has 20 s, and an opening 12 s: a longer call would be cut in the
// middle, perhaps after it was charged.
func TestACallLongerThanItsStepIsRefused(t *testing.T) {
	for setting, limit := range map[string]string{
		"YANZHEN_TENCENT_TIMEOUT": "at most 11s", "YANZHEN_TENCENT_IAI_TIMEOUT": "at most 18s",
		"YANZHEN_ACEDATA_TIMEOUT": "at most 18s", "YANZHEN_SINO_TIMEOUT": "at most 18s", "YANZHEN_MEGVII_TIMEOUT": "at most 11s",
	} {
		_, err := Load([]string{setting + "=19s",
			"YANZHEN_TENCENT_SECRET_ID=i", "YANZHEN_TENCENT_SECRET_KEY=k", "YANZHEN_TENCENT_MERCHANT_ID=m", "YANZHEN_TENCENT_IAI_ENABLED=true",
			"YANZHEN_ACEDATA_TOKEN=t", "YANZHEN_MEGVII_API_KEY=k", "YANZHEN_MEGVII_API_SECRET=s",
			"YANZHEN_SINO_BASE_URL=https://sino.example", "YANZHEN_SINO_CLIENT_ID=i", "YANZHEN_SINO_CLIENT_SECRET=s", "YANZHEN_SINO_JWKS=/keys",
		}, Needs{})
		require.ErrorContains(t, err, setting+" must be ")
		require.ErrorContains(t, err, limit)
	}
}
