package strictjson

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATextThatTwoReadersMayReadDifferentlyIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"a":1}`, `[]`, `null`, `{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, `{"a":"b","b":"a"}`, `{"a":[],"b":{}}`, ` {"a":{"b":{}}} `, `[[{"a":1}],{"a":1}]`,
	} {
		require.NoError(t, Check([]byte(text)), text)
		require.NoError(t, CheckFolded([]byte(text)), text)
	}
	for text, want := range map[string]error{
		``: ErrMalformed, `{`: ErrMalformed, `{"a":1}{"a":1}`: ErrMalformed, `{"a":1} x`: ErrMalformed, `<html>`: ErrMalformed, "{\"a\":\"\xff\"}": ErrMalformed,
		`{"a":1,"a":1}`: ErrDuplicate, `{"x":[{"a":{},"a":{}}]}`: ErrDuplicate, `{"a":{"b":1},"c":{},"a":2}`: ErrDuplicate, `{"\u0061":1,"a":2}`: ErrDuplicate,
	} {
		require.Equal(t, want, Check([]byte(text)), text)
		require.Equal(t, want, CheckFolded([]byte(text)), text)
	}
	for _, text := range []string{
		`{"result":"-1","Result":"0"}`, `{"x":[{"a":{},"A":{}}]}`, `{"status":"FAILED","ſtatus":"OK"}`, `{"K":1,"k":2}`, `{"a":{"x":{"y":1}},"b":[],"A":2}`,
	} {
		require.NoError(t, Check([]byte(text)), "%s: whoever reads names as they are reads it in one way", text)
		require.Equal(t, ErrDuplicate, CheckFolded([]byte(text)), text)
	}
}
