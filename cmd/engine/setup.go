package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// ErrSetup says that the namespace was not prepared, or so lately that the
// server does not show it.
var ErrSetup = errors.New("run `yanzhen setup` once")

// errNotShown: what was registered is not shown yet.
var errNotShown = errors.New("the Temporal server does not show the new namespace or its search attributes yet")

// Attributes are search attributes by name, with their types.
type Attributes map[string]enums.IndexedValueType

// CheckSearchAttributes refuses a namespace without the wanted search attributes: a
// workflow that writes an unknown one fails its task again and again until its
// time-out, so a worker must not even start. The error names what is missing; it
// wraps ErrSetup where the set-up mends it.
func CheckSearchAttributes(ctx context.Context, c client.Client, namespace string, wanted Attributes) error {
	missing, err := missing(ctx, c, namespace, wanted)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("namespace %q (TEMPORAL_NAMESPACE) lacks search attributes (%s): %w", namespace, names(missing), ErrSetup)
	}
	return err
}

// missing are those of the wanted search attributes that the namespace lacks. One of
// another type is an error: the namespace is somebody else's.
func missing(ctx context.Context, c client.Client, namespace string, wanted Attributes) (Attributes, error) {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return nil, fmt.Errorf("there is no namespace %q (TEMPORAL_NAMESPACE): %w", namespace, ErrSetup)
	}
	if err != nil {
		return nil, fmt.Errorf("read the search attributes of namespace %q: %w", namespace, err)
	}
	lacks := Attributes{}
	var other []string
	for name, want := range wanted {
		switch have, ok := known.GetCustomAttributes()[name]; {
		case !ok:
			lacks[name] = want
		case have != want:
			other = append(other, fmt.Sprintf("%s is %s instead of %s", name, have, want))
		}
	}
	if len(other) > 0 {
		slices.Sort(other)
		return nil, fmt.Errorf("namespace %q has search attributes of another type (%s): set TEMPORAL_NAMESPACE to a namespace of yanzhen's own",
			namespace, strings.Join(other, ", "))
	}
	return lacks, nil
}

func names(attributes Attributes) string {
	var all []string
	for name := range attributes {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// Setup makes the namespace, if it is not there, registers the wanted search
// attributes it lacks, and sees to its retention. It may be repeated, and must be
// while its error is NotYet: a server shows what is new some seconds later. say
// hears, a line at a time, what was done.
func Setup(ctx context.Context, c client.Client, namespace string, wanted Attributes, retention time.Duration, say func(string)) error {
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        namespace,
		Description:                      "yanzhen: verifications of holders of Chinese identity documents",
		WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	switch _, exists := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); {
	case exists:
	case err != nil:
		return fmt.Errorf("registering namespace %q with a retention of %s (--retention): %w", namespace, days(retention), err)
	default:
		say(fmt.Sprintf("namespace %q: created, runs are kept for %s after their end", namespace, days(retention)))
	}
	lacks, err := missing(ctx, c, namespace, wanted)
	if errors.Is(err, ErrSetup) {
		return errNotShown
	}
	if err != nil {
		return err
	}
	if len(lacks) == 0 { // so it is ours, and nobody else's retention is changed
		if err := shown(ctx, c, namespace, wanted); err != nil {
			return err
		}
		return setRetention(ctx, c, namespace, retention, say)
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: lacks})
	if err != nil {
		return fmt.Errorf("registering search attributes %s: %w", names(lacks), err)
	}
	say("search attributes: registered " + names(lacks))
	return errNotShown // this soon
}

// shown asks whether those of the server's services know the namespace that hold
// the runs and hand out the tasks, and the one that takes starts its search
// attributes: each learns of a new one by itself, and would refuse a start until
// then.
func shown(ctx context.Context, c client.Client, namespace string, wanted Attributes) error {
	const nothing = "yanzhen-setup"
	query := "WorkflowId = '" + nothing + "'"
	for name := range wanted {
		query += " AND " + name + " IS NULL"
	}
	_, err := c.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, PageSize: 1, Query: query})
	if _, unknown := errors.AsType[*serviceerror.InvalidArgument](err); unknown {
		return errNotShown
	}
	if err := notShown(err, "look for runs by search attributes", namespace); err != nil {
		return err
	}
	_, err = c.WorkflowService().DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: nothing},
	})
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); err != nil && !unknown {
		return notShown(err, "look for a run", namespace)
	}
	_, err = c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueue: &taskqueue.TaskQueue{Name: nothing}, TaskQueueType: enums.TASK_QUEUE_TYPE_WORKFLOW,
	})
	return notShown(err, "look at a task queue", namespace)
}

func notShown(err error, what, namespace string) error {
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return errNotShown
	}
	if err != nil {
		return fmt.Errorf("%s in namespace %q: %w", what, namespace, err)
	}
	return nil
}

// setRetention gives the namespace the wanted retention, if it has another.
func setRetention(ctx context.Context, c client.Client, namespace string, want time.Duration, say func(string)) error {
	now, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("read the retention of namespace %q: %w", namespace, err)
	}
	have := now.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if have == want {
		return nil
	}
	set, err := c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: namespace, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(want)},
	})
	if err != nil {
		return fmt.Errorf("namespace %q keeps ended runs for %s, and setting it to %s failed (set it where the namespace is managed, or give the present value as --retention): %w",
			namespace, days(have), days(want), err)
	}
	if got := set.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != want {
		return fmt.Errorf("namespace %q keeps ended runs for %s, although --retention is %s: give a value that the server allows", namespace, days(got), days(want))
	}
	say(fmt.Sprintf("namespace %q: runs are kept for %s after their end, before it was %s", namespace, days(want), days(have)))
	return nil
}

// days writes whole days as such: nobody counts in 720 hours.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d <= day || d%day != 0 {
		return d.String()
	}
	return fmt.Sprintf("%d days", d/day)
}
