package storetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// errNoPgBouncer is all that a developer without PgBouncer has to read.
var errNoPgBouncer = errors.New("these tests need pgbouncer: `apt-get install pgbouncer`")

// PgBouncer returns the dsn of a fresh, empty database behind a PgBouncer in
// transaction mode: what one client calls its session is spread over a few
// server connections. direct is the same database without it. The test fails
// where there is no PgBouncer; it is never skipped.
func PgBouncer(t testing.TB) (dsn, direct string) {
	t.Helper()
	direct = Postgres(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(errors.New("the database's URL is malformed"))
	}
	host, err := startPgBouncer(t, u)
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	pooled := *u
	pooled.Host = host
	return pooled.String(), direct
}

// poolKeeper runs PgBouncer for as long as its standard input stays open, like
// keeper.
const poolKeeper = `
dir=$1 bin=$2 ini=$3
exec 3<&0 </dev/null >>"$dir/log" 2>&1
"$bin" "$ini" 3<&- &
pool=$!
{ cat <&3; kill -KILL "$pool"; } &
watcher=$!
exec 3<&-
wait "$pool"
kill "$watcher"
rm -rf "$dir"
`

// settings are PgBouncer's. Four server connections are enough to give a
// session's statements to different ones, and fewer than a busy test asks for.
const settings = `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
server_round_robin = 1
`

func startPgBouncer(t testing.TB, database *url.URL) (host string, err error) {
	binary, err := findPgBouncer()
	if err != nil {
		return "", err
	}
	who, base, err := runAs() // PgBouncer refuses to run as root, too
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(base, "yanzhen-pgbouncer-")
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // if nothing was started in it
	port, err := freePort()
	if err != nil {
		return "", err
	}
	password, _ := database.User.Password()
	users, ini := filepath.Join(dir, "users"), filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(settings, database.Hostname(), database.Port(), port, users)
	err = errors.Join(
		os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", database.User.Username(), password), 0o600),
		os.WriteFile(ini, []byte(text), 0o600))
	if who != nil {
		for _, path := range []string{dir, users, ini} {
			err = errors.Join(err, os.Chown(path, int(who.Uid), int(who.Gid)))
		}
	}
	if err != nil {
		return "", err
	}
	cmd := exec.Command("/bin/sh", "-c", poolKeeper, "keeper", dir, binary, ini)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: who, Setsid: true}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = lifeline.Close(); _ = cmd.Wait() })
	host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := awaitPgBouncer(database, host); err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log"))
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return host, nil
}

// awaitPgBouncer waits until it leads to the database.
func awaitPgBouncer(database *url.URL, host string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pooled := *database
	pooled.Host = host
	for {
		conn, err := pgx.Connect(ctx, pooled.String())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return errors.New("it did not answer in a minute")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// findPgBouncer looks where Debian keeps it, too: off a user's PATH.
func findPgBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoPgBouncer
}
