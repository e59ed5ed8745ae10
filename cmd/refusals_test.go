package cmd

import (
	"bytes"
	"context"
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Every fault of a start is one sentence with the setting and the remedy. The
// patience is long: a fault that were waited out would outlast the test's.
func TestAStartRefusesWithTheSettingAndTheRemedy(t *testing.T) {
	dir := installation(t)
	keys := os.Getenv("YANZHEN_KEYS")
	require.NoError(t, createKeys(keys, &bytes.Buffer{}))
	out, err := run(t.Context(), "setup")
	require.NoError(t, err, out)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	_, err = run(ctx, "worker") // writes the store's check value
	cancel()
	require.NoError(t, err)
	t.Setenv("YANZHEN_START_PATIENCE", "10m")
	refuses := func(t *testing.T, want ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := run(ctx, "worker")
		require.Error(t, err)
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
	}

	t.Run("another key set", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, createKeys(other, &bytes.Buffer{}))
		t.Setenv("YANZHEN_KEYS", other)
		refuses(t, "YANZHEN_KEYS: "+other+" is not the key file", "restore that one")
	})
	t.Run("a damaged key set", func(t *testing.T) {
		text, err := os.ReadFile(keys)
		require.NoError(t, err)
		damaged := filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, os.WriteFile(damaged, bytes.ReplaceAll(text, []byte(`"seal"`), []byte(`"seel"`)), 0o600))
		t.Setenv("YANZHEN_KEYS", damaged)
		refuses(t, "YANZHEN_KEYS: ", `no key has the use "seal"`)
	})
	t.Run("a taken port", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		t.Setenv("YANZHEN_OPS_LISTEN", l.Addr().String())
		refuses(t, l.Addr().String(), "YANZHEN_OPS_LISTEN sets another address")
	})
	t.Run("a password that everybody knows", func(t *testing.T) {
		t.Setenv("YANZHEN_STORE", "postgres://yanzhen:changeme@db.example/yanzhen")
		refuses(t, "YANZHEN_STORE has a password that everybody knows")
	})
	t.Run("another's namespace", func(t *testing.T) {
		foreign(t, "another")
		t.Setenv("TEMPORAL_NAMESPACE", "another")
		refuses(t, "YzClient is Text instead of Keyword", "set TEMPORAL_NAMESPACE")
		_, err := run(t.Context(), "setup") // which the others wait for
		require.ErrorContains(t, err, "YzClient is Text instead of Keyword")
	})
	t.Run("nobody at Temporal's address, without patience", func(t *testing.T) {
		t.Setenv("YANZHEN_START_PATIENCE", "0s")
		t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
		refuses(t, "no Temporal server at 127.0.0.1:1", "set TEMPORAL_ADDRESS")
	})
	t.Run("a Temporal server that is too old", func(t *testing.T) {
		t.Setenv("TEMPORAL_ADDRESS", engineOf(t, "1.20.4"))
		refuses(t, "TEMPORAL_ADDRESS has version 1.20.4", "upgrade it to 1.28 or later")
	})
	t.Run("a database of a newer version", func(t *testing.T) {
		db, err := sql.Open("sqlite", strings.TrimPrefix(os.Getenv("YANZHEN_STORE"), "sqlite:"))
		require.NoError(t, err)
		defer db.Close()
		_, err = db.Exec(`INSERT INTO yanzhen_schema (version_id, is_applied) VALUES (9999, true)`)
		require.NoError(t, err)
		refuses(t, "YANZHEN_STORE: ", "9999", "run the newer yanzhen")
		_, err = run(t.Context(), "setup")
		require.ErrorContains(t, err, "run the newer yanzhen")
	})
	require.FileExists(t, filepath.Join(dir, "yz.db"))
}

// foreign makes a namespace of somebody else, who gave one of our names to an
// attribute of another type.
func foreign(t *testing.T, namespace string) {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: namespace})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := c.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
			Namespace: namespace, SearchAttributes: map[string]enums.IndexedValueType{"YzClient": enums.INDEXED_VALUE_TYPE_TEXT},
		})
		return err == nil
	}, 30*time.Second, 200*time.Millisecond)
	require.Eventually(t, func() bool {
		known, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		return err == nil && known.GetCustomAttributes()["YzClient"] == enums.INDEXED_VALUE_TYPE_TEXT
	}, 30*time.Second, 200*time.Millisecond)
}
