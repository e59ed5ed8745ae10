package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/yanzhen-id/yanzhen/internal/devstack"
)

// shared is what all tests of the package use: the built binary and one
// Temporal server. Each test has a namespace of its own.
var shared struct {
	dir, yanzhen string
	temporal     *devstack.Server
	// temporalDB is the server's database; its write-ahead log lies beside it.
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

func setUp(m *testing.M) (int, error) {
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
	binary, err := devstack.Temporal(ctx, os.Stderr)
	if err != nil {
		return 0, err
	}
	shared.temporalDB, shared.temporalLog = filepath.Join(dir, "temporal.db"), filepath.Join(dir, "temporal.log")
	shared.temporal, err = devstack.StartTemporal(ctx, devstack.Options{
		Binary: binary, DBFile: shared.temporalDB, LogFile: shared.temporalLog,
	})
	if err != nil {
		return 0, err
	}
	defer shared.temporal.Stop()
	return m.Run(), nil
}
