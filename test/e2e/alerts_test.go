package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	// faster is how many times as fast as in production time runs in the rules.
	faster = 30
	// patience is what no alert has less of: on a busy machine some scrapes in a row
	// may fail.
	patience = 10 * time.Second
	// settled is when all has fired that waits for up to five minutes before it does.
	settled = max(5*time.Minute/faster, patience)
)

// fastRules are the deployed rules with time run faster: their windows and their
// patience, and the ages of the two that wait for hours and for days.
func fastRules(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/monitoring/alerts.yml")
	require.NoError(t, err)
	spans := regexp.MustCompile(`(for: |\[|offset )(\d+[mhd])\b`)
	require.Greater(t, len(spans.FindAll(text, -1)), 40)
	rules := spans.ReplaceAllStringFunc(string(text), func(span string) string {
		m := spans.FindStringSubmatch(span)
		n, err := time.ParseDuration(strings.Replace(m[2], "d", "h", 1))
		require.NoError(t, err)
		if strings.HasSuffix(m[2], "d") {
			n *= 24
		}
		if n /= faster; m[1] == "for: " {
			n = max(n, patience)
		}
		return m[1] + strconv.Itoa(int(n.Milliseconds())) + "ms"
	})
	for slow, fast := range map[string]string{"review_oldest_seconds) > 3 * 86400": "review_oldest_seconds) > 5", "webhook_oldest_seconds) > 3600": "webhook_oldest_seconds) > 20"} {
		require.Equal(t, 1, strings.Count(rules, slow), slow)
		rules = strings.Replace(rules, slow, fast, 1)
	}
	file := filepath.Join(t.TempDir(), "alerts.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
	return file
}

// now is what a query is answered at this moment: the series' labels.
func (p *prometheus) now(query string) (found []map[string]string) {
	p.t.Helper()
	var answer struct {
		Result []struct{ Metric map[string]string }
	}
	p.ask("query", url.Values{"query": {query}}, &answer)
	for _, r := range answer.Result {
		found = append(found, r.Metric)
	}
	return found
}

// fired are the alerts that fired since a time.
func (p *prometheus) fired(since time.Time) map[string]bool {
	p.t.Helper()
	var answer struct {
		Result []struct{ Metric map[string]string }
	}
	at := func(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1000) }
	p.ask("query_range", url.Values{"query": {`ALERTS{alertstate="firing"}`}, "step": {"1s"}, "start": {at(since)}, "end": {at(time.Now())}}, &answer)
	all := map[string]bool{}
	for _, r := range answer.Result {
		all[r.Metric["alertname"]] = true
	}
	return all
}

// quiet waits until everybody answers Prometheus and no alert fires or is about to.
func (p *prometheus) quiet() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return len(p.now("up == 1")) == 4 && len(p.now("ALERTS")) == 0 }, 3*time.Minute, time.Second, "an alert goes on")
}

// fires injects a fault and waits for its alert, mends it and waits until all is
// quiet. That alert fired, and no other did. What cannot be mended yet is waited out
// until everything that is to fire by it has.
func (p *prometheus) fires(alert string, inject, mend func()) {
	p.t.Helper()
	p.quiet()
	since := time.Now()
	inject()
	require.Eventually(p.t, func() bool { return p.fired(since)[alert] }, 3*time.Minute, time.Second, "%s does not fire", alert)
	after := time.Since(since)
	if mend != nil {
		mend()
		p.quiet()
	} else {
		time.Sleep(settled)
	}
	require.Equal(p.t, map[string]bool{alert: true}, p.fired(since))
	p.t.Logf("%s fired after %s, all in all %s", alert, after.Round(time.Second), time.Since(since).Round(time.Second))
}

// sideBySide does something often at once, and waits for all of it.
func sideBySide(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// cancels ends verifications by their caller, and waits for their ends.
func (s *stack) cancels(ids ...string) {
	sideBySide(len(ids), func(i int) {
		require.Eventually(s.t, func() bool {
			return s.call("shop", "POST", "/v1/verifications/"+ids[i]+"/cancel", nil, map[string]any{}).status == http.StatusOK
		}, comesBack, time.Second, "%s is not canceled", ids[i])
		s.untilEnd(ids[i], comesBack)
	})
}

// swapWorker puts a worker of another binary in the place of the one that runs;
// empty: the usual one.
func (s *stack) swapWorker(binary string) {
	s.t.Helper()
	s.worker.stop(s.t)
	env, before := s.env, s.binary
	s.env, s.binary = append(env[:len(env):len(env)], "YANZHEN_OPS_LISTEN="+s.workerOps), binary
	s.worker = s.start("worker")
	s.env, s.binary = env, before
}

// Each of five faults fires its own alert and no other, one after the other in a
// real Prometheus that asks a real stack. Its rules are the deployed ones with time
// run faster.
func TestFaultsFireExactlyTheirAlerts(t *testing.T) {
	t.Parallel()
	panics, err := buildRelease("v0.0.0-panics", `panic("injected")`)
	require.NoError(t, err)
	e, r := newOwnEngine(t), newReceiver(t)
	patient := []string{"start_patience: 10s", "start_patience: 10m", "review_deadline: 60s", "review_deadline: 10m"}
	s := newStack(t, options{temporal: e.HostPort, everyVendor: true, policies: strings.NewReplacer(patient...).Replace(quickPolicy) + quickAs(onlyMegvii, patient...),
		webhooks: "[" + r.yaml("main") + "]", env: append(reaching("0s"+strings.Repeat(",5s", 30)), "YANZHEN_MEGVII_RATE=1")})
	p := startPrometheus(t, fastRules(t), map[string]string{"yanzhen-api": strings.TrimPrefix(s.opsURL, "http://"), "yanzhen-worker": s.workerOps,
		"temporal": "127.0.0.1:" + strconv.Itoa(e.options.MetricsPort)})
	s.approve() // once, so that what is counted is there

	open := make([]string, 4)
	p.fires("VendorUnavailable", func() {
		s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Kind: sandbox.FaultRefuse})
		sideBySide(len(open), func(i int) { open[i] = s.beginAgain(s.request(s.person())).view.ID })
	}, func() {
		s.vendors.ClearFaults()
		s.cancels(open...)
	})

	crowd := make([]string, 50)
	var queue sync.WaitGroup
	p.fires("QueueBacklog", func() { // one a second may open its session
		queue.Go(func() {
			sideBySide(len(crowd), func(i int) { crowd[i] = s.beginAgain(with(s.request(s.person()), "policy", onlyMegvii)).view.ID })
		})
	}, func() {
		queue.Wait()
		s.cancels(crowd...)
	})

	var waits view
	var tag string
	p.fires("ReviewOverdue", func() { waits, tag = s.ended("1002", verification.InReview) }, func() {
		a := s.act(waits.ID, "decision", tag, map[string]any{"decision": "approved", "reason": "review.approved", "note": note})
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	})

	answers := func(status int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.answer = func(told, int) int { return status }
	}
	p.fires("ReceiverDead", func() {
		answers(http.StatusServiceUnavailable)
		s.cancels(s.beginAgain(s.request(s.person())).view.ID)
	}, func() { answers(http.StatusNoContent) })

	s.swapWorker(panics)
	key, body := map[string]string{"Idempotency-Key": freshKey()}, s.request(s.person())
	p.fires("WorkflowPanic", func() { s.call("shop", "POST", "/v1/verifications", key, body) }, nil)
	s.swapWorker("")
	require.Eventually(t, func() bool { // with code that is mended the run goes on by itself
		a := s.call("shop", "POST", "/v1/verifications", key, body)
		return a.status < 300 && a.view.NextAction != nil
	}, 2*time.Minute, time.Second, "the run stands still")
}
