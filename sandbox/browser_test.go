package sandbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestABrowserReallyGoesBackOverTwoRedirects plays the page on a phone's screen.
// It guards against a form-action in the policy: browsers apply that to the
// redirects after the form, and the way back leads over the caller's callback to
// an address that the page cannot know.
func TestABrowserReallyGoesBackOverTwoRedirects(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: without a browser")
	}
	w := start(t, nil)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>shop</title><p id="arrived">back</p>`)
	}))
	defer shop.Close()
	callback := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, shop.URL+"/order?"+url.Values{"was": {r.URL.Query().Get("token")}}.Encode(), http.StatusSeeOther)
	}))
	defer callback.Close()
	token, link := w.eidToken(map[string]any{"RedirectUrl": callback.URL + "/cb"})

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(390, 844))
	browser, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	tab, closeTab := chromedp.NewContext(browser)
	defer closeTab()
	onScreen := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		require.NoError(t, chromedp.Do(tab, steps...), "this test needs Chromium on PATH (apt-get install chromium)")
	}
	stuck := time.AfterFunc(time.Minute, stop)
	defer stuck.Stop()

	onScreen(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch), chromedp.Navigate(link))
	styled, err := chromedp.Run(tab, chromedp.Evaluate[string](`getComputedStyle(document.getElementById("begin")).backgroundColor`))
	require.NoError(t, err)
	onScreen(chromedp.Click("#begin"), chromedp.WaitVisible("#end-2016"))
	overflows, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > window.innerWidth`))
	require.NoError(t, err)
	onScreen(chromedp.Click("#end-2016"), chromedp.WaitVisible("#arrived"))
	where, err := chromedp.Run(tab, chromedp.Location())
	require.NoError(t, err)
	require.Equal(t, "rgb(20, 87, 200)", styled, "the policy lets the page's own style through")
	require.False(t, overflows, "nothing is wider than the screen")
	require.Equal(t, shop.URL+"/order?was="+token, where)
	status, _ := w.TokenStatus(token)
	require.Equal(t, StatusFinished, status)
}
