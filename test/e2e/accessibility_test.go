package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axeSource is the script of axe-core, from the pinned package.
var axeSource = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "axe")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS("testdata/axe")); err != nil {
		return "", err
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "node_modules/axe-core/axe.min.js"))
	return string(script), err
})

// barriers is what axe-core finds on the page against WCAG 2.2 A and AA, a line
// each. What it cannot decide about contrast counts as well: on our pages it
// has no reason to be in doubt.
func (p *phone) barriers() []string {
	p.t.Helper()
	script, err := axeSource()
	require.NoError(p.t, err)
	p.eval(script + `;"loaded"`)
	text, err := chromedp.Run(p.tab, chromedp.Evaluate[string](`axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}).then(r => JSON.stringify(
		[...r.violations, ...r.incomplete.filter(i => i.id == "color-contrast")].flatMap(v => v.nodes.map(n => v.id + ": " + n.target + ": " + n.failureSummary.split("\n")[1])).concat(r.passes.length > 3 ? [] : ["axe looked at nothing"])))`,
		chromedp.EvalAwaitPromise))
	require.NoError(p.t, err)
	var found []string
	require.NoError(p.t, json.Unmarshal([]byte(text), &found))
	return found
}

// cut is what does not fit the screen, or cannot be hit with a finger: 44 points
// are asked for where WCAG 2.2 AA asks for 24.
func (p *phone) cut() []string {
	p.t.Helper()
	text := p.eval(`JSON.stringify([...document.querySelectorAll("body *")].filter(e => e.getClientRects().length && !e.closest(".sr,.skip,svg")).flatMap(e => {
		const box = e.getBoundingClientRect(), name = e.tagName + (e.id ? "#" + e.id : "") + (e.className ? "." + e.className : ""), out = [];
		if (box.right > document.documentElement.clientWidth + 1 || box.left < -1) out.push(name + " is beyond the edge");
		if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != "inline" && e.tagName != "HTML") out.push(name + " is cut off");
		if (e.matches("button, a.button, input:not([type=hidden]), nav a, .aside a") && (box.height < 44 || box.width < 44)) out.push(name + " is too small: " + box.width + " by " + box.height);
		return out;
	}))`)
	var found []string
	require.NoError(p.t, json.Unmarshal([]byte(text), &found))
	return found
}

// screen is what a page is looked at on.
type screen struct {
	name          string
	width, height int64
	touch, dark   bool
	// axe looks at it too.
	axe bool
	// zoom is of the text alone, in percent of the browser's size; 0: 100.
	zoom int
}

// screens are those on which every state of the page must do.
var screens = []screen{
	{name: "phone", width: 390, height: 844, touch: true, axe: true},
	{name: "phone-dark", width: 390, height: 844, touch: true, dark: true, axe: true},
	{name: "desktop", width: 1440, height: 900, axe: true},
	{name: "desktop-dark", width: 1440, height: 900, dark: true},
	{name: "narrow", width: 320, height: 640, touch: true, axe: true},
	{name: "zoomed", width: 640, height: 450, axe: true}, // 1280 by 900 at 200 %
	{name: "large-text", width: 390, height: 844, touch: true, zoom: 200},
}

// on gives the browser another screen.
func (p *phone) on(s screen) {
	p.t.Helper()
	how := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if s.touch {
		how = []chromedp.EmulateViewportOption{chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch}
	}
	require.NoError(p.t, chromedp.Do(p.tab, chromedp.EmulateViewport(s.width, s.height, how...)))
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	_, err := chromedp.Run(p.tab, chromedp.Action[cdp.Empty](func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
	}))
	require.NoError(p.t, err)
	size := ""
	if s.zoom != 0 {
		size = fmt.Sprintf("%d%%", s.zoom)
	}
	p.eval(`document.documentElement.style.fontSize = "` + size + `"`)
}

// What looks for barriers finds them: a text too pale, a field without a label,
// a page without a language, something wider than the screen, a small button.
func TestBarriersAreFound(t *testing.T) {
	t.Parallel()
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lang, body := ` lang="en"`, `<main><h1>Hello</h1><p>Words.</p><button style="min-height:3rem;min-width:3rem">Press me</button></main>`
		if r.URL.Path == "/bad" {
			lang, body = "", `<main><h1>Hello</h1><p style="color:#aaa">Words.</p><input><button>x</button><p style="width:900px">Wide.</p></main>`
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		fmt.Fprintf(w, `<!doctype html><html%s><meta name="viewport" content="width=device-width, initial-scale=1"><title>a page</title><link rel="icon" href="data:,">%s`, lang, body)
	}))
	t.Cleanup(bad.Close)
	p := newPhone(t)
	require.NoError(t, chromedp.Do(p.tab, chromedp.Navigate(bad.URL+"/good")))
	require.Empty(t, p.barriers())
	require.Empty(t, p.cut())
	require.NoError(t, chromedp.Do(p.tab, chromedp.Navigate(bad.URL+"/bad")))
	found, cut := strings.Join(p.barriers(), "\n"), strings.Join(p.cut(), "\n")
	for _, id := range []string{"color-contrast", "label", "html-has-lang"} {
		require.Contains(t, found, id+": ")
	}
	require.Contains(t, cut, "P is beyond the edge")
	require.Contains(t, cut, "BUTTON is too small")
}
