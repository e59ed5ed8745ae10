package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
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

var (
	errAmbiguous = errors.New("provider: an object names a member twice")
	errTrailing  = errors.New("provider: something follows the JSON value")
	errNotUTF8   = errors.New("provider: the JSON text is not UTF-8")
)

// Unambiguous refuses a JSON text that is not exactly one value, is not
// UTF-8, or names a member of an object twice, whatever the case of its
// letters as encoding/json folds it. encoding/json would take the last of two, which lets an answer say
// 0 and -1 at once. The errors hold nothing of the text.
func Unambiguous(text []byte) error {
	if !utf8.Valid(text) {
		return errNotUTF8
	}
	if !json.Valid(text) {
		return errTrailing
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	// One entry for each open object or array; an array's has no names.
	type open struct {
		names map[string]bool
		value bool // the next token is a member's value
	}
	var stack []open
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errTrailing
		}
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].names != nil {
			top := &stack[n-1]
			if !top.value {
				name := strings.Map(folded, token.(string))
				if top.names[name] {
					return errAmbiguous
				}
				top.names[name], top.value = true, true
				continue
			}
			top.value = false
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, open{names: map[string]bool{}})
		case json.Delim('['):
			stack = append(stack, open{})
		}
	}
}

// folded maps a letter to one that stands for all its cases. ToLower is not
// enough: encoding/json also holds s and ſ (U+017F) for the same.
func folded(r rune) rune {
	for next := unicode.SimpleFold(r); ; next = unicode.SimpleFold(next) {
		if next <= r {
			return next
		}
	}
}
