package e2e

import (
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// pagePolicy asks for consents and has clocks of seconds, but for the link's.
const pagePolicy = `policies:
  - name: cn-resident
    version: 2
    presentation: page
    consents: [identity_records, face]
    start_patience: 10s
    records_patience: 20s
    last_look_patience: 10s
    review_deadline: 60s
`

const (
	inSafari  = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1"
	onDesktop = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
	inWeChat  = "Mozilla/5.0 (Linux; Android 15; SM-S9280) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.60 Language/zh_CN"
)

// startPage starts a verification whose person acts on our page.
func (s *stack) startPage(p sandbox.Person, change map[string]any) view {
	s.t.Helper()
	body := s.request(p)
	body["presentation"] = "page"
	maps.Copy(body, change)
	a := s.beginAgain(body)
	require.Less(s.t, a.status, 300, "%s", a.body)
	v := s.untilLink(a.view.ID, 30*time.Second)
	require.Equal(s.t, verification.RequiresInput, v.Status)
	require.True(s.t, strings.HasPrefix(v.NextAction.URL, s.apiURL+"/p/"), v.NextAction.URL)
	return v
}

// visitor is a browser without script: it keeps cookies, follows redirects and
// presses buttons.
type visitor struct {
	s      *stack
	agent  string
	client *http.Client
	// at and page are what it shows; status and header came with it.
	at     *url.URL
	page   string
	status int
	header http.Header
}

func (s *stack) visitor(agent string) *visitor {
	jar, err := cookiejar.New(nil)
	require.NoError(s.t, err)
	return &visitor{s: s, agent: agent, client: &http.Client{Jar: jar}}
}

func (p *visitor) send(method, to string, form url.Values) {
	p.s.t.Helper()
	target, err := url.Parse(to)
	require.NoError(p.s.t, err)
	if p.at != nil {
		target = p.at.ResolveReference(target)
	}
	r, err := http.NewRequestWithContext(p.s.t.Context(), method, target.String(), strings.NewReader(form.Encode()))
	require.NoError(p.s.t, err)
	r.Header.Set("User-Agent", p.agent)
	r.Header.Set("Accept-Language", "en")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if p.at != nil {
			r.Header.Set("Origin", p.at.Scheme+"://"+p.at.Host)
		}
	}
	res, err := p.client.Do(r)
	require.NoError(p.s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p.s.t, err)
	p.at, p.page, p.status, p.header = res.Request.URL, string(body), res.StatusCode, res.Header
	if p.s.heard != nil && strings.HasPrefix(p.at.String(), p.s.apiURL) {
		p.s.heard("page", p.at.Path, answer{status: p.status, header: p.header, body: body})
	}
}

func (p *visitor) open(to string) { p.s.t.Helper(); p.send("GET", to, nil) }

var (
	pageKind   = regexp.MustCompile(`data-kind="([a-z]+)"`)
	pageForm   = regexp.MustCompile(`(?s)<form[^>]* action="([^"]*)"[^>]*>(.*?)</form>`)
	pageAsset  = regexp.MustCompile(`<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"`)
	pageHidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
)

func (p *visitor) kind() string {
	if m := pageKind.FindStringSubmatch(p.page); m != nil {
		return m[1]
	}
	return ""
}

// press sends the form that holds the button with the id.
func (p *visitor) press(id string) {
	p.s.t.Helper()
	button := regexp.MustCompile(`<button[^>]* id="` + id + `"(?:[^>]* name="([^"]+)" value="([^"]+)")?`)
	for _, form := range pageForm.FindAllStringSubmatch(p.page, -1) {
		m := button.FindStringSubmatch(form[2])
		if m == nil {
			continue
		}
		values := url.Values{}
		for _, field := range pageHidden.FindAllStringSubmatch(form[2], -1) {
			values.Set(field[1], html.UnescapeString(field[2]))
		}
		if m[1] != "" {
			values.Set(m[1], m[2])
		}
		p.send("POST", html.UnescapeString(form[1]), values)
		return
	}
	require.Failf(p.s.t, "no button", "%s on %s: %s", id, p.at, p.page)
}

// onward goes to where the page leads by itself.
func (p *visitor) onward() {
	p.s.t.Helper()
	require.Equal(p.s.t, "onward", p.kind(), p.page)
	_, to, ok := strings.Cut(p.header.Get("Refresh"), "url=")
	require.True(p.s.t, ok)
	p.open(to)
}

// endAtVendor plays the stand-in's page to an ending and follows it back to us.
func (p *visitor) endAtVendor(outcome string) {
	p.s.t.Helper()
	p.press("begin")
	p.press("end-" + outcome)
	if p.kind() == "" && strings.Contains(p.page, `id="continue"`) { // a form that scripts send
		p.press("continue")
	}
}

// copied is the link that the page shows to copy, linkOf where its link with the id
// leads.
func (p *visitor) copied() string {
	p.s.t.Helper()
	m := regexp.MustCompile(`<code id="link">([^<]+)</code>`).FindStringSubmatch(p.page)
	require.NotNil(p.s.t, m, p.page)
	return html.UnescapeString(m[1])
}

func (p *visitor) linkOf(id string) string {
	p.s.t.Helper()
	m := regexp.MustCompile(`<a[^>]* id="` + id + `" href="([^"]+)"`).FindStringSubmatch(p.page)
	require.NotNil(p.s.t, m, p.page)
	return html.UnescapeString(m[1])
}

// untilKind loads the page again until it shows what is awaited, as its refresh
// does.
func (p *visitor) untilKind(kind string) {
	p.s.t.Helper()
	at := p.at.String()
	require.Eventually(p.s.t, func() bool { p.open(at); return p.kind() == kind }, 30*time.Second, 100*time.Millisecond, "no %s: %s", kind, p.page)
}

// The whole way without script: the link, consent, the vendor's page, back to
// ours, how it went, home to the shop.
func TestAPersonGoesFromTheLinkToApprovedWithoutScript(t *testing.T) {
	t.Parallel()
	shop := openShop(t)
	s := newStack(t, options{policies: pagePolicy, returnURLs: []string{shop.server.URL + "/order/"}})
	person := s.person()
	v := s.startPage(person, map[string]any{"return_url": shop.server.URL + "/order/17"})
	require.Zero(t, v.Attempt.Session)
	require.Zero(t, s.asked("GetEidToken")+s.asked("identity"), "no vendor is called before the person is there")

	p := s.visitor(inWeChat)
	p.open(v.NextAction.URL)
	require.Equal(t, "entry", p.kind())
	p.press("begin")
	require.Equal(t, "consent", p.kind())
	require.Zero(t, s.asked("GetEidToken"))
	p.press("agree")
	require.Equal(t, 1, s.asked("GetEidToken"), "the button asked for a token, once")
	p.onward()
	p.endAtVendor("0")
	require.Equal(t, s.apiURL+"/p/s/", p.at.String()[:len(s.apiURL)+5], "the vendor's page led back to ours")
	p.untilKind("result")
	require.Contains(t, p.page, "Verified")
	require.Contains(t, p.page, shop.server.URL+"/order/17?verification_id="+v.ID)

	end := s.untilEnd(v.ID, 30*time.Second)
	require.Equal(t, verification.OutcomeApproved, end.Outcome)
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 1, s.chargedFor(person))

	stranger := s.visitor(onDesktop)
	stranger.open(v.NextAction.URL)
	require.Equal(t, http.StatusGone, stranger.status, "the link is dead when the verification is")
	require.NotContains(t, stranger.page, "Verified")
}
