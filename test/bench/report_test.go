package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Ratios are of batches that ran one right after the other, so that a machine that
// is busy for a while spoils neither side alone.
func TestRatiosAreOfPairs(t *testing.T) {
	row := Row{Path: "callback", AtOnce: 16, Pairs: []Pair{
		{Bare: Batch{PerSecond: 10}, Product: Batch{PerSecond: 8}},
		{Bare: Batch{PerSecond: 2}, Product: Batch{PerSecond: 2}},
		{Bare: Batch{PerSecond: 20}, Product: Batch{PerSecond: 18}},
	}}
	perSecond := func(b Batch) float64 { return b.PerSecond }
	require.Equal(t, Spread{Low: 0.8, Median: 0.9, High: 1}, row.Ratio(perSecond))
	require.Equal(t, Spread{Low: 2, Median: 8, High: 18}, row.Of(product, perSecond))
	require.Equal(t, Spread{Low: 2, Median: 10, High: 20}, row.Of(bare, perSecond))
	require.Equal(t, Spread{}, Row{}.Ratio(perSecond))
}

func TestReportIsATableAndAPicture(t *testing.T) {
	b := Batch{Link: 50 * time.Millisecond, PerSecond: 10, CPU: map[string]time.Duration{"engine": 60 * time.Millisecond, "worker": 20 * time.Millisecond},
		Events: 44, Transitions: 22}
	r := Report{Store: "sqlite", Rows: []Row{{Path: "callback", AtOnce: 1, Pairs: []Pair{{Bare: b, Product: b}}}}}
	var table, picture strings.Builder
	r.Table(&table)
	require.Contains(t, table.String(), "events")
	require.Contains(t, table.String(), "44.00 (44.00–44.00)")
	require.Contains(t, table.String(), "80.00 (80.00–80.00)", "all processes together")
	r.Picture(&picture)
	d := xml.NewDecoder(strings.NewReader(picture.String()))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.Contains(t, picture.String(), "callback, 1 at once: start to link")
}
