package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// operation is what the contract demands of a request, read from it once.
type operation struct {
	// scope that the key needs; empty: nobody is asked.
	scope string
	// body's schema; nil: the operation takes none.
	body         *jsonschema.Schema
	bodyRequired bool
	idempotent   bool
	// waits: the answer may be put off by ?wait=.
	waits bool
	// parameters in the query and in headers.
	parameters []parameter
	// members are the names that the contract's schemas know; only they may be
	// named in an error.
	members map[string]bool
}

// documentURL names the contract to the schema compiler; nothing is fetched.
const documentURL = "https://yanzhen.invalid/openapi.yaml"

type operationObject struct {
	Security    []map[string][]string `json:"security"`
	Parameters  []parameterObject     `json:"parameters"`
	RequestBody *struct {
		Required bool `json:"required"`
	} `json:"requestBody"`
}

var pathParameter = regexp.MustCompile(`\{([a-z_]+)\}`)

// operationKey is how gin names an operation.
func operationKey(method, fullPath string) string { return method + " " + fullPath }

func asJSON(document []byte) ([]byte, error) { return yaml.YAMLToJSON(document) }

// readOperations reads the contract's operations, so that what is checked and
// what is published cannot differ.
func readOperations(document []byte) (map[string]operation, error) {
	text, err := asJSON(document)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Parameters map[string]parameterObject `json:"parameters"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	compiler.RegisterFormat(&jsonschema.Format{Name: "date-time", Validate: dateTime})
	if err := compiler.AddResource(documentURL, root); err != nil {
		return nil, err
	}
	members := map[string]bool{}
	collectProperties(root, members)

	out := map[string]operation{}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var o operationObject
			if err := json.Unmarshal(raw, &o); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			op := o.operation(members)
			if op.parameters, err = o.parameters(compiler, "#/paths/"+escapePointer(path)+"/"+method, doc.Components.Parameters); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			if o.RequestBody != nil {
				pointer := "#/paths/" + escapePointer(path) + "/" + method + "/requestBody/content/application~1json/schema"
				if op.body, err = compiler.Compile(documentURL + pointer); err != nil {
					return nil, fmt.Errorf("%s %s: %w", method, path, err)
				}
			}
			out[operationKey(strings.ToUpper(method), pathParameter.ReplaceAllString(path, ":$1"))] = op
		}
	}
	return out, nil
}

func (o operationObject) operation(members map[string]bool) operation {
	op := operation{members: members}
	for _, s := range o.Security {
		if scopes := s["bearer"]; len(scopes) > 0 {
			op.scope = scopes[0]
		}
	}
	for _, p := range o.Parameters {
		op.idempotent = op.idempotent || strings.HasSuffix(p.Ref, "/IdempotencyKey")
		op.waits = op.waits || p.Name == "wait"
	}
	op.bodyRequired = o.RequestBody != nil && o.RequestBody.Required
	return op
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
}

// collectProperties gathers the names under every "properties".
func collectProperties(node any, into map[string]bool) {
	switch n := node.(type) {
	case map[string]any:
		for key, child := range n {
			if properties, ok := child.(map[string]any); ok && key == "properties" {
				for name := range properties {
					into[name] = true
				}
			}
			collectProperties(child, into)
		}
	case []any:
		for _, child := range n {
			collectProperties(child, into)
		}
	}
}
