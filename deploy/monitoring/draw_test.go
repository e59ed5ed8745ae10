package monitoring

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is drawn is what was answered: a line for each series, none where there was
// no value, and names as their labels say.
func TestDrawingShowsTheAnswers(t *testing.T) {
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	d := Dashboard{Title: "a < b", Panels: []Panel{
		{Title: "Calls", Unit: "reqps", Queries: each("x", "{{provider}} {{class}}")},
		{Title: "Faces", Unit: "short", Latest: true},
	}}
	name := d.Panels[0].Queries[0].Name(map[string]string{"provider": "acedata", "class": "<ok>"})
	require.Equal(t, "acedata <ok>", name)
	text := string(Draw(d, [][]Series{
		{{Name: name, Points: []Point{{noon, 0}, {noon.Add(time.Second), math.NaN()}, {noon.Add(2 * time.Second), 8}}}},
		{{Name: "rows", Points: []Point{{noon, 7}, {noon.Add(time.Second), 42}}}},
	}))
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
	}
	require.Contains(t, text, `<title>a &lt; b</title>`)
	require.Contains(t, text, `acedata &lt;ok&gt;`)
	require.Contains(t, text, `d="M52 134M442 34"`, "a gap where there was no value")
	require.Contains(t, text, `>8/s<`)
	require.Contains(t, text, `>42<`)
}
