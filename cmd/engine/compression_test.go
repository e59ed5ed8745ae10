package engine_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
)

// packed counts the requests that came compressed.
type packed struct{ n atomic.Int32 }

func (p *packed) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (p *packed) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (p *packed) HandleConn(context.Context, stats.ConnStats)                       {}
func (p *packed) HandleRPC(_ context.Context, s stats.RPCStats) {
	if h, ok := s.(*stats.InHeader); ok && h.Compression != "" {
		p.n.Add(1)
	}
}

type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

func (frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

// Within a machine compression takes processor time of both ends and saves
// nothing; over a network it is the client's default.
func TestDialCompressesOverANetworkOnly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var p packed
	server := grpc.NewServer(grpc.StatsHandler(&p))
	workflowservice.RegisterWorkflowServiceServer(server, frontend{})
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	here := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	})
	for address, compressed := range map[string]bool{
		l.Addr().String(): false, "localhost:7233": false, "[::1]:7233": false,
		"passthrough:///temporal.example:7233": true, "passthrough:///10.1.2.3:7233": true,
	} {
		t.Run(address, func(t *testing.T) {
			p.n.Store(0)
			c, err := engine.Dial(t.Context(), client.Options{HostPort: address,
				ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{here}}})
			require.NoError(t, err)
			c.Close()
			require.Equal(t, compressed, p.n.Load() > 0)
		})
	}
}
