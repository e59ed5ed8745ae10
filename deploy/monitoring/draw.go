package monitoring

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Series is one line of a panel, as Prometheus answered it.
type Series struct {
	Name   string
	Points []Point
}

// Point is a value at a time; NaN: none.
type Point struct {
	At    time.Time
	Value float64
}

var placeholder = regexp.MustCompile(`\{\{(\w+)\}\}`)

// Name is how a series with these labels is called.
func (q Query) Name(labels map[string]string) string {
	return placeholder.ReplaceAllStringFunc(q.Legend, func(p string) string { return labels[strings.Trim(p, "{}")] })
}

const (
	drawnWidth, drawnHeight = 460, 190
	plotLeft, plotTop       = 52, 34
	plotWidth, plotHeight   = 390, 100
	// legendWidth is about that of a letter at the legend's size.
	legendWidth = 6
	// mostNames are written under a panel; the other lines are only drawn.
	mostNames = 6
)

var colors = []string{"#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#57606a", "#0a7ea4"}

// Draw draws a dashboard from what its queries were answered, in the order of
// its panels, as an SVG.
func Draw(d Dashboard, answers [][]Series) []byte {
	var b bytes.Buffer
	rows := (len(d.Panels) + 1) / 2
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" role="img">`+"\n", 2*drawnWidth, rows*drawnHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", html.EscapeString(d.Title))
	for i, p := range d.Panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%2*drawnWidth, i/2*drawnHeight)
		fmt.Fprintf(&b, `<text x="12" y="20" font-weight="bold">%s</text>`+"\n", html.EscapeString(p.Title))
		drawPanel(&b, p, answers[i])
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func drawPanel(b *bytes.Buffer, p Panel, lines []Series) {
	lines = slices.Clone(lines)
	slices.SortFunc(lines, func(x, y Series) int { return cmp.Compare(x.Name, y.Name) })
	from, to, most := bounds(lines)
	if p.Latest {
		for i, s := range lines {
			fmt.Fprintf(b, `<text x="%d" y="80" font-size="26">%s</text><text x="%d" y="100" fill="#57606a">%s</text>`+"\n",
				12+i*140, amount(last(s), p.Unit), 12+i*140, html.EscapeString(s.Name))
		}
		return
	}
	for _, share := range []float64{0, 0.5, 1} {
		y := plotTop + plotHeight - int(share*plotHeight)
		fmt.Fprintf(b, `<path d="M%d %dh%d" stroke="#d0d7de"/><text x="%d" y="%d" text-anchor="end" fill="#57606a">%s</text>`+"\n",
			plotLeft, y, plotWidth, plotLeft-4, y+4, amount(share*most, p.Unit))
	}
	for i, s := range lines {
		var path strings.Builder
		step := "M"
		for _, pt := range s.Points {
			if math.IsNaN(pt.Value) || math.IsInf(pt.Value, 0) {
				step = "M"
				continue
			}
			x := plotLeft + int(plotWidth*pt.At.Sub(from).Seconds()/max(1, to.Sub(from).Seconds()))
			fmt.Fprintf(&path, "%s%d %d", step, x, plotTop+plotHeight-int(plotHeight*pt.Value/most))
			step = "L"
		}
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", path.String(), colors[i%len(colors)])
	}
	drawLegend(b, lines)
}

// drawLegend names the first lines; further ones are counted.
func drawLegend(b *bytes.Buffer, lines []Series) {
	x, y := 12, plotTop+plotHeight+18
	for i, s := range lines {
		name := s.Name
		if i == mostNames {
			name = fmt.Sprintf("and %d more", len(lines)-i)
		}
		width := 22 + legendWidth*len([]rune(name))
		if x > 12 && x+width > drawnWidth {
			x, y = 12, y+14
		}
		fmt.Fprintf(b, `<path d="M%d %dh8" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>`+"\n",
			x, y-4, colors[i%len(colors)], x+11, y, html.EscapeString(name))
		if i == mostNames {
			return
		}
		x += width
	}
}

func bounds(lines []Series) (from, to time.Time, most float64) {
	for _, s := range lines {
		for _, pt := range s.Points {
			if from.IsZero() || pt.At.Before(from) {
				from = pt.At
			}
			if pt.At.After(to) {
				to = pt.At
			}
			if !math.IsNaN(pt.Value) && !math.IsInf(pt.Value, 0) {
				most = max(most, pt.Value)
			}
		}
	}
	if most == 0 {
		most = 1
	}
	return from, to, most
}

func last(s Series) float64 {
	if len(s.Points) == 0 {
		return math.NaN()
	}
	return s.Points[len(s.Points)-1].Value
}

// amount is a value with its unit, short.
func amount(v float64, unit string) string {
	figure := strconv.FormatFloat(v, 'g', 3, 64)
	switch unit {
	case "s":
		return figure + " s"
	case "reqps":
		return figure + "/s"
	case "percentunit":
		return strconv.FormatFloat(100*v, 'g', 3, 64) + " %"
	case "bytes":
		return strconv.FormatFloat(v/(1<<20), 'f', 0, 64) + " MB"
	case "currency:CNY":
		return "¥ " + figure
	}
	return figure
}
