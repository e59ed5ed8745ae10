// Package telemetry sets up the logs, metrics and traces of a process. None of them
// contains personal data.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// NewLogger makes the process's logger, whose lines name the verification, the
// request and the trace that their context is about. level is debug, info, warn or error;
// format is text or json.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(named{Handler: slog.NewTextHandler(w, o)}), nil
	case "json":
		return slog.New(named{Handler: slog.NewJSONHandler(w, o)}), nil
	}
	return nil, fmt.Errorf("log format %q: want text or json", format)
}
