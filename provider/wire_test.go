package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACauseTellsNothingButItsKind(t *testing.T) {
	secret := errors.New("Post https://vendor.example/?token=abc: 测试甲")
	require.NoError(t, Cause(secret))
	require.Equal(t, context.Canceled, Cause(fmt.Errorf("%w: %w", secret, context.Canceled)))
	require.Equal(t, context.DeadlineExceeded, Cause(fmt.Errorf("%w: %w", secret, context.DeadlineExceeded)))
	require.Equal(t, syscall.ECONNREFUSED, Cause(fmt.Errorf("%w: %w", secret, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})))
	require.Equal(t, io.ErrUnexpectedEOF, Cause(fmt.Errorf("%w: %w", secret, io.EOF)))
}
