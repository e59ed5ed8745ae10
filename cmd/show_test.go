package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client"
)

// A review lasts days: a time of day alone would be read as today's.
func TestDatesInTheTerminalHaveTheirDay(t *testing.T) {
	until := time.Date(2026, 12, 5, 8, 56, 25, 0, time.Local)
	for _, status := range []client.Status{"requires_input", "processing", "in_review"} {
		var out bytes.Buffer
		v := &client.Verification{Id: "ver_a", Status: status, ExpiresAt: &until}
		newPrinter(&out, false).changes(v)
		require.Contains(t, out.String(), "until 2026-12-05 08:56:25", status)
		out.Reset()
		newPrinter(&out, false).whole(v)
		require.Contains(t, out.String(), "until 2026-12-05 08:56:25", status)
	}
}

// A token is a password of its person's session, and no link to be shown.
func TestATokenIsNotPrinted(t *testing.T) {
	var out bytes.Buffer
	token := "planted-token"
	v := &client.Verification{Id: "ver_a", Status: "requires_input", NextAction: &client.NextAction{
		Type: "wechat_mini_program", MiniProgram: &client.MiniProgram{Provider: "tencent_eid", Sdk: "mp_ecard_sdk", MinSdkVersion: "1.0.5", Token: &token, ReturnedUrl: &token},
	}}
	p := newPrinter(&out, true)
	p.changes(v)
	p.whole(v)
	require.Contains(t, out.String(), "the mini program begins with mp_ecard_sdk")
	require.NotContains(t, out.String(), token)
	require.Equal(t, v.NextAction.MiniProgram, client.InMiniProgram(v))
	require.True(t, client.HasLink(v))
	v.NextAction.MiniProgram.Token = nil
	require.Nil(t, client.InMiniProgram(v))
	require.False(t, client.HasLink(v))
}

// What a stranger wrote is shown as text: a note could else overwrite the verdict
// above it in the terminal of who reads it, and a certificate's name what doctor found.
func TestATerminalIsNotGivenAStrangersControls(t *testing.T) {
	const hostile = "fine\x1b[1A\x1b[2K APPROVED \u009b31m\u202edelcnac\r\x07"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		note, _ := json.Marshal("Compared.\n" + hostile)
		fmt.Fprintf(w, `{"decisions":[{"version":1,"act":"declined","reason":"review.rejected","decided_by_name":"wang","decided_at":"2026-11-28T10:00:00Z","held":true,"note":%s}]}`, note)
	}))
	defer srv.Close()
	c, err := newCaller(srv.URL, "yz_test_x")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, c.showDecisions(t.Context(), "ver_a", &out))
	require.Contains(t, out.String(), "Compared.\n    fine", "a note keeps its lines")

	require.NoError(t, printFindings(&out, []finding{wrong("webhook shop/main", "Renew it.", "%s", hostile)}, false))
	link := "https://vendor.example/" + hostile
	newPrinter(&out, true).changes(&client.Verification{Id: "ver_a", NextAction: &client.NextAction{Type: "redirect", Url: &link}})
	shown := out.String()
	qr := strings.NewReplacer("\x1b[40m  \x1b[0m", "", "\x1b[47m  \x1b[0m", "").Replace(shown) // our own colours
	require.NotRegexp(t, "[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202e]", qr)
}
