package cmd

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hook "github.com/yanzhen-id/yanzhen/client/webhook"
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

// The report is read by people and by machines, and the exit code tells a
// receiver that mishandles something.
func TestWebhookConform(t *testing.T) {
	text := webhook.NewSecret()
	v, err := hook.New(text)
	require.NoError(t, err)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, err := v.Verify(r.Header, body); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(receiver.Close)
	conform := func(args ...string) error {
		root := Root()
		root.SetOut(io.Discard)
		root.SetArgs(append([]string{"webhook", "conform"}, args...))
		return root.Execute()
	}
	err = conform(receiver.URL, "--secret", text)
	require.NoError(t, err)
	err = conform(receiver.URL, "--secret", webhook.NewSecret())
	require.ErrorContains(t, err, "the receiver mishandles")
	err = conform(receiver.URL, "--secret", "whsec_")
	require.ErrorContains(t, err, "WEBHOOK_SECRET")
	err = conform("nowhere", "--secret", text)
	require.ErrorContains(t, err, "https URL")

	var out bytes.Buffer
	require.Error(t, printReport(&out, webhook.Report{Findings: []webhook.Finding{{Check: "takes a", Want: "2xx", Got: "5xx", Why: "because"}}}, true))
	var report webhook.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	require.Equal(t, webhook.Class("5xx"), report.Findings[0].Got)
	out.Reset()
	require.Error(t, printReport(&out, report, false))
	require.Equal(t, "WRONG  takes a: want 2xx, got 5xx; because\n", out.String())
}
