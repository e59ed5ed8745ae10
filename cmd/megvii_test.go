package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var megviiDemonstrations = []demonstration{
	{"approved", []string{"--provider", "megvii_faceid", "--outcome", "approved"}, "approved", nil, map[string]int{"get_token": 1, "get_result": 0, "GetEidToken": 0}},
	{"low score, then approved", []string{"--provider", "megvii_faceid", "--outcome", "low-score,approved"}, "approved", nil, map[string]int{"get_token": 2, "get_result": 0, "check-2e": 1}},
	{"attack suspected", []string{"--provider", "megvii_faceid", "--outcome", "attack"}, "review", []string{"face.injection_suspected"}, nil},
	{"name and number differ", []string{"--provider", "megvii_faceid", "--outcome", "name-mismatch"}, "declined", []string{"identity.mismatch"}, nil},
	{"no such number", []string{"--provider", "megvii_faceid", "--outcome", "no-such-number"}, "review", []string{"records.not_found"}, nil},
	{"canceled, then approved", []string{"--provider", "megvii_faceid", "--outcome", "cancel,approved"}, "approved", nil, map[string]int{"get_token": 2}},
	{"unsupported browser, then approved", []string{"--provider", "megvii_faceid", "--outcome", "unsupported,approved"}, "approved", nil, map[string]int{"get_token": 2}},
	{"abandoned", []string{"--provider", "megvii_faceid", "--outcome", "abandon"}, "expired", []string{"session.expired"}, map[string]int{"get_result": 1}},
	{"told by its call alone", []string{"--provider", "megvii_faceid", "--outcome", "approved", "--notify", "notify-only"}, "approved", nil, map[string]int{"get_result": 0}},
	{"told by the browser alone", []string{"--provider", "megvii_faceid", "--outcome", "approved", "--notify", "return-only"}, "approved", nil, map[string]int{"get_result": 0}},
	{"told by the browser first", []string{"--provider", "megvii_faceid", "--outcome", "approved", "--notify", "return-first"}, "approved", nil, map[string]int{"get_result": 0}},
	{"told twice", []string{"--provider", "megvii_faceid", "--outcome", "approved", "--notify", "twice"}, "approved", nil, map[string]int{"get_result": 0}},
	{"told by nobody", []string{"--provider", "megvii_faceid", "--outcome", "approved", "--notify", "neither"}, "approved", nil, map[string]int{"get_result": 1}},
	{"told by strangers alone", []string{"--provider", "megvii_faceid", "--outcome", "low-score", "--notify", "forged"}, "expired", []string{"face.no_match"}, map[string]int{"get_result": 1}},
	{"records vendor down, another asked", []string{"--policy", "cn-resident-failover", "--records", "down", "--outcome", "approved"}, "approved", nil, map[string]int{"CheckIdNameDate": 1}},
	{"Tencent down, Megvii takes over", []string{"--policy", "cn-resident-failover", "--tencent", "down", "--outcome", "approved"}, "approved", nil,
		map[string]int{"get_token": 1, "GetEidResult": 0}},
	{"both down", []string{"--policy", "cn-resident-failover", "--tencent", "down", "--megvii", "down"}, "error", []string{"provider.unavailable"}, nil},
}

func TestEveryMegviiDemonstrationEndsAsItShould(t *testing.T) {
	s, dir := localStack(t)
	for _, d := range megviiDemonstrations {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			v, out, err := demo(t, dir, d.flags...)
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
		require.Regexp(t, `--provider is one of|--notify "shout": want one of|needs a scan`, err.Error())
	}
}
