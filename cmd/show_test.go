package cmd

import (
	"bytes"
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
