package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/yanzhen-id/yanzhen/internal/strictjson"
	"github.com/yanzhen-id/yanzhen/starter"
)

// admitBody reads a request's body, holds it to strict JSON and to the
// contract's schema, and leaves it to be bound. A *httpError says what is wrong.
func (op operation) admitBody(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > maxBody {
		return errTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return errTooLarge
		}
		return errUnread
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		if op.bodyRequired {
			return errNoBody
		}
		return nil
	}
	if !jsonInUTF8(r.Header.Get("Content-Type")) {
		return errMediaType
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return errEncoding
	}
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return errMark
	}
	switch err := strictjson.Check(body); {
	case errors.Is(err, strictjson.ErrDuplicate):
		return errDuplicate // two readers may see two requests
	case err != nil:
		return errJSON
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return errJSON
	}
	if err := op.body.Validate(value); err != nil {
		return errFields(op.schemaErrors(err))
	}
	return nil
}

// jsonInUTF8 reports whether a Content-Type is JSON and names no other encoding
// than its only one (RFC 8259 section 8.1).
func jsonInUTF8(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// schemaErrors lists the rules that a body breaks. The schema's own texts
// quote values and are not used.
func (op operation) schemaErrors(err error) []starter.FieldError {
	verr, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []starter.FieldError{{Code: "value.invalid", Message: "Does not match the contract."}}
	}
	var out []starter.FieldError
	op.collectErrors(verr, &out)
	slices.SortFunc(out, func(a, b starter.FieldError) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(out)
}

func (op operation) collectErrors(e *jsonschema.ValidationError, out *[]starter.FieldError) {
	at := op.field(e.InstanceLocation)
	deeper := strings.Count(at, ".")+1 < len(e.InstanceLocation)
	add := func(field, code, message string) {
		if deeper && field == at { // a name that the caller gave is not repeated
			message = "A value in it: " + message
		}
		*out = append(*out, starter.FieldError{Field: field, Code: code, Message: message})
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference:
		for _, cause := range e.Causes {
			op.collectErrors(cause, out)
		}
	case *kind.Required:
		for _, name := range k.Missing {
			add(join(at, name), "value.required", "Is required.")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			if nameable(name) {
				add(join(at, name), "property.unknown", "Unknown property.")
			} else {
				add(at, "property.unknown", "Has an unknown property. Its name is not repeated, as it may be personal.")
			}
		}
	case *kind.Type:
		add(at, "value.type", "Must be of the JSON type "+strings.Join(k.Want, " or ")+".")
	case *kind.MinLength:
		add(at, "value.too_short", "Must have at least "+count(k.Want, "character")+".")
	case *kind.MaxLength:
		add(at, "value.too_long", "Must have at most "+count(k.Want, "character")+".")
	case *kind.PropertyNames:
		add(namedBy(e.SchemaURL), "property.name", "Has a property whose name is empty or too long.")
	case *kind.MaxProperties:
		add(at, "value.too_many", "Must have at most "+count(k.Want, "property")+".")
	case *kind.MaxItems:
		add(at, "value.too_many", "Must have at most "+count(k.Want, "item")+".")
	case *kind.MinProperties:
		add(at, "value.too_few", "Must have at least "+count(k.Want, "property")+".")
	case *kind.MinItems:
		add(at, "value.too_few", "Must have at least "+count(k.Want, "item")+".")
	case *kind.Pattern:
		add(at, "value.pattern", "Must match the pattern "+k.Want+".")
	case *kind.Format:
		add(at, "value.format", "Is no "+k.Want+formExample[k.Want]+".")
	case *kind.Enum:
		add(at, "value.enum", "Must be "+alternatives(k.Want)+".")
	case *kind.Minimum:
		add(at, "value.range", "Must be at least "+k.Want.RatString()+".")
	case *kind.Maximum:
		add(at, "value.range", "Must be at most "+k.Want.RatString()+".")
	default:
		add(at, "value.invalid", "Does not match the contract.")
	}
}

// count tells a limit of the contract, "1 property" or "20 properties".
func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case what == "property":
		return strconv.Itoa(n) + " properties"
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// alternatives lists the values of an enum of the contract.
func alternatives(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	last := len(texts) - 1
	if last < 1 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

// dateTime is stricter than RFC 3339 by what Go does not read: a T and a Z in
// lower case, and leap seconds. It names the field; a time that only Go refuses
// would be found too late for that.
func dateTime(v any) error {
	text, ok := v.(string)
	if !ok {
		return nil
	}
	_, err := time.Parse(time.RFC3339, text)
	return err
}

// formExample shows a form that is often missed.
var formExample = map[string]string{"date-time": ", such as 2026-11-23T00:00:00Z"}

// nameable reports whether an unknown property's name can be told back: one
// that a programmer would give, and too few digits for a number of a person's.
func nameable(name string) bool {
	if len(name) > 40 || !propertyName.MatchString(name) {
		return false
	}
	digits := 0
	for i := range len(name) {
		if '0' <= name[i] && name[i] <= '9' {
			digits++
		}
	}
	return digits <= 4
}

var propertyName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// unbindable is for what the schema let pass and Go's types do not hold, e.g. an
// integer written as 1.0.
func unbindable(err error) *httpError {
	f := starter.FieldError{Code: "value.format", Message: "A number or a time is written in an unusual form."}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		f.Field = wrong.Field // of our own types
	}
	return errFields([]starter.FieldError{f})
}

// field names the place of a fault as far as the contract's own names and
// list positions go: what lies deeper was named by the caller.
func (op operation) field(location []string) string {
	at := ""
	for _, segment := range location {
		if !op.members[segment] && !position(segment) {
			break
		}
		at = join(at, segment)
	}
	return at
}

// namedBy tells the member that a schema is about from the schema's own place.
// The library's location of a fault in a member's name cannot be used: it
// shares its memory with the locations that follow and changes with them.
func namedBy(schemaURL string) string {
	at, segments := "", strings.Split(schemaURL, "/")
	for i := 1; i < len(segments); i++ {
		if segments[i-1] == "properties" {
			at = join(at, segments[i])
		}
	}
	return at
}

func position(s string) bool {
	return len(s) <= 2 && strings.Trim(s, "0123456789") == ""
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
