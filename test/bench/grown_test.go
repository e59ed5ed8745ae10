//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// grown measures what a verification asks of the store, one by one, as it is and
// once it holds 100,000 rows more.
func (s *stack) grown() (out Section) {
	st := s.openStore()
	rows := 100_000
	if *quick {
		rows = 5_000
	}
	few := s.questions(st, "s")
	s.insert(st, "r", rows)
	many := s.questions(st, "t")
	for _, what := range questionNames {
		out.Figures = append(out.Figures,
			Figure{what + ", median", few[what], "ms", ""},
			Figure{fmt.Sprintf("%s, median with %d rows more", what, rows), many[what], "ms", ""})
	}
	return out
}

var questionNames = []string{"insert", "load", "publish", "revisions of 200", "a page of a list"}

// questions asks each 200 times, and returns the medians in milliseconds.
func (s *stack) questions(st store.Store, prefix string) map[string]float64 {
	const times = 200
	ctx, known := s.t.Context(), map[string]int{}
	at := func(i int) string { return rowID(prefix, i) }
	out := map[string]float64{}
	for _, what := range questionNames {
		ask := map[string]func(i int) error{
			"insert": func(i int) error { known[at(i)] = 1; _, _, err := st.Insert(ctx, running(at(i))); return err },
			"load":   func(i int) error { _, err := st.Load(ctx, at(i)); return err },
			"publish": func(i int) error {
				return st.Publish(ctx, at(i), verification.State{Status: verification.Processing, Version: 2, Policy: verification.PolicyRef{Name: "cn-resident", Version: 2}})
			},
			"revisions of 200": func(int) error {
				text, err := json.Marshal(known)
				if err == nil {
					_, err = st.Changed(ctx, string(text))
				}
				return err
			},
			"a page of a list": func(int) error {
				_, err := st.List(ctx, store.Query{Clients: []string{shop}, Status: verification.Processing, Limit: 20})
				return err
			},
		}[what]
		var took []float64
		for i := range times {
			began := time.Now()
			require.NoError(s.t, ask(i), what)
			took = append(took, ms(time.Since(began)))
		}
		slices.Sort(took)
		out[what] = percentile(took, 50)
	}
	return out
}
