package telemetry

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
)

// Step begins the span of a try of a step; verification is empty where it is about
// none. The returned function ends it: class is empty for what worked.
func (t *Traces) Step(ctx context.Context, name, verification string, attempt int32, attrs map[string]string) (context.Context, func(class string, fault bool)) {
	ctx = About(ctx, verification)
	if t == nil {
		return ctx, func(string, bool) {}
	}
	list := []attribute.KeyValue{attrAttempt.Int(int(attempt))}
	if verification != "" {
		ctx = trace.ContextWithRemoteSpanContext(ctx, t.of(verification))
		list = append(list, attrVerification.String(verification))
	}
	for key, value := range attrs {
		if value != "" {
			list = append(list, attribute.String("yanzhen."+key, value))
		}
	}
	ctx, end := t.start(ctx, name, trace.SpanKindInternal, list...)
	return ctx, func(class string, fault bool) { end(class, fault) }
}

// Sent is a request to somebody outside, once it is over: a vendor's call or an
// event's delivery. Host is where it went, without path and query.
type Sent struct {
	Name string
	// Class says what became of it, OK that it worked.
	Class, Host string
	OK          bool
	// Status answered it; 0: nothing did.
	Status int
	Began  time.Time
	Took   time.Duration
	// Attrs are further ones, by their names behind "yanzhen.".
	Attrs map[string]string
}

// Sent adds a span of it, under the step's in whose context it was, or under the
// root of the verification that the context is about.
func (t *Traces) Sent(ctx context.Context, s Sent) {
	if t == nil {
		return
	}
	attrs := []attribute.KeyValue{attrClass.String(s.Class)}
	verification := aboutOf(ctx)
	if verification != "" {
		attrs = append(attrs, attrVerification.String(verification))
		if !trace.SpanContextFromContext(ctx).IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, t.of(verification))
		}
	}
	if host, port, err := net.SplitHostPort(s.Host); err == nil {
		attrs = append(attrs, attribute.String("server.address", host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, attribute.Int("server.port", n))
		}
	} else if s.Host != "" {
		attrs = append(attrs, attribute.String("server.address", s.Host))
	}
	if s.Status != 0 {
		attrs = append(attrs, attribute.Int("http.response.status_code", s.Status))
	}
	for key, value := range s.Attrs {
		if value != "" {
			attrs = append(attrs, attribute.String("yanzhen."+key, value))
		}
	}
	t.add(ctx, s.Name, s.Began, s.Began.Add(s.Took), s.Class, !s.OK, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
}

// Client traces what a Temporal client sends: starts, signals and updates. It adds
// nothing to them, so that a run's history is what it is without.
func (t *Traces) Client() interceptor.ClientInterceptor { return &engineClient{traces: t} }

type engineClient struct {
	interceptor.ClientInterceptorBase
	traces *Traces
}

// InterceptClient implements interceptor.ClientInterceptor.
func (c *engineClient) InterceptClient(next interceptor.ClientOutboundInterceptor) interceptor.ClientOutboundInterceptor {
	o := &engineCalls{traces: c.traces}
	o.Next = next
	return o
}

type engineCalls struct {
	interceptor.ClientOutboundInterceptorBase
	traces *Traces
}

// call begins the span of a call about a workflow. A start hangs under the root of
// its verification: whether its request created that, is not known yet.
func (c *engineCalls) call(ctx context.Context, name, workflowID string, start bool) (context.Context, func(error)) {
	verification := VerificationIn(workflowID)
	if verification == "" {
		verification = aboutOf(ctx)
	}
	attrs := []attribute.KeyValue{attribute.String("rpc.system", "temporal")}
	if verification != "" {
		attrs = append(attrs, attrVerification.String(verification))
	}
	r := RequestOf(ctx)
	switch {
	case trace.SpanContextFromContext(ctx).IsValid(): // within a step
	case verification != "" && (start || r == nil):
		ctx = trace.ContextWithRemoteSpanContext(ctx, c.traces.of(verification))
	case verification != "":
		r.About(verification)
		ctx = trace.ContextWithRemoteSpanContext(ctx, r.span())
	case r != nil:
		ctx = trace.ContextWithRemoteSpanContext(ctx, r.span())
	}
	ctx, end := c.traces.start(ctx, name, trace.SpanKindClient, attrs...)
	return ctx, func(err error) {
		if err != nil {
			end(fmt.Sprintf("%T", err), true)
			return
		}
		end("", false)
	}
}

// ExecuteWorkflow implements interceptor.ClientOutboundInterceptor.
func (c *engineCalls) ExecuteWorkflow(ctx context.Context, in *interceptor.ClientExecuteWorkflowInput) (run client.WorkflowRun, err error) {
	ctx, end := c.call(ctx, "StartWorkflow "+in.WorkflowType, in.Options.ID, true)
	defer func() { end(err) }()
	return c.Next.ExecuteWorkflow(ctx, in)
}

// SignalWorkflow implements interceptor.ClientOutboundInterceptor.
func (c *engineCalls) SignalWorkflow(ctx context.Context, in *interceptor.ClientSignalWorkflowInput) (err error) {
	ctx, end := c.call(ctx, "SignalWorkflow "+in.SignalName, in.WorkflowID, false)
	defer func() { end(err) }()
	return c.Next.SignalWorkflow(ctx, in)
}

// UpdateWorkflow implements interceptor.ClientOutboundInterceptor.
func (c *engineCalls) UpdateWorkflow(ctx context.Context, in *interceptor.ClientUpdateWorkflowInput) (h client.WorkflowUpdateHandle, err error) {
	ctx, end := c.call(ctx, "UpdateWorkflow "+in.UpdateName, in.WorkflowID, false)
	defer func() { end(err) }()
	return c.Next.UpdateWorkflow(ctx, in)
}

// UpdateWithStartWorkflow implements interceptor.ClientOutboundInterceptor.
func (c *engineCalls) UpdateWithStartWorkflow(ctx context.Context, in *interceptor.ClientUpdateWithStartWorkflowInput) (h client.WorkflowUpdateHandle, err error) {
	ctx, end := c.call(ctx, "UpdateWithStartWorkflow "+in.UpdateOptions.UpdateName, in.UpdateOptions.WorkflowID, true)
	defer func() { end(err) }()
	return c.Next.UpdateWithStartWorkflow(ctx, in)
}
