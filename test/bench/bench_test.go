//go:build bench

package bench

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	kind  = flag.String("store", "sqlite", "where product and engine keep what they know: sqlite or postgres")
	pairs = flag.Int("pairs", 5, "pairs of batches; 3 with -quick")
	quick = flag.Bool("quick", false, "fewer and smaller, in five minutes; -short would leave PostgreSQL out")
	out   = flag.String("out", ".", "the folder for performance.json and its pictures")
	build = flag.String("binary", "", "the product's binary, if it is not to be built: two builds are compared by their ratios")
	only  = flag.String("only", strings.Join(sectionNames(), ","), "which sections, with commas between them")
	which = flag.String("paths", "callback,poll,notify,chip,capture", "which paths, with commas between them")

	discard = slog.New(slog.DiscardHandler)
	direct  = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: 500}}
)

// sections are the parts of the benchmark, in their order: the last leaves
// thousands of verifications open.
var sections = []struct {
	name string
	run  func(s *stack) Section
}{
	{"paths", (*stack).paths},
	{"telemetry", (*stack).telemetry},
	{"starts", (*stack).starts},
	{"waits", (*stack).waits},
	{"store", (*stack).grown},
	{"open", (*stack).manyOpen},
}

func sectionNames() (all []string) {
	for _, s := range sections {
		all = append(all, s.name)
	}
	return all
}

// TestBench runs the sections that are asked for on one stack.
func TestBench(t *testing.T) {
	asked := strings.Split(*only, ",")
	for _, name := range asked {
		require.Contains(t, sectionNames(), name)
	}
	s := newStack(t, *kind)
	reports := readReports(t, *out)
	s.pathsSoFar = reports[*kind].rows()
	for _, section := range sections {
		if !slices.Contains(asked, section.name) {
			continue
		}
		at, first := time.Now(), load()
		found := section.run(s)
		found.Name, found.At, found.Load = section.name, at, [2]string{first, load()}
		Table(os.Stdout, *kind, runtime.NumCPU(), found)
		r := reports[*kind]
		r.Store, r.Cores = *kind, runtime.NumCPU()
		r.add(found)
		reports[*kind] = r
		writeReports(t, *out, reports) // what was found stays, whatever comes of the next
	}
}

// readReports reads what earlier runs found, by store.
func readReports(t *testing.T, dir string) map[string]Report {
	reports := map[string]Report{}
	text, err := os.ReadFile(filepath.Join(dir, "performance.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return reports
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &reports))
	return reports
}

func writeReports(t *testing.T, dir string, reports map[string]Report) {
	text, err := json.MarshalIndent(reports, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "performance.json"), append(text, '\n'), 0o644))
	r := reports[*kind]
	if len(r.rows()) == 0 {
		return
	}
	f, err := os.Create(filepath.Join(dir, "performance-"+r.Store+".svg"))
	require.NoError(t, err)
	r.Picture(f)
	require.NoError(t, f.Close())
}
