package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
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
	dsn, err := Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Drop(dsn); err != nil {
			t.Error(err)
		}
	})
	return dsn
}

// Create does what Postgres does where there is no test; Drop drops the database.
func Create() (dsn string, err error) {
	u, err := server()
	if err != nil {
		return "", err
	}
	fresh := *u
	fresh.Path = "/yanzhen_test_" + randomHex(8)
	return fresh.String(), CreateAgain(fresh.String())
}

// CreateAgain creates a database that was dropped, empty.
func CreateAgain(dsn string) error { return onServer("CREATE DATABASE %s", dsn) }

// Drop drops the database, whoever is connected to it.
func Drop(dsn string) error { return onServer("DROP DATABASE %s WITH (FORCE)", dsn) }

func onServer(statement, dsn string) error {
	u, err := server()
	if err != nil {
		return err
	}
	fresh, err := url.Parse(dsn)
	if err != nil {
		return errors.New("a test database's dsn is no URL") // it holds a password
	}
	statement = fmt.Sprintf(statement, pgx.Identifier{strings.TrimPrefix(fresh.Path, "/")}.Sanitize())
	if err := administer(u, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
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
