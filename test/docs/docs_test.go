// Package docs holds the pages that readers begin with to what is there. It has
// no code but its test.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// pages returns the text of every page by its path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(rel)] = string(text)
		return err
	})
	require.NoError(t, err)
	require.Contains(t, found, "README.md")
	return found
}

var (
	// link matches what a page leads to, in parentheses.
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// fence matches a fenced block, with its language.
	fence = regexp.MustCompile("(?ms)^```([a-z]*)[^\n]*\n(.*?)^```[ \t]*$")
	code  = regexp.MustCompile("`[^`\n]*`")
	// heading matches a title, for links into a page.
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names under which a page's headings can be reached.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		plain := dropped.ReplaceAllString(strings.ToLower(h[1]), "")
		found[strings.ReplaceAll(strings.TrimSpace(plain), " ", "-")] = true
	}
	return found
}

// A link to a file, a folder or a heading of ours leads to one that is there.
// Addresses elsewhere are not asked for.
func TestLinksResolve(t *testing.T) {
	all := pages(t)
	for path, page := range all {
		text := code.ReplaceAllString(fence.ReplaceAllString(page, ""), "")
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(l[1], "://") || strings.HasPrefix(l[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(l[1], "#")
			to := path
			if file != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
				if _, err := os.Stat(filepath.Join(root, to)); err != nil {
					t.Errorf("%s: the link to %s leads nowhere", path, l[1])
					continue
				}
			}
			if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s: the link to %s leads to no heading", path, l[1])
			}
		}
	}
}

// A diagram says at its first line what it is, and then shows something; every
// fence that is opened is closed.
func TestDiagramsAreNotEmpty(t *testing.T) {
	diagrams := 0
	for path, page := range pages(t) {
		if n := len(regexp.MustCompile("(?m)^```").FindAllString(page, -1)); n%2 != 0 {
			t.Errorf("%s: a fenced block is not closed", path)
		}
		for _, block := range fence.FindAllStringSubmatch(page, -1) {
			if block[1] != "mermaid" {
				continue
			}
			diagrams++
			kind, body, _ := strings.Cut(strings.TrimSpace(block[2]), "\n")
			if !regexp.MustCompile(`^(flowchart (TD|LR)|stateDiagram-v2|sequenceDiagram)$`).MatchString(kind) {
				t.Errorf("%s: a diagram begins with %q", path, kind)
			}
			if strings.Count(body, "--") < 2 && strings.Count(body, "->>") < 2 {
				t.Errorf("%s: a diagram shows nothing", path)
			}
		}
	}
	require.NotZero(t, diagrams)
}

// The first page is short: five minutes of reading.
func TestReadmeIsShort(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	require.Less(t, len(strings.Fields(string(readme))), 1000, "words: about five minutes")
}

// The page on adding a vendor shows the toy vendor as it is.
func TestCodeOfTheToyVendorIsTheToys(t *testing.T) {
	toy, err := os.ReadFile(filepath.Join(root, "test/e2e/toy/toy.go"))
	require.NoError(t, err)
	blocks := 0
	for _, block := range fence.FindAllStringSubmatch(pages(t)["docs/adding-a-vendor.md"], -1) {
		if block[1] == "go" {
			blocks++
			require.Contains(t, string(toy), block[2])
		}
	}
	require.NotZero(t, blocks)
}

// Whoever pastes one page after the other starts a verification with each: a key
// that stood on another page would find that one's, or be refused.
func TestEveryStartInThePagesHasAKeyOfItsOwn(t *testing.T) {
	key := regexp.MustCompile(`'Idempotency-Key: ([^'$]+)'`)
	on := map[string]string{}
	for name, text := range pages(t) {
		for _, m := range key.FindAllStringSubmatch(text, -1) {
			require.Empty(t, on[m[1]], "%s of %s stands on another page or twice", m[1], name)
			on[m[1]] = name
		}
	}
	require.GreaterOrEqual(t, len(on), 5)
}
