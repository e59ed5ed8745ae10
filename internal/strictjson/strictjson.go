// Package strictjson rejects JSON texts that two parsers could read differently.
package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// What is wrong with a text. The errors hold nothing of it.
var (
	ErrDuplicate = errors.New("strictjson: an object names a property twice")
	ErrMalformed = errors.New("strictjson: not exactly one JSON value in UTF-8")
)

// Check refuses a text that is not exactly one value in valid UTF-8, or names a
// property of an object twice.
func Check(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	err := d.SkipValue()
	if err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
		return ErrMalformed
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return ErrDuplicate
	}
	return ErrMalformed
}

// CheckFolded also refuses two names that differ in nothing but the case of
// their letters. It is for who decodes by encoding/json, which takes both for
// the same and the last of them: an answer could say 0 and -1 at once.
func CheckFolded(text []byte) error {
	if err := Check(text); err != nil {
		return err
	}
	d := jsontext.NewDecoder(bytes.NewReader(text))
	names := map[int]map[string]bool{} // of the open object at each depth
	for {
		token, err := d.ReadToken()
		if err != nil {
			return nil // the end, for Check has read it all
		}
		depth := d.StackDepth()
		kind, length := d.StackIndex(depth)
		switch {
		case token.Kind() == '{':
			names[depth] = map[string]bool{}
		case kind == '{' && length%2 == 1: // the token is a name
			name := strings.Map(folded, token.String())
			if names[depth][name] {
				return ErrDuplicate
			}
			names[depth][name] = true
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
