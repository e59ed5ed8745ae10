// Package bench compares the product with a bare workflow of the same shape, on one
// server, in turns. Run it with make bench (bench_test.go). This file computes the
// figures.
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

// Figure is one thing that was measured, and what it is to be.
type Figure struct {
	What   string
	Value  float64
	Unit   string
	Wanted string `json:",omitempty"`
}

// Section is one part of the benchmark, which can be run by itself. The paths have
// rows, the others figures.
type Section struct {
	Name string
	At   time.Time
	// Load is the machine's load average at begin and end: others' work spoils
	// times, and ratios less.
	Load    [2]string
	Rows    []Row    `json:",omitempty"`
	Figures []Figure `json:",omitempty"`
}

// Report is everything that runs of the benchmark found with one store.
type Report struct {
	Store    string
	Cores    int
	Sections []Section
}

// add puts a section in the place of an older one of its name.
func (r *Report) add(s Section) {
	i := slices.IndexFunc(r.Sections, func(old Section) bool { return old.Name == s.Name })
	if i < 0 {
		r.Sections = append(r.Sections, s)
		return
	}
	r.Sections[i] = s
}

// rows are those of all sections.
func (r Report) rows() (all []Row) {
	for _, s := range r.Sections {
		all = append(all, s.Rows...)
	}
	return all
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

// measures are the table's lines, each a value of a batch; exact ones are of every
// run, so that the picture shows them once a path.
var measures = []struct {
	name  string
	exact bool
	of    func(Batch) float64
}{
	{"a second", false, func(b Batch) float64 { return b.PerSecond }},
	{"start to link, ms", false, func(b Batch) float64 { return ms(b.Link) }},
	{"callback to verdict, engine, ms", false, func(b Batch) float64 { return ms(b.Engine) }},
	{"callback to verdict, caller, ms", false, func(b Batch) float64 { return ms(b.Caller) }},
	{"processor time, ms", false, func(b Batch) float64 {
		var all time.Duration
		for _, d := range b.CPU {
			all += d
		}
		return ms(all)
	}},
	{"events", true, func(b Batch) float64 { return float64(b.Events) }},
	{"transitions", true, func(b Batch) float64 { return float64(b.Transitions) }},
	{"actions by calls", true, func(b Batch) float64 { return b.Actions }},
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Table writes sections for people.
func Table(to io.Writer, store string, cores int, sections ...Section) {
	for _, s := range sections {
		fmt.Fprintf(to, "%s: %s, store %s, %d cores, load %s at first and %s at last\n", s.Name, s.At.Format(time.DateTime), store, cores, s.Load[0], s.Load[1])
		w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
		if len(s.Rows) > 0 {
			fmt.Fprintln(w, "path\tat once\tpairs\twhat (median, least–greatest)\tbare\tproduct\tproduct : bare")
		}
		for _, row := range s.Rows {
			row.lines(w)
		}
		for _, f := range s.Figures {
			fmt.Fprintf(w, "%s\t%.2f %s\t%s\n", f.What, f.Value, f.Unit, f.Wanted)
		}
		_ = w.Flush()
		fmt.Fprintln(to)
	}
}

func (r Row) lines(to io.Writer) {
	line := func(what string, of func(Batch) float64) {
		fmt.Fprintf(to, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", r.Path, r.AtOnce, len(r.Pairs), what, r.Of(bare, of), r.Of(product, of), r.Ratio(of))
	}
	for _, m := range measures {
		line(m.name, m.of)
	}
	for _, process := range []string{"engine", "worker", "api"} {
		line("of it: "+process+", ms", func(b Batch) float64 { return ms(b.CPU[process]) })
	}
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
	drawn := map[string]bool{}
	for _, row := range r.rows() {
		for _, m := range measures {
			if s := row.Ratio(m.of); s.High > 0 && !(m.exact && drawn[row.Path]) {
				bars = append(bars, bar{fmt.Sprintf("%s, %d at once: %s", row.Path, row.AtOnce, strings.TrimSuffix(m.name, ", ms")), s})
			}
		}
		drawn[row.Path] = true
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
