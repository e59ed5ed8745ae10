package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/yanzhen-id/yanzhen/starter"
)

// parameter is one that an operation takes in its query or in a header.
type parameter struct {
	name, in string
	required bool
	integer  bool
	schema   *jsonschema.Schema
	// says is what the contract tells of it.
	says string
}

type parameterObject struct {
	Ref         string `json:"$ref"`
	Name        string `json:"name"`
	In          string `json:"in"`
	Required    bool   `json:"required"`
	Description string `json:"description"`
	Schema      struct {
		Type        string `json:"type"`
		Description string `json:"description"`
	} `json:"schema"`
}

const componentParameters = "#/components/parameters/"

// parameters reads an operation's parameters. at is the operation's own place.
func (o operationObject) parameters(compiler *jsonschema.Compiler, at string, shared map[string]parameterObject) ([]parameter, error) {
	var out []parameter
	for i, p := range o.Parameters {
		place := fmt.Sprintf("%s/parameters/%d", at, i)
		if name, ok := strings.CutPrefix(p.Ref, componentParameters); ok {
			place, p = p.Ref, shared[name]
		}
		if p.In != "query" && p.In != "header" {
			continue
		}
		schema, err := compiler.Compile(documentURL + place + "/schema")
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		out = append(out, parameter{name: p.Name, in: p.In, required: p.Required, integer: p.Schema.Type == "integer", schema: schema,
			says: strings.TrimSpace(p.Description + " " + p.Schema.Description)})
	}
	return out, nil
}

// admitParameters holds a request's query to the contract, and its headers to
// being given once. It names every parameter at fault.
func (op operation) admitParameters(r *http.Request) []starter.FieldError {
	query, unreadable := readQuery(r.URL.RawQuery)
	var faults []starter.FieldError
	for _, p := range op.parameters {
		add := func(code, message string) {
			faults = append(faults, starter.FieldError{Field: p.name, Code: code, Message: strings.TrimSpace(message + " " + p.says)})
		}
		values := r.Header.Values(p.name)
		if p.in == "query" {
			values = query[p.name]
		}
		switch {
		case p.in == "query" && slices.Contains(unreadable, p.name):
			add("value.malformed", "Cannot be parsed.")
		case len(values) > 1:
			add("value.repeated", "Is given more than once.")
		case p.required && (len(values) == 0 || p.in == "header" && values[0] == ""):
			add("value.required", "Is required.")
		case p.in == "header": // what is no tag of ours matches nothing
		case len(values) == 1:
			if code, message := p.check(values[0]); code != "" {
				add(code, message)
			}
		}
	}
	return append(faults, op.unknownParameters(query)...)
}

// unknownParameters refuses what an operation does not know: a filter that is
// misspelled would find everything, and a wait where there is none would not wait.
// Only who needs no key, such as a vendor, may add to an address.
func (op operation) unknownParameters(query url.Values) (faults []starter.FieldError) {
	if op.scope == "" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.in == "query" && p.name == name }) {
			continue
		}
		fault := starter.FieldError{Code: "parameter.unknown", Message: "Unknown parameter. Its name is not repeated, as it may be personal."}
		if nameable(name) {
			fault.Field, fault.Message = name, "Unknown parameter."
		}
		faults = append(faults, fault)
	}
	return faults
}

// check returns the code and the text of the rule that a value breaks.
func (p parameter) check(value string) (code, message string) {
	var v any = value
	if p.integer {
		n, err := strconv.Atoi(value)
		if err != nil {
			return "value.type", "Must be a whole number."
		}
		v = n
	}
	if err := p.schema.Validate(v); err != nil {
		fault := (operation{}).schemaErrors(err)[0]
		if fault.Code == "value.format" && strings.Contains(value, " ") {
			fault.Message += " In a query a + is written %2B."
		}
		return fault.Code, fault.Message
	}
	return "", ""
}

// readQuery reads a query as the standard library does, and names the
// parameters that it leaves out as unreadable.
func readQuery(raw string) (values url.Values, unreadable []string) {
	values, err := url.ParseQuery(raw)
	if err == nil {
		return values, nil
	}
	for pair := range strings.SplitSeq(raw, "&") {
		if _, err := url.ParseQuery(pair); err != nil {
			name, _, _ := strings.Cut(pair, "=")
			unreadable = append(unreadable, name)
		}
	}
	return values, unreadable
}
