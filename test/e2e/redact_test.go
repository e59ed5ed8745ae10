package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite"

	"github.com/yanzhen-id/yanzhen/internal/statement"
)

// erased is the API's answer to an erasure.
type erased struct {
	ID      string    `json:"verification_id"`
	At      time.Time `json:"redacted_at"`
	Receipt *string   `json:"receipt"`
}

func (s *stack) redact(id string, body any) (answer, erased) {
	s.t.Helper()
	a := s.call("shop", "POST", "/v1/verifications/"+id+"/redact", nil, body)
	var e erased
	if a.status < 300 {
		require.NoError(s.t, json.Unmarshal(a.body, &e))
	}
	return a, e
}

// untilReceipt reads the receipt until it is there.
func (s *stack) untilReceipt(id string, d time.Duration) string {
	s.t.Helper()
	for until := time.Now().Add(d); ; time.Sleep(100 * time.Millisecond) {
		a := s.call("shop", "GET", "/v1/verifications/"+id+"/receipt", nil, nil)
		var e erased
		if a.status < 300 {
			require.NoError(s.t, json.Unmarshal(a.body, &e))
			if e.Receipt != nil {
				return *e.Receipt
			}
		}
		require.True(s.t, time.Now().Before(until), "no receipt within %s: %d %s", d, a.status, a.body)
	}
}

func (s *stack) publicKeys() []byte {
	s.t.Helper()
	a := s.call("", "GET", "/.well-known/jwks.json", nil, nil)
	require.Equal(s.t, http.StatusOK, a.status)
	return a.body
}

func (s *stack) receiptOf(signed string) (r statement.Receipt) {
	s.t.Helper()
	said, err := statement.Verify(signed, statement.TypeReceipt, s.publicKeys())
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(said, &r))
	return r
}

// ended approves or declines a planted person.
func (s *stack) playedOut(p planted, outcome string) view {
	s.t.Helper()
	v := s.untilLink(s.launch(p).ID, 20*time.Second)
	s.learn(p, v)
	s.comeBack(v, outcome)
	return s.untilEnd(v.ID, 30*time.Second)
}

// A person who asks is erased within 10 s: from the store, its files and the
// engine, where nothing of them is found with all keys at hand; and there is a
// receipt that npm's jose takes, and that names nobody. Every other call on the id
// then says that it is gone.
func TestRedactErasesThePersonAndProvesIt(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: hastyPolicy, env: []string{"YANZHEN_BACKUPS_KEPT=48h"}})
	p := s.plant("cn-resident", "")
	link := s.untilLink(s.launch(p).ID, 20*time.Second)
	a, _ := s.redact(link.ID, nil)
	require.Equal(t, http.StatusConflict, a.status)
	require.Equal(t, "invalid_state", a.Code)
	s.learn(p, link)
	s.comeBack(link, "0")
	v := s.untilEnd(link.ID, 30*time.Second)

	sealed := s.restingOf(v.ID)
	require.GreaterOrEqual(t, len(sealed), 3, "request and hashes rest")
	database := filepath.Join(s.dir, "yanzhen.db*")
	require.True(t, containsAll(readFiles(t, database), sealed), "the search does not even find them before")

	other := s.call("other", "POST", "/v1/verifications/"+v.ID+"/redact", nil, map[string]bool{"end": true})
	require.Equal(t, http.StatusNotFound, other.status)
	others := []string{s.playedOut(s.plant("patient", ""), "0").ID, s.playedOut(s.plant("patient", ""), "2006").ID}
	began := time.Now()
	a, e := s.redact(v.ID, nil)
	require.Less(t, a.status, 300, "%s", a.body)
	signed := s.untilReceipt(v.ID, 3*time.Minute)
	s.receiptWithin(10*time.Second, time.Since(began), others)
	s.takenByJose(signed)

	r := s.receiptOf(signed)
	require.Equal(t, []any{v.ID, "request", s.apiURL, "sqlite"}, []any{r.VerificationID, r.Cause, r.Issuer, r.Store.Kind})
	require.WithinDuration(t, e.At, r.ErasedAt, 0)
	require.NotNil(t, r.Store.FilesClearedAt)
	require.NotNil(t, r.Backups.GoneBy)
	require.WithinDuration(t, time.Now().Add(48*time.Hour), *r.Backups.GoneBy, time.Minute)
	require.Equal(t, 1, r.Engine.Histories)
	require.Equal(t, []statement.Vendor{{Name: "acedata", Result: statement.OffersNone}, {Name: "tencent_eid", Result: statement.OffersNone}}, r.Vendors)

	for _, secret := range sealed {
		require.False(t, bytes.Contains(readFiles(t, database), secret), "something of the person is left in the store's files")
	}
	_, err := s.temporal.DescribeWorkflow(t.Context(), v.ID, "")
	require.ErrorAs(t, err, new(*serviceerror.NotFound))
	findNone(t, "the receipt", []byte(signed), p.secrets)
	findNone(t, "the erasure's history", historyText(t, s.history(v.ID+":erase")), p.secrets)
	findNone(t, "logs", s.logs(), p.secrets)
	s.gone(v.ID, p)

	a, again := s.redact(v.ID, map[string]bool{"end": true})
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, signed, *again.Receipt)
	require.Equal(t, http.StatusNotFound, s.call("other", "GET", "/v1/verifications/"+v.ID+"/receipt", nil, nil).status)
	require.Equal(t, []string{"verification.redacted"}, s.eventsOf(v.ID)[len(s.eventsOf(v.ID))-1:])
}

// receiptWithin: the time from the call to the receipt, which a busy machine makes
// longer; of three people one must be erased in time.
func (s *stack) receiptWithin(d, took time.Duration, others []string) {
	s.t.Helper()
	for ; took > d && len(others) > 0; others = others[1:] {
		began := time.Now()
		s.redact(others[0], nil)
		s.untilReceipt(others[0], 3*time.Minute)
		took = min(took, time.Since(began))
	}
	require.LessOrEqual(s.t, took, d)
}

// historyText is a history as the engine keeps it, and as its UI shows it.
func historyText(t *testing.T, h *historypb.History) []byte {
	t.Helper()
	require.NotEmpty(t, h.Events)
	wire, err := proto.Marshal(h)
	require.NoError(t, err)
	text, err := protojson.Marshal(h)
	require.NoError(t, err)
	return append(wire, text...)
}

// restingOf are the sealed columns and the keyed hashes of a verification, as
// they rest.
func (s *stack) restingOf(id string) (out [][]byte) {
	s.t.Helper()
	path, ok := strings.CutPrefix(s.dsn, "sqlite:")
	require.True(s.t, ok)
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(s.t, err)
	defer db.Close()
	var request, number, reference, fingerprint []byte
	require.NoError(s.t, db.QueryRow(`SELECT request, number_hash, reference_hash, fingerprint FROM verifications WHERE id = $1`, id).
		Scan(&request, &number, &reference, &fingerprint))
	for _, one := range [][]byte{request, number, reference, fingerprint} {
		if len(one) > 0 {
			out = append(out, one)
		}
	}
	return out
}

func containsAll(data []byte, texts [][]byte) bool {
	for _, text := range texts {
		if !bytes.Contains(data, text) {
			return false
		}
	}
	return true
}

// gone: every call on the id says so, and no list has it.
func (s *stack) gone(id string, p planted) {
	s.t.Helper()
	at := "/v1/verifications/" + id
	purpose := map[string]string{"Yanzhen-Purpose": "test"}
	for _, c := range []struct {
		method, path string
		header       map[string]string
		body         any
	}{
		{"GET", "", nil, nil}, {"GET", "?wait=1s", nil, nil}, {"GET", "/timeline", nil, nil}, {"GET", "/qr.png", nil, nil},
		{"GET", "/outputs", purpose, nil}, {"GET", "/decisions", nil, nil}, {"POST", "/cancel", nil, nil}, {"POST", "/retry", nil, map[string]int{"session": 1}},
		{"POST", "/decision", map[string]string{"If-Match": `"v9"`}, map[string]string{"decision": "approved", "reason": "review.approved"}},
		{"POST", "/reopen", nil, map[string]string{"reason": "holder.mismatch"}},
	} {
		a := s.call("shop", c.method, at+c.path, c.header, c.body)
		require.Equal(s.t, http.StatusGone, a.status, "%s %s: %s", c.method, c.path, a.body)
		require.Equal(s.t, "redacted", a.Code)
	}
	a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": p.key}, p.request)
	require.Equal(s.t, http.StatusGone, a.status, "a replayed start: %s", a.body)
	list := s.call("shop", "GET", "/v1/verifications", nil, nil)
	require.Equal(s.t, http.StatusOK, list.status)
	require.NotContains(s.t, string(list.body), id)
}

// eventsOf are the types of a verification's events in the feed.
func (s *stack) eventsOf(id string) (types []string) {
	s.t.Helper()
	a := s.call("shop", "GET", "/v1/events?limit=100", nil, nil)
	require.Equal(s.t, http.StatusOK, a.status)
	var page struct {
		Events []struct {
			Type string
			Data struct {
				ID        string  `json:"verification_id"`
				Reference *string `json:"client_reference_id"`
			}
		}
	}
	require.NoError(s.t, json.Unmarshal(a.body, &page))
	for _, e := range page.Events {
		if e.Data.ID == id {
			require.Nil(s.t, e.Data.Reference)
			types = append(types, e.Type)
		}
	}
	return types
}

// takenByJose: another implementation checks the signature, and finds a change.
func (s *stack) takenByJose(signed string) {
	t := s.t
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/jose")))
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.json"), s.publicKeys(), 0o600))
	check := func(text string) error {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "signed"), []byte(text), 0o600))
		c := exec.CommandContext(t.Context(), "node", "verify.mjs", "keys.json", "signed", statement.TypeReceipt)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err == nil {
			require.Contains(t, string(out), `"sub":"ver_`)
		}
		return err
	}
	require.NoError(t, check(signed))
	parts := strings.Split(signed, ".")
	require.Error(t, check(parts[0]+"."+parts[1][:len(parts[1])-4]+"AAAA."+parts[2]))
}

// A worker that is lost at any step of an erasure takes nothing with it: the next
// one goes on, and there is one receipt.
func TestAnErasureSurvivesALostWorkerAtEachStep(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: hastyPolicy})
	for _, step := range []string{"", "ClearFiles", "DeleteHistories", "SignReceipt"} {
		v := s.playedOut(s.plant("patient", ""), "0")
		if step == "" { // before it began
			s.worker.kill()
		}
		asked := make(chan answer, 1)
		go func() { a, _ := s.redact(v.ID, nil); asked <- a }()
		if step != "" {
			s.untilScheduled(v.ID+":erase", step)
			s.worker.kill()
		}
		s.startWorker()
		a := <-asked
		require.Less(t, a.status, 300, "%s", a.body)
		signed := s.untilReceipt(v.ID, 3*time.Minute)
		require.Equal(t, signed, s.untilReceipt(v.ID, time.Second))
		require.Equal(t, 1, s.receiptOf(signed).Engine.Histories, step)
		_, err := s.temporal.DescribeWorkflow(t.Context(), v.ID, "")
		require.ErrorAs(t, err, new(*serviceerror.NotFound))
	}
}

// untilScheduled waits until a run has an activity of the type in its history.
func (s *stack) untilScheduled(run, activity string) {
	s.t.Helper()
	for until := time.Now().Add(90 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if _, err := s.temporal.DescribeWorkflow(s.t.Context(), run, ""); err != nil {
			continue // not started yet
		}
		for _, e := range s.history(run).Events {
			if e.GetEventType() == enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED && e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activity {
				return
			}
		}
	}
	s.t.Fatalf("%s never came to %s", run, activity)
}

// An open verification is ended first where that is asked for, and so is the
// review of a reopened case, whose history goes with the rest.
func TestRedactEndsWhatIsOpenWhereAsked(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: hastyPolicy})
	open := s.untilLink(s.launch(s.plant("patient", "")).ID, 20*time.Second)
	a, _ := s.redact(open.ID, map[string]bool{"end": true})
	require.Less(t, a.status, 300, "%s", a.body)
	s.untilReceipt(open.ID, 3*time.Minute)
	require.Contains(t, s.eventsOf(open.ID), "verification.canceled")

	v := s.playedOut(s.plant("patient", ""), "2006")
	reopened := s.call("shop", "POST", "/v1/verifications/"+v.ID+"/reopen", nil, map[string]string{"reason": "holder.mismatch"})
	require.Equal(t, http.StatusOK, reopened.status, "%s", reopened.body)
	a, _ = s.redact(v.ID, nil)
	require.Equal(t, http.StatusConflict, a.status)
	a, _ = s.redact(v.ID, map[string]bool{"end": true})
	require.Less(t, a.status, 300, "%s", a.body)
	require.Equal(t, 2, s.receiptOf(s.untilReceipt(v.ID, 3*time.Minute)).Engine.Histories)
	for _, run := range []string{v.ID, v.ID + ":v2"} {
		_, err := s.temporal.DescribeWorkflow(t.Context(), run, "")
		require.ErrorAs(t, err, new(*serviceerror.NotFound), run)
	}
}

// One command erases all of a person, whose number no argument shows, and its
// receipts are checked by another one, offline.
func TestRedactOfAPersonByTheirNumber(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: hastyPolicy})
	p := s.plant("patient", "")
	first := s.playedOut(p, "0")
	p.key += "-again"
	second := s.playedOut(p, "2006")
	other := s.playedOut(s.plant("patient", ""), "0")

	yanzhen := func(stdin string, args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), shared.yanzhen, args...)
		c.Env, c.Dir, c.Stdin = s.env, s.dir, strings.NewReader(stdin)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := yanzhen(p.IDNumber+"\n", "redact", "--number-stdin")
	require.NoError(t, err, out)
	require.Contains(t, out, "2 to erase; --yes erases them")
	out, err = yanzhen(p.IDNumber+"\n", "redact", "--number-stdin", "--yes", "--receipts", "receipts.jws")
	require.NoError(t, err, out)
	require.Contains(t, out, "erased 2, with 2 receipts; left 0")
	s.read(other.ID)
	for _, id := range []string{first.ID, second.ID} {
		require.Equal(t, http.StatusGone, s.call("shop", "GET", "/v1/verifications/"+id, nil, nil).status)
	}

	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "jwks.json"), s.publicKeys(), 0o600))
	receipts, err := os.ReadFile(filepath.Join(s.dir, "receipts.jws"))
	require.NoError(t, err)
	for _, signed := range strings.Fields(string(receipts)) {
		said, err := yanzhen(signed, "receipt", "verify", "-", "--keys", "jwks.json")
		require.NoError(t, err, said)
		require.Contains(t, said, `"cause": "person"`)
	}
	findNone(t, "receipts", receipts, p.secrets)
}
