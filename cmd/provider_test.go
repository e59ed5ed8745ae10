package cmd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProvidersSwitchIsThrownWithAReasonAndKeepsItsHistory(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("YANZHEN_STORE", "sqlite:"+filepath.Join(dir, "yz.db"))
	t.Setenv("YANZHEN_KEYS", filepath.Join(dir, "keys.json"))
	t.Setenv("YANZHEN_MEGVII_SWITCH", "drain")
	_, err := run(t.Context(), "setup", "--make-keys", os.Getenv("YANZHEN_KEYS"))
	require.NoError(t, err)
	require.NoError(t, migrate(t.Context(), os.Getenv("YANZHEN_STORE"), func(string) {}))

	_, err = run(t.Context(), "provider", "off", "tencent_eid")
	require.ErrorContains(t, err, "--reason")
	_, err = run(t.Context(), "provider", "off", "tencent_eid", "--reason", "for 110199199003070017")
	require.ErrorContains(t, err, "looks like an ID number")
	_, err = run(t.Context(), "provider", "off", "tencent_iai", "--reason", "x")
	require.ErrorContains(t, err, "name one of acedata, megvii_faceid, sino_connect, tencent_eid, tencent_records")

	out, err := run(t.Context(), "provider", "drain", "tencent_eid", "--reason", "announced maintenance")
	require.NoError(t, err)
	require.Contains(t, out, "tencent_eid: drain, was on; by "+operator()+": announced maintenance")
	_, err = run(t.Context(), "provider", "off", "tencent_eid", "--reason", "it went wrong")
	require.NoError(t, err)

	out, err = run(t.Context(), "provider", "list")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^tencent_eid +off$`, out)
	require.Regexp(t, `(?m)^  .* drain +\S+: announced maintenance$`, out)
	require.Regexp(t, `(?m)^  .* off +\S+: it went wrong$`, out)
	require.Regexp(t, `(?m)^megvii_faceid +drain  \(configured: drain\)$`, out)
	require.Regexp(t, `(?m)^sino_connect +on$`, out)
	require.Regexp(t, `(?m)^tencent_records +on$`, out)
}

func TestWithoutAStoreTheProvidersSwitchesAreNotGuessed(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := run(t.Context(), "provider", "list")
	require.ErrorContains(t, err, "set YANZHEN_STORE and YANZHEN_KEYS")
}
