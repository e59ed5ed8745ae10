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
	r := Report{Store: "sqlite"}
	pairs := []Pair{{Bare: b, Product: b}}
	r.add(Section{Name: "waits", Figures: []Figure{{What: "of a core", Value: 12.3, Unit: "%", Wanted: "< 10"}}})
	r.add(Section{Name: "paths", Rows: []Row{{Path: "callback", AtOnce: 1, Pairs: pairs}, {Path: "callback", AtOnce: 16, Pairs: pairs}}})
	var table, picture strings.Builder
	Table(&table, r.Store, 2, r.Sections...)
	require.Contains(t, table.String(), "12.30 %  < 10")
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
	require.Contains(t, picture.String(), "callback, 16 at once: start to link")
	require.Equal(t, 1, strings.Count(picture.String(), ": events"), "what is exact is drawn once a path")
}

// A section that is run again takes the place of its older figures, and leaves
// those of the others.
func TestReportKeepsTheSectionsThatWereNotRun(t *testing.T) {
	r := Report{}
	for value, name := range []string{"open", "waits", "open"} {
		r.add(Section{Name: name, Figures: []Figure{{What: name, Value: float64(value)}}})
	}
	require.Equal(t, []Section{
		{Name: "open", Figures: []Figure{{What: "open", Value: 2}}}, {Name: "waits", Figures: []Figure{{What: "waits", Value: 1}}},
	}, r.Sections)
}
