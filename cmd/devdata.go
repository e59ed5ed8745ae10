package cmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/template"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// devState is what other commands learn of the running local stack. It holds
// a key, so it is for its owner only.
type devState struct {
	API        string `json:"api"`
	APIKey     string `json:"api_key"`
	Ops        string `json:"ops"`
	Sandbox    string `json:"sandbox"`
	Temporal   string `json:"temporal"`
	TemporalUI string `json:"temporal_ui,omitempty"`
	// Receiver is where the client's webhooks go, and hookSecret signs them.
	Receiver   string `json:"receiver"`
	hookSecret string
	// WebhookSecret signs what is sent to the endpoint of --webhook.
	WebhookSecret string `json:"webhook_secret,omitempty"`
	// Settings are those of its processes, for who looks at it or acts on it as an
	// operator, and Namespace is its runs'.
	Settings  []string `json:"settings,omitempty"`
	Namespace string   `json:"namespace,omitempty"`
}

// dataDir is where the local stack keeps everything: the user's cache folder,
// so that start and status find it from anywhere.
func dataDir(flag string) string {
	if flag != "" {
		return flag
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ".yanzhen"
	}
	return filepath.Join(cache, "yanzhen", "dev")
}

func devKeys(dir string) string  { return filepath.Join(dir, "keys.json") }
func devStore(dir string) string { return "sqlite:" + filepath.Join(dir, "yanzhen.db") }

func statePath(dir string) string { return filepath.Join(dir, "dev.json") }

func readState(dir string) (devState, bool) {
	var s devState
	text, err := os.ReadFile(statePath(dir))
	if err != nil || json.Unmarshal(text, &s) != nil {
		return devState{}, false
	}
	return s, true
}

// env is the line that sets the stack's address and secrets in a shell.
func (s devState) env() string {
	line := fmt.Sprintf("export API=%s KEY=%s", s.API, s.APIKey)
	if s.WebhookSecret != "" {
		line += " WEBHOOK_SECRET=" + s.WebhookSecret
	}
	return line
}

func printEnv(dir string, out io.Writer) error {
	state, found := readState(dir)
	if !found {
		return exit(exitUsage, "no local stack in %s: start `yanzhen dev` in another terminal", dir)
	}
	fmt.Fprintln(out, state.env())
	return nil
}

func (s devState) write(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(statePath(dir), append(text, '\n'))
}

// writePrivate replaces a file in one step, readable by its owner only.
func writePrivate(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// listenLocal listens on the port of loopback. A taken one is an error if it was
// asked for; else it says so and takes a free one.
func listenLocal(port devPort, what string, out io.Writer) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port.number)))
	if err == nil {
		return l, nil
	}
	if port.asked {
		return nil, fmt.Errorf("port %d, asked for %s: %w", port.number, what, err)
	}
	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no free port for %s: %w", what, err)
	}
	fmt.Fprintf(out, "Port %d is taken: %s on %d instead.\n", port.number, what, l.Addr().(*net.TCPAddr).Port)
	return l, nil
}

// freeLocal is listenLocal for a port that a child process will listen on.
func freeLocal(port devPort, what string, out io.Writer) (int, error) {
	l, err := listenLocal(port, what, out)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// devClient is the local stack's own client.
const devClient = "dev"

// devCatalogue is the local stack's configuration file. Its policies wait seconds
// where production waits hours, so that every ending can be seen, and know no cap a
// day that anybody reaches: here the same few people come again and again.
var devCatalogue = template.Must(template.New("").Parse(`# Written by yanzhen dev at each start; changes here are lost.
clients:
  - id: {{.Client}}
    self_review: true # one key for everything that one may try
    keys:
      - name: dev
        hash: "{{.KeyHash}}"
        scopes: ["verifications:read", "verifications:write", "outputs:read", "review:read", "review:write", "events:read", "webhooks:write", "privacy:write", "privacy:search", "evidence:read"]
    purposes: ["account_opening"]
    return_urls: [{{range .ReturnURLs}}{{printf "%q" .}}, {{end}}"{{.Sandbox}}/", "http://localhost:3000/"]
    webhooks: [{id: printer, url: "{{.Receiver}}", secrets: ["{{.HookSecret}}"]}{{if .Webhook}}, {id: dev, url: {{printf "%q" .Webhook}}, secrets: ["{{.WebhookSecret}}"]}{{end}}]
policies:
{{- range .Policies}}
  - name: {{.}}
    version: 2
    presentation: vendor # what is played here are the vendors' pages; a request may ask for page
    start_patience: 10s
    records_patience: 10s
    last_look_patience: 10s
    retry_window: 20s
    review_deadline: 60s
    records_daily_cap: 1000000
    sessions_daily_cap: 1000000
{{- end}}
`))

// prepare makes the data folder's keys and files, and returns the state to be
// written and the settings with which the stack runs: the same that a real
// installation has, pointed at the stand-ins.
func prepare(dir string, s devState, o devOptions) (devState, *config.Config, error) {
	old, _ := readState(dir)
	s.APIKey = old.APIKey
	if s.APIKey == "" {
		s.APIKey, _ = api.NewTestKey()
	}
	if o.webhook != "" {
		s.WebhookSecret = cmp.Or(old.WebhookSecret, webhook.NewSecret())
	}
	keys := devKeys(dir)
	if _, err := os.Stat(keys); errors.Is(err, os.ErrNotExist) {
		if err := createKeys(keys, io.Discard); err != nil {
			return s, nil, err
		}
	}
	catalogue := filepath.Join(dir, "yanzhen.yaml")
	f, err := os.OpenFile(catalogue, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return s, nil, err
	}
	err = devCatalogue.Execute(f, map[string]any{
		"Webhook": o.webhook, "WebhookSecret": s.WebhookSecret, "Client": devClient, "ReturnURLs": o.returnURLs, "KeyHash": api.HashKey(s.APIKey), "Sandbox": s.Sandbox,
		"Receiver": s.Receiver, "HookSecret": s.hookSecret, "Policies": slices.Sorted(maps.Keys(config.BuiltIn())),
	})
	if err := errors.Join(err, f.Close()); err != nil {
		return s, nil, err
	}
	chipKeys, err := createChipKeys(dir)
	if err != nil {
		return s, nil, err
	}
	settings := append(sandbox.Settings(trimScheme(s.Sandbox), chipKeys),
		"YANZHEN_LOG_FORMAT=text",
		"YANZHEN_KEYS="+keys,
		"YANZHEN_STORE="+devStore(dir),
		"YANZHEN_PUBLIC_URL="+s.API,
		"YANZHEN_API_LISTEN="+trimScheme(s.API),
		"YANZHEN_OPS_LISTEN="+trimScheme(s.Ops),
		"YANZHEN_WEBHOOK_ALLOW=127.0.0.0/8,::1/128", // receivers on this machine
		"YANZHEN_WEBHOOK_SCHEDULE=0s,2s,5s,15s,1m,5m",
		"YANZHEN_TENCENT_IAI_PATIENCE=10s",
		"YANZHEN_MEGVII_LOOK_AFTER=1s",
		"YANZHEN_SINO_POLL_MIN=500ms",
		"YANZHEN_SINO_POLL_MAX=1s",
	)
	settings = append(settings, o.logs...)
	s.Settings = append(slices.Clone(settings), "YANZHEN_CONFIG="+catalogue)
	cfg, err := load(s.Settings,
		config.Needs{Keys: true, Clients: true, Providers: true, CheckAccess: checkAccess})
	if err == nil && o.catalogue != "" {
		err = addCatalogue(cfg, o.catalogue, settings)
	}
	return s, cfg, err
}
