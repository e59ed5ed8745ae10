// Package arch holds the directions in which the product's packages may
// import each other. It has no code but its test.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/yanzhen-id/yanzhen"

// allowed lists, for each part of the house, the parts of ours that its
// non-test code may import; a part may always import its own sub-packages. A
// part that is not listed fails the test: it needs a place here first. The
// order is that of the layers, from the domain up to main.
var allowed = []struct {
	part string
	may  []string
	// never are modules from outside that this part must not know.
	never []string
}{
	{part: "verification", never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "internal/sealing", never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "internal/statement", may: []string{"verification"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "internal/telemetry"},
	{part: "internal/settings"},
	{part: "internal/strictjson"},
	{part: "provider", may: []string{"verification", "internal/settings", "internal/strictjson"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "webhook", never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "internal/store", may: []string{"verification", "internal/sealing", "webhook"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "page/brand", never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "internal/config", may: []string{"verification", "provider", "internal/settings", "webhook", "page/brand"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "activities", may: []string{"verification", "provider", "internal/statement", "internal/store", "internal/sealing", "webhook"}, never: []string{"github.com/gin-gonic"}},
	// activities for method references, provider for its words.
	{part: "workflows", may: []string{"verification", "activities", "internal/statement", "provider"}, never: []string{"github.com/gin-gonic"}},
	{part: "worker", may: []string{"workflows", "activities", "provider", "internal/telemetry"}, never: []string{"github.com/gin-gonic"}},
	{part: "starter", may: []string{"verification", "provider", "workflows", "internal/statement", "internal/store", "internal/sealing", "webhook"}, never: []string{"github.com/gin-gonic"}},
	{part: "api", may: []string{"verification", "starter", "webhook", "internal/sealing", "internal/telemetry", "internal/strictjson"}},
	{part: "page/texts", may: []string{"verification"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "page", may: []string{"verification", "starter", "page/brand", "page/texts", "internal/sealing", "internal/telemetry"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	// These two speak to us, or we to them, over the wire: they share nothing.
	{part: "client", never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "examples", may: []string{"client"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "sandbox", never: []string{"go.temporal.io"}},
	{part: "cmd/engine", never: []string{"github.com/gin-gonic"}},
	{part: "cmd/devstack", may: []string{"cmd/engine"}, never: []string{"github.com/gin-gonic"}},
	{part: "cmd", may: []string{"*"}},
	{part: ".", may: []string{"cmd"}},
	{part: "deploy/monitoring", never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	// Tests only; test/e2e/toy is a vendor like any other.
	{part: "test/e2e/toy", may: []string{"verification", "provider", "internal/settings"}, never: []string{"go.temporal.io", "github.com/gin-gonic"}},
	{part: "test", may: []string{"*"}},
}

type pkg struct {
	ImportPath string
	Imports    []string
	// Dir and GoFiles are its sources, Export the compiled package.
	Dir, Export string
	GoFiles     []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	return list(t, "./...")
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Imports,Dir,Export,GoFiles"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// partOf returns the index in allowed of the part that holds the package, the
// longest that fits, or -1.
func partOf(path string) int {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	best := -1
	for i, a := range allowed {
		fits := rel == a.part || strings.HasPrefix(rel, a.part+"/") || rel == "" && a.part == "."
		if fits && (best < 0 || len(a.part) > len(allowed[best].part)) {
			best = i
		}
	}
	return best
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// vendors is where each vendor's package lies; only main's commands know them
// by name.
const vendors = module + "/provider/"

func vendorOf(path string) string {
	rest, _ := strings.CutPrefix(path, vendors)
	vendor, _, _ := strings.Cut(rest, "/")
	return vendor
}

// fault tells what is wrong with one import.
func fault(from, to string) string {
	f := partOf(from)
	if f < 0 {
		return from + " has no place in the list of import directions"
	}
	rule := allowed[f]
	if !ours(to) {
		for _, n := range rule.never {
			if to == n || strings.HasPrefix(to, n+"/") {
				return from + " must not know " + to
			}
		}
		return ""
	}
	t := partOf(to)
	switch {
	case t < 0:
		return to + " has no place in the list of import directions"
	case strings.HasPrefix(to, vendors+"internal/") && strings.HasPrefix(from, vendors):
		return "" // what two vendors of one house share
	case strings.HasPrefix(to, vendors) && !slices.Contains(rule.may, "*") && vendorOf(from) != vendorOf(to):
		return from + " must not know a single vendor: " + to
	case t == f, slices.Contains(rule.may, allowed[t].part), slices.Contains(rule.may, "*"):
		return ""
	}
	return from + " must not import " + to
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		if partOf(p.ImportPath) < 0 {
			t.Errorf("%s has no place in the list of import directions", p.ImportPath)
		}
		for _, to := range p.Imports {
			if f := fault(p.ImportPath, to); f != "" {
				t.Error(f)
			}
		}
	}
}

// Two libraries of one kind read the same text in two ways.
func TestOneLibraryReadsYAML(t *testing.T) {
	for _, p := range packages(t) {
		for _, to := range p.Imports {
			if strings.Contains(to, "yaml") && !ours(to) && !strings.HasPrefix(to, "github.com/goccy/go-yaml") {
				t.Errorf("%s imports %s beside github.com/goccy/go-yaml", p.ImportPath, to)
			}
		}
	}
}

// An import that runs back up would let two parts know each other, in however
// many steps: the list itself must be without a circle, and name a part once.
func TestTheListRunsOneWay(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range allowed {
		if seen[a.part] {
			t.Errorf("%s is listed twice", a.part)
		}
		for _, to := range a.may {
			if to != "*" && !seen[to] {
				t.Errorf("%s may import %s, which stands below it: that runs back up", a.part, to)
			}
		}
		seen[a.part] = true
	}
}

func TestTheListItselfRefusesWhatItShould(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"verification", module + "/provider"},
		{"verification/residentid", "go.temporal.io/sdk/workflow"},
		{"provider/tencent", module + "/internal/store"},
		{"provider", "github.com/gin-gonic/gin"},
		{"workflows", module + "/internal/store"},
		{"workflows", module + "/provider/tencent"},
		{"sandbox", module + "/provider/tencent"},
		{"sandbox", module + "/verification"},
		{"api", module + "/workflows"},
		{"starter", module + "/provider/tencent"},
		{"activities", module + "/provider/tencent"},
		{"provider/acedata", module + "/provider/tencent"},
		{"newcomer", "fmt"},
		{"provider", module + "/cmd/engine"},
		{"starter", module + "/api"},
		{"cmd/devstack", module + "/workflows"},
	} {
		if fault(module+"/"+c.from, c.to) == "" {
			t.Errorf("%s importing %s was let through", c.from, c.to)
		}
	}
	if f := fault(module+"/starter", module+"/workflows"); f != "" {
		t.Error(f)
	}
}

// The page on the architecture shows the list as it is.
func TestDocsShowTheList(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range allowed {
		if a.part == "." || strings.HasPrefix(a.part, "test") {
			continue
		}
		may := "`" + strings.Join(a.may, "`, `") + "`"
		switch {
		case len(a.may) == 0:
			may = "nothing of ours"
		case a.may[0] == "*":
			may = "everything"
		}
		if row := "| `" + a.part + "` | " + may + " |\n"; !strings.Contains(string(page), row) {
			t.Errorf("docs/architecture.md lacks the row\n%s", row)
		}
	}
}
