package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// sealing are the settings under which name and number leave sealed.
func (s *stack) sealing() []string {
	s.t.Helper()
	key := filepath.Join(s.dir, "tencent.pem")
	require.NoError(s.t, os.WriteFile(key, sandbox.EncryptionKey(), 0o600))
	return []string{"YANZHEN_TENCENT_ENCRYPTION=aes-256-cbc", "YANZHEN_TENCENT_ENCRYPTION_KEY=" + key}
}

// Sealing is a matter of one call, and no open verification knows of it: each
// goes on under a worker with the other setting, its session, its retry and all.
func TestSealingIsSwitchedUnderOpenVerifications(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	plain := s.env
	sealed := append(plain[:len(plain):len(plain)], s.sealing()...)
	first, second := s.person(), s.person()
	under := func(p sandbox.Person, flag string) int {
		return s.vendors.Ledger().Count(sandbox.Query{Operation: "GetEidToken", Outcome: "ok", Subject: sandbox.SubjectKey(p.IDNumber), Flag: flag})
	}
	v := s.opened(first)
	require.Zero(t, under(first, sandbox.FlagSealed))

	s.worker.kill()
	s.env = sealed
	s.startWorker()
	s.play(v, "2016") // not alike enough, in a session that was opened in plain
	v = s.until(v.ID, comesBack, "a retry", func(v view) bool { return v.Status == verification.RequiresInput && v.LastError != nil })
	a := s.retry(v.ID, 1, "")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	v = s.untilLink(v.ID, comesBack)
	require.Equal(t, 1, under(first, sandbox.FlagSealed), "the next session is opened sealed")
	w := s.opened(second)
	require.Equal(t, 1, under(second, sandbox.FlagSealed))

	s.worker.kill()
	s.env = plain
	s.startWorker()
	for _, one := range []view{v, w} {
		s.play(one, "0")
		s.approved(s.untilEnd(one.ID, comesBack))
	}
	require.Equal(t, 2, under(first, ""))
	require.Equal(t, 1, under(second, ""))
}
