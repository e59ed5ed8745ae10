package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// dataFlag is what names the folder of a local stack to commands that work on an
// installation.
func dataFlag(c *cobra.Command, data *string) {
	c.PersistentFlags().StringVar(data, "data", "", `the data folder of "yanzhen dev", if it was given one`)
}

// installationOf is the environment of the installation that a command works on: the
// process's own, where that names one or there is no other, else that of the local
// stack, whose folder is local then.
func installationOf(data string) (environ []string, local string, err error) {
	dir, err := filepath.Abs(dataDir(data))
	if err != nil {
		return nil, "", err
	}
	state, found := readState(dir)
	switch {
	case data != "" && !found:
		return nil, "", exit(exitUsage, "no local stack in %s: start `yanzhen dev --data` with that folder", dir)
	case data == "" && (namesOne() || !found):
		return os.Environ(), "", nil
	}
	return state.environ(dir), dir, nil
}

// namesOne reports whether the environment names an installation.
func namesOne() bool {
	return slices.ContainsFunc([]string{"YANZHEN_STORE", "YANZHEN_KEYS", "TEMPORAL_ADDRESS"}, func(name string) bool {
		_, is := os.LookupEnv(name)
		return is
	})
}

// environ is the environment of the stack: its own settings, and of the process's
// none that a stack of its own would not heed.
func (s devState) environ(dir string) []string {
	out := []string{"YANZHEN_STORE=" + devStore(dir), "YANZHEN_KEYS=" + devKeys(dir)} // of a stack that never came up whole
	for _, line := range os.Environ() {
		if !strings.HasPrefix(line, "YANZHEN_") && !strings.HasPrefix(line, "TEMPORAL_") {
			out = append(out, line)
		}
	}
	return append(append(out, s.Settings...), "TEMPORAL_ADDRESS="+s.Temporal, "TEMPORAL_NAMESPACE="+s.Namespace)
}
