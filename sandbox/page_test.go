package sandbox

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// begin opens a session and takes it to the screen with the endings.
func (w *world) onPage(more map[string]any) (token, path string) {
	w.t.Helper()
	token, link := w.eidToken(more)
	path = "/page/tencent/" + token
	res, _ := w.get(link)
	require.Equal(w.t, http.StatusOK, res.StatusCode)
	res, _ = w.form(path+"/begin", "")
	require.Equal(w.t, http.StatusOK, res.StatusCode)
	return token, path
}

func TestThePageAsksThenBeginsThenGoesBack(t *testing.T) {
	w := start(t, nil)
	token, link := w.eidToken(nil)
	res, page := w.get(link)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, page, `id="begin"`)
	require.Contains(t, page, "Stand-in")
	require.Contains(t, page, "模拟页面")
	require.Contains(t, page, "测**")
	require.Contains(t, page, "110*************17")
	require.Equal(t, "init", w.status(token), "looking is not beginning")

	res, page = w.form("/page/tencent/"+token+"/begin", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "doing", w.status(token))
	for _, id := range []string{"end-0", "end-2016", "end-1003", "end-1002", "end-2004", "end-2006", "end-2005", "end-2007", "end-1001",
		"end-16", "end-1008", "end-cancel", "end-timeout", "end-timeout-back", "end-other", "code"} {
		require.Contains(t, page, `id="`+id+`"`)
	}
	require.NotContains(t, page, "end-"+OutcomePassOtherHolder, "this merchant gets no identities")

	res, _ = w.form("/page/tencent/"+token+"/end", "outcome=0")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, "https://kyc.example.com/cb/tencent?sid=s1&token="+token+"#top", res.Header.Get("Location"))
	require.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
	require.Equal(t, "finished", w.status(token))
}

func TestNobodysFullDataIsOnAnyScreen(t *testing.T) {
	w := start(t, nil)
	a1 := person("A1")
	token, link := w.eidToken(nil)
	_, first := w.get(link)
	_, second := w.form("/page/tencent/"+token+"/begin", "")
	_, used := w.get(link)
	for _, page := range []string{first, second, used} {
		require.NotContains(t, page, a1.Name)
		require.NotContains(t, page, a1.IDNumber)
		require.NotContains(t, page, "19900307", "the birth date is personal too")
	}
}

func TestALinkWorksOnceAndSaysSoAfterwards(t *testing.T) {
	w := start(t, nil)
	token, path := w.onPage(nil)
	usedUp := func() {
		t.Helper()
		res, page := w.get(w.url + path)
		require.Equal(t, http.StatusGone, res.StatusCode)
		require.Contains(t, page, "链接已使用")
		require.Contains(t, page, "This link has been used")
	}
	usedUp()
	res, _ := w.form(path+"/begin", "")
	require.Equal(t, http.StatusGone, res.StatusCode)
	require.Equal(t, "doing", w.status(token))
	w.form(path+"/end", "outcome=0")
	usedUp()
	res, _ = w.form(path+"/end", "outcome=2016")
	require.Equal(t, http.StatusGone, res.StatusCode, "a session ends once")
	_, text := w.result(token, "1")
	require.Equal(t, 0, *text.ErrCode)
	require.Equal(t, 1, w.Ledger().Charged(Query{Vendor: Tencent}))
}

func TestALookCanBeMadeToUseTheLinkUp(t *testing.T) {
	w := start(t, func(c *Config) { c.Tencent.LinkUsedBy = LinkUsedByOpen })
	token, link := w.eidToken(nil)
	res, _ := w.get(link)
	require.Equal(t, http.StatusOK, res.StatusCode)
	res, _ = w.get(link)
	require.Equal(t, http.StatusGone, res.StatusCode)
	res, _ = w.form("/page/tencent/"+token+"/begin", "")
	require.Equal(t, http.StatusOK, res.StatusCode, "who has the page may go on")
}

func TestLeavingGoesBackAndLeavesTheTokenAsItIs(t *testing.T) {
	w := start(t, nil)
	token, path := w.onPage(nil)
	res, _ := w.form(path+"/end", "outcome=cancel")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Contains(t, res.Header.Get("Location"), "token="+token)
	require.Equal(t, "doing", w.status(token))

	token, _ = w.eidToken(nil)
	res, _ = w.form("/page/tencent/"+token+"/end", "outcome=cancel")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, "init", w.status(token), "left before beginning")
}

func TestTheClockCanRunOutOnThePage(t *testing.T) {
	w := start(t, nil)
	token, path := w.onPage(nil)
	res, page := w.form(path+"/end", "outcome=timeout")
	require.Equal(t, http.StatusOK, res.StatusCode, "no redirect")
	require.Contains(t, page, "链接已过期")
	require.Contains(t, page, `id="continue"`)
	require.Equal(t, "timeout", w.status(token))

	token, path = w.onPage(nil)
	res, _ = w.form(path+"/end", "outcome=timeout-back")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, "timeout", w.status(token))
	require.Zero(t, w.Ledger().Charged(Query{}))
}

func TestAnExpiredLinkSaysSo(t *testing.T) {
	w := start(t, nil)
	token, link := w.eidToken(nil)
	w.clock.Add(DefaultConfig().Tencent.TokenTTL)
	res, page := w.get(link)
	require.Equal(t, http.StatusGone, res.StatusCode)
	require.Contains(t, page, "This link has expired")
	res, _ = w.form("/page/tencent/"+token+"/begin", "")
	require.Equal(t, http.StatusGone, res.StatusCode)
	res, _ = w.get(w.url + "/page/tencent/nobody")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
}

func TestAnyCodeCanBeGivenByTheForm(t *testing.T) {
	w := start(t, nil)
	token, path := w.onPage(nil)
	for _, bad := range []string{"", "pass", "1234567", "0x10"} {
		res, page := w.form(path+"/end", url.Values{"outcome": {bad}}.Encode())
		require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode, bad)
		require.Contains(t, page, "No such result code")
	}
	res, _ := w.form(path+"/end", "outcome=2010")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	_, text := w.result(token, "1")
	require.Equal(t, 2010, *text.ErrCode)
}

func TestEndingBeforeBeginningIsRefused(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	res, _ := w.form("/page/tencent/"+token+"/end", "outcome=0")
	require.Equal(t, http.StatusConflict, res.StatusCode)
	require.Equal(t, "init", w.status(token))
}

func TestWithoutARedirectThePersonStaysHere(t *testing.T) {
	w := start(t, nil)
	_, path := w.onPage(map[string]any{"RedirectUrl": ""})
	res, page := w.form(path+"/end", "outcome=0")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, page, "The check is over")
}

func TestTheTokenIsMergedIntoTheRedirect(t *testing.T) {
	for redirect, want := range map[string]string{
		"https://a.example":                     "https://a.example?token=T",
		"https://a.example/cb?b=2&a=1#f":        "https://a.example/cb?b=2&a=1&token=T#f",
		"https://a.example/cb?token=old&a=%2F":  "https://a.example/cb?a=%2F&token=T",
		"http://127.0.0.1:8080/cb/eyJ.a-b_c..d": "http://127.0.0.1:8080/cb/eyJ.a-b_c..d?token=T",
	} {
		require.Equal(t, want, back(redirect, "T"))
	}
}

func TestThePagesLoadNothingAndAllowOnlyTheirOwnStyle(t *testing.T) {
	w := start(t, nil)
	_, link := w.eidToken(nil)
	res, page := w.get(link)
	policy := res.Header.Get("Content-Security-Policy")
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	require.NotNil(t, style)
	require.Contains(t, policy, "style-src 'sha256-"+sourceHash(style[1])+"'", "the browser would drop the style otherwise")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "style=\"")
	require.Empty(t, regexp.MustCompile(`(?:src|href)="(?:https?:)?//`).FindAllString(page, -1))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	require.Contains(t, page, `<html lang="zh-Hans">`)
	require.Contains(t, page, `lang="en"`)
}

func TestThePublicAddressCanBeSet(t *testing.T) {
	w := start(t, func(c *Config) { c.PublicURL = "https://sandbox.example" })
	_, link := w.eidToken(nil)
	require.True(t, strings.HasPrefix(link, "https://sandbox.example/page/tencent/"))
}
