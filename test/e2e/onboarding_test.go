package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/webhook"
)

// The example for onboarding services, played as a person sees it: form, QR code
// and link, a try that fails and is offered again, and an account that is opened
// by the webhook alone.
func TestOnboardingExample(t *testing.T) {
	t.Parallel()
	address, secret := freeAddress(t), webhook.NewSecret()
	base := "http://" + address
	s := newStack(t, options{env: reaching("0s,1s,2s"), returnURLs: []string{base + "/applications/"},
		webhooks: `[{id: onboarding, url: "` + base + `/webhooks/yanzhen", secrets: [` + secret + `]}]`})
	dir := t.TempDir()
	binary := filepath.Join(dir, "onboarding")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../examples/onboarding").CombinedOutput()
	require.NoError(t, err, "%s", out)
	service := exec.CommandContext(t.Context(), binary)
	service.Env = append(os.Environ(), "API="+s.apiURL, "KEY="+s.keys["shop"], "WEBHOOK_SECRET="+secret, "LISTEN="+address, "DATABASE="+filepath.Join(dir, "db"))
	service.Stderr = os.Stderr
	require.NoError(t, service.Start())
	t.Cleanup(func() { _ = service.Process.Kill(); _ = service.Wait() })
	require.Eventually(t, func() bool {
		res, err := http.Get(base)
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)

	fill := func(p *phone, fields ...string) {
		for i := 0; i < len(fields); i += 2 {
			require.NoError(t, chromedp.Do(p.tab, chromedp.SendKeys(`[name=`+fields[i]+`]`, fields[i+1])))
		}
	}
	person, p := s.person(), newPhone(t)
	p.open(base)
	fill(p, "name", person.Name, "id_number", "110199199003070018", "valid_from", person.ValidFrom, "valid_to", person.ValidTo)
	p.press("#apply", "#error")
	require.Contains(t, p.text("#error"), "check")
	require.Equal(t, person.Name, p.eval(`document.querySelector("[name=name]").value`), "nothing is to be typed twice")
	p.eval(`document.querySelector("[name=id_number]").value = ""`)
	fill(p, "id_number", person.IDNumber)
	p.shot("onboarding-form")
	p.press("#apply", "#link")
	require.Equal(t, "true", p.eval(`String(document.querySelector("img").complete && document.querySelector("img").naturalWidth > 100)`), "the QR code is shown")
	p.shot("onboarding-link")
	p.press("#link", "#begin")
	p.press("#leave", "#progress")
	p.shot("onboarding-back")
	require.Empty(t, p.eval(`[...document.querySelectorAll("img,form")].join("")`), "who comes back is not asked to begin anew")
	p.press("#link", "#begin")
	p.press("#begin", "#end-2016")
	p.press("#end-2016", "#retry")
	p.shot("onboarding-retry")
	p.press("#retry", "#link")
	p.press("#link", "#begin")
	p.press("#begin", "#end-0")
	p.press("#end-0", "#approved")
	p.shot("onboarding-approved")
	kept, err := os.ReadFile(filepath.Join(dir, "db"))
	require.NoError(t, err)
	require.NotContains(t, string(kept), person.IDNumber)
	require.NotContains(t, string(kept), person.Name)
}
