package sealing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// Unwrapper opens a key file that rests encrypted, such as under a key of a KMS. It
// returns the key set as JSON.
type Unwrapper interface {
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
}

// Command is an Unwrapper: a program and its arguments. It gets the file on its
// standard input and prints the key set. What it prints beside is not told, since
// that may hold keys.
type Command []string

// unwrapWithin is how long a command may take.
const unwrapWithin = 30 * time.Second

// Unwrap runs the command.
func (c Command) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	if len(c) == 0 {
		return nil, errors.New("the command that unwraps it is empty")
	}
	ctx, cancel := context.WithTimeout(ctx, unwrapWithin)
	defer cancel()
	run := exec.CommandContext(ctx, c[0], c[1:]...)
	run.WaitDelay = time.Second // for what the command itself has started
	var text limited
	run.Stdin, run.Stdout = bytes.NewReader(wrapped), &text
	err := run.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s, which is to unwrap it, did not end within %s", c[0], unwrapWithin)
	case err != nil:
		return nil, fmt.Errorf("%s, which is to unwrap it, failed (%w): run it by hand to see why", c[0], err)
	}
	return text, nil
}

// limited keeps what a key file may hold, and ends the writer beyond that.
type limited []byte

func (l *limited) Write(b []byte) (int, error) {
	if len(*l)+len(b) > maxKeyFile {
		return 0, io.ErrShortWrite
	}
	*l = append(*l, b...)
	return len(b), nil
}
