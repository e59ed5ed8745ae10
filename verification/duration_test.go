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
	p.RetryWindow = 90 * time.Second
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.Contains(t, string(text), `"retry_window":"1m30s"`)
	require.Contains(t, string(text), `"review_deadline":"168h0m0s"`)
	var back Policy
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, p, back)
}

func TestPolicyOfAnOlderRunCountsNanoseconds(t *testing.T) {
	var p Policy
	require.NoError(t, json.Unmarshal([]byte(`{"name":"p","retry_window":90000000000}`), &p))
	require.Equal(t, 90*time.Second, p.RetryWindow)
	require.Error(t, json.Unmarshal([]byte(`{"retry_window":"soon"}`), &p))
}
