package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
)

func TestATooOldServerIsRefusedWithTheRemedy(t *testing.T) {
	for _, version := range []string{"1.27.4", "1.9.0", "0.31.0"} {
		require.ErrorContains(t, versionFault(version), "TEMPORAL_ADDRESS", version)
		require.ErrorContains(t, versionFault(version), "1.28", version)
	}
	for _, version := range []string{"1.28.0", "1.31.0-rc.1", "2.0.0", "", "cloud"} {
		require.NoError(t, versionFault(version), version)
	}
}

func TestAnEngineThatMayStillComeIsToldFromOneThatRefuses(t *testing.T) {
	for _, err := range []error{
		serviceerror.NewUnavailable("x"), serviceerror.NewNamespaceNotFound("yanzhen"), context.DeadlineExceeded,
		fmt.Errorf("no server: %w", serviceerror.NewDeadlineExceeded("x")),
	} {
		require.True(t, NotYet(err), "%T", err)
	}
	for _, err := range []error{serviceerror.NewPermissionDenied("x", ""), errors.New("something else"), versionFault("1.2.3")} {
		require.False(t, NotYet(err), "%T", err)
	}
}
