package brand

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// Accent is a client's colour, made dark enough for a light page and light
// enough for a dark one. Its zero value is the page's own colour.
type Accent struct {
	// Light and Dark are for the two kinds of page, as #rrggbb.
	Light, Dark string
}

// On is the colour of a text on the accent of a light or a dark page.
const (
	OnLight = "#ffffff"
	OnDark  = "#111111"
)

// The pages' backgrounds; static/page.css has the same.
const (
	lightPage = "#ffffff"
	darkPage  = "#1b1c1f"
)

// contrast is what WCAG 2.2 AA asks of text (1.4.3).
const contrast = 4.5

// DefaultAccent is of a client that has none.
var DefaultAccent = mustAccent("#1257c0")

var hexColour = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

// ParseAccent takes a colour as #rrggbb. A colour too close to the page's is
// moved away until text in it, and on it, can be read.
func ParseAccent(text string) (Accent, error) {
	if !hexColour.MatchString(text) {
		return Accent{}, fmt.Errorf("must be a colour such as #1257c0")
	}
	c := parseColour(text)
	light := c.until("#000000", func(c colour) bool {
		return ratio(c, parseColour(lightPage)) >= contrast && ratio(c, parseColour(OnLight)) >= contrast
	})
	dark := c.until("#ffffff", func(c colour) bool {
		return ratio(c, parseColour(darkPage)) >= contrast && ratio(c, parseColour(OnDark)) >= contrast
	})
	return Accent{light.String(), dark.String()}, nil
}

func mustAccent(text string) Accent {
	a, err := ParseAccent(text)
	if err != nil {
		panic(err)
	}
	return a
}

// CSS is the accent as the page's style sheet takes it up.
func (a Accent) CSS() string {
	if a == (Accent{}) {
		a = DefaultAccent
	}
	rule := func(accent, on string) string { return ":root{--accent:" + accent + ";--on-accent:" + on + "}" }
	return rule(a.Light, OnLight) + "@media (prefers-color-scheme:dark){" + rule(a.Dark, OnDark) + "}"
}

// colour is in sRGB.
type colour [3]float64

func parseColour(text string) colour {
	var c colour
	for i := range c {
		n, _ := strconv.ParseUint(text[1+2*i:3+2*i], 16, 8)
		c[i] = float64(n)
	}
	return c
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", uint8(math.Round(c[0])), uint8(math.Round(c[1])), uint8(math.Round(c[2])))
}

// until mixes the colour with another one, as little as it needs.
func (c colour) until(with string, enough func(colour) bool) colour {
	other := parseColour(with)
	for share := 0.0; share < 1; share += 0.02 {
		var mixed colour
		for i := range c {
			mixed[i] = math.Round(c[i]*(1-share) + other[i]*share)
		}
		if enough(mixed) {
			return mixed
		}
	}
	return other
}

// ratio is WCAG's contrast ratio of two colours.
func ratio(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is WCAG's relative luminance.
func (c colour) luminance() float64 {
	linear := func(v float64) float64 {
		if v /= 255; v > 0.04045 {
			return math.Pow((v+0.055)/1.055, 2.4)
		}
		return v / 12.92
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}
