//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// startsFor is how long the api is sent starts; a benchmark's full time is ten
// minutes.
var startsFor = flag.Duration("starts", 30*time.Second, "how long starts are sent to the api, 80 a second")

// startsASecond is what one api is to take.
const startsASecond = 80

// The api takes 80 starts a second, each answered with its link, while the engine
// does: a fake one here, beside the api, which does what a worker writes first.
func TestAPITakes80StartsASecond(t *testing.T) {
	d := *startsFor
	if testing.Short() {
		d = 3 * time.Second
	}
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "yanzhen.db")
	require.NoError(t, store.Migrate(t.Context(), dsn))
	got := sendStarts(t, dsn, d)
	t.Logf("%+v", got)
	require.Equal(t, got.sent, got.linked, "all were answered with their link: %v", got.refused)
	require.Less(t, got.took, d+5*time.Second, "none waits for those before it")
	require.Less(t, got.p95, 1000.0)
}

// started is what became of the starts; times are in milliseconds.
type started struct {
	sent, linked      int
	took              time.Duration
	median, p95, most float64
	// used is the api's processor time, memory what it holds at the end in MB.
	used   time.Duration
	memory float64
	// refused is the first answer that was no link.
	refused error
}

// sendStarts sends starts to an api of its own, whoever answers or does not.
func sendStarts(t *testing.T, dsn string, d time.Duration) started {
	dir := t.TempDir()
	set, err := sealing.Generate()
	require.NoError(t, err)
	keyFile := filepath.Join(dir, "keys.json")
	require.NoError(t, os.WriteFile(keyFile, set, 0o600))
	keys, err := sealing.Load(keyFile)
	require.NoError(t, err)
	st, err := store.Open(t.Context(), dsn, keys)
	require.NoError(t, err)
	defer st.Close()
	engine := httptest.NewServer(firstSteps{st})
	defer engine.Close()
	key, hash := api.NewKey()
	address, pid := startAPI(t, fakeSettings{Store: dsn, Keys: keyFile, KeyHash: hash, Engine: engine.URL})

	var out started
	var mu sync.Mutex
	var all sync.WaitGroup
	var times []float64
	used, began := processorTime(t, pid), time.Now()
	c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	for i := range int(d.Seconds() * startsASecond) {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / startsASecond))) // what is late is made up for
		out.sent++
		all.Go(func() {
			at := time.Now()
			err := startOne(c, address, key)
			mu.Lock()
			defer mu.Unlock()
			times = append(times, float64(time.Since(at))/float64(time.Millisecond))
			if err == nil {
				out.linked++
			} else if out.refused == nil {
				out.refused = err
			}
		})
	}
	all.Wait()
	out.took, out.used, out.memory = time.Since(began), processorTime(t, pid)-used, residentMB(t, pid)
	slices.Sort(times)
	out.median, out.p95, out.most = percentile(times, 50), percentile(times, 95), times[len(times)-1]
	return out
}

func startOne(c *http.Client, address, key string) error {
	p := sandbox.FreshPerson(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	body, err := json.Marshal(map[string]any{"policy": "cn-resident", "presentation": "vendor", "return_url": "https://shop.example/back",
		"subject": map[string]any{"name": p.Name, "id_number": p.IDNumber, "id_validity": map[string]any{"from": p.ValidFrom, "to": p.ValidTo}}})
	if err != nil {
		return err
	}
	r, err := http.NewRequest("POST", "http://"+address+"/v1/verifications", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", fmt.Sprintf("key-%x", rand.Uint64()))
	res, err := c.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusCreated || !bytes.Contains(text, []byte(fakeLink))) {
		err = fmt.Errorf("%d %s", res.StatusCode, text)
	}
	return err
}

// fakeLink is the link of every session that the fake engine has opened.
const fakeLink = "https://vendor.example/page"

// firstSteps is the engine and its worker, as far as the api and its store see
// them: it answers a start once the row tells of an open session.
type firstSteps struct{ store store.Store }

func (f firstSteps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f.open(r.Context(), strings.TrimPrefix(r.URL.Path, "/")); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (f firstSteps) open(ctx context.Context, id string) error {
	now := time.Now()
	expires := now.Add(10 * time.Minute)
	session := store.Session{VerificationID: id, Number: 1, Provider: "tencent_eid"}
	if err := f.store.MarkStarted(ctx, id, now); err != nil {
		return err
	}
	session, err := f.store.IntendSession(ctx, session, store.Caps{})
	if err != nil {
		return err
	}
	session.Link, session.Handle, session.ExpiresAt = fakeLink, []byte("token"), expires
	if err := f.store.OpenSession(ctx, session); err != nil {
		return err
	}
	row, err := f.store.Load(ctx, id)
	if err != nil {
		return err
	}
	next := row.State
	next.NextSession(now)
	next.OpenedAt(now, "tencent_eid")
	next.AwaitInput(now, verification.NextAction{Type: verification.ActionRedirect, ExpiresAt: &expires})
	return f.store.Publish(ctx, id, next)
}

// fakeSettings are those of the api's process, as JSON in its environment.
type fakeSettings struct{ Store, Keys, KeyHash, Engine string }

const apiSettings = "BENCH_API"

func init() { processes["api"] = beAPI }

// startAPI runs the api in a process of its own until the test ends.
func startAPI(t *testing.T, f fakeSettings) (address string, pid int) {
	text, err := json.Marshal(f)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asProcess+"=api", apiSettings+"="+string(text))
	cmd.Stderr = os.Stderr
	out, in, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = in
	ended := run(t, cmd)
	in.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended; out.Close() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line), cmd.Process.Pid
}

// beAPI is the process of an api whose engine is the fake one. It prints its
// address.
func beAPI() {
	var f fakeSettings
	fail(json.Unmarshal([]byte(os.Getenv(apiSettings)), &f))
	keys, err := sealing.Load(f.Keys)
	fail(err)
	st, err := store.Open(context.Background(), f.Store, keys)
	fail(err)
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	registry := &provider.Registry{}
	s := starter.New(starter.Deps{Engine: fakeEngine{at: f.Engine, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}},
		Store: st, Keys: keys, Policies: config.BuiltIn(), Registry: registry, Logger: log})
	h, err := api.New(api.Deps{Verifications: s, Outbox: s, Tickets: keys, Logger: log, Clients: []api.Client{{
		ID: "shop", ReturnURLs: []string{"https://shop.example/"},
		Keys: []api.Key{{Name: "key", Hash: f.KeyHash, Scopes: []string{"verifications:read", "verifications:write"}}},
	}}})
	fail(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	fmt.Println(l.Addr())
	fail(http.Serve(l, h))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// fakeEngine asks firstSteps over the network, as the real client asks the server.
// It can do nothing but start.
type fakeEngine struct {
	starter.Engine
	at   string
	http *http.Client
}

type fakeStart struct {
	client.WithStartWorkflowOperation
}

func (fakeEngine) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any, ...any) client.WithStartWorkflowOperation {
	return fakeStart{}
}

func (f fakeEngine) UpdateWithStartWorkflow(ctx context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", f.at+"/"+o.UpdateOptions.WorkflowID, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := f.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(string(text))
	}
	return done{}, err
}

// done is an update that has its answer.
type done struct{ client.WorkflowUpdateHandle }

func (done) Get(context.Context, any) error { return nil }
