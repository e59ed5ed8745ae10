package e2e

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commandpb "go.temporal.io/api/command/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// gate is a way to the engine on which the end of a workflow task can be held:
// its local activities have run then, and the engine never hears of the task.
type gate struct {
	address string
	engine  *grpc.ClientConn

	mu   sync.Mutex
	hold func(*workflowservice.RespondWorkflowTaskCompletedRequest) bool
	held chan struct{}
}

func newGate(t *testing.T, server string) *gate {
	t.Helper()
	engine, err := grpc.NewClient(server, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(128<<20)))
	require.NoError(t, err)
	t.Cleanup(func() { engine.Close() })
	g := &gate{address: freeAddress(t), engine: engine}
	listener, err := net.Listen("tcp", g.address)
	require.NoError(t, err)
	s := grpc.NewServer(grpc.ForceServerCodecV2(asItIs{}), grpc.UnknownServiceHandler(g.pass), grpc.MaxRecvMsgSize(128<<20))
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	return g
}

// holdNext holds the next workflow task's end that fits, and every later one of
// the same worker. The channel is closed once one is held.
func (g *gate) holdNext(fits func(*workflowservice.RespondWorkflowTaskCompletedRequest) bool) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold, g.held = fits, make(chan struct{})
	return g.held
}

// open lets everything through again.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = nil
}

// holds reports whether a call is kept from the engine.
func (g *gate) holds(method string, request []byte) bool {
	if !strings.HasSuffix(method, "/RespondWorkflowTaskCompleted") {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hold == nil {
		return false
	}
	var end workflowservice.RespondWorkflowTaskCompletedRequest
	if proto.Unmarshal(request, &end) != nil || !g.hold(&end) {
		return false
	}
	g.hold = func(*workflowservice.RespondWorkflowTaskCompletedRequest) bool { return true }
	select {
	case <-g.held:
	default:
		close(g.held)
	}
	return true
}

// pass hands a call on to the engine; all of them are unary.
func (g *gate) pass(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var request, response []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if g.holds(method, request) {
		<-stream.Context().Done()
		return context.Cause(stream.Context())
	}
	ctx := stream.Context()
	if header, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, header)
	}
	if err := g.engine.Invoke(ctx, method, &request, &response, grpc.ForceCodecV2(asItIs{})); err != nil {
		return err
	}
	return stream.SendMsg(&response)
}

// asItIs is the codec of messages that are passed on as they came.
type asItIs struct{}

func (asItIs) Name() string { return "proto" }

func (asItIs) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (asItIs) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// publishes fits the end of a task that has written the public state.
func publishes(end *workflowservice.RespondWorkflowTaskCompletedRequest) bool {
	return published(end.GetCommands())
}

func published(commands []*commandpb.Command) bool {
	for _, c := range commands {
		for _, details := range c.GetRecordMarkerCommandAttributes().GetDetails() {
			for _, p := range details.GetPayloads() {
				if bytes.Contains(p.GetData(), []byte(`"Publish"`)) {
					return true
				}
			}
		}
	}
	return false
}
