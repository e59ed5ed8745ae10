package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// options say what a test's stack is made of.
type options struct {
	// policies is the YAML of the catalogue's policies; empty: cn-resident with
	// clocks of seconds.
	policies string
	// dsn of the store; empty: SQLite in the stack's folder.
	dsn string
	// env is added to both processes' settings.
	env []string
	// tokenTTL of the stand-in's sessions; 0: 600 s.
	tokenTTL time.Duration
	// temporal is the server's address; empty: the shared one's.
	temporal string
	// chip: Sino Connect and the comparer are configured too.
	chip bool
	// megvii: Megvii is configured too, and its policies have clocks of seconds.
	megvii bool
	// everyVendor: Megvii is configured too, without policies of its own.
	everyVendor bool
	// vendors changes the stand-ins' settings.
	vendors func(*sandbox.Config)
	// abroad: nobody confirmed that AceData and Sino Connect are on the mainland.
	abroad bool
	// webhooks are the endpoints of the client "shop", as YAML.
	webhooks string
	// returnURLs are allowed to the clients beside {vendorsURL}/shop/.
	returnURLs []string
}

// jurisdictions say where the vendors are that do not say it themselves.
func (o options) jurisdictions() string {
	if o.abroad {
		return ""
	}
	return `processors:
  - {vendor: acedata, jurisdiction: CN, zh-CN: {country: 中国}, en: {country: China}}
  - {vendor: sino_connect, jurisdiction: CN, zh-CN: {country: 中国}, en: {country: China}}
`
}

// quickPolicy is cn-resident whose clocks run out in seconds.
const quickPolicy = `policies:
  - name: cn-resident
    version: 2
    start_patience: 10s
    records_patience: 20s
    last_look_patience: 10s
    retry_window: 20s
    review_deadline: 60s
`

// stack is one installation: a namespace, a store, stand-in vendors, and the
// api and the worker as processes. Everything ends with the test.
type stack struct {
	t         *testing.T
	dir       string
	namespace string
	dsn       string
	env       []string
	temporal  client.Client
	vendors   *sandbox.Sandbox
	// vendorsURL, apiURL and opsURL are http://host:port.
	vendorsURL, apiURL, opsURL string
	// workerOps is host:port of the worker's health and metrics.
	workerOps string
	// log is the engine's client's; nil: it says nothing.
	log *slog.Logger
	// heard hears of each answer of the API; nil: nobody does.
	heard func(method, path string, a answer)
	// keys are the API keys of the clients "shop" and "other".
	keys        map[string]string
	api, worker *process
	// binary is what its processes run; empty: the shared one.
	binary string
}

// onEachStore runs a test with the dsn of each kind of store; empty: SQLite in the
// stack's folder.
func onEachStore(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { f(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { f(t, storetest.Postgres(t)) })
}

func newStack(t *testing.T, o options) *stack {
	t.Helper()
	s := &stack{t: t, dir: t.TempDir(), keys: map[string]string{}}
	s.namespace = fmt.Sprintf("e2e-%d", rand.Uint64())
	s.startVendors(o)
	s.prepare(o)
	s.api = s.start("api")
	s.startWorker()
	s.waitReady()
	return s
}

// startVendors serves the stand-ins.
func (s *stack) startVendors(o options) {
	cfg := sandbox.DefaultConfig()
	if o.tokenTTL != 0 {
		cfg.Tencent.TokenTTL = o.tokenTTL
	}
	if o.chip {
		_, cfg.Sino.MerchantJWKS = chipKeys()
	}
	if o.vendors != nil {
		o.vendors(&cfg)
	}
	server, err := sandbox.Start(cfg)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = server.Close() })
	s.vendors, s.vendorsURL = server.Sandbox, server.URL
}

// prepare makes namespace, keys, store and catalogue, and the processes'
// settings.
func (s *stack) prepare(o options) {
	t := s.t
	t.Helper()
	apiAddr, opsAddr := freeAddress(t), freeAddress(t)
	s.apiURL, s.opsURL = "http://"+apiAddr, "http://"+opsAddr

	server := o.temporal
	if server == "" {
		server = shared.temporal.HostPort
	}
	log := s.log
	if log == nil {
		log = discard
	}
	c, err := client.Dial(client.Options{HostPort: server, Namespace: s.namespace, Logger: temporallog.NewStructuredLogger(log)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		err = engine.Setup(t.Context(), c, s.namespace, workflows.SearchAttributes(), 24*time.Hour, func(string) {})
		if err == nil || !engine.NotYet(err) || time.Now().After(until) {
			break
		}
	}
	require.NoError(t, err)
	s.temporal = c

	keyFile := filepath.Join(s.dir, "keys.json")
	set, err := sealing.Generate()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(keyFile, set, 0o600))
	s.dsn = o.dsn
	if s.dsn == "" {
		s.dsn = s.usualStore()
	}
	require.NoError(t, store.Migrate(t.Context(), s.dsn))

	var clients strings.Builder
	clients.WriteString("clients:\n")
	returnURLs := `"` + strings.Join(append([]string{s.vendorsURL + "/shop/"}, o.returnURLs...), `", "`) + `"`
	for _, id := range []string{"shop", "other"} {
		key, hash := api.NewKey()
		s.keys[id] = key
		fmt.Fprintf(&clients, "  - id: %s\n    self_review: true\n    keys: [{name: %s-key, hash: %q, scopes: [\"verifications:read\", \"verifications:write\", \"review:read\", \"review:write\", \"outputs:read\", \"events:read\", \"webhooks:write\", \"privacy:write\", \"privacy:search\", \"evidence:read\"]}]\n    purposes: [test]\n    return_urls: [%s]\n", id, id, hash, returnURLs)
		if id == "shop" && o.webhooks != "" {
			fmt.Fprintf(&clients, "    webhooks: %s\n", o.webhooks)
		}
	}
	key, hash := api.NewKey()
	s.keys["reviewer"] = key
	fmt.Fprintf(&clients, "reviewers:\n  - {name: %s, hash: %q, clients: [shop]}\n", reviewer, hash)
	policies := o.policies
	if policies == "" {
		policies = quickPolicy
	}
	if o.megvii {
		policies += megviiPolicies
	}
	catalogue := filepath.Join(s.dir, "yanzhen.yaml")
	require.NoError(t, os.WriteFile(catalogue, []byte(clients.String()+o.jurisdictions()+policies), 0o600))

	vendors := strings.TrimPrefix(s.vendorsURL, "http://")
	s.env = []string{
		"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"),
		"TEMPORAL_ADDRESS=" + server, "TEMPORAL_NAMESPACE=" + s.namespace,
		"YANZHEN_CONFIG=" + catalogue, "YANZHEN_KEYS=" + keyFile, "YANZHEN_STORE=" + s.dsn,
		"YANZHEN_PUBLIC_URL=" + s.apiURL, "YANZHEN_API_LISTEN=" + apiAddr, "YANZHEN_OPS_LISTEN=" + opsAddr,
		"YANZHEN_LOG_LEVEL=debug",
		"YANZHEN_TENCENT_SCHEME=http", "YANZHEN_TENCENT_ENDPOINT=" + vendors + "/tencent",
		"YANZHEN_TENCENT_SECRET_ID=" + sandbox.DefaultSecretID, "YANZHEN_TENCENT_SECRET_KEY=" + sandbox.DefaultSecretKey,
		"YANZHEN_TENCENT_MERCHANT_ID=" + sandbox.DefaultMerchantID,
		"YANZHEN_TENCENT_RECORDS_ENABLED=true", "YANZHEN_TENCENT_RECORDS_SCHEME=http", "YANZHEN_TENCENT_RECORDS_ENDPOINT=" + vendors + "/tencent",
		"YANZHEN_ACEDATA_BASE_URL=" + s.vendorsURL + "/acedata", "YANZHEN_ACEDATA_TOKEN=" + sandbox.DefaultAceDataToken,
	}
	if o.megvii || o.everyVendor {
		s.env = append(s.env, s.megviiSettings()...)
	}
	if o.chip {
		s.env = append(s.env, s.chipSettings()...)
	}
	if o.tokenTTL != 0 {
		s.env = append(s.env, "YANZHEN_TENCENT_TOKEN_TTL="+o.tokenTTL.String())
	}
	s.env = append(s.env, o.env...) // the last one counts
}

// process is one running command of the binary.
type process struct {
	cmd  *exec.Cmd
	log  string // its file
	done chan struct{}
}

// start runs a command of the binary; its output is appended to <name>.log in
// the stack's folder.
func (s *stack) start(name string, args ...string) *process {
	s.t.Helper()
	p := &process{log: filepath.Join(s.dir, name+".log"), done: make(chan struct{})}
	f, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.t, err)
	defer f.Close()
	p.cmd = exec.Command(cmp.Or(s.binary, shared.yanzhen), append([]string{name}, args...)...)
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.env, s.dir, f, f
	require.NoError(s.t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			text, _ := os.ReadFile(p.log)
			s.t.Logf("%s.log:\n%s", name, tail(text, 6000))
		}
	})
	return p
}

// startWorker starts the worker, again after a kill.
func (s *stack) startWorker() {
	s.t.Helper()
	saved := s.env
	s.workerOps = freeAddress(s.t)
	s.env = append(saved[:len(saved):len(saved)], "YANZHEN_OPS_LISTEN="+s.workerOps)
	s.worker = s.start("worker")
	s.env = saved
}

// kill ends the process as a lost machine would: SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks the process to stop and waits.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		t.Fatal("the process did not stop within 40 s")
	}
}

// waitReady waits until the api is ready.
func (s *stack) waitReady() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		res, err := http.Get(s.opsURL + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond, "the api is not ready")
}

// logs are everything that api and worker wrote.
func (s *stack) logs() []byte {
	var all bytes.Buffer
	for _, name := range []string{"api", "worker"} {
		text, _ := os.ReadFile(filepath.Join(s.dir, name+".log"))
		all.Write(text)
	}
	return all.Bytes()
}

// freeAddress is an address that nobody else takes, also while its process is
// down for a moment: others run tests on this machine, and each connection takes
// a port of 127.0.0.1. Linux has the whole of 127.0.0.0/8 for that.
func freeAddress(t *testing.T) string {
	t.Helper()
	host := "127.0.0.1"
	if runtime.GOOS == "linux" {
		host = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	}
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(15000+rand.IntN(15000))))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// within is a context that ends with the test or after d.
func (s *stack) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	s.t.Cleanup(cancel)
	return ctx
}
