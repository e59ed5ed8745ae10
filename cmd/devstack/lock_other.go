//go:build !unix

package devstack

import (
	"context"
	"errors"
	"io"
)

// lock does nothing where there is no flock: two builds at a time waste work,
// and the last one to finish is moved into place whole.
func lock(context.Context, string, io.Writer) (unlock func(), err error) {
	return func() {}, nil
}

// ErrHeld: another process holds the file; never known here.
var ErrHeld = errors.New("held by another process")

// Hold takes nothing where there is no flock.
func Hold(string) (release func(), err error) { return func() {}, nil }
