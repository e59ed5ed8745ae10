//go:build engine

package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// backup is a dump of each database, in the order of docs/operations.md: first the
// store, then the engine.
type backup struct {
	order []string
	dsns  map[string]string
	dir   string
}

func (s *stack) newBackup(e *ownEngine) *backup {
	b := &backup{order: []string{"yanzhen", "temporal", "temporal_visibility"}, dsns: e.databases(), dir: s.t.TempDir()}
	b.dsns["yanzhen"] = s.dsn
	return b
}

func (b *backup) file(name string) string { return filepath.Join(b.dir, name+".dump") }

// dump backs the databases up while everything runs; between is called after the
// store's dump and before the engine's.
func (b *backup) dump(t *testing.T, between func()) {
	t.Helper()
	for i, name := range b.order {
		out, err := exec.CommandContext(t.Context(), "pg_dump", "-Fc", "-f", b.file(name), b.dsns[name]).CombinedOutput()
		require.NoError(t, err, "%s", out)
		if i == 0 {
			between()
		}
	}
}

// restore makes the databases anew and fills them.
func (b *backup) restore(t *testing.T) {
	t.Helper()
	for _, name := range b.order {
		require.NoError(t, storetest.Drop(b.dsns[name]))
		require.NoError(t, storetest.CreateAgain(b.dsns[name]))
		out, err := exec.CommandContext(t.Context(), "pg_restore", "--single-transaction", "--exit-on-error", "-d", b.dsns[name], b.file(name)).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// backupPolicy is one whose clocks outlast a restore, but for those by which what
// cannot go on is found.
const backupPolicy = `policies:
  - name: cn-resident
    version: 2
    start_patience: 5m
    records_patience: 5m
    last_look_patience: 2m
    retry_window: 10m
    review_deadline: 30m
`

// TestABackupInTheMiddleOfRunsIsRestoredAndTheyGoOn: dumps are taken while
// verifications are open in every way, all databases are lost, and the dumps are
// restored, on new processes with the old keys. Each verification goes on from where
// the dumps stood; what was charged is charged once more at most; and what only one
// of the dumps knows ends, with a reason.
func TestABackupInTheMiddleOfRunsIsRestoredAndTheyGoOn(t *testing.T) {
	t.Parallel()
	engine, hook := newOwnEngine(t), newReceiver(t)
	hook.answer = func(told, int) int { return http.StatusServiceUnavailable }
	s := newStack(t, options{temporal: engine.HostPort, policies: backupPolicy, tokenTTL: 3 * time.Minute,
		env: reaching("0s" + strings.Repeat(",5s", 60)), webhooks: "[" + hook.yaml("main") + "]"})
	people := map[string]sandbox.Person{}
	opened := func() view {
		p := s.person()
		v := s.opened(p)
		people[v.ID] = p
		return v
	}

	completed, open, retry, late := opened(), opened(), opened(), opened()
	s.play(completed, "0")
	s.approved(s.untilEnd(completed.ID, comesBack))
	s.play(retry, "2016")
	s.untilRetry(retry.ID)
	review := s.inReview()
	page := s.startPage(s.person(), nil)
	asked := s.person()
	s.late(sandbox.AceData, "check-2e", 12*time.Second)
	before := s.asked("check-2e")
	charging := s.begin(asked).view
	s.untilAsked("check-2e", before+1)

	b := s.newBackup(engine)
	var runOnly view
	b.dump(t, func() {
		s.play(late, "0")
		s.approved(s.untilEnd(late.ID, comesBack))
		runOnly = s.begin(s.person()).view
		s.untilBetweenLooks(runOnly.ID)
	})
	s.play(open, "0") // is forgotten by us, and known to its vendor
	s.approved(s.untilEnd(open.ID, comesBack))
	s.api.kill()
	s.worker.kill()
	engine.Stop()
	b.restore(t)
	hook.mu.Lock()
	hook.answer = nil
	hook.mu.Unlock()
	engine.startAgain(t)
	s.startWorker()
	s.restartAPI()

	// What both dumps know goes on.
	s.approved(s.untilEnd(open.ID, comesBack))
	require.Equal(t, 1, s.chargedFor(people[open.ID]))
	s.approved(s.retried(retry.ID))
	require.Equal(t, 1, s.chargedFor(people[retry.ID]))
	require.Equal(t, verification.Approved, s.decided(review.ID).Decision)
	s.play(s.openedFromThePage(page), "0")
	s.approved(s.untilEnd(page.ID, comesBack))
	s.play(s.untilLink(charging.ID, comesBack), "0")
	s.approved(s.untilEnd(charging.ID, comesBack))
	require.LessOrEqual(t, s.chargedFor(asked), 2, "once more at most")
	calls, err := s.openStore().Calls(t.Context(), charging.ID)
	require.NoError(t, err)
	require.Equal(t, verification.BillableUnknown, calls[0].Billable, "the books say which charge is not known")
	s.approved(s.read(completed.ID))
	for _, e := range s.whole(comesBack, hook) {
		require.NotEqual(t, runOnly.ID, e.Data.VerificationID)
	}

	// What only the engine's knows ends in error, and is nobody's.
	a := s.call("shop", "GET", "/v1/verifications/"+runOnly.ID, nil, nil)
	require.Equal(t, http.StatusNotFound, a.status, "%s", a.body)
	require.Eventually(t, func() bool {
		d, err := s.temporal.DescribeWorkflow(t.Context(), runOnly.ID, "")
		return err == nil && d.Status == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	}, 5*time.Minute, time.Second, "a run without a row did not end")
	// What ended between the dumps is found past its clocks, and reads so.
	end := s.untilEnd(late.ID, comesBack)
	require.Equal(t, verification.OutcomeError, end.Outcome)
	require.Equal(t, verification.EngineEnded, end.LastError.Code)
	require.Equal(t, 1, s.chargedFor(people[late.ID]))

	fresh := opened()
	s.play(fresh, "0")
	s.approved(s.untilEnd(fresh.ID, comesBack))
}
