package settings

import (
	"fmt"
	"net/url"
	"strings"
)

// Lines prints a struct's variables with secrets masked, as NAME=value lines.
func Lines(config any) string {
	var b strings.Builder
	for _, s := range Of(config) {
		fmt.Fprintf(&b, "%s=%s\n", s.Name, s.show(s.Value(config)))
	}
	return b.String()
}

// Line is the same on one line, for a struct that strays into a log.
func Line(config any) string {
	return "{" + strings.ReplaceAll(strings.TrimSuffix(Lines(config), "\n"), "\n", " ") + "}"
}

// Markdown is a table of variables.
func Markdown(all []Setting) string {
	var b strings.Builder
	b.WriteString("| variable | default | |\n|---|---|---|\n")
	for _, s := range all {
		def := ""
		if s.Default != "" {
			def = "`" + cell(s.Default) + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, def, cell(s.Help))
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

const masked = "***"

func (s Setting) show(value string) string {
	switch {
	case value == "" || s.Secret == "":
		return value
	case s.Secret == "dsn":
		return maskDSN(value)
	case s.Secret == "path" && !strings.ContainsAny(value, "{\n"):
		return value
	}
	return masked
}

// maskDSN hides a password in a URL's user part or query.
func maskDSN(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return masked // unreadable: hide all of it
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), "xxx")
	}
	q := u.Query()
	if q.Has("password") {
		q.Set("password", "xxx")
		u.RawQuery = q.Encode()
	}
	if !strings.Contains(dsn, "://") && strings.Contains(dsn, "password=") {
		return masked // libpq's key=value form
	}
	return u.String()
}
