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

func TestAnAmbiguousTextIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"a":1}`, `[]`, `null`, `{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, `{"a":"b","b":"a"}`, `{"a":[],"b":{}}`, ` {"a":{"b":{}}} `,
	} {
		require.NoError(t, Unambiguous([]byte(text)), text)
	}
	for _, text := range []string{
		``, `{`, `{"a":1}{"a":1}`, `{"a":1} x`, `<html>`, `{"a":1,"a":1}`, `{"result":"-1","Result":"0"}`,
		`{"x":[{"a":{},"A":{}}]}`, `{"status":"FAILED","ſtatus":"OK"}`, `{"K":1,"k":2}`, "{\"a\":\"\xff\"}",
	} {
		require.Error(t, Unambiguous([]byte(text)), text)
	}
}
