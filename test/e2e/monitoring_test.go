package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/deploy/monitoring"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

var drawings = flag.String("drawings", "", "the folder to draw the dashboards into, from what Prometheus answered")

// prometheus is Prometheus itself, with the rules and the names of deploy/monitoring.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus has it ask the targets, by job, every second, and go by a file of rules.
func startPrometheus(t *testing.T, rules string, targets map[string]string) *prometheus {
	t.Helper()
	out, err := exec.Command("../../tools/prometheus/build.sh", "prometheus").CombinedOutput()
	require.NoError(t, err, "%s", out)
	dir, at := t.TempDir(), freeAddress(t)
	targets["prometheus"] = at
	deployed, err := os.ReadFile("../../deploy/monitoring/prometheus.yml")
	require.NoError(t, err)
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [%s]\nscrape_configs:\n", rules)
	jobs := regexp.MustCompile(`job_name: (\S+)`).FindAllStringSubmatch(string(deployed), -1)
	require.Len(t, jobs, len(targets))
	for _, job := range jobs {
		require.Contains(t, targets, job[1])
		config += fmt.Sprintf("  - {job_name: %s, static_configs: [{targets: [%q]}]}\n", job[1], targets[job[1]])
	}
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	log, err := os.Create(filepath.Join(dir, "prometheus.log"))
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command("../../bin/prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := &prometheus{t: t, url: "http://" + at}
	require.Eventually(t, func() bool {
		res, err := http.Get(p.url + "/-/ready")
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	}, time.Minute, 100*time.Millisecond, "Prometheus is not ready")
	return p
}

// ask reads an answer of Prometheus's API.
func (p *prometheus) ask(path string, form url.Values, into any) {
	p.t.Helper()
	res, err := http.Get(p.url + "/api/v1/" + path + "?" + form.Encode())
	require.NoError(p.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, res.StatusCode, "%s: %s", form.Get("query"), body)
	require.NoError(p.t, json.Unmarshal(body, &struct{ Data any }{into}))
}

// series are what a query is answered over a time. A series without one value is
// none.
func (p *prometheus) series(q monitoring.Query, from, to time.Time) (found []monitoring.Series) {
	p.t.Helper()
	var answer struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any
		}
	}
	p.ask("query_range", url.Values{"query": {q.At("15s")}, "step": {"2s"},
		"start": {from.UTC().Format(time.RFC3339)}, "end": {to.UTC().Format(time.RFC3339)}}, &answer)
	for _, r := range answer.Result {
		s, some := monitoring.Series{Name: q.Name(r.Metric)}, false
		for _, v := range r.Values {
			value, err := strconv.ParseFloat(v[1].(string), 64)
			require.NoError(p.t, err)
			some = some || !math.IsNaN(value)
			s.Points = append(s.Points, monitoring.Point{At: time.UnixMilli(int64(1000 * v[0].(float64))), Value: value})
		}
		if some {
			found = append(found, s)
		}
	}
	return found
}

// prices are what the stand-ins are said to cost.
var prices = []string{"YANZHEN_ACEDATA_PRICE=0.5 CNY", "YANZHEN_TENCENT_PRICE=1 CNY"}

const endings = 10 // of each kind

// playEnding begins some verifications and ends their sessions with a code of the page.
func (s *stack) playEnding(code string, then func(v view)) {
	s.t.Helper()
	var all []view
	for range endings {
		all = append(all, s.untilLink(s.beginAgain(s.request(s.person())).view.ID, 30*time.Second))
	}
	for i, v := range all {
		if i%2 == 0 { // half of the browsers come back, which is a hint
			s.comeBack(v, code)
		} else {
			s.play(v, code)
		}
	}
	for _, v := range all {
		then(v)
	}
}

// playEveryEnding has ten verifications end in each way there is.
func (s *stack) playEveryEnding() {
	s.t.Helper()
	ends := func(want verification.Outcome) func(v view) {
		return func(v view) {
			require.Equal(s.t, want, s.untilEnd(v.ID, time.Minute).Outcome, v.ID)
		}
	}
	s.playEnding("0", ends(verification.OutcomeApproved))
	s.playEnding("2006", ends(verification.OutcomeDeclined))
	n := 0
	s.playEnding("1002", func(v view) { // a suspicion: a reviewer's
		s.untilReview(v.ID, time.Minute)
		decision := map[string]any{"decision": "approved", "reason": "review.approved", "note": note}
		if n++; n%2 == 0 {
			decision = map[string]any{"decision": "declined", "reason": "review.rejected", "note": note}
		}
		a := s.act(v.ID, "decision", "*", decision)
		require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	})
	s.playEnding("2016", ends(verification.OutcomeExpired)) // and nobody tries again
	for range endings {
		v := s.untilLink(s.beginAgain(s.request(s.person())).view.ID, 30*time.Second)
		a := s.call("shop", "POST", "/v1/verifications/"+v.ID+"/cancel", nil, map[string]any{})
		require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	}
	m := s.beginUnder(onlyMegvii, s.person()).view
	s.endMegvii(s.untilLink(m.ID, 30*time.Second), sandbox.MegviiPass, sandbox.NotifyOptions{})
	s.untilEnd(m.ID, 30*time.Second)
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Kind: sandbox.FaultRefuse})
	var down []string
	for range endings {
		down = append(down, s.beginAgain(s.request(s.person())).view.ID)
	}
	for _, id := range down {
		require.Equal(s.t, verification.OutcomeError, s.untilEnd(id, time.Minute).Outcome, id)
	}
	s.vendors.ClearFaults()
}

// Every panel has data, by its own query, in a real Prometheus that asks a real
// stack in which verifications end in every way; so has every figure that an alert
// reads, with the labels by which it reads it.
func TestEveryPanelAndEveryAlertHasData(t *testing.T) {
	e, r := newOwnEngine(t), newReceiver(t)
	s := newStack(t, options{temporal: e.HostPort, megvii: true, policies: strings.Replace(quickPolicy, "retry_window: 20s", "retry_window: 5s", 1),
		env: append(reaching("0s,1s,1s"), prices...), webhooks: "[" + r.yaml("main") + "]"})
	rules, err := filepath.Abs("../../deploy/monitoring/alerts.yml")
	require.NoError(t, err)
	p := startPrometheus(t, rules, map[string]string{"yanzhen-api": strings.TrimPrefix(s.opsURL, "http://"), "yanzhen-worker": s.workerOps,
		"temporal": fmt.Sprintf("127.0.0.1:%d", e.options.MetricsPort)})
	from := time.Now()
	s.playEveryEnding()
	time.Sleep(5 * time.Second) // two more scrapes: a rate needs two values, and the store is asked every few seconds
	to := time.Now()

	for _, d := range monitoring.Dashboards {
		var answers [][]monitoring.Series
		for _, panel := range d.Panels {
			var lines []monitoring.Series
			for _, q := range panel.Queries {
				found := p.series(q, from, to)
				if len(found) == 0 {
					t.Errorf("%s, %s: no data for %s", d.Title, panel.Title, q.At("15s"))
				}
				lines = append(lines, found...)
			}
			answers = append(answers, lines)
		}
		if *drawings != "" && !t.Failed() {
			file := filepath.Join(*drawings, strings.TrimPrefix(d.UID, "yanzhen-")+".svg")
			require.NoError(t, os.WriteFile(file, monitoring.Draw(d, answers), 0o644))
		}
	}
	p.alertsRead(from, to)
}

// onlyAfterFaults are counted from their first time on, and this run has none.
var onlyAfterFaults = map[string]bool{"temporal_workflow_task_execution_failed_total": true, "yanzhen_export_errors_total": true}

var (
	read  = regexp.MustCompile(`\b((?:yanzhen|temporal|http)_[a-z_]+|up)\b(?:\{([^}]*)\})?`)
	label = regexp.MustCompile(`(\w+)(?:=|!)`)
)

// alertsRead asks for what each alert's expression reads.
func (p *prometheus) alertsRead(from, to time.Time) {
	p.t.Helper()
	var loaded struct {
		Groups []struct {
			Rules []struct{ Name, Query, Health, LastError string }
		}
	}
	p.ask("rules", nil, &loaded)
	asked := map[string]bool{}
	for _, g := range loaded.Groups {
		for _, rule := range g.Rules {
			require.Equal(p.t, "ok", rule.Health, "%s: %s", rule.Name, rule.LastError)
			for _, m := range read.FindAllStringSubmatch(rule.Query, -1) {
				var there []string
				for _, l := range label.FindAllStringSubmatch(m[2], -1) {
					there = append(there, l[1]+`!=""`)
				}
				one := m[1] + "{" + strings.Join(there, ",") + "}"
				if asked[one] || onlyAfterFaults[m[1]] {
					continue
				}
				asked[one] = true
				if len(p.series(monitoring.Query{Expr: one}, from, to)) == 0 {
					p.t.Errorf("%s: no data for %s", rule.Name, one)
				}
			}
		}
	}
	require.Greater(p.t, len(asked), 20)
}
