package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

func secretOf(t *testing.T) Secret {
	t.Helper()
	s, err := ParseSecret(NewSecret())
	require.NoError(t, err)
	return s
}

// speaking is a receiver of raw answers; it counts connections.
func speaking(t *testing.T, answer func(io.Writer)) (address string, seen *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	seen = &atomic.Int32{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			seen.Add(1)
			go func() {
				defer c.Close()
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				answer(c)
			}()
		}
	}()
	return l.Addr().String(), seen
}

func TestSend(t *testing.T) {
	secret, body := secretOf(t), []byte(`{"id":"evt_a","type":"verification.created"}`)
	var verified error
	var answer func(w http.ResponseWriter)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		verified = verify(r.Header, got, secret)
		answer(w)
	}))
	defer receiver.Close()
	s := NewSender(Options{Allow: loopback, Agent: "yanzhen-test"})
	for name, tc := range map[string]struct {
		status int
		header [2]string
		want   Answer
	}{
		"taken":               {204, [2]string{}, Answer{Class: OK}},
		"a pause in seconds":  {503, [2]string{"Retry-After", "120"}, Answer{Class: ServerError, RetryAfter: 2 * time.Minute}},
		"a pause of days":     {429, [2]string{"Retry-After", "864000"}, Answer{Class: ClientError, RetryAfter: 6 * time.Hour}},
		"a pause in the past": {503, [2]string{"Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT"}, Answer{Class: ServerError}},
		"no pause":            {500, [2]string{"Retry-After", "soon"}, Answer{Class: ServerError}},
		"gone":                {410, [2]string{}, Answer{Class: ClientError, Gone: true}},
		"aborted":             {400, [2]string{"webhook-delivery", "abort-message"}, Answer{Class: ClientError, Abort: true}},
		"a redirect":          {302, [2]string{"Location", "http://127.0.0.1:1/"}, Answer{Class: Redirect}},
	} {
		t.Run(name, func(t *testing.T) {
			answer = func(w http.ResponseWriter) {
				if tc.header[0] != "" {
					w.Header().Set(tc.header[0], tc.header[1])
				}
				w.WriteHeader(tc.status)
			}
			require.Equal(t, tc.want, s.Send(t.Context(), Endpoint{URL: receiver.URL, Secrets: []Secret{secret}}, "evt_a", body))
			require.NoError(t, verified)
		})
	}
}

// The sender goes to no private or reserved address, by whatever way it is
// written, and by http only where it is allowed to.
func TestSendRefusesAddresses(t *testing.T) {
	s := NewSender(Options{Timeout: 5 * time.Second})
	for _, host := range []string{
		"127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.0.1", "198.18.0.1",
		"224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::ffff:127.0.0.1]",
		"[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:db8::1]", "[fec0::1]", "localhost",
	} {
		for _, scheme := range []string{"https", "http"} {
			require.Equal(t, Answer{Class: Refused}, s.Send(t.Context(), Endpoint{URL: scheme + "://" + host + ":9/"}, "evt_a", nil), scheme+"://"+host)
		}
	}
	require.Equal(t, Answer{Class: Refused}, s.Send(t.Context(), Endpoint{URL: "http://93.184.215.14/"}, "evt_a", nil), "http to a public address")
	require.True(t, public(netip.MustParseAddr("93.184.215.14")))
	require.True(t, public(netip.MustParseAddr("2606:2800:21f:cb07::1")))

	address, seen := speaking(t, func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") })
	require.Equal(t, Refused, s.Send(t.Context(), Endpoint{URL: "http://" + address}, "evt_a", nil).Class)
	require.Zero(t, seen.Load(), "nothing was sent to it")
	open := NewSender(Options{Allow: loopback})
	require.Equal(t, OK, open.Send(t.Context(), Endpoint{URL: "http://" + address}, "evt_a", nil).Class)
}

// names answers DNS queries for whatever name with the address that a test says.
func names(t *testing.T, answer func() netip.Addr) *net.Resolver {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := l.ReadFrom(buffer)
			if err != nil {
				return
			}
			end := 12 // of the one question: labels, a zero, type and class
			for buffer[end] != 0 {
				end += int(buffer[end]) + 1
			}
			end += 5
			if end > n {
				continue
			}
			out := append([]byte{}, buffer[:end]...)
			copy(out[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
			if out[end-3] == 1 { // an A record, which nobody may keep
				out[7] = 1
				ip := answer().As4()
				out = append(append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
			}
			_, _ = l.WriteTo(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", l.LocalAddr().String())
	}}
}

// A name that first resolves to where it may go, and then to where it may not,
// is refused at that moment.
func TestSendChecksEachResolution(t *testing.T) {
	address, seen := speaking(t, func(w io.Writer) {
		fmt.Fprint(w, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	_, port, _ := net.SplitHostPort(address)
	var mu sync.Mutex
	at := netip.MustParseAddr("127.0.0.1")
	s := NewSender(Options{Allow: loopback, Resolver: names(t, func() netip.Addr { mu.Lock(); defer mu.Unlock(); return at })})
	to := Endpoint{URL: "http://hooks.example.com.:" + port + "/"}
	require.Equal(t, OK, s.Send(t.Context(), to, "evt_a", nil).Class)
	mu.Lock()
	at = netip.MustParseAddr("127.0.0.2")
	mu.Unlock()
	require.Equal(t, Refused, s.Send(t.Context(), to, "evt_a", nil).Class)
	require.Equal(t, int32(1), seen.Load())
}

// What a receiver may do to its sender costs little and ends in time.
func TestSendIsBounded(t *testing.T) {
	stream := func(w io.Writer) {
		for chunk := strings.Repeat("x", 64<<10); ; {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		answer func(io.Writer)
		want   Class
	}{
		"hangs":                {func(io.Writer) { time.Sleep(3 * time.Second) }, Timeout},
		"hangs after its head": {func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 200 OK\r\n\r\n"); time.Sleep(3 * time.Second) }, OK},
		"streams for ever":     {func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 200 OK\r\n\r\n"); stream(w) }, OK},
		"headers for ever":     {func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 200 OK\r\nX: "); stream(w) }, Garbled},
		"says too long":        {func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 500 Oh\r\nContent-Length: 99999\r\n\r\nx") }, ServerError},
		"says two lengths": {func(w io.Writer) {
			fmt.Fprint(w, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
		}, Garbled},
		"says a false length": {func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\nxx") }, Garbled},
		"megabytes":           {func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n"); stream(w) }, OK},
		"is no HTTP":          {func(w io.Writer) { fmt.Fprint(w, "hello\r\n\r\n") }, Garbled},
		"closes at once":      {func(io.Writer) {}, Unreachable},
		"continues for ever": {func(w io.Writer) {
			for i := 0; i < 1000; i++ {
				fmt.Fprint(w, "HTTP/1.1 103 Early Hints\r\n\r\n")
			}
		}, Garbled},
		"a status that is none": {func(w io.Writer) { fmt.Fprint(w, "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n") }, Garbled},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := speaking(t, tc.answer)
			s := NewSender(Options{Allow: loopback, Timeout: time.Second})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			require.Equal(t, tc.want, s.Send(t.Context(), Endpoint{URL: "http://" + address}, "evt_a", []byte("{}")).Class)
			require.Less(t, time.Since(began), 2500*time.Millisecond)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
		})
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	s := NewSender(Options{Allow: loopback})
	require.Equal(t, Unreachable, s.Send(t.Context(), Endpoint{URL: "http://" + closed.Addr().String()}, "evt_a", nil).Class)
}

// https is checked; a proxy of the environment is not asked, a configured one
// is, for everything.
func TestSendTLSAndProxy(t *testing.T) {
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	require.Equal(t, BadTLS, NewSender(Options{Allow: loopback}).Send(t.Context(), Endpoint{URL: receiver.URL}, "evt_a", nil).Class)
	roots := x509.NewCertPool()
	roots.AddCert(receiver.Certificate())
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	trusting := Options{Allow: loopback, TLS: &tls.Config{RootCAs: roots}}
	require.Equal(t, OK, NewSender(trusting).Send(t.Context(), Endpoint{URL: receiver.URL}, "evt_a", nil).Class)

	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		require.Equal(t, "hooks.example.com", r.Host)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	require.Equal(t, OK, NewSender(Options{Proxy: at}).Send(t.Context(), Endpoint{URL: "http://hooks.example.com/"}, "evt_a", nil).Class)
	require.Equal(t, int32(1), asked.Load())
}

func TestCheckURL(t *testing.T) {
	for _, good := range []string{"https://shop.example/hooks", "https://shop.example:8443/a?b=c", "http://127.0.0.1:9000/"} {
		require.NoError(t, CheckURL(good), good)
	}
	for _, bad := range []string{"", "shop.example", "ftp://shop.example", "https://", "https://a:b@shop.example", "https://shop.example#x", "https:opaque",
		"https://shop.example/" + strings.Repeat("x", 1000), "https://shop.example/%zz"} {
		require.Error(t, CheckURL(bad), bad)
	}
	_, err := ParseNetworks("127.0.0.0/8, ::1/128")
	require.NoError(t, err)
	for _, bad := range []string{"127.0.0.1", "127.0.0.1/8", "x"} {
		_, err := ParseNetworks(bad)
		require.Error(t, err, bad)
	}
}
