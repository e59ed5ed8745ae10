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
// time-out, so a worker must not even start. The error wraps ErrSetup and
// names what is missing.
func CheckSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return fmt.Errorf("there is no namespace %q: %w", namespace, ErrSetup)
	}
	if err != nil {
		return fmt.Errorf("read the search attributes of namespace %q: %w", namespace, err)
	}
	var faults []string
	for name, want := range workflows.SearchAttributes() {
		switch have, ok := known.GetCustomAttributes()[name]; {
		case !ok:
			faults = append(faults, name+" is missing")
		case have != want:
			faults = append(faults, fmt.Sprintf("%s is %s instead of %s", name, have, want))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("namespace %q lacks search attributes (%s): %w", namespace, strings.Join(faults, ", "), ErrSetup)
}
