package deploy

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const root = "../.."

// secrets are the variables without which the stack must not start.
var secrets = []string{"POSTGRES_PASSWORD", "TEMPORAL_DB_PASSWORD", "STORE_DB_PASSWORD", "GRAFANA_PASSWORD"}

// oneShots are the services that do something and end.
var oneShots = []string{"databases", "temporal-schema", "setup"}

// env is what `yanzhen init` writes, as far as the compose file demands it.
func env(t *testing.T) []string {
	t.Helper()
	config := t.TempDir()
	if err := os.WriteFile(filepath.Join(config, "yanzhen.env"), []byte("YANZHEN_PUBLIC_URL=https://kyc.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := []string{"CONFIG_DIR=" + config}
	for _, name := range secrets {
		all = append(all, name+"=0123456789abcdef0123456789abcdef")
	}
	return all
}

func load(t *testing.T, env []string) (*types.Project, error) {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithEnv(env), cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	return o.LoadProject(context.Background())
}

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t, env(t))
	if err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return p
}

func TestEverySecretIsRequiredAndHasNoDefault(t *testing.T) {
	for _, missing := range secrets {
		rest := slices.DeleteFunc(env(t), func(v string) bool { return strings.HasPrefix(v, missing+"=") })
		for _, e := range [][]string{rest, append(rest, missing+"=")} {
			if _, err := load(t, e); err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("without %s: %v", missing, err)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`\$\{[A-Z_]*(PASSWORD|SECRET|TOKEN|KEY)[A-Z_]*:?-[^}]*\}`).FindAll(text, -1) {
		t.Errorf("a default for a secret: %s", found)
	}
	// Of all that a container is given, only these hold the passwords.
	for name, s := range project(t).Services {
		for variable, value := range s.Environment {
			secretive := regexp.MustCompile(`PASSWORD|_PWD$|SECRET|TOKEN|STORE$`).MatchString(variable)
			if value != nil && strings.Contains(*value, "0123456789abcdef") != (secretive && *value != "") {
				t.Errorf("%s: %s is not what it seems: a secret that did not come from .env, or a password elsewhere", name, variable)
			}
		}
	}
}

// pinned is a tag that names a version, however coarse; what moves by itself
// does not.
var pinned = regexp.MustCompile(`^[^:@]+(:[^:@]*[0-9][^:@]*|:nonroot|@sha256:[0-9a-f]{64})$`)

func TestImagesArePinned(t *testing.T) {
	built := map[string]string{}
	for name, s := range project(t).Services {
		switch other, twice := built[s.Image]; {
		case s.Build == nil && !pinned.MatchString(s.Image):
			t.Errorf("%s: image %s names no version", name, s.Image)
		case s.Build != nil && s.Image != "" && twice: // they are built side by side
			t.Errorf("%s and %s build the same image", name, other)
		case s.Build != nil:
			built[s.Image] = name
		}
	}
	for _, image := range baseImages(t) {
		if !pinned.MatchString(image) {
			t.Errorf("Dockerfile: FROM %s names no version", image)
		}
	}
}

func TestNothingIsPublishedBeyondLoopbackUnlessTheApiIsTold(t *testing.T) {
	published := func(p *types.Project) map[string]string {
		at := map[string]string{}
		for name, s := range p.Services {
			for _, port := range s.Ports {
				at[name] = port.HostIP
			}
		}
		return at
	}
	for name, ip := range published(project(t)) {
		if ip != "127.0.0.1" {
			t.Errorf("%s is published on %q", name, ip)
		}
	}
	p, err := load(t, append(env(t), "API_BIND=0.0.0.0", "API_PORT=80"))
	if err != nil {
		t.Fatal(err)
	}
	for name, ip := range published(p) {
		if (ip != "127.0.0.1") != (name == "api") {
			t.Errorf("with API_BIND=0.0.0.0 %s is published on %q", name, ip)
		}
	}
}

func TestEveryContainerIsConfinedBoundedAndRestarted(t *testing.T) {
	for name, s := range project(t).Services {
		switch {
		case !s.ReadOnly:
			t.Errorf("%s: its file system is not read-only", name)
		case !slices.Equal(s.CapDrop, []string{"ALL"}):
			t.Errorf("%s: it keeps capabilities", name)
		case name != "postgres" && len(s.CapAdd) > 0:
			t.Errorf("%s: it gets capabilities", name)
		case !slices.Contains(s.SecurityOpt, "no-new-privileges:true"):
			t.Errorf("%s: it may gain privileges", name)
		case s.MemLimit == 0 || s.PidsLimit == 0:
			t.Errorf("%s: no limit of memory or processes", name)
		case s.Logging == nil || s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "":
			t.Errorf("%s: its log grows without bounds", name)
		}
		once := slices.Contains(oneShots, name)
		switch {
		case once && s.Restart != "on-failure:5":
			t.Errorf("%s: restart is %q", name, s.Restart)
		case !once && s.Restart != "unless-stopped":
			t.Errorf("%s: restart is %q", name, s.Restart)
		case !once && s.HealthCheck == nil:
			t.Errorf("%s: no health check", name)
		}
		if s.HealthCheck != nil && s.HealthCheck.StartInterval != nil {
			t.Errorf("%s: healthcheck.start_interval needs engine 25", name)
		}
	}
}

// Prometheus and Grafana start only when they are asked for, and are given only
// files: what they read is there, and nobody can write it.
func TestMonitoringIsAProfileOfFilesThatAreThere(t *testing.T) {
	p := project(t)
	for _, name := range []string{"prometheus", "grafana"} {
		s := p.Services[name]
		if !slices.Equal(s.Profiles, []string{"monitoring"}) {
			t.Errorf("%s: its profiles are %v", name, s.Profiles)
		}
		files := 0
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			files++
			if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				t.Errorf("%s: %s is not there, or not read-only", name, v.Source)
			}
		}
		if files == 0 {
			t.Errorf("%s is given nothing", name)
		}
		if _, reached := s.Networks["data"]; reached {
			t.Errorf("%s reaches the databases", name)
		}
	}
	// What Prometheus asks answers there: services, and the ports of their metrics.
	text, err := os.ReadFile(filepath.Join(root, "deploy/monitoring/prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"worker": `names: [worker], type: A, port: 9090`, "api": `names: [api], type: A, port: 9090`} {
		if at := p.Services[name].Environment["YANZHEN_OPS_LISTEN"]; at == nil || *at != "0.0.0.0:9090" || !strings.Contains(string(text), want) {
			t.Errorf("%s: its metrics are not where Prometheus asks", name)
		}
	}
	if at := p.Services["temporal"].Environment["PROMETHEUS_ENDPOINT"]; at == nil || *at != "0.0.0.0:8000" || !strings.Contains(string(text), `targets: ["temporal:8000"]`) {
		t.Error("temporal: its metrics are not where Prometheus asks")
	}
	for _, name := range []string{"worker", "api", "temporal"} {
		shared := false
		for network := range p.Services["prometheus"].Networks {
			_, on := p.Services[name].Networks[network]
			shared = shared || on
		}
		if !shared {
			t.Errorf("prometheus does not reach %s", name)
		}
	}
}

// What runs once must be waited for, or `up --wait` takes its end for a failure.
func TestWhateverRunsOnceIsWaitedFor(t *testing.T) {
	p := project(t)
	waitedFor := map[string]bool{}
	for _, s := range p.Services {
		for name, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionCompletedSuccessfully {
				waitedFor[name] = true
			}
		}
	}
	for _, name := range oneShots {
		if !waitedFor[name] {
			t.Errorf("nobody waits for %s", name)
		}
	}
}

// product runs our own command line.
func product(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"run", "."}, args...)...)
	cmd.Dir = root
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("go run . %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// settings are the names of all settings there are.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	exists := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(YANZHEN_[A-Z0-9_]+)`").FindAllStringSubmatch(product(t, "config", "--markdown"), -1) {
		exists[m[1]] = true
	}
	if len(exists) < 30 {
		t.Fatalf("only %d settings read from `yanzhen config --markdown`", len(exists))
	}
	return exists
}

func TestSettingsThatContainersGetExist(t *testing.T) {
	exists := settings(t)
	for name, s := range project(t).Services {
		for variable := range s.Environment {
			if strings.HasPrefix(variable, "YANZHEN_") && !exists[variable] {
				t.Errorf("%s: %s is no setting", name, variable)
			}
		}
	}
}

// What an operator sets reaches worker and api under whatever name, so that a
// misspelt one is refused; and nobody else, setup neither, for it holds the vendors'
// secrets.
func TestTheSettingsFileReachesWorkerAndApiWhole(t *testing.T) {
	e := env(t)
	file := filepath.Join(strings.TrimPrefix(e[0], "CONFIG_DIR="), "yanzhen.env")
	if err := os.WriteFile(file, []byte("YANZHEN_MISSPELT=x\nYANZHEN_STORE=sqlite:elsewhere.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := load(t, e)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Services {
		_, reached := s.Environment["YANZHEN_MISSPELT"]
		if reached != slices.Contains([]string{"worker", "api"}, name) {
			t.Errorf("%s: the settings file reached it: %v", name, reached)
		}
		if store := s.Environment["YANZHEN_STORE"]; store != nil && !strings.HasPrefix(*store, "postgres://") {
			t.Errorf("%s: the store is %s", name, *store)
		}
	}
}

// What `yanzhen init` writes is read by compose, and by nobody in vain.
func TestInitsFilesStartTheStack(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	exists := settings(t)
	for _, vendors := range []string{"sandbox", "real"} {
		dir := t.TempDir()
		product(t, "init", "--dir", dir, "--vendors", vendors)
		lines := assignments(t, filepath.Join(dir, ".env"))
		for _, line := range lines {
			name, _, _ := strings.Cut(line, "=")
			if !regexp.MustCompile(`\b`+name+`\b`).Match(text) && name != "COMPOSE_PROFILES" {
				t.Errorf("--vendors %s: docker-compose.yml does not read %s", vendors, name)
			}
		}
		p, err := load(t, append(lines, "CONFIG_DIR="+filepath.Join(dir, "config")))
		if err != nil {
			t.Fatalf("--vendors %s: %v", vendors, err)
		}
		for _, line := range assignments(t, filepath.Join(dir, "config", "yanzhen.env")) {
			name, value, _ := strings.Cut(line, "=")
			if got := p.Services["worker"].Environment[name]; !exists[name] || got == nil || *got != value {
				t.Errorf("--vendors %s: %s is no setting, or compose reads it otherwise", vendors, name)
			}
		}
	}
}

// Links and the stand-ins' reports are built on the public address.
func TestInitsPublicAddressIsWhereTheAPIIsPublished(t *testing.T) {
	dir := t.TempDir()
	product(t, "init", "--dir", dir, "--public-url", "http://127.0.0.1:18080")
	p, err := load(t, append(assignments(t, filepath.Join(dir, ".env")), "CONFIG_DIR="+filepath.Join(dir, "config")))
	if err != nil {
		t.Fatal(err)
	}
	if ports := p.Services["api"].Ports; len(ports) != 1 || ports[0].Published != "18080" || ports[0].HostIP != "127.0.0.1" {
		t.Errorf("the API is published on %v", ports)
	}
	if command := p.Services["sandbox"].Command; !slices.Contains(command, "127.0.0.1:18080=api:8080") {
		t.Errorf("the stand-ins report elsewhere: %v", command)
	}
}

// assignments are the lines NAME=value of a file.
func assignments(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^[A-Z0-9_]+=.*$`).FindAllString(string(text), -1)
}

func dockerfile(t *testing.T) *parser.Node {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := parser.Parse(f)
	if err != nil {
		t.Fatalf("Dockerfile: %v", err)
	}
	if len(r.Warnings) > 0 {
		t.Errorf("Dockerfile: %v", r.Warnings)
	}
	return r.AST
}

// instructions returns the words after each instruction of a name.
func instructions(ast *parser.Node, name string) [][]string {
	var all [][]string
	for _, n := range ast.Children {
		if !strings.EqualFold(n.Value, name) {
			continue
		}
		var words []string
		for w := n.Next; w != nil; w = w.Next {
			words = append(words, w.Value)
		}
		all = append(all, words)
	}
	return all
}

func baseImages(t *testing.T) []string {
	var images []string
	for _, words := range instructions(dockerfile(t), "FROM") {
		images = append(images, words[0])
	}
	return images
}

func TestTheImageHoldsOneStaticBinaryAndNoShell(t *testing.T) {
	ast := dockerfile(t)
	images := baseImages(t)
	if len(images) != 2 || !strings.HasPrefix(images[1], "gcr.io/distroless/static") {
		t.Errorf("not two stages that end in distroless static: %v", images)
	}
	run := strings.Join(slices.Concat(instructions(ast, "RUN")...), " ")
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "cmd.Version="} {
		if !strings.Contains(run, want) {
			t.Errorf("the build lacks %s", want)
		}
	}
	if users := instructions(ast, "USER"); len(users) != 1 || users[0][0] != "65532:65532" {
		t.Errorf("USER is %v", users)
	}
	if copies := instructions(ast, "COPY"); len(copies) != 1 {
		t.Errorf("more than the binary is copied: %v", copies)
	}
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	minor := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(goMod)
	if minor == nil || !strings.HasPrefix(images[0], "golang:"+string(minor[1])+".") {
		t.Errorf("the image builds with %s, go.mod asks for %s", images[0], minor)
	}
}

// A secret that lies beside the sources must not enter the build.
func TestTheBuildSeesNoSecret(t *testing.T) {
	for file, lines := range map[string][]string{".dockerignore": {".env*", "config/", "keys.json"}, ".gitignore": {"/.env", "/config/"}} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !slices.Contains(strings.Split(string(text), "\n"), line) {
				t.Errorf("%s does not list %s", file, line)
			}
		}
	}
}
