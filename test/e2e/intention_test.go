package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// The settings of Tencent's intention check reach the vendor in every mode, and
// a session passes only if the person did what was asked: a step that was never
// shown says 0, too.
func TestAnIntentionCheckPassesOnlyOnItsProof(t *testing.T) {
	for mode, what := range map[string]string{
		"read_aloud": "YANZHEN_TENCENT_INTENTION_TEXT=本人自愿办理", "nod": "YANZHEN_TENCENT_INTENTION_TEXT=本人自愿办理|已读条款",
		"questions": "YANZHEN_TENCENT_INTENTION_QUESTIONS=您是否自愿？=是|我自愿; 是否本人？=是",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, options{env: []string{"YANZHEN_TENCENT_INTENTION=" + mode, what}})
			passed, unused := s.begin(s.person()), s.begin(s.person())
			s.play(passed.view, "0")
			s.play(unused.view, sandbox.OutcomePassIntentionUnused)
			require.Equal(t, verification.OutcomeApproved, s.untilEnd(passed.view.ID, 30*time.Second).Outcome)
			v := s.until(unused.view.ID, 30*time.Second, "a review", func(v view) bool { return v.Status == verification.InReview })
			face, _ := verification.Find(v.Checks, verification.FaceMatch)
			require.Equal(t, verification.Inconclusive, face.Status)
			require.Equal(t, "intention_not_used", face.ProviderCode)
		})
	}
}
