package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// UndispatchedError says why the workers of a process are given nothing to do,
// however many runs wait. It is one sentence with its remedy.
type UndispatchedError string

func (u UndispatchedError) Error() string { return string(u) }

// CheckDispatch returns an UndispatchedError where the server gives nothing to
// workers of the deployment, or, with none, to workers without versions. The
// version of a deployment that waits for its promotion is no fault: another one
// does the work.
func CheckDispatch(ctx context.Context, c client.Client, namespace, queue, deployment string) error {
	d, err := describeQueue(ctx, c, namespace, queue)
	if err != nil {
		return err
	}
	routed := d.GetVersioningInfo().GetCurrentDeploymentVersion().GetDeploymentName()
	ramping := d.GetVersioningInfo().GetRampingDeploymentVersion().GetDeploymentName()
	switch {
	case deployment == "" && routed != "":
		return UndispatchedError(fmt.Sprintf("worker deployment %q does the work, and workers without versions are given none: set YANZHEN_DEPLOYMENT=%[1]s, or go back with `yanzhen deploy promote --unversioned`", routed))
	case deployment == "" || routed == deployment || ramping == deployment:
		return nil
	case routed != "":
		return UndispatchedError(fmt.Sprintf("worker deployment %q does the work, and those of YANZHEN_DEPLOYMENT=%s are given none: set it to the former, or run `yanzhen deploy promote`", routed, deployment))
	default:
		return UndispatchedError(fmt.Sprintf("worker deployment %q (YANZHEN_DEPLOYMENT) has no current version, so that its workers are given nothing to do: run `yanzhen deploy promote`", deployment))
	}
}

func describeQueue(ctx context.Context, c client.Client, namespace, queue string) (*workflowservice.DescribeTaskQueueResponse, error) {
	d, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueue: &taskqueue.TaskQueue{Name: queue}, TaskQueueType: enums.TASK_QUEUE_TYPE_WORKFLOW,
	})
	if err != nil {
		return nil, fmt.Errorf("look at task queue %q: %w", queue, err)
	}
	return d, nil
}

// VersionStatus is where a version of a deployment stands.
type VersionStatus string

const (
	// Inactive was never promoted.
	Inactive VersionStatus = "inactive"
	// Ramping is given a part of the new runs, and Current the rest.
	Ramping VersionStatus = "ramping"
	Current VersionStatus = "current"
	// Draining is given no new runs and has open ones, and Drained has none.
	Draining VersionStatus = "draining"
	Drained  VersionStatus = "drained"
)

// Version is one version of a deployment; an empty Build are the workers and runs
// without versions.
type Version struct {
	Build  string        `json:"version"`
	Status VersionStatus `json:"status"`
	// Percent of the new runs that a ramping version is given.
	Percent float32 `json:"percent,omitempty"`
	// Open runs that are pinned to it, and workers that asked for tasks lately.
	Open    int64 `json:"open_runs"`
	Workers int   `json:"workers"`
}

// Deployment is a worker deployment: the versions of yanzhen that run, or did.
type Deployment struct {
	Name string `json:"deployment"`
	// Versions are the newest first, and those without versions last.
	Versions []Version `json:"versions"`
}

// askedWithin is how lately a worker asked that runs: each of its questions waits
// up to a minute, and the server remembers for five who asked.
const askedWithin = 2 * time.Minute

// DescribeDeployment returns the state of a deployment's versions. One that the
// server does not know has none.
func DescribeDeployment(ctx context.Context, c client.Client, namespace, queue, name string) (Deployment, error) {
	workers, err := workersByBuild(ctx, c, namespace, queue, name)
	if err != nil {
		return Deployment{}, err
	}
	out := Deployment{Name: name}
	d, err := c.WorkflowService().DescribeWorkerDeployment(ctx, &workflowservice.DescribeWorkerDeploymentRequest{Namespace: namespace, DeploymentName: name})
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); err != nil && !unknown {
		return Deployment{}, fmt.Errorf("look at worker deployment %q: %w", name, err)
	}
	info := d.GetWorkerDeploymentInfo()
	summaries := slices.Clone(info.GetVersionSummaries())
	slices.SortStableFunc(summaries, func(a, b *deploymentpb.WorkerDeploymentInfo_WorkerDeploymentVersionSummary) int {
		return b.GetCreateTime().AsTime().Compare(a.GetCreateTime().AsTime())
	})
	for _, s := range summaries {
		v := Version{Build: s.GetDeploymentVersion().GetBuildId()}
		v.Status, v.Percent = statusOf(v.Build, s.GetDrainageInfo().GetStatus(), info.GetRoutingConfig())
		v.Workers = workers[v.Build]
		if v.Open, err = openRuns(ctx, c, namespace, fmt.Sprintf("TemporalWorkerDeploymentVersion = '%s:%s' AND TemporalWorkflowVersioningBehavior = 'Pinned'", name, v.Build)); err != nil {
			return Deployment{}, err
		}
		out.Versions = append(out.Versions, v)
	}
	none := Version{Status: Inactive, Workers: workers[""]}
	if info.GetRoutingConfig().GetCurrentDeploymentVersion().GetBuildId() == "" {
		none.Status = Current
	}
	if none.Open, err = openRuns(ctx, c, namespace, "TemporalWorkerDeploymentVersion IS NULL"); err != nil {
		return Deployment{}, err
	}
	out.Versions = append(out.Versions, none)
	return out, nil
}

// statusOf takes the routing's word before the version's own, which follows it.
func statusOf(build string, drainage enums.VersionDrainageStatus, r *deploymentpb.RoutingConfig) (VersionStatus, float32) {
	switch {
	case r.GetCurrentDeploymentVersion().GetBuildId() == build:
		return Current, 0
	case r.GetRampingDeploymentVersion().GetBuildId() == build:
		return Ramping, r.GetRampingVersionPercentage()
	case drainage == enums.VERSION_DRAINAGE_STATUS_DRAINING:
		return Draining, 0
	case drainage == enums.VERSION_DRAINAGE_STATUS_DRAINED:
		return Drained, 0
	default:
		return Inactive, 0
	}
}

func openRuns(ctx context.Context, c client.Client, namespace, which string) (int64, error) {
	n, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: which + " AND ExecutionStatus = 'Running'"})
	if err != nil {
		return 0, fmt.Errorf("count the open runs: %w", err)
	}
	return n.GetCount(), nil
}

// workersByBuild counts the workers of each version that ask for workflow tasks;
// under "" those without versions.
func workersByBuild(ctx context.Context, c client.Client, namespace, queue, deployment string) (map[string]int, error) {
	d, err := describeQueue(ctx, c, namespace, queue)
	if err != nil {
		return nil, err
	}
	type worker struct{ build, identity string }
	seen, out := map[worker]bool{}, map[string]int{}
	for _, p := range Asking(d.GetPollers(), time.Now()) {
		o := p.GetDeploymentOptions()
		w := worker{identity: p.GetIdentity()}
		if o.GetWorkerVersioningMode() == enums.WORKER_VERSIONING_MODE_VERSIONED {
			w.build = o.GetBuildId()
		}
		other := w.build != "" && o.GetDeploymentName() != deployment
		if !other && !seen[w] {
			seen[w] = true
			out[w.build]++
		}
	}
	return out, nil
}

// Asking are those pollers of a queue that asked for tasks lately; the server
// remembers the others for some minutes after they are gone.
func Asking(pollers []*taskqueue.PollerInfo, now time.Time) (out []*taskqueue.PollerInfo) {
	for _, p := range pollers {
		if now.Sub(p.GetLastAccessTime().AsTime()) < askedWithin {
			out = append(out, p)
		}
	}
	return out
}

// Faults are sentences about what holds runs up, with what to do about each.
func (d Deployment) Faults() []string {
	var out []string
	serving := slices.ContainsFunc(d.Versions, func(v Version) bool { return v.Build != "" && (v.Status == Current || v.Status == Ramping) })
	waiting := slices.ContainsFunc(d.Versions, func(v Version) bool { return v.Build != "" && v.Workers > 0 })
	for _, v := range d.Versions {
		switch {
		case v.Build == "" && !serving && waiting:
			out = append(out, fmt.Sprintf("worker deployment %q (YANZHEN_DEPLOYMENT) has no current version, so that its workers are given nothing to do: run `yanzhen deploy promote`", d.Name))
		case v.Build == "" && v.Status != Current && v.Workers > 0:
			out = append(out, fmt.Sprintf("%s without YANZHEN_DEPLOYMENT, and given nothing to do: set it, or stop them", count(v.Workers, "worker runs", "workers run")))
		case v.Build == "":
		case v.Status == Current && v.Workers == 0:
			out = append(out, fmt.Sprintf("%s is current and no worker of it runs: start one, or promote a version that has some", v.Build))
		case v.Open > 0 && v.Workers == 0:
			out = append(out, fmt.Sprintf("%s no worker: start one of %s, or let the current version take them over (docs/operations.md)", count(int(v.Open), "open run of "+v.Build+" has", "open runs of "+v.Build+" have"), v.Build))
		}
	}
	return out
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// registerWithin is how long a version that was started just now may take until the
// server knows each of its task queues.
const registerWithin, askEvery = 20 * time.Second, time.Second

// Promote has new runs begin on a version of a deployment: all of them, or so many
// percent. Without a build they begin where there are no versions. It returns the
// version before; "": none. A busy server's answer may be lost, and what it did is
// then done again.
func Promote(ctx context.Context, c client.Client, name, build string, percent float32, withoutQueues bool) (before string, err error) {
	h, told := c.WorkerDeploymentClient().GetHandle(name), false
	for until := time.Now().Add(registerWithin); ; {
		now, err := promote(ctx, h, build, percent, withoutQueues)
		if now != nil && !told { // a later try may find what an earlier one did
			before, told = *now, true
		}
		_, notYet := errors.AsType[*serviceerror.FailedPrecondition](err)
		if !notYet && !late(ctx, err) || time.Now().After(until) {
			return before, promoteError(name, build, err)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

// late reports whether a call ended without an answer while its caller still waits.
func late(ctx context.Context, err error) bool {
	_, is := errors.AsType[*serviceerror.DeadlineExceeded](err)
	return ctx.Err() == nil && (is || errors.Is(err, context.DeadlineExceeded))
}

// promote does it once. before is the version that was current; nil: not asked.
func promote(ctx context.Context, h client.WorkerDeploymentHandle, build string, percent float32, withoutQueues bool) (before *string, err error) {
	if percent > 0 {
		_, err := h.SetRampingVersion(ctx, client.WorkerDeploymentSetRampingVersionOptions{BuildID: build, Percentage: percent, IgnoreMissingTaskQueues: withoutQueues})
		return nil, err
	}
	now, err := h.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return nil, err
	}
	before = new(string)
	if v := now.Info.RoutingConfig.CurrentVersion; v != nil {
		*before = v.BuildID
	}
	_, err = h.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{
		BuildID: build, IgnoreMissingTaskQueues: withoutQueues, ConflictToken: now.ConflictToken, // two promotions at once: one is told
	})
	return before, err
}

func promoteError(name, build string, err error) error {
	_, unknown := errors.AsType[*serviceerror.NotFound](err)
	_, lacks := errors.AsType[*serviceerror.FailedPrecondition](err)
	switch {
	case err == nil:
		return nil
	case unknown:
		return fmt.Errorf("worker deployment %q has no version %s: start a worker of it first (YANZHEN_DEPLOYMENT=%s): %w", name, cmp.Or(build, "at all"), name, err)
	case lacks && build != "":
		return fmt.Errorf("promote %s: start its workers, with the vendors of the version before, or give --without-queues for those that were taken out: %w", build, err)
	default:
		return fmt.Errorf("promote %s: %w", cmp.Or(build, "workers without versions"), err)
	}
}
