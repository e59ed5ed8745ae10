package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// secrets are the texts that may lie in no place but the sealed columns, by
// what they are.
type secrets map[string]string

// planted is a person with a name that nobody else bears, and a request whose
// every free field is marked.
type planted struct {
	sandbox.Person
	key     string
	request map[string]any
	secrets secrets
}

func (s *stack) plant(policy, acedata string) planted {
	s.t.Helper()
	p := s.person()
	// Four of the 20,902 characters of the first Han block: no chance meeting.
	name := make([]rune, 4)
	for i := range name {
		name[i] = rune(0x4E00 + rand.IntN(20902))
	}
	p.Name, p.AceDataOutcome = string(name), acedata
	require.NoError(s.t, s.vendors.AddPerson(p))
	mark := freshKey()[4:]
	back := s.vendorsURL + "/shop/back?basket=return-" + mark
	out := planted{Person: p, key: "idem-" + mark, secrets: secrets{
		"name": p.Name, "number": p.IDNumber, "return URL": "return-" + mark, "reference": "ref-" + mark,
		"metadata": "meta-" + mark, "idempotency key": "idem-" + mark,
	}}
	out.request = with(with(with(s.request(p), "return_url", back), "client_reference_id", "ref-"+mark), "metadata", map[string]string{"note": "meta-" + mark})
	out.request["policy"] = policy
	return out
}

// launch starts the planted person's verification.
func (s *stack) launch(p planted) view {
	s.t.Helper()
	a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": p.key}, p.request)
	require.Less(s.t, a.status, 300, "%s", a.body)
	return a.view
}

// learn adds the session's secrets to those of its person.
func (s *stack) learn(p planted, v view) {
	s.t.Helper()
	p.secrets["vendor's token"] = s.tokenOf(v)
	p.secrets["link"] = strings.TrimPrefix(v.NextAction.URL, "http://")
	ticket := ticketIn(s.t, s.callbackOf(v))
	// Its middle: a ticket's head is the same for all.
	p.secrets["ticket"] = ticket[len(ticket)/2:]
}

// patientPolicy outlives a lost worker.
const patientPolicy = `  - name: patient
    version: 1
    checks: {document_validity: required, identity_records: required, liveness: required, face_match: required, holder_match: if_available}
    face_providers: [tencent_eid]
    records_providers: [acedata]
    start_patience: 90s
    records_patience: 90s
`

const hastyPolicy = `policies:
  - name: cn-resident
    version: 2
    start_patience: 2s
    records_patience: 3s
    last_look_patience: 3s
    retry_window: 20s
    review_deadline: 60s
` + patientPolicy

func TestNobodyIsInTheEngineNorInLogsNorOpenInTheStore(t *testing.T) {
	s := newStack(t, options{policies: hastyPolicy})
	all := map[string]planted{}
	ids := map[string]string{}

	// The worker dies while both vendors are being asked, and comes back.
	crashed := s.plant("patient", "")
	all["crashed"] = crashed
	ids["crashed"] = s.launchAndKill(crashed)
	s.startWorker()

	plant := func(name, acedata string) (planted, view) {
		p := s.plant("cn-resident", acedata)
		v := s.launch(p)
		all[name], ids[name] = p, v.ID
		return p, v
	}
	session := func(name, acedata, outcome string, want verification.Outcome) {
		p, v := plant(name, acedata)
		if want != verification.OutcomeDeclined || acedata == "" {
			v = s.untilLink(v.ID, 20*time.Second)
			s.learn(p, v)
			s.comeBack(v, outcome)
		}
		require.Equal(t, want, s.untilEnd(v.ID, 30*time.Second).Outcome, name)
	}
	session("approved", "", "0", verification.OutcomeApproved)
	session("declined by the records", "-1", "", verification.OutcomeDeclined)
	session("declined by the face", "", "2006", verification.OutcomeDeclined)

	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Kind: sandbox.FaultHTML502})
	p, v := plant("records down", "")
	v = s.untilLink(v.ID, 20*time.Second)
	s.learn(p, v)
	s.comeBack(v, "0")
	s.until(v.ID, 30*time.Second, "review", func(v view) bool { return v.Status == verification.InReview })
	cancel := s.call("shop", "POST", "/v1/verifications/"+v.ID+"/cancel", nil, nil)
	require.Equal(t, http.StatusOK, cancel.status, "%s", cancel.body)
	require.Equal(t, verification.OutcomeCanceled, s.untilEnd(v.ID, 20*time.Second).Outcome)
	s.vendors.ClearFaults()

	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Kind: sandbox.FaultHTML502})
	_, v = plant("vendor down", "")
	require.Equal(t, verification.OutcomeError, s.untilEnd(v.ID, 30*time.Second).Outcome)
	s.vendors.ClearFaults()

	v = s.untilLink(ids["crashed"], 60*time.Second)
	s.learn(crashed, v)
	s.comeBack(v, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(v.ID, 60*time.Second).Outcome)

	control, controlRun := s.plantControl()
	for run, id := range ids {
		h := s.history(id)
		require.NotEmpty(t, h.Events)
		wire, err := proto.Marshal(h)
		require.NoError(t, err)
		text, err := protojson.Marshal(h)
		require.NoError(t, err)
		for _, p := range all {
			findNone(t, "history of the run "+run, append(wire, text...), p.secrets)
		}
	}
	controlHistory := s.history(controlRun)
	wire, err := proto.Marshal(controlHistory)
	require.NoError(t, err)
	text, err := protojson.Marshal(controlHistory)
	require.NoError(t, err)
	findAll(t, "the control's history", wire, control.secrets)
	findAll(t, "the control's history as JSON", text, control.secrets)

	database := readFiles(t, shared.temporalDB, shared.temporalDB+"-wal", shared.temporalDB+"-shm")
	findAll(t, "the engine's database", database, control.secrets)
	findAll(t, "the engine's database", database, secrets{"a verification's id": ids["approved"]})
	logs := s.logs()
	findAll(t, "logs", logs, secrets{"debug lines": `"level":"DEBUG"`, "an id": ids["crashed"]})
	store := readFiles(t, filepath.Join(s.dir, "yanzhen.db*"))
	findAll(t, "the store", store, secrets{"an id": ids["approved"], "a client": "shop"})
	for run, p := range all {
		findNone(t, "the engine's database: "+run, database, p.secrets)
		findNone(t, "the engine's log: "+run, readFiles(t, shared.temporalLog), p.secrets)
		findNone(t, "logs of api and worker: "+run, logs, p.secrets)
		findNone(t, "the store's files: "+run, store, p.secrets)
	}
}

// launchAndKill starts a verification and kills the worker once both vendors
// have been asked and neither has answered.
func (s *stack) launchAndKill(p planted) string {
	s.t.Helper()
	s.fault(sandbox.Fault{Vendor: sandbox.Tencent, Operation: "GetEidToken", Kind: sandbox.FaultDelay, DelayMS: 8000, Times: 1})
	s.fault(sandbox.Fault{Vendor: sandbox.AceData, Operation: "check-2e", Kind: sandbox.FaultDelay, DelayMS: 12000, Times: 1})
	asked, killed := make(chan struct{}), make(chan struct{})
	victim := s.worker
	go func() {
		defer close(killed)
		for {
			struck := 0
			for _, f := range s.vendors.Faults() {
				struck += f.Struck
			}
			if struck == 2 {
				victim.kill()
				close(asked)
				return
			}
			select {
			case <-s.t.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	v := s.launch(p)
	require.Equal(s.t, verification.Processing, v.Status)
	select {
	case <-asked:
	case <-time.After(20 * time.Second):
		s.t.Fatal("the vendors were not both asked")
	}
	<-killed
	s.vendors.ClearFaults()
	return v.ID
}

func (s *stack) fault(f sandbox.Fault) {
	s.t.Helper()
	require.NoError(s.t, s.vendors.Fault(f))
}

// comeBack plays the session's page to an outcome and follows the browser to
// our callback and on.
func (s *stack) comeBack(v view, outcome string) {
	s.t.Helper()
	token := s.tokenOf(v)
	require.NoError(s.t, s.vendors.Begin(token))
	res, err := direct.PostForm(s.vendorsURL+"/page/tencent/"+token+"/end", url.Values{"outcome": {outcome}})
	require.NoError(s.t, err)
	res.Body.Close()
	require.Equal(s.t, http.StatusSeeOther, res.StatusCode)
	res, err = direct.Get(res.Header.Get("Location"))
	require.NoError(s.t, err)
	res.Body.Close()
	require.Equal(s.t, http.StatusSeeOther, res.StatusCode)
	require.True(s.t, strings.HasPrefix(res.Header.Get("Location"), s.vendorsURL+"/shop/back?"))
}

// plantControl sends a person on purpose as a workflow's argument, in each way
// in which a careless change might: the search must find this one.
func (s *stack) plantControl() (planted, string) {
	s.t.Helper()
	p := s.plant("cn-resident", "")
	run, err := s.temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{
		ID: "control-" + p.IDNumber[:6], TaskQueue: "nobody",
	}, "Control", p.request, []byte(p.Name+p.IDNumber), p.key)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		_ = s.temporal.TerminateWorkflow(context.Background(), run.GetID(), "", "end of the test")
	})
	return p, run.GetID()
}

func findNone(t *testing.T, where string, data []byte, texts secrets) {
	t.Helper()
	for what, text := range texts {
		if found := storetest.Find(data, text); len(found) > 0 {
			slices.Sort(found)
			t.Errorf("%s: the %s lies there as %s", where, what, strings.Join(found, ", "))
		}
	}
}

func findAll(t *testing.T, where string, data []byte, texts secrets) {
	t.Helper()
	for what, text := range texts {
		require.NotEmpty(t, storetest.Find(data, text), "%s: the search does not even find the %s", where, what)
	}
}

// readFiles reads what the patterns name, as the files are: no checkpoint.
func readFiles(t *testing.T, patterns ...string) []byte {
	t.Helper()
	var all []byte
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			all = append(all, text...)
		}
	}
	return all
}

func TestPostgreSQLHoldsNobodyInTheOpen(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{dsn: storetest.Postgres(t), policies: hastyPolicy})
	all := map[string]planted{}
	var id string
	for name, run := range map[string]struct{ acedata, outcome string }{
		"approved": {"", "0"}, "declined": {"", "2006"}, "still open": {"", ""},
	} {
		p := s.plant("patient", run.acedata)
		v := s.launch(p)
		v = s.untilLink(v.ID, 20*time.Second)
		s.learn(p, v)
		all[name], id = p, v.ID
		if run.outcome != "" {
			s.comeBack(v, run.outcome)
			s.untilEnd(v.ID, 30*time.Second)
		}
	}
	for where, data := range s.postgresFiles() {
		findAll(t, where, data, secrets{"a verification's id": id})
		for run, p := range all {
			findNone(t, where+": "+run, data, p.secrets)
		}
	}
}

// postgresFiles are the tables as the database dumps them, and its data
// directory with the write-ahead log where this machine has it.
func (s *stack) postgresFiles() map[string][]byte {
	t := s.t
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var dump strings.Builder
	for _, table := range tables {
		_, err := conn.PgConn().CopyTo(t.Context(), &dump, fmt.Sprintf("COPY %s TO STDOUT (FORMAT binary)", pgx.Identifier{table}.Sanitize()))
		require.NoError(t, err)
	}
	out := map[string][]byte{"dump of the tables": []byte(dump.String())}

	var dir string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&dir))
	if os.Getenv(storetest.EnvPostgres) != "" {
		if _, err := os.ReadDir(dir); err != nil {
			t.Logf("%s names a server whose files are not ours to read: its tables were searched", storetest.EnvPostgres)
			return out
		}
	}
	var files []byte
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // a living server's files come and go
		}
		text, err := os.ReadFile(path)
		if err == nil {
			files = append(files, text...)
		}
		return nil
	}))
	out["data directory"] = files
	return out
}
