package verification

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPolicyReadsAsWordsAndComesBackAsItWas(t *testing.T) {
	p := DefaultPolicy()
	p.Name, p.Checks = "p", map[CheckType]Requirement{IdentityRecords: Required}
	p.RetryWindow = Duration(90 * time.Second)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.Contains(t, string(text), `"retry_window":"1m30s"`)
	require.Contains(t, string(text), `"review_deadline":"168h0m0s"`)
	var back Policy
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, p, back)
}

// A bare number could be seconds or nanoseconds.
func TestADurationWithoutAUnitIsRefused(t *testing.T) {
	for _, text := range []string{"90000000000", `"90"`, `"soon"`} {
		var p Policy
		require.Error(t, json.Unmarshal([]byte(`{"name":"p","retry_window":`+text+`}`), &p), text)
	}
}
