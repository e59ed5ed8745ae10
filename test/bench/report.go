// Package bench measures the product beside a bare workflow of the same shape, on
// one server, in turns; `make bench` runs it (bench_test.go). This file holds what
// becomes of the figures.
package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Batch is what one side took for one batch of verifications.
type Batch struct {
	// Link is from the start call to its answer with a link, Engine from the
	// callback on record to the run's end on record, Caller from the callback's
	// request to the answer that a waiting caller gets; all of them medians.
	Link, Engine, Caller time.Duration
	// PerSecond is how many were done a second.
	PerSecond float64
	// CPU is the processor time a verification, by process.
	CPU map[string]time.Duration
	// Events, Transitions and Actions of a run; the last is the server's own
	// counter, which counts what hosted Temporal would bill for calls.
	Events, Transitions int
	Actions             float64
}

// Pair is both sides' batches, one right after the other.
type Pair struct{ Bare, Product Batch }

// Row is one path at one number of verifications at once.
type Row struct {
	Path   string
	AtOnce int
	Pairs  []Pair
}

// Report is everything that a run of the benchmark found.
type Report struct {
	At    time.Time
	Store string
	// Load is the machine's load average at begin and end: others' work spoils
	// times, and ratios less.
	Load  [2]string
	Cores int
	Rows  []Row
}

// Spread is the median of some values with the least and the greatest.
type Spread struct{ Low, Median, High float64 }

func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	return Spread{Low: v[0], Median: v[len(v)/2], High: v[len(v)-1]}
}

func (s Spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Low, s.High) }

// Ratio is the product's value by the bare one's, pair by pair.
func (r Row) Ratio(of func(Batch) float64) Spread {
	var all []float64
	for _, p := range r.Pairs {
		if b := of(p.Bare); b > 0 {
			all = append(all, of(p.Product)/b)
		}
	}
	return spread(all)
}

// Of is a value of one side over all pairs.
func (r Row) Of(side func(Pair) Batch, of func(Batch) float64) Spread {
	var all []float64
	for _, p := range r.Pairs {
		all = append(all, of(side(p)))
	}
	return spread(all)
}

func bare(p Pair) Batch    { return p.Bare }
func product(p Pair) Batch { return p.Product }

// measures are the table's columns, each a value of a batch.
var measures = []struct {
	name string
	of   func(Batch) float64
}{
	{"a second", func(b Batch) float64 { return b.PerSecond }},
	{"start to link, ms", func(b Batch) float64 { return ms(b.Link) }},
	{"callback to verdict, engine, ms", func(b Batch) float64 { return ms(b.Engine) }},
	{"callback to verdict, caller, ms", func(b Batch) float64 { return ms(b.Caller) }},
	{"processor time, ms", func(b Batch) float64 {
		var all time.Duration
		for _, d := range b.CPU {
			all += d
		}
		return ms(all)
	}},
	{"events", func(b Batch) float64 { return float64(b.Events) }},
	{"transitions", func(b Batch) float64 { return float64(b.Transitions) }},
	{"actions by calls", func(b Batch) float64 { return b.Actions }},
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Table writes the report for people.
func (r Report) Table(to io.Writer) {
	fmt.Fprintf(to, "%s, store %s, %d cores, load %s at first and %s at last; medians (least–greatest) of the pairs\n",
		r.At.Format(time.DateTime), r.Store, r.Cores, r.Load[0], r.Load[1])
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "path\tat once\tpairs\twhat\tbare\tproduct\tproduct : bare")
	for _, row := range r.Rows {
		for _, m := range measures {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", row.Path, row.AtOnce, len(row.Pairs), m.name,
				row.Of(bare, m.of), row.Of(product, m.of), row.Ratio(m.of))
		}
		for _, process := range []string{"engine", "worker", "api"} {
			of := func(b Batch) float64 { return ms(b.CPU[process]) }
			fmt.Fprintf(w, "%s\t%d\t%d\tof it: %s, ms\t%s\t%s\t%s\n", row.Path, row.AtOnce, len(row.Pairs), process,
				row.Of(bare, of), row.Of(product, of), row.Ratio(of))
		}
	}
	_ = w.Flush()
}

// Picture draws the ratios as bars with their spread; the line is the bare
// engine.
func (r Report) Picture(to io.Writer) {
	const left, width, line, full = 260, 420, 22, 4.0 // full ratio at the right end
	type bar struct {
		label string
		s     Spread
	}
	var bars []bar
	for _, row := range r.Rows {
		for _, m := range measures {
			if s := row.Ratio(m.of); s.High > 0 {
				bars = append(bars, bar{fmt.Sprintf("%s, %d at once: %s", row.Path, row.AtOnce, strings.TrimSuffix(m.name, ", ms")), s})
			}
		}
	}
	x := func(ratio float64) float64 { return left + min(ratio, full)/full*width }
	height := len(bars)*line + 50
	fmt.Fprintf(to, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", left+width+80, height)
	fmt.Fprintf(to, `<text x="8" y="16">product : bare workflow, median and spread of the pairs (store: %s)</text>`+"\n", r.Store)
	for i, b := range bars {
		y := 30 + i*line
		fmt.Fprintf(to, `<text x="8" y="%d">%s</text><rect x="%d" y="%d" width="%.1f" height="12" fill="#4477aa"/>`, y+10, b.label, left, y, x(b.s.Median)-left)
		fmt.Fprintf(to, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#222222"/><text x="%d" y="%d">%.2f</text>`+"\n", x(b.s.Low), x(b.s.High), y+6, y+6, left+width+10, y+10, b.s.Median)
	}
	fmt.Fprintf(to, `<line x1="%.1f" x2="%.1f" y1="24" y2="%d" stroke="#cc3311" stroke-dasharray="4 3"/>`+"\n</svg>\n", x(1), x(1), height-14)
}
