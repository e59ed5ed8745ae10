package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// EnvPostgres names an existing server, whose user may create databases, to
// use in place of one of our own.
const EnvPostgres = "YANZHEN_TEST_POSTGRES"

var server = sync.OnceValues(findServer)

func findServer() (*url.URL, error) {
	dsn := os.Getenv(EnvPostgres)
	if dsn == "" {
		return startServer()
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		return nil, errors.New(EnvPostgres + " is no postgres:// URL") // it may hold a password
	}
	return u, nil
}

// Postgres returns the dsn of a fresh, empty database, dropped when the test
// ends. Its server is started once for the test process and ends with it,
// however that ends. The test fails where there is no PostgreSQL; it is skipped
// only where that was asked for, with -short.
func Postgres(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: without PostgreSQL")
	}
	u, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name := "yanzhen_test_" + randomHex(8)
	if err := administer(u, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := administer(u, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	fresh := *u
	fresh.Path = "/" + name
	return fresh.String()
}

// administer runs one statement on the server's own database.
func administer(u *url.URL, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
