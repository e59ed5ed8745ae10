package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// One version of Temporal: its server, the tools that bring its schema, the server
// on which tests of the whole run, and the one that the pages name.
func TestTemporalHasOneVersion(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		return string(text)
	}
	composed := map[string]string{}
	image := regexp.MustCompile(`\b(temporalio/[a-z-]+):(\d[\w.]*\w)`)
	for _, m := range image.FindAllStringSubmatch(read("docker-compose.yml"), -1) {
		composed[m[1]] = m[2]
	}
	version := composed["temporalio/server"]
	require.NotEmpty(t, version)
	require.Equal(t, version, composed["temporalio/admin-tools"])
	require.Contains(t, read("test/engine/go.mod"), "\tgo.temporal.io/server v"+version+" ")
	require.Contains(t, read("docs/operations.md"), "Temporal "+version+" and its UI "+composed["temporalio/ui"])
	for name, page := range pages(t) {
		for _, m := range image.FindAllStringSubmatch(page, -1) {
			require.Equal(t, composed[m[1]], m[2], "%s names another %s", name, m[1])
		}
	}
}
