package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// What a verification asks of the store, one by one.
func BenchmarkStore(b *testing.B) {
	for _, name := range []string{"sqlite", "postgres", "pgbouncer", "postgres?default_query_exec_mode=cache_statement"} {
		database, options, _ := strings.Cut(name, "?")
		dsn := fresh[database](b)
		require.NoError(b, store.Migrate(b.Context(), dsn))
		if options != "" {
			dsn += "?" + options
		}
		s := open(b, dsn, keySet(b, 1, 2))
		at := func(i int) string { return fmt.Sprintf("ver_%026d", i) }
		revisions := map[string]int{}
		for i := range 200 {
			r := row()
			r.ID, r.CreatedAt = at(i), noon.Add(time.Duration(i)*time.Second)
			inserted(b, s, r)
			revisions[r.ID] = 1
		}
		known, err := json.Marshal(revisions)
		require.NoError(b, err)
		version := 1
		state := func() verification.State {
			version++
			st := ended(version)
			st.Status, st.Decision = verification.Processing, ""
			return st
		}
		for what, f := range map[string]func(i int) error{
			"Load":    func(i int) error { _, err := s.Load(b.Context(), at(i%200)); return err },
			"Publish": func(i int) error { return s.Publish(b.Context(), at(i%200), state()) },
			"Changed": func(int) error { _, err := s.Changed(b.Context(), string(known)); return err },
			"List": func(int) error {
				_, err := s.List(b.Context(), store.Query{Clients: []string{client}, Status: verification.Processing, Limit: 20})
				return err
			},
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if err := f(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
