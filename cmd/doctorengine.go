package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// leastRetention is how long ended runs should be there to be looked at.
const leastRetention = 72 * time.Hour

func diagnoseEngine(ctx context.Context, environ []string, registry *provider.Registry, deployment string, quiet *slog.Logger) []finding {
	const check = "engine"
	o, err := engine.Options(environ, quiet)
	if err != nil {
		return []finding{wrong(check, "Correct TEMPORAL_ADDRESS, the files that TEMPORAL_TLS_… name, or the profile file.", "%v", err)}
	}
	ends, _ := engine.CertificateEnds(o)
	if left := time.Until(ends); !ends.IsZero() && left <= 0 {
		return []finding{wrong(check, "Renew the client certificate that TEMPORAL_TLS_CLIENT_CERT_PATH names (or …_DATA, or the profile file).",
			"the client certificate for %s ended on %s", o.HostPort, ends.UTC().Format(time.DateTime))}
	}
	c, err := engine.Dial(ctx, o)
	if err != nil {
		return []finding{wrong(check, "Start it, or correct TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its certificates.", "%v", err)}
	}
	defer c.Close()
	if err := engine.CheckVersion(ctx, c); err != nil {
		return []finding{wrong(check, "Upgrade the Temporal server.", "%v", err)}
	}
	if err := engine.CheckSearchAttributes(ctx, c, o.Namespace, workflows.SearchAttributes()); err != nil {
		remedy := "Set TEMPORAL_NAMESPACE to a namespace of yanzhen's own."
		if errors.Is(err, engine.ErrSetup) {
			remedy = "Run `yanzhen setup` once."
		}
		return []finding{wrong(check, remedy, "%v", err)}
	}
	found := []finding{ok(check, "%s, namespace %q with its search attributes", o.HostPort, o.Namespace)}
	if left := time.Until(ends); !ends.IsZero() && left < certificateWarns {
		found = append(found, warning(check, "Renew the client certificate that TEMPORAL_TLS_CLIENT_CERT_PATH names (or …_DATA, or the profile file).",
			"its client certificate ends in %s, on %s", left.Round(time.Hour), ends.UTC().Format(time.DateOnly)))
	}
	if n, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace}); err == nil {
		if kept := n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); kept < leastRetention {
			found = append(found, warning("retention", "`yanzhen setup --retention 720h`.", "ended runs are gone after %s", kept))
		}
	}
	found = append(found, diagnoseWorkers(ctx, c, o.Namespace, registry, deployment)...)
	found = append(found, diagnoseRuns(ctx, c)...)
	found = append(found, diagnoseSchedule(ctx, c)...)
	return append(found, diagnoseDeployment(ctx, c, o.Namespace, deployment)...)
}

// diagnoseWorkers: each queue needs somebody who asks it, and lately: the server
// remembers who asked for some minutes after they are gone.
func diagnoseWorkers(ctx context.Context, c client.Client, namespace string, registry *provider.Registry, deployment string) []finding {
	type queue struct {
		name string
		kind enums.TaskQueueType
	}
	queues := []queue{{workflows.QueueVerification, enums.TASK_QUEUE_TYPE_WORKFLOW}, {workflows.QueueVerification, enums.TASK_QUEUE_TYPE_ACTIVITY},
		{workflows.QueueWebhooks, enums.TASK_QUEUE_TYPE_ACTIVITY}}
	if registry != nil {
		for _, q := range registry.Queues() {
			queues = append(queues, queue{q.Name, enums.TASK_QUEUE_TYPE_ACTIVITY})
		}
	}
	var idle []string
	builds := map[string]int{}
	var longest time.Duration // since the newest ask of a queue
	for _, q := range queues {
		d, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: namespace, TaskQueue: &taskqueue.TaskQueue{Name: q.name}, TaskQueueType: q.kind})
		if err != nil {
			return []finding{unknown("workers", "%v", err)}
		}
		asking := engine.Asking(d.GetPollers(), time.Now())
		newest := time.Hour
		for _, p := range asking {
			newest = min(newest, time.Since(p.GetLastAccessTime().AsTime()))
		}
		longest = max(longest, newest)
		if len(asking) == 0 && !slices.Contains(idle, q.name) {
			idle = append(idle, q.name)
		}
		if q.kind == enums.TASK_QUEUE_TYPE_WORKFLOW {
			for _, p := range asking {
				//lint:ignore SA1019 of workers without versions the server tells the build nowhere else
				builds[p.GetWorkerVersionCapabilities().GetBuildId()]++
			}
		}
	}
	if len(idle) > 0 {
		return []finding{wrong("workers", "Start `yanzhen worker` with the same settings.", "no worker polls the task queues %s", strings.Join(idle, ", "))}
	}
	found := []finding{ok("workers", "each of %d task queues was asked within %s; a worker that stopped is missed after two minutes", len(queues)-1, (longest + time.Second).Truncate(time.Second))}
	if deployment == "" && len(builds) > 1 {
		var each []string
		for _, build := range slices.Sorted(maps.Keys(builds)) {
			each = append(each, fmt.Sprintf("%d of %s", builds[build], first(build, "unknown")))
		}
		found = append(found, warning("workers", "Once an upgrade is over, stop those of the other version: a run is taken up now by one, now by the other.",
			"workers of several versions take the same runs: %s", strings.Join(each, ", ")))
	}
	return found
}

// diagnoseRuns tells of runs that stand still, though workers run. A server that
// cannot tell says nothing.
func diagnoseRuns(ctx context.Context, c client.Client) []finding {
	count := func(which string) int64 {
		n, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: which + " AND ExecutionStatus = 'Running'"})
		if err != nil {
			return 0
		}
		return n.GetCount()
	}
	var found []finding
	const stuck, paused = "TemporalReportedProblems IS NOT NULL", "TemporalPauseInfo IS NOT NULL"
	if n := count(stuck); n > 0 {
		found = append(found, wrong("runs", "docs/runbook.md, WorkflowPanic and NonDeterminism: start the former version's worker; do not terminate. In the UI: "+stuck+".",
			"%d stand still: their code fails, or does not fit their history", n))
	}
	if n := count(paused); n > 0 {
		found = append(found, warning("runs", "Unpause them in the Temporal UI once what they were paused for is over: "+paused+".", "%d wait, because somebody paused an activity or a run", n))
	}
	return found
}

// diagnoseSchedule looks whether what is due is erased by itself.
func diagnoseSchedule(ctx context.Context, c client.Client) []finding {
	const check = "schedule " + workflows.RetentionSchedule
	d, err := c.ScheduleClient().GetHandle(ctx, workflows.RetentionSchedule).Describe(ctx)
	_, missing := errors.AsType[*serviceerror.NotFound](err)
	switch {
	case missing:
		return []finding{warning(check, "Start a worker again: it makes the schedule. `yanzhen retention --run` erases what is due now.", "it is not there, so that nothing is erased when its time is over")}
	case err != nil:
		return []finding{unknown(check, "%v", err)}
	case d.Schedule.State != nil && d.Schedule.State.Paused:
		return []finding{warning(check, "Unpause it (Temporal UI, Schedules) once what it was paused for is over.", "it is paused, so that nothing is erased when its time is over")}
	}
	return nil
}
