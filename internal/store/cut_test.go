package store_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
)

// A connection to PostgreSQL that was cut is an outage, whatever the driver calls
// it and wherever in a call it is noticed: the same call may work later.
func TestAConnectionThatWasCutIsAnOutage(t *testing.T) {
	dsn, err := url.Parse(storetest.Postgres(t))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	server := dsn.Host
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, near, far)
			mu.Unlock()
			go func() { _, _ = io.Copy(far, near); far.Close() }()
			go func() { _, _ = io.Copy(near, far); near.Close() }()
		}
	}()
	dsn.Host = listener.Addr().String()
	require.NoError(t, store.Migrate(t.Context(), dsn.String()))
	s, err := store.Open(t.Context(), dsn.String(), keySet(t, 1, 2))
	require.NoError(t, err)
	defer s.Close()
	known := inserted(t, s, row())

	listener.Close()
	mu.Lock()
	for _, c := range conns {
		c.Close()
	}
	mu.Unlock()
	for range 6 {
		_, _, err := s.Insert(t.Context(), chipRow("ver_b", "scan"))
		require.Error(t, err)
		require.True(t, store.Unavailable(err), "%T %v", err, err)
		_, err = s.Load(t.Context(), known.ID)
		require.True(t, store.Unavailable(err), "%T %v", err, err)
	}
}
