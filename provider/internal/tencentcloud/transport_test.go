package tencentcloud

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLongStringsAreDroppedAsTheyArrive(t *testing.T) {
	long := strings.Repeat("A", maxString+1)
	for text, want := range map[string]string{
		`{"a":"short","b":["\"","\\"],"c":1}`:            `{"a":"short","b":["\"","\\"],"c":1}`,
		`{"a":"` + long + `","b":"x"}`:                   `{"a":"","b":"x"}`,
		`{"a":"` + long + `\"}{\\","b":"x"}`:             `{"a":"","b":"x"}`,
		`{"a":"` + strings.Repeat("A", maxString) + `"}`: `{"a":"` + strings.Repeat("A", maxString) + `"}`,
		`{"a":"\\\"` + long + `","b":["` + long + `"]}`:  `{"a":"","b":[""]}`,
	} {
		for _, size := range []int{1, 7, 4096} {
			var k keeper
			_, err := io.CopyBuffer(struct{ io.Writer }{&k}, struct{ io.Reader }{strings.NewReader(text)}, make([]byte, size))
			require.NoError(t, err)
			require.Equal(t, want, string(k.text))
		}
	}
}
