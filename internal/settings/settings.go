// Package settings reads structs from environment variables, documents them and
// prints them with secrets masked. The name, default and help text of a setting are
// in the tags of its field, and nowhere else:
//
//	env         the variable's name, after the struct's prefix
//	envDefault  the default value
//	help        a line for the documentation
//	secret      "all" masks the value, "dsn" a password in it, "path" anything
//	            that is not the path of a file
//	needed      one of the values that enable a vendor: if one is set, all
//	            must be
//	address     a host or URL that is called
//	else        the full name of a variable to use if none of the struct's
//	            variables with this tag is set
//
// The tag prefix of a blank field is the prefix of the struct's variables, after
// Prefix.
package settings

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Prefix of every variable.
const Prefix = "YANZHEN_"

// Setting describes one variable.
type Setting struct {
	Name    string
	Default string
	Help    string
	// Secret is the field's tag; empty: the value may be shown.
	Secret string
	// Needed and Address are the field's tags.
	Needed, Address bool

	orElse string
	index  []int
}

// Of lists the variables of a struct, or of what points to one, in the order
// of its fields.
func Of(config any) []Setting {
	t := reflect.TypeOf(config)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return of(t, prefix(t), nil)
}

func of(t reflect.Type, prefix string, at []int) []Setting {
	var out []Setting
	for f := range t.Fields() {
		index := append(append([]int{}, at...), f.Index...)
		name, isSetting := f.Tag.Lookup("env")
		switch {
		case isSetting:
			out = append(out, Setting{
				Name: prefix + name, Default: f.Tag.Get("envDefault"), Help: f.Tag.Get("help"), Secret: f.Tag.Get("secret"),
				Needed: f.Tag.Get("needed") != "", Address: f.Tag.Get("address") != "", orElse: f.Tag.Get("else"), index: index,
			})
		case f.Type.Kind() == reflect.Struct && f.IsExported():
			out = append(out, of(f.Type, prefix+f.Tag.Get("envPrefix"), index)...)
		}
	}
	return out
}

func prefix(t reflect.Type) string {
	for f := range t.Fields() {
		if p, ok := f.Tag.Lookup("prefix"); ok && f.Name == "_" {
			return Prefix + p
		}
	}
	return Prefix
}

func valueOf(config any) reflect.Value { return reflect.Indirect(reflect.ValueOf(config)) }

// Read fills the struct that config points to with its variables, and with the
// defaults of those that are not there or empty. The errors name the variable
// and not its value, which may be a secret in the wrong place.
func Read(config any, vars map[string]string) []error {
	all := Of(config)
	own := slices.ContainsFunc(all, func(s Setting) bool { return s.orElse != "" && vars[s.Name] != "" })
	var errs []error
	for _, s := range all {
		text := vars[s.Name]
		if s.orElse != "" && !own {
			text = vars[s.orElse]
		}
		if err := s.set(config, cmp.Or(text, s.Default)); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// WithDefaults gives every variable that is zero its default. It is for who
// makes the struct by hand: Read does it for what is not set, and there a zero
// was meant.
func WithDefaults[T any](config T) T {
	for _, s := range Of(config) {
		if valueOf(&config).FieldByIndex(s.index).IsZero() {
			if err := s.set(&config, s.Default); err != nil {
				panic(err) // the tag is wrong: whoever tests the struct sees it
			}
		}
	}
	return config
}

// set reads a text into the setting's field.
func (s Setting) set(config any, text string) error {
	if text == "" {
		return nil
	}
	var err error
	field := valueOf(config).FieldByIndex(s.index)
	switch to := field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		err = to.UnmarshalText([]byte(text))
	case *string:
		*to = text
	case *[]string:
		*to = strings.Split(text, ",")
	case *time.Duration:
		*to, err = time.ParseDuration(text)
	case *bool:
		*to, err = strconv.ParseBool(text)
	case *float64:
		*to, err = strconv.ParseFloat(text, 64)
	default:
		err = errors.New("a type that no setting has")
	}
	if err != nil {
		return &Error{s.Name, "is not a " + form(field.Type())}
	}
	return nil
}

// form says what a value of the type looks like. A type can tell itself, by a
// method Form.
func form(t reflect.Type) string {
	if f, ok := reflect.Zero(t).Interface().(interface{ Form() string }); ok {
		return f.Form()
	}
	switch t.String() {
	case "time.Duration":
		return "duration such as 10s or 5m"
	case "slog.Level":
		return "level: debug, info, warn or error"
	case "bool":
		return "yes or no: write true or false"
	case "float64":
		return "number"
	}
	return t.String()
}

// On reports whether one of the needed values is set.
func On(config any) bool {
	for _, s := range Of(config) {
		if s.Needed && !valueOf(config).FieldByIndex(s.index).IsZero() {
			return true
		}
	}
	return false
}

// Value is a setting's value in the struct, as it is written.
func (s Setting) Value(config any) string {
	switch v := valueOf(config).FieldByIndex(s.index).Interface().(type) {
	case []string:
		return strings.Join(v, ",")
	default:
		return fmt.Sprint(v)
	}
}

// Host is the host, without its port, of an address: a URL, or host[:port] with
// or without a path. False: it is neither.
func Host(address string) (string, bool) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	return u.Hostname(), true
}

// Loopback reports whether a host, without its port, is this machine. Plain
// http goes nowhere else.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}
