//go:build bench

package bench

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
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
	// key is the API key of the client shop; keyFile, chipKeys and dsn are what the
	// product was given.
	key, keyFile, chipKeys, dsn string
	// hostPort is the engine's, binary the product's.
	hostPort, binary string
	// pathsSoFar are the rows of the section paths, of this run or an earlier one.
	pathsSoFar []Row
	// pids by what the processes are: engine, worker, api, bare.
	pids map[string]int
}

// shop is the client.
const shop = "shop"

// noLimit takes the stand-ins' and the queues' rates out of what is measured.
const noLimit = 10_000

func newStack(t *testing.T, kind string) *stack {
	s := &stack{t: t, dir: t.TempDir(), pids: map[string]int{}}
	hostPort := s.startEngine(kind)

	private, public := sandbox.NewChipKeys()
	s.chipKeys = filepath.Join(s.dir, "chip-keys.json")
	require.NoError(t, os.WriteFile(s.chipKeys, private, 0o600))
	cfg := sandbox.DefaultConfig()
	cfg.Tencent.TokenRate, cfg.Tencent.ResultRate, cfg.Tencent.StatusRate, cfg.AceData.Rate, cfg.Sino.Rate = noLimit, noLimit, noLimit, noLimit, noLimit
	cfg.Megvii.Concurrency, cfg.Sino.MerchantJWKS = noLimit, public
	var err error
	s.vendors, err = sandbox.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.vendors.Close() })

	s.dsn = "sqlite:" + filepath.Join(s.dir, "yanzhen.db")
	if kind == "postgres" {
		s.dsn = storetest.Postgres(t)
	}
	require.NoError(t, store.Migrate(t.Context(), s.dsn))
	s.hostPort = hostPort
	s.startProduct(client.DefaultNamespace)
	s.start("bare", os.Args[0], []string{asProcess + "=bare", bareAt + "=" + hostPort})
	return s
}

// container is what a container of 512 MB leaves to the collector: a worker or an
// api does by itself what this says.
const container = "GOMEMLIMIT=460MiB"

// startProduct starts worker and api in a namespace, with further settings.
func (s *stack) startProduct(namespace string, more ...string) {
	t := s.t
	if s.binary == "" {
		s.binary = *build
	}
	if s.binary == "" {
		s.binary = filepath.Join(s.dir, "yanzhen")
		cmd := exec.Command("go", "build", "-o", s.binary, ".")
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	yanzhen := s.binary
	keys, err := sealing.Generate()
	require.NoError(t, err)
	s.keyFile = filepath.Join(s.dir, "keys.json")
	catalogue := filepath.Join(s.dir, "yanzhen.yaml")
	require.NoError(t, os.WriteFile(s.keyFile, keys, 0o600))
	key, hash := api.NewKey()
	s.key = key
	require.NoError(t, os.WriteFile(catalogue, fmt.Appendf(nil,
		"clients:\n  - id: %s\n    keys: [{name: key, hash: %q, scopes: [\"verifications:read\", \"verifications:write\"]}]\n    return_urls: [%q]\n",
		shop, hash, s.vendors.URL+"/shop/"), 0o600))
	apiAddr, apiOps := freeAddress(t), freeAddress(t)
	s.apiURL = "http://" + apiAddr
	env := []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "TEMPORAL_ADDRESS=" + s.hostPort, "TEMPORAL_NAMESPACE=" + namespace, container,
		"YANZHEN_CONFIG=" + catalogue, "YANZHEN_KEYS=" + s.keyFile, "YANZHEN_STORE=" + s.dsn, "YANZHEN_PUBLIC_URL=" + s.apiURL, "YANZHEN_API_LISTEN=" + apiAddr,
	}
	env = append(env, sandbox.Settings(strings.TrimPrefix(s.vendors.URL, "http://"), s.chipKeys)...)
	for _, rate := range []string{"TENCENT", "TENCENT_POLL", "TENCENT_IAI", "TENCENT_RECORDS", "ACEDATA", "MEGVII", "SINO", "SINO_POLL"} {
		env = append(env, fmt.Sprintf("YANZHEN_%s_RATE=%d", rate, noLimit))
	}
	env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "YANZHEN_TENCENT_SM2_") }) // the stand-ins seal nothing to it
	env = append(env, more...)
	s.start("api", yanzhen, append(env[:len(env):len(env)], "YANZHEN_OPS_LISTEN="+apiOps), "api")
	s.start("worker", yanzhen, append(env[:len(env):len(env)], "YANZHEN_OPS_LISTEN=127.0.0.1:0"), "worker")
	require.Eventually(t, func() bool {
		status, _, err := get("http://" + apiOps + "/readyz")
		return err == nil && status == 200
	}, time.Minute, 50*time.Millisecond)
}

// openStore opens the product's store beside it.
func (s *stack) openStore() store.Store {
	keys, err := sealing.Load(s.keyFile)
	require.NoError(s.t, err)
	st, err := store.Open(s.t.Context(), s.dsn, keys)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = st.Close() })
	return st
}

// start runs a process until the benchmark ends.
func (s *stack) start(name, binary string, env []string, args ...string) {
	cmd := exec.Command(binary, args...)
	f, err := os.Create(filepath.Join(s.dir, name+".log"))
	require.NoError(s.t, err)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = env, f, f, s.dir
	done := run(s.t, cmd)
	s.pids[name] = cmd.Process.Pid
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		f.Close()
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
		out[name] = processorTime(s.t, pid)
	}
	return out
}

// actions is the server's own count of calls that are actions.
func (s *stack) actions() (n float64) {
	_, text, err := get(s.metricsURL)
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

// freeAddress is a port that nobody listens on, below those from which systems make
// connections, and small enough for the table in which the server keeps its own.
func freeAddress(t *testing.T) string {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15000+rand.IntN(15000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
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
