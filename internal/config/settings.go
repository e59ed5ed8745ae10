package config

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Setting describes one variable.
type Setting struct {
	Name    string
	Default string
	Help    string
	// Secret: "all" hides the value, "dsn" a password inside it.
	Secret string

	field string
	kind  reflect.Type
	index []int
}

// Settings lists every variable, in the order of the struct.
func Settings() []Setting { return settingsOf(reflect.TypeFor[Config](), Prefix, nil) }

func settingsOf(t reflect.Type, prefix string, at []int) []Setting {
	var out []Setting
	for f := range t.Fields() {
		index := append(append([]int{}, at...), f.Index...)
		name, isSetting := f.Tag.Lookup("env")
		switch {
		case isSetting:
			out = append(out, Setting{
				Name: prefix + name, Default: f.Tag.Get("envDefault"), Help: f.Tag.Get("help"), Secret: f.Tag.Get("secret"),
				field: f.Name, kind: f.Type, index: index,
			})
		case f.Type.Kind() == reflect.Struct:
			out = append(out, settingsOf(f.Type, prefix+f.Tag.Get("envPrefix"), index)...)
		}
	}
	return out
}

// Markdown is the README's table of settings.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | |\n|---|---|---|\n")
	for _, s := range Settings() {
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, def, s.Help)
	}
	return b.String()
}

const masked = "***"

// String prints the effective settings with secrets masked, as NAME=value
// lines, then the names of clients and policies.
func (c Config) String() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for _, s := range Settings() {
		fmt.Fprintf(&b, "%s=%s\n", s.Name, s.show(fmt.Sprint(v.FieldByIndex(s.index))))
	}
	for _, cl := range c.Clients {
		fmt.Fprintf(&b, "client %s: scopes %s, %d key(s), return URLs %s\n",
			cl.ID, strings.Join(cl.Scopes, " "), len(cl.KeyHashes), strings.Join(cl.ReturnURLs, " "))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		p := c.Policies[name]
		fmt.Fprintf(&b, "policy %s version %d: face %s, records %s\n",
			p.Name, p.Version, strings.Join(p.FaceProviders, " "), p.RecordsProvider)
	}
	return b.String()
}

// GoString keeps %#v from printing what String masks.
func (c Config) GoString() string { return c.String() }

func (s Setting) show(value string) string {
	switch {
	case value == "" || s.Secret == "":
		return value
	case s.Secret == "dsn":
		return maskDSN(value)
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
