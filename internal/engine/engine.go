// Package engine connects to Temporal and readies it for us: the namespace
// and the search attributes without which our runs cannot be.
package engine

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
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/yanzhen-id/yanzhen/workflows"
)

// Options returns the client options that Temporal's own settings name
// (TEMPORAL_ADDRESS and the others of its environment configuration).
func Options(logger *slog.Logger) (client.Options, error) {
	o, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return o, fmt.Errorf("temporal's settings (TEMPORAL_* and its profile file): %w", err)
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	if o.HostPort == "" {
		o.HostPort = client.DefaultHostPort
	}
	o.Logger = log.NewStructuredLogger(logger)
	return o, nil
}

// Dial connects with the options of Temporal's settings. The error says where
// it looked and how to point it elsewhere.
func Dial(ctx context.Context, o client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("no Temporal server at %s (set TEMPORAL_ADDRESS, or start everything with `yanzhen dev`): %w", o.HostPort, err)
	}
	return c, nil
}

// Missing returns the names of our search attributes that the namespace lacks
// or holds with another type.
func Missing(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	got, err := c.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("listing search attributes of namespace %q: %w", namespace, err)
	}
	var missing []string
	for name, want := range workflows.SearchAttributes() {
		if got.GetCustomAttributes()[name] != want {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// Setup makes the namespace with the retention, if it is not there, and
// registers the search attributes it lacks. It may be repeated. say hears, a
// line at a time, what was done.
func Setup(ctx context.Context, c client.Client, namespace string, retention time.Duration, say func(string)) error {
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        namespace,
		Description:                      "yanzhen: verifications of holders of Chinese identity documents",
		WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	switch _, exists := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); {
	case exists:
		say(fmt.Sprintf("namespace %q: is there", namespace))
	case err != nil:
		return fmt.Errorf("registering namespace %q: %w", namespace, err)
	default:
		say(fmt.Sprintf("namespace %q: made, runs are kept for %s after their end", namespace, retention))
	}
	// A new namespace reaches the server's own cache after some seconds.
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := addMissing(ctx, c, namespace, say)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

func addMissing(ctx context.Context, c client.Client, namespace string, say func(string)) error {
	missing, err := Missing(ctx, c, namespace)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		say("search attributes: are there")
		return nil
	}
	add := workflows.SearchAttributes()
	maps.DeleteFunc(add, func(name string, _ enums.IndexedValueType) bool { return !slices.Contains(missing, name) })
	if _, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: add,
	}); err != nil {
		return fmt.Errorf("registering search attributes %s: %w", strings.Join(missing, ", "), err)
	}
	say("search attributes: registered " + strings.Join(missing, ", "))
	return nil
}
