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
	// Secret: "all" hides the value, "dsn" a password inside it, "path" whatever
	// is not a file's path.
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

// Markdown is the table of settings in docs/settings.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | |\n|---|---|---|\n")
	for _, s := range Settings() {
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, def, strings.ReplaceAll(s.Help, "|", `\|`))
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
		fmt.Fprintf(&b, "%s=%s\n", s.Name, s.show(text(v.FieldByIndex(s.index))))
	}
	for _, cl := range c.Clients {
		fmt.Fprintf(&b, "client %s: return URLs %s\n", cl.ID, strings.Join(cl.ReturnURLs, " "))
		for _, k := range cl.Keys {
			fmt.Fprintf(&b, "client %s: key %s, scopes %s%s\n", cl.ID, k.Name, strings.Join(k.Scopes, " "), k.Expires.text())
		}
	}
	for _, r := range c.Reviewers {
		fmt.Fprintf(&b, "reviewer %s: clients %s%s\n", r.Name, strings.Join(r.Clients, " "), r.Expires.text())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		p := c.Policies[name]
		fmt.Fprintf(&b, "policy %s version %d: chip %s, face %s, comparer %s, records %s\n", p.Name, p.Version,
			orNone(p.ChipProvider), orNone(strings.Join(p.FaceProviders, " ")), orNone(p.Comparer), orNone(strings.Join(p.RecordsProviders, " ")))
	}
	return b.String()
}

// text is a setting's value as it is written.
func text(v reflect.Value) string {
	switch v := v.Interface().(type) {
	case []string:
		return strings.Join(v, ",")
	case Aliases:
		return v.String()
	case Forward:
		return v.String()
	}
	return fmt.Sprint(v)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// GoString keeps %#v from printing what String masks.
func (c Config) GoString() string { return c.String() }

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
