package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Forty verifications of one person at once: whoever starts them, no more than
// the day's sessions are bought, and once the records are not asked any more, no
// session that needs them.
func TestFortyStartsForOneNumberOpenNoMoreThanItsCaps(t *testing.T) {
	t.Parallel()
	const starts = 40
	s := newStack(t, options{policies: strings.Replace(quickPolicy, "review_deadline: 60s", "review_deadline: 10m", 1)})
	p := s.person()
	answers := make([]answer, starts)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = s.begin(p) })
	}
	wg.Wait()
	open, inReview := 0, 0
	for _, a := range answers {
		require.Less(t, a.status, 300, "%s", a.body)
		v := s.until(a.view.ID, comesBack, "a link or a review", func(v view) bool { return v.Status != verification.Processing })
		if v.Status == verification.RequiresInput {
			open++
			continue
		}
		inReview++
		v = s.untilReview(a.view.ID, comesBack)
		match, ok := verification.Find(v.Checks, verification.FaceMatch)
		require.True(t, ok)
		reasons := reasonsOf(match.Reasons)
		require.True(t, slices.Contains([]string{"[session.daily_cap]", "[records.daily_cap]"}, reasons), reasons)
		require.Empty(t, v.Decision)
		require.Nil(t, v.NextAction)
	}
	opened := s.asked("GetEidToken")
	t.Logf("%d sessions opened, %d in review", opened, inReview)
	require.LessOrEqual(t, opened, 12)
	require.Equal(t, open, opened, "every session that was bought has its link")
	require.Equal(t, starts, open+inReview)
	require.Equal(t, 3, s.chargedFor(p))

	// Now that the records are known not to be asked, not one more.
	late := s.begin(p)
	require.Equal(t, http.StatusCreated, late.status, "%s", late.body)
	v := s.untilReview(late.view.ID, comesBack)
	require.Equal(t, "[records.daily_cap]", reasonsOf(find(t, v, verification.IdentityRecords).Reasons))
	require.Equal(t, verification.Skipped, find(t, v, verification.FaceMatch).Status)
	require.Equal(t, opened, s.asked("GetEidToken"))
	require.Equal(t, 3, s.chargedFor(p))
}

// A chip counts for its holder, who is known once it was read; a claim of the
// same number is the same person.
func TestAChipCountsForItsHolder(t *testing.T) {
	t.Parallel()
	capped := strings.ReplaceAll(longChipPolicies, "    version: 2\n", "    version: 2\n    sessions_daily_cap: 1\n")
	s := newChipStack(t, options{policies: capped})
	p := s.person()
	first := s.begun("cn-chip-capture", s.scan(p, ""))
	s.untilLink(first.ID, comesBack)
	for _, id := range []string{s.begun("cn-chip-capture", s.scan(p, "")).ID, s.begin(p).view.ID} {
		v := s.untilReview(id, comesBack)
		require.Equal(t, "[session.daily_cap]", reasonsOf(find(t, v, verification.FaceMatch).Reasons))
		require.Equal(t, verification.SessionDailyCap, v.LastError.Code)
		require.False(t, v.LastError.Retryable)
	}
	require.Equal(t, 1, s.asked("face-rec/request")+s.asked("GetEidToken"))
	other := s.begun("cn-chip-capture", s.scan(s.person(), ""))
	s.untilLink(other.ID, 30*time.Second)
}
