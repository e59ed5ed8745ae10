package page

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/page/texts"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	idA, codeA = "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB, codeB = "ver_bbbbbbbbbbbbbbbbbbbbbbbbbb", "bbbbbbbbbbbbbbbbbbbbbbbbbb"

	onDesktop = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36"
	onPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile/15E148 Safari/604.1"
	inWeChat  = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36 MicroMessenger/8.0.60 Language/zh_CN"

	vendorLink = "https://vendor.example/face?token=one&x=2"
	homeLink   = "https://shop.example/back?verification_id=" + idA
)

// run is a starter in memory. It counts what it was asked to do.
type run struct {
	mu    sync.Mutex
	views map[string]starter.PageView
	acts  []string
	fault error
	// erased: the person of every verification was erased.
	erased bool
	// link is what an opened session leads to.
	link string
}

func (f *run) Page(_ context.Context, id string) (starter.PageView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.views[id]
	if f.erased && ok {
		return starter.PageView{}, &starter.Error{Code: starter.Redacted}
	}
	if !ok {
		return v, &starter.Error{Code: starter.NotFound}
	}
	v.Missing = slices.Clone(v.Missing)
	return v, nil
}

func (f *run) PageByCode(ctx context.Context, code string) (starter.PageView, error) {
	return f.Page(ctx, map[string]string{codeA: idA, codeB: idB}[code])
}

func (f *run) AwaitPage(ctx context.Context, id string, _ int, _ time.Duration) (starter.PageView, error) {
	return f.Page(ctx, id)
}

func (f *run) do(ctx context.Context, act, id string, change func(*starter.PageView)) (starter.PageView, error) {
	f.mu.Lock()
	f.acts = append(f.acts, act)
	if f.fault != nil {
		defer f.mu.Unlock()
		return starter.PageView{}, f.fault
	}
	v := f.views[id]
	change(&v)
	v.Revision++
	f.views[id] = v
	f.mu.Unlock()
	return f.Page(ctx, id)
}

func agree(v *starter.PageView, consents []verification.Consent) {
	v.Missing = verification.Missing(v.Missing, consents)
}

func (f *run) Agree(ctx context.Context, id string, consents []verification.Consent) (starter.PageView, error) {
	return f.do(ctx, "agree", id, func(v *starter.PageView) { agree(v, consents) })
}

func (f *run) Open(ctx context.Context, id string, session int, consents []verification.Consent) (starter.PageView, error) {
	return f.do(ctx, "open", id, func(v *starter.PageView) {
		agree(v, consents)
		if session > v.State.Attempt.Session && len(v.Missing) == 0 {
			v.State.Attempt.Session = session
			v.State.Open, v.VendorLink = &verification.OpenSession{OpenIn: v.OpenIn}, f.link
		}
	})
}

func (f *run) AskForHuman(ctx context.Context, id string) (starter.PageView, error) {
	return f.do(ctx, "human", id, func(v *starter.PageView) { v.State.Status = verification.InReview })
}

func (f *run) Decline(ctx context.Context, id string) (starter.PageView, error) {
	return f.do(ctx, "decline", id, func(v *starter.PageView) { v.State.Status = verification.Canceled })
}

func (f *run) Withdraw(ctx context.Context, id, _ string) error {
	_, err := f.do(ctx, "withdraw", id, func(v *starter.PageView) { v.State.Withdraw() })
	return err
}

func (f *run) set(id string, change func(*starter.PageView)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.views[id]
	change(&v)
	f.views[id] = v
}

func (f *run) done() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.acts)
}

// bench is the page on a real store, with two verifications of one client.
type bench struct {
	t      *testing.T
	run    *run
	store  store.Store
	keys   *sealing.Keys
	h      *Handler
	server *httptest.Server
	now    time.Time
	text   string // of every consent
	brand  brand.Brand
}

func newBench(t *testing.T) *bench {
	t.Helper()
	set, err := sealing.Generate()
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "page.db")
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s, err := store.Open(t.Context(), dsn, keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	b := &bench{t: t, store: s, keys: keys, now: time.Now(), text: "The shop asks.",
		run:   &run{views: map[string]starter.PageView{}, link: vendorLink},
		brand: brand.Brand{Names: map[string]string{texts.Chinese: "测试商店", texts.English: "Test Shop"}}}
	p := verification.DefaultPolicy()
	p.Name, p.Presentation, p.Consents = "p", verification.PresentationPage, []verification.Purpose{verification.PurposeFace, verification.PurposeIdentityRecords}
	p.Checks = map[verification.CheckType]verification.Requirement{verification.Liveness: verification.Required}
	for _, id := range []string{idA, idB} {
		_, _, err := s.Insert(t.Context(), store.Row{ID: id, Client: "shop"})
		require.NoError(t, err)
		until := b.now.Add(24 * time.Hour)
		b.run.views[id] = starter.PageView{ID: id, Client: "shop", Policy: p, OpenIn: "wechat", Missing: p.Consents, Revision: 1, ReturnURL: "kept",
			OpensUntil: until.Add(-10 * time.Minute),
			State: verification.State{Status: verification.RequiresInput, CreatedAt: b.now, ExpiresAt: &until, Attempt: verification.Attempt{Number: 1, Max: 3},
				NextAction: &verification.NextAction{Type: verification.ActionRedirect, ExpiresAt: &until}}}
	}
	b.serve("")
	return b
}

// serve serves the page, reached by the public URL; "": by its own address.
func (b *bench) serve(publicURL string) {
	var inner http.Handler
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r) }))
	b.t.Cleanup(b.server.Close)
	if publicURL == "" {
		publicURL = b.server.URL
	}
	b.h = New(Deps{
		Verifications: b.run, Visits: b.store, Keys: b.keys, PublicURL: publicURL,
		Brand: func(string) brand.Brand { return b.brand },
		Consent: func(_ verification.Policy, _ string, purpose verification.Purpose, lang string) verification.ConsentText {
			return verification.ConsentText{Purpose: purpose, Version: "1", Language: lang, Title: string(purpose), Text: b.text}
		},
		WayHome: func(_, returnURL, _ string) string {
			if returnURL != "kept" {
				return ""
			}
			return homeLink
		},
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return b.now },
	})
	inner = b.h
}

// browser keeps cookies and follows redirects to our own pages.
type browser struct {
	b      *bench
	agent  string
	client *http.Client
	lang   string
}

func (b *bench) browser(agent string) *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(b.t, err)
	return &browser{b: b, agent: agent, client: &http.Client{Jar: jar}, lang: "en"}
}

// shown is a page as the browser got it.
type shown struct {
	t      *testing.T
	status int
	header http.Header
	path   string
	body   string
}

func (p *browser) do(method, path string, form url.Values, header ...string) shown {
	p.b.t.Helper()
	r, err := http.NewRequestWithContext(p.b.t.Context(), method, p.b.server.URL+path, strings.NewReader(form.Encode()))
	require.NoError(p.b.t, err)
	r.Header.Set("User-Agent", p.agent)
	r.Header.Set("Accept-Language", p.lang)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := p.client.Do(r)
	require.NoError(p.b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p.b.t, err)
	s := shown{t: p.b.t, status: res.StatusCode, header: res.Header, path: res.Request.URL.Path, body: string(body)}
	s.strict()
	return s
}

func (p *browser) get(path string) shown { return p.do("GET", path, nil) }

// in lets the browser in by the link.
func (p *browser) in(code string) shown { return p.do("POST", "/p/"+code, nil) }

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// press sends the page's form by the button with that act.
func (p *browser) press(on shown, act string) shown {
	p.b.t.Helper()
	require.Contains(p.b.t, on.body, `name="act" value="`+act+`"`)
	form := url.Values{"act": {act}}
	for _, field := range hiddenField.FindAllStringSubmatch(on.body, -1) {
		form.Set(field[1], field[2])
	}
	return p.do("POST", on.path, form)
}

var kindOf = regexp.MustCompile(`data-kind="([a-z]+)"`)

func (s shown) kind() string {
	if m := kindOf.FindStringSubmatch(s.body); m != nil {
		return m[1]
	}
	return ""
}

// strict holds what every answer of ours says, an error's too.
func (s shown) strict() {
	s.t.Helper()
	csp := s.header.Get("Content-Security-Policy")
	require.Contains(s.t, csp, "default-src 'none'", s.path)
	require.NotContains(s.t, csp, "unsafe", s.path)
	require.Equal(s.t, "same-origin", s.header.Get("Referrer-Policy"))
	require.Contains(s.t, s.header.Get("X-Robots-Tag"), "noindex")
	if !strings.HasPrefix(s.header.Get("Content-Type"), "text/html") {
		return
	}
	require.Less(s.t, len(s.body), 30<<10)
	require.NotContains(s.t, s.body, "ZgotmplZ")
	require.NotRegexp(s.t, `(?i)<style|style="|<[a-z][^>]*\son[a-z]+=|<script>|href="javascript`, s.body, "the policy would stop it")
	require.Equal(s.t, "no-store", s.header.Get("Cache-Control"))
}
