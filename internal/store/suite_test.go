package store_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/verification"
)

// onBoth runs a test on either database, each fresh and with the schema, and on
// PostgreSQL through a pooler, which gives a session's statements to several
// connections.
func onBoth(t *testing.T, test func(t *testing.T, dsn string)) {
	for name, fresh := range fresh {
		t.Run(name, func(t *testing.T) {
			dsn := fresh(t)
			require.NoError(t, store.Migrate(t.Context(), dsn))
			test(t, dsn)
		})
	}
}

// fresh makes databases without a schema.
var fresh = map[string]func(testing.TB) string{
	"sqlite": func(t testing.TB) string {
		// A path that must be escaped in a URI.
		return "sqlite:" + filepath.Join(t.TempDir(), "a new place", "100% öffnen?#.db")
	},
	"postgres": storetest.Postgres,
	"pgbouncer": func(t testing.TB) string {
		dsn, _ := storetest.PgBouncer(t)
		return dsn
	},
}

func open(t testing.TB, dsn string, keys store.Sealer) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dsn, keys)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// raw is a connection past the store, to see what rests.
func raw(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	driver, name := "pgx", dsn
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, name = "sqlite", path
		// The driver reads what follows a "?" as its own parameters.
		name = "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23", " ", "%20").Replace(path) +
			"?_pragma=busy_timeout(10000)"
	} else {
		name = unnamed(dsn)
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// unnamed is a PostgreSQL's dsn for a connection of the test's own that may lead
// through a pooler, where named statements get lost.
func unnamed(dsn string) string {
	separator := "?"
	if strings.Contains(dsn, "?") {
		separator = "&"
	}
	return dsn + separator + "default_query_exec_mode=exec"
}

// keySet makes a key set whose seal keys are the given ones, in their order.
func keySet(t testing.TB, hash byte, seals ...byte) *sealing.Keys {
	t.Helper()
	one := func(use string, fill byte) string {
		return fmt.Sprintf(`{"kty":"oct","kid":"%s-%d","use":"%s","k":"%s"}`, use, fill, use,
			base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)))
	}
	keys := []string{one("hash", hash), one("ticket", 201)}
	for _, fill := range seals {
		keys = append(keys, one("seal", fill))
	}
	set, err := sealing.Parse([]byte(`{"keys":[` + strings.Join(keys, ",") + `]}`))
	require.NoError(t, err)
	return set
}

const (
	id     = "ver_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	client = "shop"
	// The person of these tests; 990101 is no division, so the number is
	// nobody's.
	holder = "欧阳测试甲"
	number = "990101199003070010"
	link   = "https://vendor.example/face?token=Zx9-secret-link"
	token  = "Vk3-secret-handle"
)

// noon has microseconds, and a zone that must not come back.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.FixedZone("CST", 8*3600))

func row() store.Row {
	return store.Row{
		ID: id, Client: client, Fingerprint: []byte{0, 1, 254, 255},
		Policy:    verification.PolicyRef{Name: "cn-resident", Version: 3},
		CreatedAt: noon, StartCalledAt: noon.Add(time.Second),
		Request: verification.Request{
			Policy: "cn-resident",
			Subject: &verification.Subject{Name: holder, IDNumber: number,
				IDValidity: verification.Validity{From: "20200115", To: verification.LongTerm}},
			ReturnURL: "https://shop.example/back", ClientReferenceID: "order-17",
			Metadata: map[string]string{"branch": "north"},
			Consents: []verification.Consent{{Purpose: "face", GivenAt: noon.UTC()}},
		},
	}
}

func inserted(t testing.TB, s store.Store, r store.Row) store.Row {
	t.Helper()
	got, created, err := s.Insert(t.Context(), r)
	require.NoError(t, err)
	require.True(t, created)
	return got
}

func opened(t testing.TB, s store.Store, number int) store.Session {
	t.Helper()
	v := store.Session{VerificationID: id, Number: number, Provider: "tencent_eid", Link: link, Handle: []byte(token),
		OpenedAt: noon, ExpiresAt: noon.Add(10 * time.Minute)}
	require.NoError(t, s.OpenSession(t.Context(), v))
	return v
}

// ended is a last state at a version.
func ended(version int) verification.State {
	expires := noon.UTC()
	return verification.State{Status: verification.Completed, Decision: verification.Declined, Version: version,
		Policy:    verification.PolicyRef{Name: "cn-resident", Version: 3},
		Checks:    []verification.Check{verification.NewCheck(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch)},
		CreatedAt: noon.UTC(), UpdatedAt: noon.UTC(), ExpiresAt: &expires}
}
