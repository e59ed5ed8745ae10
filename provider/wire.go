package provider

import (
	"context"
	"errors"
	"io"
	"syscall"
)

// Cause reduces an error to what may stand in Error.Err: whether a context
// ended, or which system call failed. Everything else is dropped, because the
// texts of HTTP libraries hold addresses, and those of vendor libraries whole
// bodies, and a cause that is wrapped reaches logs and histories.
func Cause(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	if n, ok := errors.AsType[syscall.Errno](err); ok {
		return n
	}
	return nil
}
