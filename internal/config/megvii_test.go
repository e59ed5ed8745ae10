package config_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
)

var (
	withTencent = []string{reachable, "YANZHEN_ACEDATA_TOKEN=t", "YANZHEN_TENCENT_SECRET_ID=i", "YANZHEN_TENCENT_SECRET_KEY=k", "YANZHEN_TENCENT_MERCHANT_ID=m"}
	withMegvii  = []string{"YANZHEN_MEGVII_API_KEY=" + secret, "YANZHEN_MEGVII_API_SECRET=" + secret}
)

func TestMegviisSettingsAreCheckedTogetherAndPrintedWithoutSecrets(t *testing.T) {
	_, err := config.Load([]string{
		"YANZHEN_MEGVII_API_SECRET=" + secret, "YANZHEN_MEGVII_BASE_URL=http://megvii.example", "YANZHEN_MEGVII_TIMEOUT=12s",
		"YANZHEN_MEGVII_LOOK_AFTER=0s", "YANZHEN_MEGVII_SWITCH=maybe", "YANZHEN_TENCENT_SWITCH=",
	}, config.Needs{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
	for _, want := range []string{
		"YANZHEN_MEGVII_API_KEY is not set", "YANZHEN_MEGVII_BASE_URL must be https", "YANZHEN_MEGVII_TIMEOUT must be more than 0 and at most 11s",
		"YANZHEN_MEGVII_LOOK_AFTER must be more than 0", "YANZHEN_MEGVII_SWITCH must be one of on, drain, off",
	} {
		require.ErrorContains(t, err, want)
	}

	c, err := config.Load(append([]string{"YANZHEN_MEGVII_PREVIOUS_SECRET=" + secret, "YANZHEN_SINO_SWITCH=drain", reachable}, withMegvii...), config.Needs{})
	require.NoError(t, err)
	require.NotContains(t, c.String(), secret)
	require.Contains(t, c.String(), "YANZHEN_MEGVII_API_SECRET=***")
	require.Equal(t, map[string]string{"tencent_eid": "on", "megvii_faceid": "on", "sino_connect": "drain"}, c.Switches.ByProvider())
}

func TestFailoverIsOfferedWhereBothVendorsAreConfigured(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{withTencent, false},
		{slices.Concat(withTencent, withMegvii), true},
	} {
		loaded, err := config.Load(c.env, config.Needs{Providers: true})
		require.NoError(t, err)
		require.Equal(t, c.want, slices.Contains(slices.Collect(maps.Keys(loaded.Policies)), "cn-resident-failover"))
	}
	require.Equal(t, []string{"tencent_eid", "megvii_faceid"}, config.BuiltIn()["cn-resident-failover"].FaceProviders)

	c, err := config.Load([]string{file(t, "policies:\n  - {name: cn-resident-failover, version: 2, rotate_providers: true}\n")}, config.Needs{})
	require.NoError(t, err)
	require.True(t, c.Policies["cn-resident-failover"].RotateProviders)
	_, err = config.Load(append(slices.Clone(withTencent),
		file(t, "policies:\n  - {name: only-megvii, version: 1, checks: {liveness: required}, face_providers: [megvii_faceid]}\n")), config.Needs{Providers: true})
	require.ErrorContains(t, err, "policy only-megvii needs the provider megvii_faceid, which is not configured: set YANZHEN_MEGVII_API_KEY and YANZHEN_MEGVII_API_SECRET")
}
