package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/config"
)

// Two builds under one name would be one version to the engine, with two orders of
// steps: what does not say which code it is, does not run with versions.
func TestBuildIDNamesOneCode(t *testing.T) {
	before := Version
	defer func() { Version = before }()
	for _, v := range []string{"v1.2.3", "v0.0.0-20261128121314-0123456789ab", "0123456", "v1.2.3-5-g0123456"} {
		Version = v
		build, err := buildID()
		require.NoError(t, err)
		require.Equal(t, v, build)
	}
	const says = "YANZHEN_DEPLOYMENT needs a binary whose version identifies its code"
	for _, v := range []string{"unknown", "(devel)", "v0.0.0-20261128121314-0123456789ab+dirty"} {
		Version = v
		worker := &parts{cfg: &config.Config{Deployment: "yanzhen"}}
		require.ErrorContains(t, worker.workerProcess(t.Context(), client.Options{}), says, v)
		_, err := run(t.Context(), "deploy", "promote")
		require.ErrorContains(t, err, says, v)
	}
}

// What deploy is asked for is checked before anybody is asked.
func TestDeployRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, args := range [][]string{
		{"status", "v1"}, {"promote", "v1", "v2"}, {"promote", "v1", "--unversioned"}, {"promote", "--percent", "100"},
		{"promote", "--percent", "0"}, {"promote", "--unversioned", "--percent", "5"},
	} {
		_, err := run(t.Context(), append([]string{"deploy"}, args...)...)
		var e *exitError
		require.ErrorAs(t, err, &e, args)
		require.Equal(t, exitUsage, e.code, args)
	}
	_, err := run(t.Context(), "deploy", "status")
	require.ErrorContains(t, err, "YANZHEN_DEPLOYMENT is not set")
}
