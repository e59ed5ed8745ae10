package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
)

// routing is a server that tells who is given a queue's tasks.
type routing struct {
	workflowservice.WorkflowServiceClient
	current, ramping string
}

// routed is a client of it.
type routed struct {
	client.Client
	to routing
}

func (r routed) WorkflowService() workflowservice.WorkflowServiceClient { return r.to }

func (r routing) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest, ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	version := func(name string) *deploymentpb.WorkerDeploymentVersion {
		if name == "" {
			return nil
		}
		return &deploymentpb.WorkerDeploymentVersion{DeploymentName: name, BuildId: "v1"}
	}
	return &workflowservice.DescribeTaskQueueResponse{VersioningInfo: &taskqueue.TaskQueueVersioningInfo{
		CurrentDeploymentVersion: version(r.current), RampingDeploymentVersion: version(r.ramping),
	}}, nil
}

// Whoever is given nothing to do is told why, and what to do about it, in one
// sentence.
func TestCheckDispatch(t *testing.T) {
	for name, c := range map[string]struct {
		current, ramping, ours string
		says                   string
	}{
		"neither has versions":           {"", "", "", ""},
		"ours does the work":             {"yanzhen", "", "yanzhen", ""},
		"a part of the runs is ours":     {"", "yanzhen", "yanzhen", ""},
		"nothing was promoted":           {"", "", "yanzhen", `"yanzhen" (YANZHEN_DEPLOYMENT) has no current version, so that its workers are given nothing to do: run ` + "`yanzhen deploy promote`"},
		"versions are switched off here": {"yanzhen", "", "", "set YANZHEN_DEPLOYMENT=yanzhen"},
		"another's name":                 {"other", "", "yanzhen", "YANZHEN_DEPLOYMENT=yanzhen are given none"},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckDispatch(t.Context(), routed{to: routing{current: c.current, ramping: c.ramping}}, "default", "verification", c.ours)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorAs(t, err, new(UndispatchedError))
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// What holds runs up is told, and what is as it should be is not.
func TestFaultsOfADeployment(t *testing.T) {
	none := func(s VersionStatus, workers int) Version { return Version{Status: s, Workers: workers} }
	for name, c := range map[string]struct {
		versions []Version
		says     string
	}{
		"a deploy under way":  {[]Version{{Build: "v2", Status: Current, Open: 3, Workers: 2}, {Build: "v1", Status: Draining, Open: 9, Workers: 1}, none(Inactive, 0)}, ""},
		"nothing promoted":    {[]Version{{Build: "v1", Status: Inactive, Workers: 1}, none(Current, 0)}, "run `yanzhen deploy promote`"},
		"not switched on yet": {[]Version{{Build: "v1", Status: Inactive, Workers: 1}, none(Current, 1)}, "run `yanzhen deploy promote`"},
		"switched off again":  {[]Version{{Build: "v1", Status: Drained}, none(Current, 1)}, ""},
		"first a part":        {[]Version{{Build: "v1", Status: Ramping, Workers: 1}, none(Current, 1)}, ""},
		"nobody runs it":      {[]Version{{Build: "v1", Status: Current}, none(Inactive, 0)}, "v1 is current and no worker of it runs"},
		"stopped too early":   {[]Version{{Build: "v2", Status: Current, Workers: 1}, {Build: "v1", Status: Draining, Open: 2}, none(Inactive, 0)}, "2 open runs of v1 have no worker"},
		"drained":             {[]Version{{Build: "v2", Status: Current, Workers: 1}, {Build: "v1", Status: Drained}, none(Inactive, 0)}, ""},
		"one was forgotten":   {[]Version{{Build: "v1", Status: Current, Workers: 1}, none(Inactive, 1)}, "1 worker runs without YANZHEN_DEPLOYMENT"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := strings.Join(Deployment{Name: "yanzhen", Versions: c.versions}.Faults(), "\n")
			require.Contains(t, faults, c.says)
			require.Equal(t, c.says == "", faults == "", faults)
		})
	}
}

// TestPromoteAsksAgainWhenTheAnswerIsLost: a busy server may promote a version and
// answer too late. The repeat is told the version before, as the first would have been.
func TestPromoteAsksAgainWhenTheAnswerIsLost(t *testing.T) {
	for name, lost := range map[string]error{"in the client": context.DeadlineExceeded, "in the server": serviceerror.NewDeadlineExceeded("late")} {
		t.Run(name, func(t *testing.T) {
			s := &slow{current: "v1", lost: lost}
			before, err := Promote(t.Context(), slowly{to: s}, "yanzhen", "v2", 0, false)
			require.NoError(t, err)
			require.Equal(t, "v1", before)
			require.Equal(t, "v2", s.current)
			require.Equal(t, 2, s.calls)
		})
	}
	s := &slow{current: "v1", lost: serviceerror.NewPermissionDenied("no", "")}
	_, err := Promote(t.Context(), slowly{to: s}, "yanzhen", "v2", 0, false)
	require.ErrorContains(t, err, "promote v2")
	require.Equal(t, 1, s.calls)
}

// slow is a server whose first promotion takes effect and is not answered.
type slow struct {
	client.WorkerDeploymentHandle
	current string
	lost    error
	calls   int
}

// slowly is a client of it, and slowOne its part for deployments.
type (
	slowly struct {
		client.Client
		to *slow
	}
	slowOne struct {
		client.WorkerDeploymentClient
		to *slow
	}
)

func (s slowly) WorkerDeploymentClient() client.WorkerDeploymentClient { return slowOne{to: s.to} }
func (s slowOne) GetHandle(string) client.WorkerDeploymentHandle       { return s.to }

func (s *slow) Describe(context.Context, client.WorkerDeploymentDescribeOptions) (client.WorkerDeploymentDescribeResponse, error) {
	var out client.WorkerDeploymentDescribeResponse
	out.Info.RoutingConfig.CurrentVersion = &worker.WorkerDeploymentVersion{DeploymentName: "yanzhen", BuildID: s.current}
	return out, nil
}

func (s *slow) SetCurrentVersion(_ context.Context, o client.WorkerDeploymentSetCurrentVersionOptions) (client.WorkerDeploymentSetCurrentVersionResponse, error) {
	s.current = o.BuildID
	if s.calls++; s.calls == 1 {
		return client.WorkerDeploymentSetCurrentVersionResponse{}, s.lost
	}
	return client.WorkerDeploymentSetCurrentVersionResponse{}, nil
}
