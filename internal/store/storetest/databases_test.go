package storetest

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// databases runs the script with which the stack in Docker makes owners and
// databases, as the superuser, on a server.
func databases(t *testing.T, server *url.URL, passwords ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("sh", "../../../deploy/postgres/databases.sh")
	password, _ := server.User.Password()
	cmd.Env = append(os.Environ(), "PGHOST="+server.Hostname(), "PGPORT="+server.Port(), "PGPASSWORD="+password)
	if bin, err := findBin(debianBins); err == nil {
		cmd.Env = append(cmd.Env, "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	}
	for i, name := range []string{"POSTGRES_PASSWORD", "TEMPORAL_DB_PASSWORD", "STORE_DB_PASSWORD"} {
		cmd.Env = append(cmd.Env, name+"="+passwords[i])
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func enter(t *testing.T, server *url.URL, user, password, database string) error {
	t.Helper()
	u := *server
	u.User, u.Path = url.UserPassword(user, password), "/"+database
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

// serversLog are the lines that a server of ours has written.
func serversLog(t *testing.T, server *url.URL) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.String())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var data string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data))
	text, err := os.ReadFile(filepath.Join(filepath.Dir(data), "log"))
	require.NoError(t, err)
	require.Contains(t, string(text), "ready to accept connections")
	return strings.Split(string(text), "\n")
}

func TestTheDeploymentsDatabasesHaveAnOwnerEachAndTheirPasswordsAtEveryStart(t *testing.T) {
	server, err := startServer() // of our own: its superuser gets another password
	require.NoError(t, err)
	for range 2 {
		super, temporal, store := randomHex(16), randomHex(16), randomHex(16)
		out, err := databases(t, server, super, temporal, store)
		require.NoError(t, err, out)
		for _, secret := range []string{super, temporal, store} {
			require.NotContains(t, out, secret)
		}
		server.User = url.UserPassword("postgres", super)
		for _, line := range serversLog(t, server) {
			for _, secret := range []string{super, temporal, store} {
				require.NotContains(t, line, secret)
			}
		}
		require.NoError(t, enter(t, server, "postgres", super, "postgres"))
		require.NoError(t, enter(t, server, "temporal", temporal, "temporal"))
		require.NoError(t, enter(t, server, "temporal", temporal, "temporal_visibility"))
		require.NoError(t, enter(t, server, "yanzhen", store, "yanzhen"))
		require.ErrorContains(t, enter(t, server, "temporal", temporal, "yanzhen"), "permission denied")
		require.ErrorContains(t, enter(t, server, "yanzhen", store, "temporal"), "permission denied")
		require.Error(t, enter(t, server, "yanzhen", temporal, "yanzhen"))
	}
}

func TestAPasswordOfTheDeploymentThatIsNoSecretIsRefusedByName(t *testing.T) {
	nobody := &url.URL{Scheme: "postgres", User: url.UserPassword("postgres", "x"), Host: "127.0.0.1:1"}
	good := randomHex(16)
	for _, bad := range []string{"", "postgres", "changeme", strings.Repeat("a", 31), good + "@", good + "é"} {
		out, err := databases(t, nobody, good, bad, good)
		require.Error(t, err, bad)
		require.True(t, strings.HasPrefix(out, "TEMPORAL_DB_PASSWORD in .env is no secret"), out)
		require.Equal(t, 1, strings.Count(out, "\n"), out)
	}
	out, err := databases(t, nobody, "postgres", "temporal", "yanzhen")
	require.Error(t, err)
	require.Equal(t, 3, strings.Count(out, "is no secret"), "every fault at once")
}
