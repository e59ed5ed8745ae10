package settings

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Error is a setting that cannot be used. It holds nothing of the value.
type Error struct {
	Setting string
	What    string // such as "must be more than 0"
}

func (e *Error) Error() string { return e.Setting + " " + e.What }

// A Check collects the errors of one struct. Its methods are given the
// address of a field and know by it the variable's name.
type Check struct {
	config reflect.Value
	all    []Setting
	errs   []error
}

// NewCheck checks the struct that config points to.
func NewCheck(config any) *Check {
	return &Check{config: reflect.ValueOf(config).Elem(), all: Of(config)}
}

// Needed: what switches a vendor on is there as a whole.
func (c *Check) Needed() {
	var missing, set []string
	for _, s := range c.all {
		switch {
		case !s.Needed:
		case c.config.FieldByIndex(s.index).IsZero():
			missing = append(missing, s.Name)
		default:
			set = append(set, s.Name)
		}
	}
	for _, name := range missing {
		what := "is not set"
		if len(set) > 0 {
			what += ", but " + set[0] + " is: set " + Needed(c.config.Interface()) + ", or none of them"
		}
		c.errs = append(c.errs, &Error{name, what})
	}
}

// list joins names: "A, B and C".
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Needed says what to set so that the struct's vendor is on.
func Needed(config any) string {
	var names []string
	for _, s := range Of(config) {
		if s.Needed {
			names = append(names, s.Name)
		}
	}
	return list(names)
}

// Name is the variable of a field.
func (c *Check) Name(field any) string {
	at := reflect.ValueOf(field)
	for _, s := range c.all {
		if f := c.config.FieldByIndex(s.index).Addr(); f.Pointer() == at.Pointer() && f.Type() == at.Type() {
			return s.Name
		}
	}
	panic(fmt.Sprintf("settings: no setting of %s is there", c.config.Type()))
}

// Bad adds an error: what is wrong with the field's variable.
func (c *Check) Bad(field any, format string, args ...any) {
	c.errs = append(c.errs, &Error{c.Name(field), fmt.Sprintf(format, args...)})
}

// Err joins what was found; nil: nothing.
func (c *Check) Err() error { return errors.Join(c.errs...) }

// Word: printable ASCII without spaces, as keys and ids are. Nothing is such
// a word too.
func (c *Check) Word(fields ...*string) {
	for _, f := range fields {
		if strings.ContainsFunc(*f, func(r rune) bool { return r <= ' ' || r > '~' }) {
			c.Bad(f, "must be printable ASCII without spaces")
		}
	}
}

// OneOf: one of the words. An empty one among them stands for not set.
func (c *Check) OneOf(field *string, words ...string) {
	if !slices.Contains(words, *field) {
		c.Bad(field, "must be one of %s", strings.Join(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" }), ", "))
	}
}

// Span: more than 0, and at most so much; 0: whatever it is.
func (c *Check) Span(field *time.Duration, most time.Duration) {
	switch {
	case most > 0 && (*field <= 0 || *field > most):
		c.Bad(field, "must be more than 0 and at most %s", most)
	case *field <= 0:
		c.Bad(field, "must be more than 0")
	}
}

// Rate: calls a second, more than 0. The server that keeps it hands them out in
// whole bursts, so one beyond all vendors' is a mistake.
func (c *Check) Rate(fields ...*float64) {
	for _, f := range fields {
		if !(*f > 0 && *f <= 10_000) { // NaN too
			c.Bad(f, "must be more than 0 and at most 10000")
		}
	}
}

// URL: an address to which paths can be added. Plain http is for loopback
// only: links, tickets and people travel on it. Nothing is no fault here.
func (c *Check) URL(field *string) {
	if *field == "" {
		return
	}
	u, err := url.Parse(*field)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		c.Bad(field, "must be an address such as https://kyc.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		c.Bad(field, "must have no user, query or fragment")
	case u.Scheme == "http" && !Loopback(u.Hostname()):
		c.Bad(field, "must be https: http is for loopback only")
	}
}

// Endpoint: a host without a scheme, which stands in a field of its own.
func (c *Check) Endpoint(endpoint, scheme *string) {
	host, ok := Host(*endpoint)
	if !ok || strings.Contains(*endpoint, "://") {
		c.Bad(endpoint, "must be a host without a scheme; the scheme is %s", c.Name(scheme))
		return
	}
	if *scheme != "https" && (*scheme != "http" || !Loopback(host)) {
		c.Bad(scheme, "must be https: http is for a stand-in on loopback only")
	}
}
