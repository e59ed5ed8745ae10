package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
)

// Command is the Go package of the pinned Temporal command.
const Command = "github.com/temporalio/cli/cmd/temporal"

const cliModule = "github.com/temporalio/cli"

// Temporal returns the path of a `temporal` command that can run a
// development server: the one on PATH, else the one that tools/go.mod pins,
// built into the user's cache folder if it is not there yet. A build takes
// minutes; progress hears of it every ten seconds. Two callers at a time, in
// whatever process, build once.
func Temporal(ctx context.Context, progress io.Writer) (string, error) {
	if path, err := exec.LookPath("temporal"); err == nil {
		return filepath.Abs(path)
	}
	tools, err := toolsDir()
	if err != nil {
		return "", err
	}
	version, err := pinnedVersion(filepath.Join(tools, "go.mod"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for the Temporal server (set HOME or XDG_CACHE_HOME): %w", err)
	}
	target := filepath.Join(cache, "yanzhen", binaryName(version))
	if usable(target) {
		return target, nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", fmt.Errorf("cache folder for the Temporal server: %w", err)
	}
	unlock, err := lock(ctx, target+".lock", progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if usable(target) { // the one we waited for has built it
		return target, nil
	}
	if err := build(ctx, tools, version, target, progress); err != nil {
		return "", err
	}
	return target, nil
}

// binaryName holds everything that makes one build differ from another.
func binaryName(version string) string {
	name := fmt.Sprintf("temporal-%s-%s-%s-%s", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return name
}

func usable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() > 0
}

var ownModule = regexp.MustCompile(`(?m)^module github\.com/yanzhen-id/yanzhen\s*$`)

// toolsDir finds the repository's tools folder: above the working directory,
// or beside the source that this binary was built from. It cannot be embedded
// instead: go:embed does not reach into another module.
func toolsDir() (string, error) {
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		starts = append(starts, filepath.Dir(file))
	}
	for _, dir := range starts {
		for {
			mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && ownModule.Match(mod) {
				return filepath.Join(dir, "tools"), nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", errors.New("there is no `temporal` command on PATH, and the sources that pin one are not here: " +
		"install it (https://docs.temporal.io/cli) or run this in yanzhen's source folder")
}

var required = regexp.MustCompile(`(?m)^\s*(?:require\s+)?` + regexp.QuoteMeta(cliModule) + `\s+(v\S+)`)

func pinnedVersion(goMod string) (string, error) {
	text, err := os.ReadFile(goMod)
	if err != nil {
		return "", fmt.Errorf("the pinned Temporal command: %w", err)
	}
	m := required.FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s does not require %s", goMod, cliModule)
	}
	return string(m[1]), nil
}
