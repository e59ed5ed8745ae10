package e2e

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/verification"
)

// storeAway is how long the store is away. It is longer than any single try.
const storeAway = 30 * time.Second

// TestAStoreThatWasAwayMissesNothing: runs go on while their store takes no
// write, or cannot be reached at all. Once it is back, each row catches up by
// itself, and the events are those that happened, each once.
func TestAStoreThatWasAwayMissesNothing(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, options{policies: crashPolicy})
		s.storeAway(s.lockStore)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		dsn, err := url.Parse(storetest.Postgres(t))
		require.NoError(t, err)
		line := newLine(t, dsn.Host)
		dsn.Host = line.address
		s := newStack(t, options{policies: crashPolicy, dsn: dsn.String()})
		s.storeAway(func() func() { line.cut(); return line.mend })
	})
}

func (s *stack) storeAway(leave func() (back func())) {
	t := s.t
	passes, fails, waits := s.opensOne(), s.opensOne(), s.opensOne()
	back := leave()
	began := time.Now()
	require.NoError(t, s.vendors.Begin(s.tokenOf(passes)))
	require.NoError(t, s.vendors.End(s.tokenOf(passes), "0"))
	require.NoError(t, s.vendors.Begin(s.tokenOf(fails)))
	require.NoError(t, s.vendors.End(s.tokenOf(fails), "2016"))
	refused := s.begin(s.person())
	require.Equal(t, http.StatusServiceUnavailable, refused.status, "%s", refused.body)
	time.Sleep(storeAway - time.Since(began))
	back()

	came := time.Now()
	s.approved(s.untilEnd(passes.ID, comesBack))
	again := s.untilRetry(fails.ID)
	require.Equal(t, 2, again.Attempt.Number)
	require.Equal(t, verification.FaceNoMatch, again.LastError.Code)
	t.Logf("caught up %s after the store came back", time.Since(came))
	require.Equal(t, waits.NextAction.URL, s.read(waits.ID).NextAction.URL)
	s.play(waits, "0")
	s.approved(s.untilEnd(waits.ID, comesBack))
	s.approved(s.retried(fails.ID))
	for id, types := range map[string][]string{
		passes.ID: {"created", "requires_input", "completed"},
		waits.ID:  {"created", "requires_input", "completed"},
		fails.ID:  {"created", "requires_input", "requires_input", "requires_input", "completed"},
	} {
		var told []string
		for _, e := range s.eventsAreWhole(id) {
			told = append(told, e.Type[len("verification."):])
		}
		require.Equal(t, types, told)
	}
	require.Equal(t, 4, s.asked("GetEidToken"))
}

// opensOne is a verification of a new person, with its link.
func (s *stack) opensOne() view {
	s.t.Helper()
	a := s.begin(s.person())
	require.Less(s.t, a.status, 300, "%s", a.body)
	return s.untilLink(a.view.ID, comesBack)
}
