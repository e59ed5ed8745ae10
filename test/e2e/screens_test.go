package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/page"
	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/page/texts"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/acedata"
	"github.com/yanzhen-id/yanzhen/provider/megvii"
	"github.com/yanzhen-id/yanzhen/provider/sinoconnect"
	"github.com/yanzhen-id/yanzhen/provider/tencent"
	"github.com/yanzhen-id/yanzhen/provider/tencentiai"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// pagePictures, if set, is where the pictures of the person's page are written that
// the docs show: go test ./test/e2e -run TestEveryScreen -page-pictures ../../docs/pages
var pagePictures = flag.String("page-pictures", "", "write pictures of the person's page to this folder")

// aPhone is a phone's browser that is not WeChat's.
const aPhone = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"

// state is a state of the person's page, as the store tells it, and how the
// browser gets there.
type state struct {
	name string
	// agent is the browser; empty: a phone's.
	agent string
	// view changes a verification that waits for the person to begin.
	view func(*starter.PageView)
	// path is the page's; empty: the verification's own.
	path string
	// press is pressed then, and shows is what the page must show.
	press, shows string
	// fails is what the run answers to what is pressed.
	fails starter.Code
	// script runs before the press.
	script string
}

var inTwoHours = time.Date(2026, 11, 28, 18, 30, 0, 0, time.UTC)

func failed(code verification.ReasonCode, judged int) func(*starter.PageView) {
	return func(v *starter.PageView) {
		v.State.LastError = &verification.LastError{Code: code, Retryable: verification.ReasonOf(code).Retryable}
		v.State.Attempt.Session, v.State.Attempt.Judged = 1, judged
	}
}

func ended(status verification.Status, code verification.ReasonCode) func(*starter.PageView) {
	return func(v *starter.PageView) {
		v.State.Status, v.State.NextAction = status, nil
		if code != "" {
			v.State.LastError = &verification.LastError{Code: code}
		}
	}
}

func decided(d verification.Decision, codes ...verification.ReasonCode) func(*starter.PageView) {
	return func(v *starter.PageView) {
		v.State.Status, v.State.Decision, v.State.NextAction = verification.Completed, d, nil
		v.State.Verdict = &verification.Verdict{Decision: d}
		for _, c := range codes {
			v.State.Verdict.Reasons = append(v.State.Verdict.Reasons, verification.ReasonOf(c))
		}
	}
}

func processing(checks ...verification.Check) func(*starter.PageView) {
	return func(v *starter.PageView) {
		v.State.Status, v.State.NextAction, v.State.Checks, v.State.Attempt.Session = verification.Processing, nil, checks, 1
	}
}

func wechatOnly(v *starter.PageView) { v.OpenIn = "wechat" }

var states = []state{
	{name: "entry", path: "/p/" + freshCode, shows: "#begin"},
	{name: "consent", view: func(v *starter.PageView) { v.Missing = verification.Purposes }, shows: "#agree"},
	{name: "face-begin", shows: "#go"},
	{name: "no-camera", script: `Object.defineProperty(navigator.mediaDevices, "enumerateDevices", {value: async () => []})`, press: "#go", shows: "#no-camera"},
	{name: "old-browser", script: `delete window.RTCPeerConnection`, press: "#go", shows: "#no-webrtc"},
	{name: "desktop-begin", agent: onDesktop, shows: "#go"},
	{name: "desktop-code", agent: onDesktop, press: "#go", shows: "#qr"},
	{name: "desktop-code-wechat", agent: onDesktop, view: wechatOnly, press: "#go", shows: "#qr"},
	{name: "other-browser", view: wechatOnly, press: "#go", shows: "#link"},
	{name: "handover", path: "/p/h/" + goodCode, shows: "#continue"},
	{name: "handover-dead", path: "/p/h/" + freshCode, shows: "#message"},
	{name: "face-open", view: func(v *starter.PageView) {
		v.State.Open, v.VendorLink = &verification.OpenSession{ExpiresAt: inTwoHours}, "https://vendor.example/face"
		v.State.Attempt.Session = 1
	}, shows: "#resume"},
	{name: "face-wechat", agent: inWeChat, view: wechatOnly, shows: "#go"},
	{name: "vendor-down", press: "#go", fails: starter.EngineUnavailable, shows: "#down"},
	{name: "opening", view: processing(), shows: "#progress"},
	{name: "outage", view: func(v *starter.PageView) {
		processing()(v)
		v.State.LastError = &verification.LastError{Code: verification.ProviderUnavailable}
	}, shows: "#progress"},
	{name: "checking", view: processing(verification.Check{Type: verification.Liveness, Status: verification.Passed}), shows: "#progress"},
	{name: "retry", view: failed(verification.FaceNoMatch, 1), shows: "#reason"},
	{name: "retry-last", view: failed(verification.FaceNotLive, 2), shows: "#left"},
	{name: "unfinished", view: failed(verification.SessionCanceled, 0), shows: "#reason"},
	{name: "ending", view: func(v *starter.PageView) {
		failed(verification.SessionExpired, 0)(v)
		v.OpensUntil = time.Now().Add(-time.Minute)
	}, shows: "#reason"},
	{name: "scan", view: func(v *starter.PageView) {
		failed(verification.DocumentUnreadable, 0)(v)
		v.Policy.ChipProvider, v.State.NextAction = "sino_connect", &verification.NextAction{Type: verification.ActionScanChip}
	}, shows: "#reason"},
	{name: "human", path: "?view=human", shows: "#confirm-human"},
	{name: "withdraw", path: "?view=withdraw", shows: "#confirm-withdraw"},
	{name: "review", view: func(v *starter.PageView) { ended(verification.InReview, "")(v); v.State.ExpiresAt = &inTwoHours }, shows: "#result"},
	{name: "approved", view: decided(verification.Approved), shows: "#home"},
	{name: "approved-close", view: func(v *starter.PageView) { decided(verification.Approved)(v); v.ReturnURL = "" }, shows: "#result"},
	{name: "declined", view: decided(verification.Declined, verification.IdentityMismatch), shows: "#object"},
	{name: "used-up", view: decided(verification.Declined, verification.FaceNoMatch, verification.SessionAttemptsExhausted), shows: "#object"},
	{name: "expired", view: ended(verification.Expired, verification.SessionLinkExpired), shows: "#result"},
	{name: "refused", view: ended(verification.Canceled, verification.CanceledByPerson), shows: "#result"},
	{name: "minor", view: ended(verification.Canceled, verification.CanceledMinor), shows: "#result"},
	{name: "error", view: ended(verification.Error, verification.ProviderUnavailable), shows: "#result"},
	{name: "unknown-link", path: "/p/nobody-knows-this-one", shows: "#message"},
	{name: "lost", path: "/p/s/aaaaaaaa", shows: "#message"},
}

// TestEveryScreen looks at every state of the person's page, in both languages,
// on every screen: nothing keeps people from using it (WCAG 2.2 AA), nothing is cut
// off, nothing is asked of another host, nothing breaks the page's own policy, and
// it stays small.
func TestEveryScreen(t *testing.T) {
	t.Parallel()
	s := openScreens(t)
	for _, lang := range texts.Languages {
		t.Run(lang, func(t *testing.T) {
			p := newPhoneFor(t, 8*time.Minute)
			hosts := p.listen()
			p.as(aPhone)
			s.set(state{})
			p.on(screens[0])
			require.NoError(t, chromedp.Do(p.tab, chromedp.Navigate(s.URL+"/p/"+goodCode+"?lang="+lang), chromedp.WaitVisible("#begin"), chromedp.Click("#begin"), chromedp.WaitVisible("#go")))
			own := strings.Split(p.where(), "?")[0]
			for _, st := range states {
				s.goTo(p, st, own, lang)
				if *pagePictures != "" {
					p.picture(st, lang)
				}
				if *pagePictures == "" || lang == texts.Chinese {
					for _, sc := range screens {
						p.on(sc)
						assert.Empty(t, p.cut(), "%s on %s", st.name, sc.name)
						if sc.axe {
							assert.Empty(t, p.barriers(), "%s on %s", st.name, sc.name)
						}
					}
				}
				require.Equal(t, lang, p.eval(`document.documentElement.lang`), st.name)
				size, err := strconv.Atoi(p.eval(`String([...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.encodedBodySize, 0))`))
				require.NoError(t, err)
				require.Greater(t, size, 5<<10, st.name)
				require.Less(t, size, 60<<10, "%s, with all that it loads", st.name)
				p.on(screens[0])
			}
			require.Empty(t, hosts.faults())
			require.Equal(t, []string{strings.TrimPrefix(s.URL, "http://")}, hosts.asked(), "no other host is asked")
		})
	}
	if *pagePictures != "" {
		writePictures(t, *pagePictures)
	}
}

// goTo brings the browser to a state.
func (s *playedScreens) goTo(p *phone, st state, own, lang string) {
	p.t.Helper()
	s.set(st)
	p.as(st.agent)
	at := own
	switch {
	case strings.HasPrefix(st.path, "/"):
		at = s.URL + st.path
	case st.path != "":
		at += st.path
	}
	sep := "?"
	if strings.Contains(at, "?") {
		sep = "&"
	}
	steps := []chromedp.Action[chromedp.Void]{chromedp.Navigate(at + sep + "lang=" + lang)}
	require.NoError(p.t, chromedp.Do(p.tab, steps...))
	if st.script != "" {
		p.eval(st.script + `;""`)
	}
	if st.press != "" {
		require.NoError(p.t, chromedp.Do(p.tab, chromedp.WaitVisible(st.press), chromedp.Click(st.press)), st.name)
	}
	require.NoError(p.t, chromedp.Do(p.tab, chromedp.WaitVisible(st.shows)), st.name)
}

// as gives the browser another name; empty: a phone's.
func (p *phone) as(agent string) {
	p.t.Helper()
	if agent == "" {
		agent = aPhone
	}
	_, err := chromedp.Run(p.tab, chromedp.Action[cdp.Empty](func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent})
	}))
	require.NoError(p.t, err)
}

// heard is what a browser asked for, and what it complained of.
type heard struct {
	mu     sync.Mutex
	hosts  map[string]bool
	wrongs []string
}

func (p *phone) listen() *heard {
	p.t.Helper()
	h := &heard{hosts: map[string]bool{}}
	require.NoError(p.t, chromedp.Listen(p.tab, func(ev any) {
		h.mu.Lock()
		defer h.mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			_, rest, _ := strings.Cut(e.Request.URL, "://")
			host, _, _ := strings.Cut(rest, "/")
			h.hosts[host] = true
		case *log.EventEntryAdded:
			// A page that says 403 or 404 is what some states are.
			if !strings.Contains(e.Entry.Text, "the server responded with a status") {
				h.wrongs = append(h.wrongs, e.Entry.Text)
			}
		}
	}))
	return h
}

func (h *heard) asked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for host := range h.hosts {
		out = append(out, host)
	}
	return out
}

func (h *heard) faults() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wrongs
}

// Codes of links: goodCode's browser is let in, freshCode is of a verification
// that no browser was let in to.
const (
	goodCode  = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	freshCode = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// playedScreens serves the person's page about a verification that is whatever
// a state says.
type playedScreens struct {
	*httptest.Server
	mu      sync.Mutex
	st      state
	cookies map[string]string
	until   time.Time
	catalog *config.Config
}

func openScreens(t *testing.T) *playedScreens {
	t.Helper()
	s := &playedScreens{cookies: map[string]string{}}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "logo.png"), drawnLogo(t), 0o600))
	catalogue := filepath.Join(dir, "yanzhen.yaml")
	require.NoError(t, os.WriteFile(catalogue, []byte(`clients:
  - id: shop
    keys: [{name: first, hash: "", scopes: []}]
    display_name: {zh-CN: 青禾商店, en: Qinghe Shop}
    logo: logo.png
    accent: "#0b7a4b"
`), 0o600))
	cfg, err := config.Load([]string{"YANZHEN_CONFIG=" + catalogue},
		[]provider.Vendor{tencent.Vendor(), megvii.Vendor(), sinoconnect.Vendor(), acedata.Vendor(), tencentiai.Vendor()}, config.Needs{})
	require.NoError(t, err)
	s.catalog = cfg
	set, err := sealing.Generate()
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	var handler http.Handler
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(func() { s.Server.CloseClientConnections(); s.Server.Close() })
	handler = page.New(page.Deps{
		Verifications: s, Visits: s, Keys: keys, PublicURL: s.URL,
		Brand:   func(client string) brand.Brand { return cfg.Brands[client] },
		Consent: cfg.ConsentText,
		WayHome: func(_, returnURL, id string) string { return returnURL },
		Logger:  discard,
	})
	return s
}

func drawnLogo(t *testing.T) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 80, 80))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.RGBA{0x0b, 0x7a, 0x4b, 255}), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(18, 18, 62, 34), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(32, 34, 48, 64), image.NewUniform(color.White), image.Point{}, draw.Src)
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func (s *playedScreens) set(st state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st, s.until = st, time.Time{}
}

// view is the verification of the state.
func (s *playedScreens) view(id string) starter.PageView {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.catalog.Policies["cn-resident-megvii"]
	p.Presentation, p.Consents = verification.PresentationPage, []verification.Purpose{verification.PurposeIdentityRecords, verification.PurposeFace}
	p.ChipProvider, p.Comparer, p.ObjectionContact = "sino_connect", "tencent_iai", "400-000-0000"
	now := time.Now()
	v := starter.PageView{ID: id, Client: "shop", Policy: p, ReturnURL: "https://shop.example/order/17", Revision: 1, OpensUntil: now.Add(time.Hour),
		State: verification.State{Status: verification.RequiresInput, Page: true, CreatedAt: now.Add(-time.Minute), ExpiresAt: &inTwoHours,
			NextAction: &verification.NextAction{Type: verification.ActionRedirect}, Attempt: verification.Attempt{Max: 3}}}
	if s.st.view != nil {
		s.st.view(&v)
	}
	if s.st.name != "scan" {
		v.Policy.ChipProvider, v.Policy.Comparer = "", ""
	}
	if s.st.name == "consent" {
		v.Policy.ChipProvider, v.Policy.Comparer = "sino_connect", "tencent_iai"
	}
	return v
}

func (s *playedScreens) Page(_ context.Context, id string) (starter.PageView, error) {
	return s.view(id), nil
}

func (s *playedScreens) PageByCode(_ context.Context, code string) (starter.PageView, error) {
	return s.view("ver_" + code), nil
}

func (s *playedScreens) AwaitPage(ctx context.Context, id string, _ int, wait time.Duration) (starter.PageView, error) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	return s.view(id), nil
}

func (s *playedScreens) Agree(_ context.Context, id string, _ []verification.Consent) (starter.PageView, error) {
	return s.view(id), nil
}

func (s *playedScreens) Open(_ context.Context, id string, _ int, _ []verification.Consent) (starter.PageView, error) {
	s.mu.Lock()
	fails := s.st.fails
	s.mu.Unlock()
	if fails != "" {
		return starter.PageView{}, &starter.Error{Code: fails}
	}
	return s.view(id), nil
}

func (s *playedScreens) AskForHuman(_ context.Context, id string) (starter.PageView, error) {
	return s.view(id), nil
}

func (s *playedScreens) Withdraw(context.Context, string, string) error { return nil }

func (s *playedScreens) Decline(_ context.Context, id string) (starter.PageView, error) {
	return s.view(id), nil
}

func (s *playedScreens) AddVisit(_ context.Context, cookie []byte, id string, _ time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cookies[string(cookie)] = id
	return true, nil
}

func (s *playedScreens) AddReturn(context.Context, []byte, string, int, time.Time) (bool, error) {
	return false, nil
}

func (s *playedScreens) VisitOf(_ context.Context, cookie []byte, _ time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cookies[string(cookie)], nil
}

func (s *playedScreens) SetHandover(_ context.Context, _ string, _ []byte, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = until
	return nil
}

func (s *playedScreens) Handover(context.Context, string) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until, false, nil
}

// HandoverOf knows a code in the state that shows one.
func (s *playedScreens) HandoverOf(context.Context, []byte, time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.st.name == "handover" {
		return "ver_" + freshCode, nil
	}
	return "", nil
}

func (s *playedScreens) SpendHandover(context.Context, []byte, []byte, time.Time, time.Time) (bool, error) {
	return true, nil
}

// shown are the pictures of each state, side by side.
var shown = struct {
	sync.Mutex
	of map[string][]image.Image
}{of: map[string][]image.Image{}}

// picture takes the pictures of a state that the docs show.
func (p *phone) picture(st state, lang string) {
	p.t.Helper()
	on := []screen{{width: 390, height: 844}}
	if st.agent == onDesktop {
		on = []screen{{width: 900, height: 700}}
	}
	if lang == texts.Chinese {
		on = append(on, on[0])
		on[1].dark = true
	}
	for _, sc := range on {
		p.on(sc)
		shot, err := chromedp.Run(p.tab, chromedp.FullScreenshot(100))
		require.NoError(p.t, err)
		m, err := png.Decode(bytes.NewReader(shot))
		require.NoError(p.t, err)
		shown.Lock()
		shown.of[st.name] = append(shown.of[st.name], m)
		shown.Unlock()
	}
}

// paletteOf are the colours most used: a page has few.
func paletteOf(all []image.Image) color.Palette {
	count := map[color.RGBA]int{{0xc0, 0xc0, 0xc0, 255}: 1 << 30}
	for _, m := range all {
		for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
			for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
				count[color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)]++
			}
		}
	}
	used := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] })
	var out color.Palette
	for _, c := range used[:min(len(used), 256)] {
		out = append(out, c)
	}
	return out
}

// writePictures puts the pictures of each state beside each other into one file.
func writePictures(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	const gap = 16
	for name, all := range shown.of {
		width, height := gap, 0
		for _, m := range all {
			width += m.Bounds().Dx() + gap
			height = max(height, m.Bounds().Dy()+2*gap)
		}
		sheet := image.NewPaletted(image.Rect(0, 0, width, height), paletteOf(all))
		draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.Gray{0xc0}), image.Point{}, draw.Src)
		x := gap
		for _, m := range all {
			draw.Draw(sheet, image.Rect(x, gap, x+m.Bounds().Dx(), gap+m.Bounds().Dy()), m, m.Bounds().Min, draw.Src)
			x += m.Bounds().Dx() + gap
		}
		var b bytes.Buffer
		require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, sheet))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), b.Bytes(), 0o644))
	}
	fmt.Println("pictures in", dir)
}
