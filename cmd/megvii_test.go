package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryMegviiDemonstrationEndsAsItShould(t *testing.T) {
	s, dir := localStack(t)
	for _, d := range []struct {
		name    string
		flags   []string
		outcome string
		reasons []string // among those told
		calls   map[string]int
	}{
		{"approved", []string{"--outcome", "approved"}, "approved", nil, map[string]int{"get_token": 1, "get_result": 0, "GetEidToken": 0}},
		{"low score, then approved", []string{"--outcome", "low-score,approved"}, "approved", nil, map[string]int{"get_token": 2, "get_result": 0, "check-2e": 1}},
		{"attack suspected", []string{"--outcome", "attack"}, "review", []string{"face.injection_suspected"}, nil},
		{"name and number differ", []string{"--outcome", "name-mismatch"}, "declined", []string{"identity.mismatch"}, nil},
		{"no such number", []string{"--outcome", "no-such-number"}, "review", []string{"records.not_found"}, nil},
		{"cancelled, then approved", []string{"--outcome", "cancel,approved"}, "approved", nil, map[string]int{"get_token": 2}},
		{"unsupported browser, then approved", []string{"--outcome", "unsupported,approved"}, "approved", nil, map[string]int{"get_token": 2}},
		{"abandoned", []string{"--outcome", "abandon"}, "expired", []string{"session.expired"}, map[string]int{"get_result": 1}},
		{"told by its call alone", []string{"--outcome", "approved", "--notify", "notify-only"}, "approved", nil, map[string]int{"get_result": 0}},
		{"told by the browser alone", []string{"--outcome", "approved", "--notify", "return-only"}, "approved", nil, map[string]int{"get_result": 0}},
		{"told by the browser first", []string{"--outcome", "approved", "--notify", "return-first"}, "approved", nil, map[string]int{"get_result": 0}},
		{"told twice", []string{"--outcome", "approved", "--notify", "twice"}, "approved", nil, map[string]int{"get_result": 0}},
		{"told by nobody", []string{"--outcome", "approved", "--notify", "neither"}, "approved", nil, map[string]int{"get_result": 1}},
		{"told by strangers alone", []string{"--outcome", "low-score", "--notify", "forged"}, "expired", []string{"face.no_match"}, map[string]int{"get_result": 1}},
		{"Tencent down, Megvii takes over", []string{"--policy", "cn-resident-failover", "--tencent", "down", "--outcome", "approved"}, "approved", nil,
			map[string]int{"get_token": 1, "GetEidResult": 0}},
		{"both down", []string{"--policy", "cn-resident-failover", "--tencent", "down", "--megvii", "down"}, "error", []string{"provider.unavailable"}, nil},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			flags := d.flags
			if flags[0] != "--policy" {
				flags = append([]string{"--provider", "megvii_faceid"}, flags...)
			}
			v, out, err := demo(t, dir, flags...)
			require.NoError(t, err, out)
			require.NotNil(t, v.Outcome, out)
			require.Equal(t, d.outcome, *v.Outcome, out)
			codes := reasonsOf(v)
			for _, want := range d.reasons {
				require.Contains(t, codes, want, out)
			}
			calls := ledger(t, s, out)
			for operation, n := range d.calls {
				require.Equal(t, n, calls[operation], "%s: %s", operation, out)
			}
			require.LessOrEqual(t, calls["get_result"], 3*max(1, calls["get_token"]), "three look-ups a session at most")
		})
	}
}

func TestDemoRefusesAProviderItCannotPlay(t *testing.T) {
	for _, flags := range [][]string{
		{"--provider", "acedata"}, {"--provider", "megvii_faceid", "--policy", "cn-resident"},
		{"--provider", "megvii_faceid", "--notify", "shout"}, {"--provider", "sino_connect"},
	} {
		_, err := run(t.Context(), append([]string{"demo", "--api", "http://127.0.0.1:1", "--key", "k", "--sandbox", "http://127.0.0.1:1"}, flags...)...)
		require.Error(t, err)
		require.Regexp(t, `--provider is one of|--notify "shout" is none of|needs a scan`, err.Error())
	}
}
