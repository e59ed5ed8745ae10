package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// errNoPostgres is all that a developer without PostgreSQL has to read.
var errNoPostgres = errors.New("these tests need PostgreSQL's initdb and postgres: `apt-get install postgresql`, " +
	"or name a running server in " + EnvPostgres)

// keeper runs the server for as long as its standard input stays open. The
// test process holds the other end, and the kernel closes it when that process
// ends, even by SIGKILL; then the server goes, and its directory with it.
const keeper = `
dir=$1 bin=$2 port=$3
exec 3<&0 </dev/null >>"$dir/log" 2>&1
"$bin/postgres" -D "$dir/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
	-c fsync=off -c full_page_writes=off -c max_connections=200 3<&- &
server=$!
{ cat <&3; kill -QUIT "$server"; } &
watcher=$!
exec 3<&-
wait "$server"
kill "$watcher"
rm -rf "$dir"
`

// startServer makes a cluster in a temporary directory and starts it on a free
// port of the loopback.
func startServer() (*url.URL, error) {
	bin, err := findBin(debianBins)
	if err != nil {
		return nil, err
	}
	who, base, err := runAs()
	if err != nil {
		return nil, err
	}
	// The port is free when it is chosen, not when it is bound.
	for range 3 {
		var u *url.URL
		if u, err = tryServer(bin, who, base); err == nil {
			return u, nil
		}
	}
	return nil, err
}

func tryServer(bin string, who *syscall.Credential, base string) (*url.URL, error) {
	dir, err := os.MkdirTemp(base, "yanzhen-postgres-")
	if err != nil {
		return nil, err
	}
	u, err := initAndRun(bin, who, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return u, nil
}

func initAndRun(bin string, who *syscall.Credential, dir string) (*url.URL, error) {
	// With a password: a superuser of PostgreSQL may run programs, and other
	// users of this machine reach the loopback too.
	password := randomHex(16)
	pwfile := filepath.Join(dir, "password")
	if err := os.WriteFile(pwfile, []byte(password), 0o600); err != nil {
		return nil, err
	}
	if who != nil {
		for _, path := range []string{dir, pwfile} {
			if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
				return nil, err
			}
		}
	}
	attributes := &syscall.SysProcAttr{Credential: who, Setsid: true} // Ctrl-C reaches the tests, not the server

	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres",
		"--pwfile", pwfile, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.SysProcAttr = dir, attributes
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}

	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", dir, bin, strconv.Itoa(port))
	cmd.Dir, cmd.SysProcAttr = dir, attributes
	// Never closed by us: see keeper. Output goes to a file, because `go test`
	// would wait for a pipe that the server still holds.
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	// Waiting also keeps cmd, and with it the pipe, from the garbage collector.
	go func() { _ = cmd.Wait(); close(ended) }()

	u := &url.URL{Scheme: "postgres", User: url.UserPassword("postgres", password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/postgres"}
	if err := awaitServer(u, ended); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log")) // gone with a server that ended
		_ = lifeline.Close()
		<-ended
		return nil, fmt.Errorf("%w: %s", err, log)
	}
	return u, nil
}

func awaitServer(u *url.URL, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, u.String())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ended:
			return errors.New("postgres ended at its start")
		case <-ctx.Done():
			return fmt.Errorf("postgres did not start in a minute: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePort is below the ports from which systems make connections: one of these
// would soon be somebody's.
func freePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(15000+rand.IntN(15000))))
		if err == nil {
			return l.Addr().(*net.TCPAddr).Port, l.Close()
		}
	}
	return 0, errors.New("no port is free")
}

// debianBins is where Debian keeps PostgreSQL's programs, off the PATH.
const debianBins = "/usr/lib/postgresql/*/bin"

// findBin returns the directory with PostgreSQL's programs.
func findBin(pattern string) (string, error) {
	var candidates []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			candidates = append(candidates, filepath.Dir(path))
		}
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	others, _ := filepath.Glob(pattern) // the pattern is well-formed
	slices.Reverse(others)
	for _, dir := range append(candidates, others...) {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errNoPostgres
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// runAs returns whom to run PostgreSQL as, nil for ourselves, and a directory
// that this user can reach: PostgreSQL refuses to run as root.
func runAs() (*syscall.Credential, string, error) {
	if os.Geteuid() != 0 {
		return nil, os.TempDir(), nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			// TMPDIR may lie in root's home.
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, "/tmp", nil
		}
	}
	return nil, "", errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}
