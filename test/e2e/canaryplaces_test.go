package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// place is a kind of place in which something rests. Its files are named by
// patterns, or by folders of which all files are meant.
type place struct {
	name  string
	paths []string
	// by is who reads it.
	by audience
	// control names a file to which the control is appended; empty: it gets there by
	// the way of everything else.
	control string
}

// canaryPlaces are all of them.
func (x *trial) canaryPlaces() []place {
	logs := func(name string) string { return filepath.Join(x.dir, name+".log") }
	out := []place{
		{name: "the api's log", paths: []string{logs("api")}, control: logs("api")},
		{name: "the worker's log", paths: []string{logs("worker")}, control: logs("worker")},
		{name: "traces", paths: []string{x.traces}, control: x.traces},
		{name: "temporary files", paths: []string{x.temp}, control: filepath.Join(x.temp, "control")},
	}
	if x.engine == nil {
		database, log := x.own.files()
		out = append(out, place{name: "the engine's database", paths: []string{database}}, place{name: "the engine's log", paths: []string{log}, control: log})
	} else {
		out = append(out, place{name: "the engine's log", paths: []string{x.engine.log}, control: x.engine.log})
	}
	out = append(out, x.more...)
	for _, kind := range []string{"histories", "metrics", "errors", "receipts", "evidence", "terminal"} {
		out = append(out, place{name: kind, paths: []string{filepath.Join(x.seen.dir, kind)}, control: filepath.Join(x.seen.dir, kind)})
	}
	for kind, by := range map[string]audience{"pages": onPage, "answers": inAnswer, "webhooks": inAnswer} {
		out = append(out, place{name: kind, paths: []string{filepath.Join(x.seen.dir, kind)}, control: filepath.Join(x.seen.dir, kind), by: by})
	}
	if strings.HasPrefix(x.dsn, "sqlite:") {
		return append(out, place{name: "the store's files", paths: []string{strings.TrimPrefix(x.dsn, "sqlite:") + "*"}})
	}
	out = append(out, place{name: "the store's dump", paths: []string{x.pgDump(x.dsn)}})
	if x.engine != nil { // the one for finding runs holds no payload
		out = append(out, place{name: "the engine's dump", paths: []string{x.pgDump(x.engine.databases[0]), x.pgDump(x.engine.databases[1])}})
	}
	if data := x.postgresData(); data != "" {
		out = append(out,
			place{name: "PostgreSQL's files", paths: []string{filepath.Join(data, "base")}},
			place{name: "PostgreSQL's write-ahead log", paths: []string{filepath.Join(data, "pg_wal")}},
			place{name: "PostgreSQL's own log", paths: []string{filepath.Join(filepath.Dir(data), "log")}, control: filepath.Join(filepath.Dir(data), "log")})
	}
	return out
}

// bytesInDump are bytes as pg_dump writes them.
var bytesInDump = regexp.MustCompile(`\\\\x([0-9a-f]+)`)

// pgDump is a file with what pg_dump writes of a database, and beside it the bytes
// in it that stand there as hexadecimal digits.
func (x *trial) pgDump(dsn string) string {
	x.t.Helper()
	dump, err := exec.LookPath("pg_dump")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump") // a good pattern
		require.NotEmpty(x.t, found, "these tests need pg_dump: `apt-get install postgresql`")
		dump = found[len(found)-1]
	}
	out, err := exec.CommandContext(x.t.Context(), dump, "--dbname", dsn).Output()
	require.NoError(x.t, err)
	for _, digits := range bytesInDump.FindAllSubmatch(out, -1) {
		value, _ := hex.DecodeString(string(digits[1])) // digits they are
		out = append(append(out, value...), '\n')
	}
	file, err := os.CreateTemp(x.seen.dir, "dump-*")
	require.NoError(x.t, err)
	_, err = file.Write(out)
	require.NoError(x.t, err)
	require.NoError(x.t, file.Close())
	return file.Name()
}

// postgresData is the server's data folder, after a checkpoint; empty where its
// files are not ours to read.
func (x *trial) postgresData() (dir string) {
	x.t.Helper()
	conn, err := pgx.Connect(x.t.Context(), x.dsn)
	require.NoError(x.t, err)
	defer func() { require.NoError(x.t, conn.Close(context.Background())) }()
	_, err = conn.Exec(x.t.Context(), "CHECKPOINT")
	require.NoError(x.t, err)
	require.NoError(x.t, conn.QueryRow(x.t.Context(), "SHOW data_directory").Scan(&dir))
	if _, err := os.ReadDir(dir); err != nil && os.Getenv(storetest.EnvPostgres) != "" {
		x.t.Logf("%s names a server whose files are not ours to read: its dump was searched", storetest.EnvPostgres)
		return ""
	}
	return dir
}

// each reads the place's files, one after another; of a living server some go
// while they are looked for.
func (p place) each(do func(data []byte)) {
	for _, pattern := range p.paths {
		names, _ := filepath.Glob(pattern) // a good pattern
		for _, name := range names {
			_ = filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
				if err != nil || !e.Type().IsRegular() {
					return nil
				}
				if data, err := os.ReadFile(path); err == nil {
					do(data)
				}
				return nil
			})
		}
	}
}

// control is somebody who is put into each place on purpose, in each way.
type control struct {
	name, number string
	picture      []byte
	// written are all ways of them, as bytes.
	written [][]byte
	search  storetest.Search
	ways    map[string]bool
}

func newControl(t *testing.T) *control {
	t.Helper()
	p := sandbox.FreshPerson(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	c := &control{name: han(4), number: p.IDNumber, ways: map[string]bool{}}
	c.picture, _ = sandbox.Capture("control", strconv.Itoa(rand.Int()))
	piece := string(c.picture[len(c.picture)/2:][:pieceLength])
	for what, text := range map[string]string{"name": c.name, "number": c.number, "picture": piece} {
		require.NoError(t, c.search.Add(what, text))
		for way, trace := range storetest.Traces(text) {
			c.ways[what+" as "+way] = true
			c.written = append(c.written, trace)
		}
	}
	return c
}

// plant puts the control into the databases. It does so more than once: where a page
// ends, what lies there is torn.
func (c *control) plant(x *trial) {
	t := x.t
	t.Helper()
	for i := range 3 {
		c.plantInEngine(x, len(c.written)*i/3)
	}
	c.plantInStore(x)
}

func (c *control) plantInEngine(x *trial, from int) {
	t := x.t
	t.Helper()
	var arguments []any
	for i := range c.written {
		arguments = append(arguments, c.written[(from+i)%len(c.written)])
	}
	run, err := x.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "control-" + freshKey(), TaskQueue: "nobody",
		Memo: map[string]any{"control": c.name}, TypedSearchAttributes: temporal.NewSearchAttributes(workflows.AttrPolicy.ValueSet(c.name))}, "Control", arguments...)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = x.temporal.TerminateWorkflow(context.Background(), run.GetID(), "", "end of the test")
	})
}

func (c *control) plantInStore(x *trial) {
	t := x.t
	t.Helper()
	driver, dsn, kind := "pgx", x.dsn, "BYTEA"
	if path, ok := strings.CutPrefix(x.dsn, "sqlite:"); ok {
		driver, dsn, kind = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)", "BLOB"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "CREATE TABLE canary_control (way "+kind+")")
	require.NoError(t, err)
	for range 3 {
		for _, w := range c.written {
			_, err = db.ExecContext(t.Context(), "INSERT INTO canary_control (way) VALUES ($1)", w)
			require.NoError(t, err)
		}
	}
}

// historiesOf are what the engine tells of every run of the namespace, of which
// there are at least so many.
func (x *trial) historiesOf(least int) {
	t, service := x.t, x.temporal.WorkflowService()
	q := &workflowservice.ListWorkflowExecutionsRequest{Namespace: x.namespace, PageSize: 500}
	for runs := 0; ; {
		list, err := service.ListWorkflowExecutions(t.Context(), q)
		require.NoError(t, err)
		for _, one := range list.GetExecutions() {
			runs++
			told, err := service.DescribeWorkflowExecution(t.Context(), &workflowservice.DescribeWorkflowExecutionRequest{Namespace: x.namespace, Execution: one.GetExecution()})
			require.NoError(t, err)
			for _, m := range []proto.Message{one, told, x.history(one.GetExecution().GetWorkflowId())} {
				wire, err := proto.Marshal(m)
				require.NoError(t, err)
				x.seen.add("histories", wire, []byte(protojson.Format(m)))
			}
		}
		if q.NextPageToken = list.GetNextPageToken(); len(q.NextPageToken) == 0 {
			require.GreaterOrEqual(t, runs, least)
			return
		}
	}
}

// metrics are those of api and worker.
func (x *trial) metrics() {
	for _, ops := range []string{x.opsURL, "http://" + x.workerOps} {
		res, err := http.Get(ops + "/metrics")
		require.NoError(x.t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(x.t, err)
		res.Body.Close()
		require.Contains(x.t, string(text), "yanzhen_")
		x.seen.add("metrics", text)
	}
}

// findsNothingButWhatIsPlanted searches every place for the canary, and for the
// control that it has put there.
func (x *trial) findsNothingButWhatIsPlanted() {
	t, c := x.t, newControl(x.t)
	x.metrics()
	c.plant(x)
	x.historiesOf(len(canaryWays))
	logs := string(x.logs())
	require.Contains(t, logs, "DEBUG")
	require.Contains(t, string(readFiles(t, x.traces)), "OpenSession")
	searches := x.search(t, bytes.Join([][]byte{c.picture}, nil))
	for _, p := range x.canaryPlaces() {
		if p.control != "" {
			f, err := os.OpenFile(p.control, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			require.NoError(t, err)
			_, err = f.Write(bytes.Join(c.written, []byte("\n\n")))
			require.NoError(t, err)
			require.NoError(t, f.Close())
			p.paths = append(p.paths, p.control)
		}
		search, bytesRead, planted := searches[p.by], 0, map[string]bool{}
		p.each(func(data []byte) {
			bytesRead += len(data)
			for _, f := range c.search.In(data) {
				planted[f.What+" as "+f.Way] = true
			}
			for _, f := range search.In(data) {
				t.Errorf("%s: the %s lies there as %s: …%q…", p.name, f.What, f.Way, f.Around)
			}
		})
		require.Positive(t, bytesRead, p.name)
		for way := range c.ways {
			require.True(t, planted[way], "%s: the search does not find what was put there: the control's %s", p.name, way)
		}
	}
}
