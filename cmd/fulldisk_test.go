package cmd

import (
	"database/sql"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// A caller repeats a 503, an operator reads one line, and a load balancer asks
// readiness; a 500 tells none of them anything.
func TestAFullDiskUnderTheStore(t *testing.T) {
	dir := t.TempDir()
	state, cfg, err := prepare(dir, devState{API: "http://127.0.0.1:1", Ops: "http://127.0.0.1:2", Sandbox: "http://127.0.0.1:3",
		Receiver: "http://127.0.0.1:4", hookSecret: webhook.NewSecret()}, devOptions{})
	require.NoError(t, err)
	cfg.Store = storetest.Postgres(t)
	require.NoError(t, store.Migrate(t.Context(), cfg.Store))

	var logs safeBuffer
	p, err := assemble(cfg, slog.New(slog.NewJSONHandler(&logs, nil)), "default")
	require.NoError(t, err)
	p.store, err = store.Open(t.Context(), cfg.Store, p.keys)
	require.NoError(t, err)
	p.temporal, err = client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"}) // the start does not come that far
	require.NoError(t, err)
	defer func() { require.NoError(t, p.close()) }()
	p.connected()
	handler, err := p.apiHandler(nil)
	require.NoError(t, err)

	// The server's own answer when it finds no room for a row.
	db, err := sql.Open("pgx", cfg.Store)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `
		CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
		CREATE TRIGGER no_room BEFORE INSERT ON verifications FOR EACH ROW EXECUTE FUNCTION no_room()`)
	require.NoError(t, err)

	ops := p.opsHandler()
	status, body := ask(t, ops, "/readyz")
	require.NotContains(t, body, "disk_full", status)
	r := httptest.NewRequest(http.MethodPost, "/v1/verifications", strings.NewReader(`{"policy": "cn-resident", "subject":
		{"name": "测试甲", "id_number": "110199199003070017", "id_validity": {"from": "20200115", "to": "20400115"}}}`))
	r.Header.Set("Authorization", "Bearer "+state.APIKey)
	r.Header.Set("Idempotency-Key", "demo-1")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusServiceUnavailable, w.Code, w.Body)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Equal(t, 1, strings.Count(logs.String(), store.ErrFull.Error()), logs.String())

	require.Eventually(t, func() bool {
		status, body = ask(t, ops, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"store":"disk_full"`)
	}, 20*time.Second, lookEvery/10)
	require.Contains(t, logs.String(), `"msg":"not ready","part":"store","state":"disk_full"`)
}
