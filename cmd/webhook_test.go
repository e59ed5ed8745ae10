package cmd

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/webhook"
)

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": now.Add(-30 * 24 * time.Hour), "120h": now.Add(-120 * time.Hour), "2026-11-23T08:00:00+08:00": time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
	} {
		got, err := parseSince(text, now)
		require.NoError(t, err)
		require.True(t, want.Equal(got), text)
	}
	for _, text := range []string{"yesterday", "2026-11-23", "-5h"} {
		_, err := parseSince(text, now)
		require.Error(t, err, text)
	}
}

// What the command makes is a secret that the configuration takes.
func TestWebhookSecret(t *testing.T) {
	var out bytes.Buffer
	root := Root()
	root.SetOut(&out)
	root.SetArgs([]string{"webhook", "secret"})
	require.NoError(t, root.Execute())
	_, err := webhook.ParseSecret(strings.TrimSpace(out.String()))
	require.NoError(t, err)
}
