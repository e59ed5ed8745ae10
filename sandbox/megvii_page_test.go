package sandbox

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// flowPage opens a flow's page and returns the path of its forms.
func (w *world) flowPage(more map[string]string) (token, path string) {
	w.t.Helper()
	token, _ = w.flow(more)
	res, _ := w.get(w.url + "/megvii/faceid/lite/do?token=" + token)
	require.Equal(w.t, http.StatusOK, res.StatusCode)
	return token, "/page/megvii/" + token
}

func TestMegviisPageOpensOnceAndHasAButtonForEveryOutcome(t *testing.T) {
	w := start(t, quiet)
	a1 := person("A1")
	token, _ := w.flow(nil)
	link := w.url + "/megvii/faceid/lite/do?token=" + token
	head, err := http.NewRequest(http.MethodHead, link, nil)
	require.NoError(t, err)
	w.browse(head)
	status, _ := w.MegviiStatus(token)
	require.Equal(t, "NOT_STARTED", status, "a preview uses nothing up")
	res, page := w.get(link)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, page, "并非旷视页面")
	require.Contains(t, page, "测**")
	status, _ = w.MegviiStatus(token)
	require.Equal(t, "PROCESSING", status)
	res, again := w.get(link)
	require.Equal(t, http.StatusGone, res.StatusCode)
	require.Contains(t, again, "This link has been used")

	res, choose := w.form("/page/megvii/"+token+"/begin", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	buttons := 0
	for _, g := range megviiGroups {
		for _, e := range g.Endings {
			_, _, known := verdictOf(e.Outcome, nil)
			require.True(t, known || e.Outcome == MegviiAbandon, e.Outcome)
			require.Equal(t, e.Needs == "", regexp.MustCompile(`id="end-`+e.Outcome+`"`).MatchString(choose), e.Outcome)
			buttons++
		}
	}
	require.Equal(t, 26, buttons)
	require.Contains(t, choose, `id="end-other"`)
	for _, screen := range []string{page, again, choose} {
		require.NotContains(t, screen, a1.Name)
		require.NotContains(t, screen, a1.IDNumber)
		require.NotContains(t, screen, "<script")
	}
	res, _ = w.form("/page/megvii/"+token+"/end", "outcome=approved")
	require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
	res, _ = w.form("/page/megvii/"+token+"/end", "outcome=score-71.5")
	require.Equal(t, http.StatusOK, res.StatusCode)
	res, _ = w.form("/page/megvii/"+token+"/end", "outcome=pass")
	require.Equal(t, http.StatusGone, res.StatusCode)
	res, _ = w.get(w.url + "/megvii/faceid/lite/do?token=nobody")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	token, _ = w.flow(nil)
	res, _ = w.form("/page/megvii/"+token+"/begin", "")
	require.Equal(t, http.StatusConflict, res.StatusCode, "the page was not opened")
	w.clock.Add(time.Hour)
	res, page = w.get(w.url + "/megvii/faceid/lite/do?token=" + token)
	require.Equal(t, http.StatusGone, res.StatusCode)
	require.Contains(t, page, "This link has expired")
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

func TestTheReturnFormCarriesTheSignedDataAndWorksWithoutScripts(t *testing.T) {
	w := start(t, quiet)
	_, path := w.flowPage(nil)
	res, page := w.form(path+"/end", "outcome=pass")
	require.Equal(t, http.StatusOK, res.StatusCode)
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	require.True(t, notified{data: form.Get("data"), sign: form.Get("sign")}.genuine())
	require.Contains(t, page, `<button id="continue"`)
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(page)
	require.Equal(t, megviiReturnTo, html.UnescapeString(action[1]))
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(page)
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "script-src 'sha256-"+sourceHash(script[1])+"'")
	require.NotContains(t, res.Header.Get("Content-Security-Policy"), "form-action")
	require.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
}

func TestMegviisOtherWaysOffThePage(t *testing.T) {
	w := start(t, quiet)
	_, path := w.flowPage(map[string]string{"action_http_method": "GET"})
	res, _ := w.form(path+"/end", "outcome=cancel")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Regexp(t, `^https://kyc\.example\.com/cb/megvii\?sid=s1&biz_id=[0-9]+%2C[0-9a-f-]+#top$`, res.Header.Get("Location"))

	token, path := w.flowPage(nil)
	_, page := w.form(path+"/end", "outcome=abandon")
	require.Contains(t, page, "You closed the page")
	status, _ := w.MegviiStatus(token)
	require.Equal(t, "PROCESSING", status)

	token, path = w.flowPage(nil)
	_, page = w.form(path+"/end", "outcome=timeout")
	require.Contains(t, page, "This link has expired")
	status, _ = w.MegviiStatus(token)
	require.Equal(t, "TIMEOUT", status)
	_, path = w.flowPage(nil)
	_, page = w.form(path+"/end", "outcome=timeout-back")
	require.Contains(t, page, "TIMEOUT", "signed data in the form")

	require.NoError(t, w.SetMegviiNotify(NotifyOptions{Never: true, NoReturn: true}))
	_, path = w.flowPage(nil)
	_, page = w.form(path+"/end", "outcome=pass")
	require.Contains(t, page, "The check is over")
}

// TestAPhoneGoesBackByTheFormOfItsOwn plays Megvii's and Sino Connect's pages on
// a phone's screen. It guards the policy that must let the one script submit the
// form across sites, and lets nothing be wider than the screen.
func TestAPhoneGoesBackByTheFormOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: without a browser")
	}
	w := start(t, quiet)
	signs := make(chan string, 4)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cb" {
			signs <- r.PostFormValue("sign")
			http.Redirect(w, r, "/order", http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>shop</title><p id="arrived">back</p>`)
	}))
	defer shop.Close()
	token, _ := w.flow(map[string]string{"return_url": shop.URL + "/cb"})
	w.scan(ScanOptions{})
	_, opened := w.sino("face-rec/request", map[string]string{"redirect": shop.URL + "/order"}, nil)

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(390, 844))
	browser, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	tab, closeTab := chromedp.NewContext(browser)
	defer closeTab()
	stuck := time.AfterFunc(time.Minute, stop)
	defer stuck.Stop()
	onScreen := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		require.NoError(t, chromedp.Do(tab, steps...), "this test needs Chromium on PATH (apt-get install chromium)")
	}
	fits := func() {
		t.Helper()
		wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > window.innerWidth`))
		require.NoError(t, err)
		require.False(t, wide, "nothing is wider than the screen")
	}
	onScreen(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch), chromedp.Navigate(w.url+"/megvii/faceid/lite/do?token="+token))
	fits()
	onScreen(chromedp.Click("#begin"), chromedp.WaitVisible("#end-pass"))
	fits()
	onScreen(chromedp.Click("#end-low-score"), chromedp.WaitVisible("#arrived"))
	require.Len(t, <-signs, 40)

	onScreen(chromedp.Navigate(opened["url"].(string)))
	fits()
	onScreen(chromedp.Click("#begin"), chromedp.WaitVisible("#end-same"))
	fits()
	onScreen(chromedp.Click("#end-same"), chromedp.WaitVisible("#arrived"))
	_, body := w.poll(opened["token"].(string))
	require.NotEmpty(t, body["faceImage"])
}
