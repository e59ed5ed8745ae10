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
