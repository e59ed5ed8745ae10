package cmd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Headers are read before anybody knows who asks, so a stranger's cost little: of a
// hundred connections that each sent a megabyte of short ones, the process took
// 464 MB, and its container has 512.
func TestHeadersOfStrangersTakeLittleMemory(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		_ = serve(t.Context(), l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), slog.New(slog.DiscardHandler))
	}()
	connect := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	status := func(headers string) int {
		c := connect()
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n"+headers+"\r\n")
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		return res.StatusCode
	}
	require.Equal(t, http.StatusNoContent, status("Cookie: "+strings.Repeat("c", 24<<10)+"\r\n"), "what a browser may bring")
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status("Cookie: "+strings.Repeat("c", 64<<10)+"\r\n"))

	var short bytes.Buffer
	short.WriteString("GET / HTTP/1.1\r\nHost: x\r\n")
	for i := 0; short.Len() < 1<<20; i++ {
		fmt.Fprintf(&short, "%x:\r\n", i)
	}
	for range 20 {
		c := connect()
		_, _ = c.Write(short.Bytes()) // whose end never comes
		require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
		line, err := bufio.NewReader(c).ReadString('\n')
		if errors.Is(err, syscall.ECONNRESET) {
			continue // it was hung up on before all of it was sent
		}
		require.NoError(t, err, "it is still being read")
		require.Contains(t, line, "431")
	}
}
