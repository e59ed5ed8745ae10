package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// TestOpsReadARunInTheUIAsItIs opens an approved run in the Temporal UI: every
// step has its summary, the details read as a table, payloads are plain JSON.
func TestOpsReadARunInTheUIAsItIs(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	s.play(a.view, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(a.view.ID, 30*time.Second).Outcome)
	run, err := s.temporal.DescribeWorkflow(t.Context(), a.view.ID, "")
	require.NoError(t, err)
	page := shared.temporal.UI + "/namespaces/" + s.namespace + "/workflows/" + a.view.ID + "/" +
		run.WorkflowExecution.RunID

	ui := newPhone(t)
	require.NoError(t, chromedp.Do(ui.tab, chromedp.EmulateReset(), chromedp.EmulateViewport(1440, 1000)))
	require.NoError(t, chromedp.Do(ui.tab, chromedp.Navigate(page+"/user-metadata")))
	ui.eventually("text", `document.body.innerText`,
		"Mark the row started, check document and dates locally",
		"Ask the authority's records (acedata)",
		"Open a face session (tencent_eid)",
		"The face session's link expires",
		"Poll the face session until it is over (tencent_eid)",
		"Write the end to the store, erase links and tokens")
	// The UI renders Markdown in frames.
	ui.eventually("summary and details", `[...document.querySelectorAll("iframe")].map(f => f.contentDocument?.body?.innerText ?? "").join("\n")`,
		"cn-resident v2 for shop",
		"completed · approved since ", " · policy cn-resident v2 for shop · attempt 1 of 3, session 1 of 6 at tencent_eid", "You may", "yanzhen ops resend "+a.view.ID, "face_match")
	ui.shot("ui-metadata")

	require.NoError(t, chromedp.Do(ui.tab, chromedp.Navigate(page+"/history")))
	ui.eventually("payloads", `document.body.innerText`, `"outcome": "approved"`, `"id": "`+a.view.ID+`"`, `"name": "cn-resident"`)
	ui.shot("ui-history")
}

// eventually waits until what a script returns holds every text: the UI draws
// itself piece by piece.
func (p *phone) eventually(what, script string, texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		require.Eventually(p.t, func() bool { return strings.Contains(p.eval(script), text) }, 30*time.Second, 100*time.Millisecond, "%s: %s", what, text)
	}
}
