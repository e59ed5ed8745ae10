package monitoring

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

var update = flag.Bool("update", false, "write the dashboards' JSON")

func TestDashboardsAreWhatTheTableSays(t *testing.T) {
	written, err := filepath.Glob("dashboards/*.json")
	require.NoError(t, err)
	for _, d := range Dashboards {
		file := filepath.Join("dashboards", strings.TrimPrefix(d.UID, "yanzhen-")+".json")
		if *update {
			require.NoError(t, os.WriteFile(file, d.JSON(), 0o644))
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, string(text) == string(d.JSON()), "%s is not what the table says: run go test ./deploy/monitoring -update", file)
	}
	if !*update {
		require.Len(t, written, len(Dashboards), "a file that no dashboard wrote")
	}
}

// Somebody who has never seen the code reads them at night.
func TestEveryPanelSaysWhatItShows(t *testing.T) {
	for _, d := range Dashboards {
		titles := map[string]bool{}
		require.NotEmpty(t, d.Description)
		for _, p := range d.Panels {
			require.False(t, titles[p.Title], "%s: two panels are called %q", d.UID, p.Title)
			titles[p.Title] = true
			require.NotEmpty(t, p.Unit, "%s: %s has no unit", d.UID, p.Title)
			require.Regexp(t, `^[A-Z].*\.$`, p.Description, "%s: %s has no sentence", d.UID, p.Title)
			require.NotEmpty(t, p.Queries)
			for _, q := range p.Queries {
				require.NotEmpty(t, q.Legend)
			}
		}
	}
}

// rules is alerts.yml.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func alerts(t *testing.T) (names []string, all rules) {
	t.Helper()
	text, err := os.ReadFile("alerts.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &all))
	for _, g := range all.Groups {
		for _, r := range g.Rules {
			names = append(names, r.Alert)
		}
	}
	require.NotEmpty(t, names)
	return names, all
}

func runbook(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	return string(text)
}

// section is the text between a heading and the next of its rank.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "\n"+heading+"\n")
	require.True(t, found, heading)
	rank, _, _ := strings.Cut(heading, " ")
	if at := strings.Index(after, "\n"+rank+" "); at >= 0 {
		after = after[:at]
	}
	return after
}

// Who is paged finds the alert in the runbook under its name, and nothing there
// is of an alert that is no more.
func TestTheRunbookHasEveryAlert(t *testing.T) {
	names, all := alerts(t)
	text := section(t, runbook(t), "## Alerts")
	var entries []string
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(text, -1) {
		entries = append(entries, m[1])
	}
	require.Equal(t, names, entries, "the runbook's entries, in the rules' order")
	for _, g := range all.Groups {
		for _, r := range g.Rules {
			require.Equal(t, "https://github.com/yanzhen-id/yanzhen/blob/main/docs/runbook.md#"+strings.ToLower(r.Alert), r.Annotations["runbook_url"])
			require.Regexp(t, `\.$`, r.Annotations["summary"], r.Alert)
			require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
			entry := section(t, "\n"+text, "### "+r.Alert)
			require.Contains(t, entry, "**Means** ("+r.Labels["severity"]+"):", r.Alert)
			require.Contains(t, entry, "**Look**: ", r.Alert)
			require.Contains(t, entry, "**Do**: ", r.Alert)
		}
	}
}

// What a reason means is said once, in the catalogue; where to look and what to
// do is the runbook's.
func TestTheRunbookHasEveryReason(t *testing.T) {
	text := section(t, runbook(t), "## Reasons")
	row := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (.+) \\| (.+) \\| (.+) \\|$")
	found := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		require.NotContains(t, found, m[1], "twice")
		found[m[1]] = m[2:]
	}
	for _, e := range verification.Catalogue {
		require.Contains(t, found, string(e.Code))
		require.Equal(t, e.Ops, found[string(e.Code)][0], "what %s means", e.Code)
	}
	require.Len(t, found, len(verification.Catalogue), "a reason that is no more")
}

// promtool runs Prometheus's own checker in this folder.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("../../tools/prometheus/build.sh", "promtool").CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.Command("../../bin/promtool", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// Each alert fires in what it is for, and no other does; none fires in a night
// without traffic.
func TestAlertsFireAsTheirTestsSay(t *testing.T) {
	promtool(t, "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")
	promtool(t, "test", "rules", "alerts_test.yml")
	tests, err := os.ReadFile("alerts_test.yml")
	require.NoError(t, err)
	names, _ := alerts(t)
	for _, name := range names {
		require.Contains(t, string(tests), `{alertname="`+name+`", alertstate="firing"`, "no test in which %s fires", name)
	}
}
