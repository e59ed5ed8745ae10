package cmd

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// printed matches a command of ours in a page.
var printed = regexp.MustCompile("`(yz|yzk|yanzhen) ([^`]+)`")

// What an operator pastes at night runs: each command of the runbook is there, with
// its flags and as many arguments; one that wants to hear why is given a reason, and
// one that calls the API is printed for those who have a key of its clients.
func TestCommandsOfTheRunbook(t *testing.T) {
	page, err := os.ReadFile("../docs/runbook.md")
	require.NoError(t, err)
	found := printed.FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(found), 30)
	for _, m := range found {
		text := strings.NewReplacer(`"…"`, "why", "ver_…", pastedID, "NAME", "tencent_eid", "…", "file").Replace(m[2])
		c, args, err := Root().Find(strings.Fields(text))
		require.NoError(t, err, m[0])
		require.NotEqual(t, "yanzhen", c.Name(), m[0])
		require.NoError(t, c.ParseFlags(args), m[0])
		require.NoError(t, c.ValidateArgs(c.Flags().Args()), m[0])
		asksAPI := c.Flags().Lookup("api") != nil
		require.Equal(t, asksAPI, m[1] == "yzk", "%s: needs a client's key: %t", m[0], asksAPI)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "purpose" || f.Name == "reason" && (c.Parent().Name() == "ops" && c.Name() != "show" || c.Parent().Name() == "provider") {
				require.True(t, f.Changed, "%s: says no --%s", m[0], f.Name)
			}
		})
	}
}
