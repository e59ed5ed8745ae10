package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/yanzhen-id/yanzhen/api/contract"
)

//go:embed reference.html
var referenceHTML string

//go:embed reference.css
var referenceCSS string

// referencePage is the contract for people: one page without script, which asks
// no other address for anything.
type referencePage struct{ html, csp string }

// node is a part of the contract with its members in the contract's order.
type node struct{ value any }

func (n node) get(path ...string) node {
	for _, name := range path {
		var next any
		if members, ok := n.value.(yaml.MapSlice); ok {
			for _, m := range members {
				if m.Key == name {
					next = m.Value
				}
			}
		}
		n = node{next}
	}
	return n
}

// Get returns a member.
func (n node) Get(name string) node { return n.get(name) }

// Has reports whether there is such a member.
func (n node) Has(name string) bool { return n.get(name).value != nil }

// Text is a scalar's.
func (n node) Text() string {
	if n.value == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(n.value))
}

// named is a member with its name.
type named struct {
	Name string
	node
}

// Node is the member itself.
func (n named) Node() node { return n.node }

// Members are those of a mapping.
func (n node) Members() []named {
	var out []named
	members, _ := n.value.(yaml.MapSlice)
	for _, m := range members {
		out = append(out, named{fmt.Sprint(m.Key), node{m.Value}})
	}
	return out
}

// Items are those of a list.
func (n node) Items() []node {
	var out []node
	list, _ := n.value.([]any)
	for _, v := range list {
		out = append(out, node{v})
	}
	return out
}

// JSON is a value as an example shows it.
func (n node) JSON() string {
	text, err := yaml.MarshalWithOptions(n.value, yaml.JSON())
	if err != nil {
		return ""
	}
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(text), "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

var methods = map[string]bool{"get": true, "post": true}

// reference is what the page's template asks.
type reference struct{ root node }

func (r reference) follow(n node) node {
	if ref := n.Get("$ref").Text(); ref != "" {
		return r.root.get(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return n
}

// operationOf is an operation as the page shows it.
type operationOf struct {
	Method, Path string
	node
}

func (r reference) operations(section, tag string) []operationOf {
	var out []operationOf
	for _, path := range r.root.Get(section).Members() {
		for _, op := range path.Members() {
			if !methods[op.Name] {
				continue
			}
			at := path.Name
			if section == "webhooks" {
				at = "your endpoint"
			}
			for _, t := range op.Get("tags").Items() {
				if t.Text() == tag {
					out = append(out, operationOf{strings.ToUpper(op.Name), at, op.node})
				}
			}
		}
	}
	return out
}

// typeOf says in a word or two what a schema takes; the name of one that the
// page shows by itself is a link.
func (r reference) typeOf(n node) template.HTML {
	if name, ok := strings.CutPrefix(n.Get("$ref").Text(), "#/components/schemas/"); ok {
		return template.HTML(`<a href="#schema-` + template.HTMLEscapeString(name) + `">` + template.HTMLEscapeString(name) + `</a>`)
	}
	if n.Has("items") {
		return "list of " + r.typeOf(n.Get("items"))
	}
	var words []string
	for _, t := range n.Get("type").Items() {
		words = append(words, t.Text())
	}
	if len(words) == 0 {
		words = append(words, n.Get("type").Text())
	}
	text := strings.Join(words, " or ")
	if format := n.Get("format").Text(); format != "" {
		text += " (" + format + ")"
	}
	return template.HTML(template.HTMLEscapeString(text))
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// prose writes a description: paragraphs, and code between backticks.
func prose(text string) template.HTML {
	if text == "" {
		return ""
	}
	var out strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		out.WriteString("<p>" + string(inline(paragraph)) + "</p>")
	}
	return template.HTML(out.String())
}

// inline writes a line of a description.
func inline(text string) template.HTML {
	return template.HTML(codeSpan.ReplaceAllString(template.HTMLEscapeString(text), "<code>$1</code>"))
}

// limits tell a schema's bounds.
func limits(n node) string {
	var out []string
	if pattern := n.Get("pattern").Text(); pattern != "" {
		out = append(out, "pattern "+pattern)
	}
	between := func(low, high, unit string) {
		from, to := n.Get(low).Text(), n.Get(high).Text()
		switch {
		case from != "" && to != "":
			out = append(out, from+" to "+to+unit)
		case to != "":
			out = append(out, "at most "+to+unit)
		case from != "":
			out = append(out, "at least "+from+unit)
		}
	}
	between("minLength", "maxLength", " characters")
	between("minimum", "maximum", "")
	between("minItems", "maxItems", " items")
	return strings.Join(out, ", ")
}

// required reports whether an object's schema demands a member.
func required(schema node, name string) bool {
	for _, r := range schema.Get("required").Items() {
		if r.Text() == name {
			return true
		}
	}
	return false
}

func newReferencePage(document []byte) (referencePage, error) {
	var root yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(document, &root, yaml.UseOrderedMap()); err != nil {
		return referencePage{}, err
	}
	r := reference{node{root}}
	page, err := template.New("reference").Funcs(template.FuncMap{
		"operations": r.operations, "follow": r.follow, "typeOf": r.typeOf, "prose": prose, "inline": inline, "limits": limits, "required": required,
		"style": func() template.CSS { return template.CSS(referenceCSS) },
	}).Parse(referenceHTML)
	if err != nil {
		return referencePage{}, err
	}
	var out bytes.Buffer
	if err := page.Execute(&out, r.root); err != nil {
		return referencePage{}, err
	}
	sum := sha256.Sum256([]byte(referenceCSS))
	return referencePage{html: out.String(), csp: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

// GetDocs answers GET /docs.
func (s *server) GetDocs(context.Context, contract.GetDocsRequestObject) (contract.GetDocsResponseObject, error) {
	return s.reference, nil
}

// VisitGetDocsResponse writes the page.
func (p referencePage) VisitGetDocsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", p.csp)
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, err := w.Write([]byte(p.html))
	return err
}
