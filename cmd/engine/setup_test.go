package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
)

// A server's services learn of a new namespace one by one: the set-up is done
// once those know it that a start needs, and not before.
func TestSetupWaitsUntilEveryServiceKnowsTheNamespace(t *testing.T) {
	s := &services{}
	setUp := func() error {
		return engine.Setup(t.Context(), connected{s: s}, "yanzhen", engine.Attributes{attribute: enums.INDEXED_VALUE_TYPE_KEYWORD}, time.Hour, func(string) {})
	}
	require.True(t, engine.NotYet(setUp()), "the service that takes starts does not know its attributes")
	s.attributes = true
	require.True(t, engine.NotYet(setUp()), "the runs' service does not know it")
	s.runs = true
	require.True(t, engine.NotYet(setUp()), "the tasks' service does not know it")
	s.tasks = true
	require.NoError(t, setUp())
}

// services is a server whose front knows a namespace already.
type services struct {
	workflowservice.WorkflowServiceClient
	operatorservice.OperatorServiceClient
	// runs and tasks: those of its services know it, too; attributes: what takes
	// starts knows them.
	runs, tasks, attributes bool
}

// attribute is what the namespace has.
const attribute = "YzClient"

// connected is a client of it.
type connected struct {
	client.Client
	s *services
}

func (c connected) WorkflowService() workflowservice.WorkflowServiceClient { return c.s }
func (c connected) OperatorService() operatorservice.OperatorServiceClient { return c.s }

func (s *services) RegisterNamespace(context.Context, *workflowservice.RegisterNamespaceRequest, ...grpc.CallOption) (*workflowservice.RegisterNamespaceResponse, error) {
	return nil, serviceerror.NewNamespaceAlreadyExists("there")
}

func (s *services) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest, ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: map[string]enums.IndexedValueType{attribute: enums.INDEXED_VALUE_TYPE_KEYWORD}}, nil
}

func (s *services) ListWorkflowExecutions(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest, _ ...grpc.CallOption) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if !s.attributes && strings.Contains(r.Query, attribute) {
		return nil, serviceerror.NewInvalidArgument("invalid query: column name '" + attribute + "' is not defined")
	}
	return &workflowservice.ListWorkflowExecutionsResponse{}, nil
}

func (s *services) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest, ...grpc.CallOption) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(time.Hour)}}, nil
}

func (s *services) DescribeWorkflowExecution(context.Context, *workflowservice.DescribeWorkflowExecutionRequest, ...grpc.CallOption) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if !s.runs {
		return nil, serviceerror.NewNamespaceNotFound("yanzhen")
	}
	return nil, serviceerror.NewNotFound("no such run")
}

func (s *services) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest, ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	if !s.tasks {
		return nil, serviceerror.NewNamespaceNotFound("yanzhen")
	}
	return &workflowservice.DescribeTaskQueueResponse{}, nil
}
