package storetest

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestPostgresGivesEveryTestItsOwnDatabase(t *testing.T) {
	for range 2 {
		conn, err := pgx.Connect(t.Context(), Postgres(t))
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "CREATE TABLE mine (a int)")
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
}

// envHold makes this test binary start a server of its own, print where it
// lies, and wait to be killed.
const envHold = "YANZHEN_TEST_HOLD_POSTGRES"

func TestMain(m *testing.M) {
	if os.Getenv(envHold) == "" {
		os.Exit(m.Run())
	}
	u, err := startServer()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	conn, err := pgx.Connect(context.Background(), u.String())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var data string
	if err := conn.QueryRow(context.Background(), "SHOW data_directory").Scan(&data); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(data)
	fmt.Println(u)
	select {}
}

func TestTheServerAndItsFilesGoWhenTheTestProcessIsKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envHold+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	data := lines.Text()
	require.True(t, lines.Scan(), data)
	dsn := lines.Text()
	require.DirExists(t, data)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait(), "it was killed")

	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Dir(data))
		return errors.Is(err, fs.ErrNotExist)
	}, 30*time.Second, 20*time.Millisecond, "the directory is still there")
	_, err = pgx.Connect(t.Context(), dsn)
	require.Error(t, err, "the server is still there")
}

func TestAMachineWithoutPostgreSQLIsToldWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findBin(t.TempDir() + "/*/bin")
	require.ErrorContains(t, err, "apt-get install postgresql")
}

func TestANamedServerIsUsedInPlaceOfOurOwn(t *testing.T) {
	t.Setenv(EnvPostgres, "postgres://u:pa55word@db.example:5433/x")
	u, err := findServer()
	require.NoError(t, err)
	require.Equal(t, os.Getenv(EnvPostgres), u.String())
	t.Setenv(EnvPostgres, "host=db.example password=pa55word")
	_, err = findServer()
	require.ErrorContains(t, err, EnvPostgres)
	require.NotContains(t, err.Error(), "pa55word")
}

func TestTracesAreFoundWhereverTheTextStands(t *testing.T) {
	const text = "测试甲 jia 𠮷"
	for offset := range 3 {
		around := append(make([]byte, offset), (text + "behind")...)
		require.Contains(t, Find([]byte(base64.StdEncoding.EncodeToString(around)), text), fmt.Sprintf("base64+%d", offset))
	}
	require.Equal(t, []string{"hex"}, Find(fmt.Appendf(nil, "..%x..", text), text))
	require.Equal(t, []string{"HEX"}, Find(fmt.Appendf(nil, "..%X..", text), text))
	require.Equal(t, []string{"utf-8"}, Find([]byte(".."+text+".."), text))
	require.Equal(t, []string{"json"}, Find([]byte(`"测\u6d4b\u8bd5\u7532 jia \ud842\udfb7"`), text))
	require.Equal(t, []string{"URL"}, Find([]byte("?name=%E6%B5%8B%E8%AF%95%E7%94%B2+jia+%F0%A0%AE%B7&x"), text))
	require.Equal(t, []string{"url"}, Find([]byte("?name=%e6%b5%8b%e8%af%95%e7%94%b2+jia+%f0%a0%ae%b7"), text))
	require.Empty(t, Find([]byte("测试 jia"), text))
}
