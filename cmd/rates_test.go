package cmd

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
)

// Every vendor's rate is a setting, and the queues, on which the engine keeps it,
// have what was set. Looks at sessions have a queue of their own: however many
// sessions are open, none of them takes from what opens sessions.
func TestEveryVendorsRateIsASetting(t *testing.T) {
	queues := func(environ []string) (*provider.Registry, map[string]float64) {
		cfg, err := load(environ, config.Needs{Providers: true})
		require.NoError(t, err)
		r, err := cfg.Registry(slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		out := map[string]float64{}
		for _, q := range r.Queues() {
			out[q.Name] = q.PerSecond
		}
		return r, out
	}
	base := slices.Concat(withEID, withMegvii, withSino(t), withCompare, withRecords)
	r, usual := queues(base)
	require.Equal(t, map[string]float64{
		"tencent": 80, "tencent-status": 1500, "tencent-mini-program": 10, "acedata": 50, "tencent-records": 15, "megvii": 5, "megvii-result": 5, "sino-connect": 5, "sino-connect-status": 5,
	}, usual)
	_, set := queues(append(slices.Clone(base), "YANZHEN_TENCENT_RATE=11", "YANZHEN_TENCENT_POLL_RATE=12", "YANZHEN_ACEDATA_RATE=13", "YANZHEN_TENCENT_RECORDS_RATE=17", "YANZHEN_MEGVII_RATE=14",
		"YANZHEN_SINO_RATE=15.5", "YANZHEN_SINO_POLL_RATE=16"))
	require.Equal(t, map[string]float64{
		"tencent": 11, "tencent-status": 12, "tencent-mini-program": 11. / 8, "acedata": 13, "tencent-records": 17, "megvii": 14, "megvii-result": 14, "sino-connect": 15.5, "sino-connect-status": 16,
	}, set)

	starts := map[string]bool{}
	for _, name := range r.Names() {
		if v, ok := r.Face(name); ok {
			starts[v.Open.Name] = true
		}
		if v, ok := r.Records(name); ok {
			starts[v.Queue.Name] = true
		}
		if v, ok := r.Chip(name); ok {
			starts[v.Queue.Name] = true
		}
	}
	for _, name := range r.Names() {
		if v, ok := r.Face(name); ok {
			require.False(t, starts[v.Watch.Name], name)
		}
	}

	for _, v := range vendors {
		for _, s := range settings.Of(v.Settings()) {
			if !strings.HasSuffix(s.Name, "_RATE") {
				continue
			}
			for _, bad := range []string{"0", "-1", "NaN", "Inf", "10001"} {
				_, err := load(append(slices.Clone(base), s.Name+"="+bad), config.Needs{Providers: true})
				require.ErrorContains(t, err, s.Name+" must be more than 0", bad)
			}
		}
	}
}
