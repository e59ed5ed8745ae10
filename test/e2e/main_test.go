package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
)

// shared is what all tests of the package use: the built binary and one
// Temporal server. Each test has a namespace of its own.
var shared struct {
	dir, yanzhen string
	temporal     *devstack.Server
	// temporalDB is the server's database, where it is a file; its write-ahead log
	// lies beside it.
	temporalDB, temporalLog string
}

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// atATime is how many parallel tests run together, unless -parallel says
// otherwise. It is more than the cores: most of them wait for a clock, such as
// the time-out by which the engine notices a lost worker.
const atATime = 6

func runTogether() error {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if told {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(atATime))
}

func setUp(m *testing.M) (int, error) {
	if err := runTogether(); err != nil {
		return 0, err
	}
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "yanzhen-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	shared.dir = dir
	shared.yanzhen = filepath.Join(dir, "yanzhen")
	build := exec.Command("go", "build", "-o", shared.yanzhen, ".")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	stop, err := startShared(ctx)
	if err != nil {
		return 0, err
	}
	defer stop()
	return m.Run(), nil
}
