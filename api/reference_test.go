package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page shows every operation and every schema, leads nowhere that is not on
// it, and asks for nothing else: no script, no address.
func TestTheContractIsShownToPeople(t *testing.T) {
	w := newRig(t).serveRaw(httptest.NewRequest("GET", "/docs", nil))
	require.Equal(t, 200, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Regexp(t, `^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none';`, w.Header().Get("Content-Security-Policy"))
	page := w.Body.String()
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	sum := sha256.Sum256([]byte(style[1]))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	doc := contractDocument(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			require.Contains(t, page, `id="`+op.OperationID+`"`)
			require.Contains(t, page, `<b class="`+method+`">`+method+`</b> <code>`+path+`</code>`)
		}
	}
	// What is sent to receivers, and what a parameter may be, is found too.
	require.Contains(t, page, `<li><a href="#verificationEvent">`)
	require.Contains(t, page, `<b class="POST">POST</b> <code>your endpoint</code>`)
	require.True(t, strings.Contains(page, ` <code>desc</code> <code>asc</code></p>`), "the values of a parameter")
	require.False(t, strings.Contains(page, "`"), "code is shown as code")
	for name := range doc.Components.Schemas {
		require.Contains(t, page, `id="schema-`+name+`"`)
	}
	for _, anchor := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, page, `id="`+anchor[1]+`"`)
	}
	for _, part := range []string{"<script", "<img", "<link", "src=", "url(", "ZgotmplZ", "&lt;nil&gt;"} {
		require.False(t, strings.Contains(page, part), part)
	}
	for _, address := range regexp.MustCompile(`(?:href|action)="([^#][^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, []string{"/openapi.yaml", "/openapi.json"}, address[1])
	}
}
