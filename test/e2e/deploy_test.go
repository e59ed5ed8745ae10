package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// longReview is crashPolicy with time for a deploy while a case waits.
var longReview = strings.Replace(crashPolicy, "review_deadline: 20s", "review_deadline: 30m", 1)

// The releases of which a deploy is played: the first; one whose Verification has
// another order, which fits no open run; and one that keeps the old order for
// those, behind workflow.GetVersion.
var (
	release1 = sync.OnceValues(func() (string, error) { return buildRelease("v1.0.0", "") })
	release2 = sync.OnceValues(func() (string, error) {
		return buildRelease("v2.0.0", "_ = workflow.Sleep(work, time.Millisecond)")
	})
	release3 = sync.OnceValues(func() (string, error) {
		return buildRelease("v3.0.0", `if workflow.GetVersion(work, "pause-first", workflow.DefaultVersion, 1) == 1 { _ = workflow.Sleep(work, time.Millisecond) }`)
	})
)

// buildRelease builds the product under a version, its Verification with another
// first step. The source stays as it is: the compiler is given another file.
func buildRelease(version, step string) (string, error) {
	const file, first = "../../workflows/verification.go", "\tr.begin(work)\n"
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if strings.Count(string(text), first) != 1 {
		return "", fmt.Errorf("%s begins otherwise than with %q", file, first)
	}
	dir, err := os.MkdirTemp(shared.dir, version)
	if err != nil {
		return "", err
	}
	changed, overlay, out := filepath.Join(dir, "verification.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "yanzhen")
	names, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), first, "\t"+step+"\n"+first, 1)), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, names, 0o600); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-ldflags", "-X github.com/yanzhen-id/yanzhen/cmd.Version="+version, "-o", out, ".")
	build.Dir = "../.."
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", version, err, said)
	}
	return out, nil
}

// released is a worker of a release, and where it tells whether it is ready.
type released struct {
	*process
	ready string
}

// startRelease starts a worker of a release beside those that run.
func (s *stack) startRelease(build func() (string, error)) released {
	s.t.Helper()
	binary, err := build()
	require.NoError(s.t, err)
	ops := freeAddress(s.t)
	env, before := s.env, s.binary
	defer func() { s.env, s.binary = env, before }()
	s.env, s.binary = append(env[:len(env):len(env)], "YANZHEN_OPS_LISTEN="+ops), binary
	return released{s.start("worker"), "http://" + ops + "/readyz"}
}

// untilReady waits for an answer of a worker's readiness that holds the words.
func (s *stack) untilReady(w released, status int, words string) {
	s.t.Helper()
	last := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		res, err := http.Get(w.ready)
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if last = string(text); res.StatusCode == status && strings.Contains(last, words) {
			return
		}
	}
	s.t.Fatalf("no answer %d with %s; the last one was %s", status, words, last)
}

// commanded runs a command of a release and returns what it printed.
func (s *stack) commanded(build func() (string, error), args ...string) (string, error) {
	s.t.Helper()
	binary, err := build()
	require.NoError(s.t, err)
	cmd := exec.CommandContext(s.t.Context(), binary, args...)
	cmd.Env, cmd.Dir = s.env, s.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// deployed is how a version stands, as deploy status tells it.
type deployed struct {
	Version, Status string
	Open            int `json:"open_runs"`
	Workers         int
}

// untilDeployed waits until a version stands as is wanted: visibility follows the
// runs, and the drainage both.
func (s *stack) untilDeployed(want deployed) {
	s.t.Helper()
	binary, err := release1()
	require.NoError(s.t, err)
	last := ""
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		cmd := exec.CommandContext(s.t.Context(), binary, "deploy", "status", "--json")
		cmd.Env = s.env
		out, _ := cmd.Output() // it ends with 1 where something is wrong
		last = string(out)
		var d struct{ Versions []deployed }
		if json.Unmarshal(out, &d) == nil && slices.Contains(d.Versions, want) {
			return
		}
	}
	s.t.Fatalf("not %+v; the last answer was %s", want, last)
}

// versionOf is the version on which a run was last worked on; failed counts its
// workflow tasks that failed.
func (s *stack) versionOf(id string) (version string, failed int) {
	s.t.Helper()
	d, err := s.temporal.DescribeWorkflow(s.t.Context(), id, "")
	require.NoError(s.t, err)
	for _, e := range s.history(id).Events {
		if e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_FAILED {
			failed++
		}
	}
	return d.RawResponse.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId(), failed
}

// inReview starts a verification that waits for a reviewer.
func (s *stack) inReview() view {
	s.t.Helper()
	v := s.opened(s.person())
	s.play(v, codeSpoof)
	return s.until(v.ID, comesBack, "a review", func(v view) bool { return v.Status == verification.InReview })
}

// decided has a reviewer approve.
func (s *stack) decided(id string) view {
	s.t.Helper()
	a := s.call("reviewer", "POST", "/v1/verifications/"+id+"/decision", map[string]string{"If-Match": "*"}, map[string]any{"decision": "approved", "reason": "review.approved"})
	require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	return s.untilEnd(id, comesBack)
}

// TestADeployOfAChangedWorkflowLeavesOpenRunsToTheirVersion: with versions, a release
// whose workflow has another order takes the new runs, and those that are open end
// where they began, in review too; or another release that fits their histories
// takes them over. No run fails, and each worker can be stopped once its version is
// drained.
func TestADeployOfAChangedWorkflowLeavesOpenRunsToTheirVersion(t *testing.T) {
	t.Parallel()
	const atOnce = 20
	engine := newOwnEngineWith(t, map[string]string{ // production waits three minutes each
		"matching.wv.VersionDrainageStatusVisibilityGracePeriod": `"2s"`, "matching.wv.VersionDrainageStatusRefreshInterval": `"1s"`})
	s := newStack(t, options{policies: longReview, temporal: engine.HostPort})

	// Versions are switched on while a verification is open.
	older := s.opened(s.person())
	s.worker.stop(t)
	s.env = append(s.env, "YANZHEN_DEPLOYMENT=yanzhen")
	first := s.startRelease(release1)
	const none = "has no current version, so that its workers are given nothing to do: run `yanzhen deploy promote`"
	s.untilReady(first, http.StatusServiceUnavailable, none)
	require.Contains(t, string(s.logs()), none, "the start says so")
	out, err := s.commanded(release1, "doctor")
	require.Error(t, err)
	require.Contains(t, out, none)
	out, err = s.commanded(release1, "deploy", "status")
	require.Error(t, err)
	require.Contains(t, out, none)
	out, err = s.commanded(release2, "deploy", "promote")
	require.Error(t, err, "nobody runs it")
	require.Contains(t, out, "v2.0.0")
	out, err = s.commanded(release1, "deploy", "promote")
	require.NoError(t, err, out)
	require.Equal(t, "v1.0.0 is current.\n", out)
	s.untilReady(first, http.StatusOK, `"dispatch":"ok"`)
	s.play(older, "0")
	s.approved(s.untilEnd(older.ID, comesBack)) // whatever has no version yet goes on with the promoted one

	var open []view
	people := map[string]sandbox.Person{}
	for range atOnce {
		p := s.person()
		a := s.begin(p)
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
		open = append(open, a.view)
		people[a.view.ID] = p
	}
	stays, moves := s.inReview(), s.inReview()

	second := s.startRelease(release2)
	s.untilReady(second, http.StatusOK, `"dispatch":"ok"`)
	s.untilDeployed(deployed{"v2.0.0", "inactive", 0, 1})
	out, err = s.commanded(release2, "deploy", "promote")
	require.NoError(t, err, out)
	require.Contains(t, out, "v1.0.0 keeps its open runs")
	fresh := s.opened(s.person())
	s.untilDeployed(deployed{"v1.0.0", "draining", atOnce + 2, 1})

	for _, v := range append(open, fresh) {
		s.play(v, "0")
	}
	s.approved(s.untilEnd(fresh.ID, comesBack))
	for _, v := range open {
		s.approved(s.untilEnd(v.ID, comesBack))
		require.Equal(t, 1, s.chargedFor(people[v.ID]))
	}
	require.Equal(t, verification.Approved, s.decided(stays.ID).Decision)
	for _, v := range append(open, older, stays) {
		version, failed := s.versionOf(v.ID)
		require.Equal(t, "v1.0.0", version)
		require.Zero(t, failed)
	}
	version, failed := s.versionOf(fresh.ID)
	require.Equal(t, "v2.0.0", version)
	require.Zero(t, failed)

	// The last one may wait for days. A release that fits its history takes it over.
	s.untilDeployed(deployed{"v1.0.0", "draining", 1, 1})
	third := s.startRelease(release3)
	s.untilDeployed(deployed{"v3.0.0", "inactive", 0, 1})
	out, err = s.commanded(release3, "deploy", "promote")
	require.NoError(t, err, out)
	s.takeOver(engine, "v1.0.0")
	s.untilDeployed(deployed{"v1.0.0", "drained", 0, 1})
	first.stop(t)
	s.untilDeployed(deployed{"v2.0.0", "drained", 0, 1})
	second.stop(t)
	require.Equal(t, verification.Approved, s.decided(moves.ID).Decision)
	version, failed = s.versionOf(moves.ID)
	require.Equal(t, "v3.0.0", version)
	require.Zero(t, failed)

	// And back to workers without versions.
	out, err = s.commanded(release3, "deploy", "promote", "--unversioned")
	require.NoError(t, err, out)
	s.untilReady(third, http.StatusServiceUnavailable, none)
	third.stop(t)
	s.env = append(s.env, "YANZHEN_DEPLOYMENT=")
	s.startWorker()
	last := s.opened(s.person())
	s.play(last, "0")
	s.approved(s.untilEnd(last.ID, comesBack))
}

// takeOver has the current version take over a version's open runs, by the lines
// of docs/operations.md.
func (s *stack) takeOver(engine *ownEngine, version string) {
	s.t.Helper()
	binary, err := devstack.Temporal(s.t.Context(), os.Stderr)
	require.NoError(s.t, err)
	docs, err := os.ReadFile("../../docs/operations.md")
	require.NoError(s.t, err)
	_, line, found := strings.Cut(string(docs), "temporal workflow update-options ")
	require.True(s.t, found, "the runbook has the line")
	line, _, _ = strings.Cut(line, "\n```")
	line = strings.ReplaceAll(strings.ReplaceAll(line, "\\\n", " "), "VERSION", version)
	cmd := exec.CommandContext(s.t.Context(), "sh", "-c", `"$0" workflow update-options `+line, binary)
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+engine.HostPort, "TEMPORAL_NAMESPACE="+s.namespace)
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
}

// TestAWorkflowsChangeBehindGetVersionGoesOnWithOpenRuns: without versions the new
// release's worker takes over whatever is open. A change that it keeps from those
// disturbs none of them; one that it does not makes them stand still, harms nothing,
// and is told by readiness, until a right release comes.
func TestAWorkflowsChangeBehindGetVersionGoesOnWithOpenRuns(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: longReview})
	open, review := s.opened(s.person()), s.inReview()
	s.worker.stop(t)

	wrong := s.startRelease(release2)
	s.play(open, "0")
	s.untilReady(wrong, http.StatusServiceUnavailable, `"workflows":"failing"`)
	require.False(t, s.read(open.ID).Status.Ended())
	require.Equal(t, verification.InReview, s.read(review.ID).Status)
	wrong.stop(t)

	right := s.startRelease(release3)
	s.approved(s.untilEnd(open.ID, comesBack))
	require.Equal(t, verification.Approved, s.decided(review.ID).Decision)
	fresh := s.opened(s.person())
	s.play(fresh, "0")
	s.approved(s.untilEnd(fresh.ID, comesBack))
	_, failed := s.versionOf(fresh.ID)
	require.Zero(t, failed)
	s.untilReady(right, http.StatusOK, `"workflows":"ok"`)
}
