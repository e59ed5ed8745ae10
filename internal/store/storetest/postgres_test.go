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
	"slices"
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

// Each way is written here by other means than the search's own where there are any.
func TestTracesAreFoundWhereverTheTextStands(t *testing.T) {
	const text = "测试甲 jia 𠮷"
	for offset := range 3 {
		around := append(make([]byte, offset), (text + "behind")...)
		require.Contains(t, Find([]byte(base64.StdEncoding.EncodeToString(around)), text), fmt.Sprintf("base64+%d", offset))
		// Of another alphabet only where a character of it is there.
		inURL := base64.URLEncoding.EncodeToString(append(make([]byte, offset), "ÿþÿ乿乿乿"...))
		require.Contains(t, Find([]byte(inURL), "ÿþÿ乿乿乿"), fmt.Sprintf("base64url+%d", offset))
	}
	for want, data := range map[string]string{
		"utf-8":         ".." + text + "..",
		"hex":           fmt.Sprintf("..%x..", text),
		"HEX":           fmt.Sprintf("..%X..", text),
		"json":          `"测\u6d4b\u8bd5\u7532 jia \ud842\udfb7"`,
		"JSON":          `"\u6D4B\u8BD5\u7532 jia \uD842\uDFB7"`,
		"json hex":      fmt.Sprintf("%x", `"\u6d4b\u8bd5\u7532 jia \ud842\udfb7"`),
		"URL":           "?name=%E6%B5%8B%E8%AF%95%E7%94%B2+jia+%F0%A0%AE%B7&x",
		"url":           "?name=%e6%b5%8b%e8%af%95%e7%94%b2+jia+%f0%a0%ae%b7",
		"URL path":      "/%E6%B5%8B%E8%AF%95%E7%94%B2%20jia%20%F0%A0%AE%B7/x",
		"url path":      "/%e6%b5%8b%e8%af%95%e7%94%b2%20jia%20%f0%a0%ae%b7",
		"octal":         `\346\265\213\350\257\225\347\224\262 jia \360\240\256\267`,
		"bytes":         `\xe6\xb5\x8b\xe8\xaf\x95\xe7\x94\xb2 jia \xf0\xa0\xae\xb7`,
		"gb18030":       "..\xb2\xe2\xca\xd4\xbc\xd7 jia \x95\x34\xb2\x35..",
		"gb18030 URL":   "%B2%E2%CA%D4%BC%D7+jia+%954%B25",
		"utf-16le":      "\x4b\x6d\xd5\x8b\x32\x75 \x00j\x00i\x00a\x00 \x00\x42\xd8\xb7\xdf",
		"utf-16be":      "\x6d\x4b\x8b\xd5\x75\x32\x00 \x00j\x00i\x00a\x00 \xd8\x42\xdf\xb7",
		"utf-16le hex":  "4b6dd58b327520006a0069006100200042d8b7df",
		"html":          "<p>&#27979;&#35797;&#30002; jia &#134071;",
		"html hex":      "<p>&#x6d4b;&#x8bd5;&#x7532; jia &#x20bb7;",
		"go ascii":      fmt.Sprintf("%+q", text),
		"backwards":     "𠮷 aij 甲试测",
		"backwards hex": fmt.Sprintf("%x", "𠮷 aij 甲试测"),
	} {
		require.Contains(t, Find([]byte(data), text), want)
	}
	require.Contains(t, Find([]byte(fmt.Sprintf("%q", `a "b" c`)), `a "b" c`), "go")
	require.Contains(t, Find([]byte("a &#34;b&#34; c"), `a "b" c`), "html quoted")
	require.Empty(t, Find([]byte("测试 jia"), text))
}

// The search over much data finds what the search for one text does, in each way
// and wherever it stands, and says where.
func TestSearchFindsEachTrace(t *testing.T) {
	texts := map[string]string{"name": "测试甲乙", "number": "110199199003070017", "birth date": "19900307"}
	var s Search
	require.Empty(t, s.In([]byte(texts["name"])))
	for what, text := range texts {
		require.NoError(t, s.Add(what, text))
	}
	for what, text := range texts {
		for way, trace := range Traces(text) {
			for _, data := range [][]byte{trace, append([]byte("before"), trace...), append(slices.Clone(trace), "behind"...)} {
				found := s.In(data)
				require.True(t, slices.ContainsFunc(found, func(f Found) bool { return f.What == what && f.Way == way }), "%s as %s: %v", what, way, found)
			}
			require.False(t, slices.ContainsFunc(s.In(trace[:len(trace)-1]), func(f Found) bool { return f.What == what && f.Way == way }))
		}
	}
	require.Empty(t, s.In([]byte("测试甲丙 110199199004070018 19900308")))
	require.Error(t, s.Add("short", "1990"))
	found := s.In([]byte("the name is 测试甲乙, they say"))
	require.Equal(t, []Found{{"name", "utf-8", []byte("the name is 测试甲乙, they say")}}, found)
}
