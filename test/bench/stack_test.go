//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// stack is one server with the product and the bare workflow's worker on it, each
// of them a process of its own, whose processor time can be read.
type stack struct {
	t          *testing.T
	dir        string
	temporal   client.Client
	metricsURL string
	vendors    *sandbox.Server
	apiURL     string
	key        string
	// pids by what the processes are: engine, worker, api, bare.
	pids map[string]int
}

// noLimit takes the stand-ins' and the queues' rates out of what is measured.
const noLimit = 10_000

func newStack(t *testing.T, kind string) *stack {
	s := &stack{t: t, dir: t.TempDir(), pids: map[string]int{}}
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	metrics := freeAddress(t)
	server, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, DBFile: filepath.Join(s.dir, "temporal.db"),
		SearchAttributes: workflows.SearchAttributes(), Headless: true, LogFile: filepath.Join(s.dir, "temporal.log"), MetricsPort: port(metrics)})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	s.metricsURL = "http://" + metrics + "/metrics"
	s.pids["engine"] = server.PID()
	s.temporal, err = client.Dial(client.Options{HostPort: server.HostPort, Logger: log.NewStructuredLogger(discard),
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}})
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)

	cfg := sandbox.DefaultConfig()
	cfg.Tencent.TokenRate, cfg.Tencent.ResultRate, cfg.Tencent.StatusRate, cfg.AceData.Rate = noLimit, noLimit, noLimit, noLimit
	s.vendors, err = sandbox.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.vendors.Close() })

	dsn := "sqlite:" + filepath.Join(s.dir, "yanzhen.db")
	if kind == "postgres" {
		dsn = storetest.Postgres(t)
	}
	require.NoError(t, store.Migrate(t.Context(), dsn))
	s.startProduct(server.HostPort, dsn)
	s.start("bare", os.Args[0], []string{bareAt + "=" + server.HostPort})
	return s
}

func (s *stack) startProduct(engine, dsn string) {
	t := s.t
	yanzhen := *build
	if yanzhen == "" {
		yanzhen = filepath.Join(s.dir, "yanzhen")
		cmd := exec.Command("go", "build", "-o", yanzhen, ".")
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	keys, err := sealing.Generate()
	require.NoError(t, err)
	keyFile, catalogue := filepath.Join(s.dir, "keys.json"), filepath.Join(s.dir, "yanzhen.yaml")
	require.NoError(t, os.WriteFile(keyFile, keys, 0o600))
	key, hash := api.NewKey()
	s.key = key
	require.NoError(t, os.WriteFile(catalogue, fmt.Appendf(nil,
		"clients:\n  - id: shop\n    keys: [{name: key, hash: %q, scopes: [\"verifications:read\", \"verifications:write\"]}]\n    return_urls: [%q]\n",
		hash, s.vendors.URL+"/shop/"), 0o600))
	apiAddr, apiOps := freeAddress(t), freeAddress(t)
	s.apiURL = "http://" + apiAddr
	host := strings.TrimPrefix(s.vendors.URL, "http://")
	env := []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "TEMPORAL_ADDRESS=" + engine,
		"YANZHEN_CONFIG=" + catalogue, "YANZHEN_KEYS=" + keyFile, "YANZHEN_STORE=" + dsn, "YANZHEN_PUBLIC_URL=" + s.apiURL, "YANZHEN_API_LISTEN=" + apiAddr,
		"YANZHEN_TENCENT_SCHEME=http", "YANZHEN_TENCENT_ENDPOINT=" + host + "/tencent",
		"YANZHEN_TENCENT_SECRET_ID=" + sandbox.DefaultSecretID, "YANZHEN_TENCENT_SECRET_KEY=" + sandbox.DefaultSecretKey,
		"YANZHEN_TENCENT_MERCHANT_ID=" + sandbox.DefaultMerchantID,
		"YANZHEN_ACEDATA_BASE_URL=" + s.vendors.URL + "/acedata", "YANZHEN_ACEDATA_TOKEN=" + sandbox.DefaultAceDataToken,
		fmt.Sprintf("YANZHEN_TENCENT_RATE=%d", noLimit), fmt.Sprintf("YANZHEN_TENCENT_POLL_RATE=%d", noLimit), fmt.Sprintf("YANZHEN_ACEDATA_RATE=%d", noLimit),
	}
	s.start("api", yanzhen, append(env[:len(env):len(env)], "YANZHEN_OPS_LISTEN="+apiOps), "api")
	s.start("worker", yanzhen, append(env[:len(env):len(env)], "YANZHEN_OPS_LISTEN=127.0.0.1:0"), "worker")
	require.Eventually(t, func() bool {
		status, _, _ := s.get("http://"+apiOps+"/readyz", "")
		return status == 200
	}, time.Minute, 50*time.Millisecond)
}

// start runs a process until the benchmark ends.
func (s *stack) start(name, binary string, env []string, args ...string) {
	cmd := exec.Command(binary, args...)
	f, err := os.Create(filepath.Join(s.dir, name+".log"))
	require.NoError(s.t, err)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = env, f, f, s.dir
	require.NoError(s.t, cmd.Start())
	s.pids[name] = cmd.Process.Pid
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); f.Close(); close(done) }()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		if s.t.Failed() {
			text, _ := os.ReadFile(f.Name())
			s.t.Logf("%s:\n%s", name, text[max(0, len(text)-3000):])
		}
	})
}

// used is the processor time that each process has taken.
func (s *stack) used() map[string]time.Duration {
	out := map[string]time.Duration{}
	for name, pid := range s.pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		require.NoError(s.t, err)
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		user, _ := strconv.ParseInt(f[11], 10, 64)
		system, _ := strconv.ParseInt(f[12], 10, 64)
		out[name] = time.Duration(user+system) * 10 * time.Millisecond // the kernel's ticks
	}
	return out
}

// actions is the server's own count of calls that are actions.
func (s *stack) actions() (n float64) {
	_, text, err := s.get(s.metricsURL, "")
	require.NoError(s.t, err)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "action{") || strings.HasPrefix(line, "temporal_action{") {
			f := strings.Fields(line)
			v, _ := strconv.ParseFloat(f[len(f)-1], 64)
			n += v
		}
	}
	return n
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func port(address string) int {
	_, text, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(text)
	return n
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func (r Report) write(t *testing.T, dir string) {
	text, err := json.MarshalIndent(r, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "performance.json"), append(text, '\n'), 0o644))
	f, err := os.Create(filepath.Join(dir, "performance.svg"))
	require.NoError(t, err)
	r.Picture(f)
	require.NoError(t, f.Close())
	r.Table(os.Stdout)
}
