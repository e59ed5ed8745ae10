package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/workflows"
)

// CheckSearchAttributes refuses a namespace without our search attributes: a
// workflow that writes an unknown one fails its task again and again until its
// time-out, so a worker must not even start. The error names what is missing; it
// wraps ErrSetup where the set-up mends it.
func CheckSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return fmt.Errorf("there is no namespace %q (TEMPORAL_NAMESPACE): %w", namespace, ErrSetup)
	}
	if err != nil {
		return fmt.Errorf("read the search attributes of namespace %q: %w", namespace, err)
	}
	var missing, other []string
	for name, want := range workflows.SearchAttributes() {
		switch have, ok := known.GetCustomAttributes()[name]; {
		case !ok:
			missing = append(missing, name)
		case have != want:
			other = append(other, fmt.Sprintf("%s is %s instead of %s", name, have, want))
		}
	}
	slices.Sort(missing)
	slices.Sort(other)
	switch {
	case len(other) > 0:
		return fmt.Errorf("namespace %q has search attributes of another type (%s): set TEMPORAL_NAMESPACE to a namespace of yanzhen's own",
			namespace, strings.Join(other, ", "))
	case len(missing) > 0:
		return fmt.Errorf("namespace %q lacks search attributes (%s): %w", namespace, strings.Join(missing, ", "), ErrSetup)
	}
	return nil
}
