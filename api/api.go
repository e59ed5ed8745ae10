// Package api serves openapi.yaml over HTTP: it authenticates and validates
// requests, calls the starter, and maps its results and errors to responses. It is
// stateless.
//
//go:generate sh -c "cd .. && go tool -modfile=tools/gen/go.mod oapi-codegen -config api/oapi-codegen.yaml api/openapi.yaml"
//go:generate sh -c "cd .. && go tool -modfile=tools/gen/go.mod oapi-codegen -config client/oapi-codegen.yaml api/openapi.yaml"
package api

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Contract is openapi.yaml, the source of everything in this package.
//
//go:embed openapi.yaml
var Contract []byte

// Verifications is what the handlers ask of the starter. Its errors are
// *starter.Error.
type Verifications interface {
	Validate(req verification.Request) []starter.FieldError
	Start(ctx context.Context, client, idempotencyKey string, req verification.Request, refused ...starter.FieldError) (starter.View, starter.Started, error)
	Read(ctx context.Context, client, id string) (starter.View, error)
	Wait(ctx context.Context, client, id string, known int, d time.Duration, stop <-chan struct{}) (same bool, err error)
	Owner(ctx context.Context, clients []string, id string) (string, error)
	List(ctx context.Context, q starter.ListQuery, limit int, cursor string) (starter.Page, error)
	Retry(ctx context.Context, client, id string, q starter.RetryRequest) (starter.View, error)
	Consent(ctx context.Context, client, id string, c starter.ConsentChange) (starter.Consents, error)
	Cancel(ctx context.Context, client, id string, reason verification.ReasonCode, version int) (starter.View, error)
	Decide(ctx context.Context, client, id string, w starter.ReviewRequest) (starter.View, error)
	Reopen(ctx context.Context, client, id string, w starter.ReviewRequest) (starter.View, error)
	Decisions(ctx context.Context, client, id string) ([]starter.Act, error)
	Outputs(ctx context.Context, r starter.Reading) (verification.Subject, error)
	Redact(ctx context.Context, client, id string, q starter.RedactRequest) (starter.Erasure, error)
	Receipt(ctx context.Context, client, id string) (starter.Erasure, error)
	Evidence(ctx context.Context, c starter.Caller, id string) (string, error)
	Search(ctx context.Context, r starter.Reading, number string) ([]string, error)
	Timeline(ctx context.Context, client, id string) ([]starter.Moment, error)
	Policies() []verification.Policy
	Providers(ctx context.Context) ([]starter.Provider, error)
	Notify(ctx context.Context, n starter.Notice) (starter.NoticeResult, error)
	Hint(ctx context.Context, id string, session int) (starter.HintResult, error)
	ReturnTarget(ctx context.Context, id string) (starter.ReturnTarget, error)
}

var _ Verifications = (*starter.Starter)(nil)

// Outbox is what the handlers ask of the starter about what goes out to clients.
// Its errors are *starter.Error.
type Outbox interface {
	Events(ctx context.Context, client, after string, limit int) (starter.EventPage, error)
	Redeliver(ctx context.Context, c starter.Caller, event, endpoint string) ([]starter.Delivery, error)
	Deliveries(ctx context.Context, client string, q starter.DeliveryFilter, limit int, cursor string) (starter.DeliveryPage, error)
	Endpoints(ctx context.Context, client string) ([]starter.Endpoint, error)
	TestEndpoint(ctx context.Context, c starter.Caller, id string) (starter.Delivery, error)
	PauseEndpoint(ctx context.Context, c starter.Caller, id string) (starter.Endpoint, error)
	ResumeEndpoint(ctx context.Context, c starter.Caller, id string, since time.Time) (starter.Endpoint, int, error)
}

var _ Outbox = (*starter.Starter)(nil)

// Tickets opens what a callback's path carries.
type Tickets interface {
	OpenTicket(ticket string) (sealing.Ticket, error)
}

// Signatures publishes the keys that check what was signed.
type Signatures interface {
	PublicKeys() ([]byte, error)
}

// Deps is what the API works with.
type Deps struct {
	Verifications Verifications
	Outbox        Outbox
	Tickets       Tickets
	Signatures    Signatures
	// Clients and Reviewers must have passed CheckAccess.
	Clients   []Client
	Reviewers []Reviewer
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Metrics and Traces may be nil.
	Metrics *telemetry.Metrics
	Traces  *telemetry.Traces
	// Stopping, if not nil, is closed when the process is about to stop.
	Stopping <-chan struct{}
	// Now defaults to time.Now.
	Now func() time.Time
}

const (
	// maxBody is far above the largest request that the schema allows.
	maxBody = 64 << 10
	// answerTime bounds every request; it is above the starter's patience with
	// the engine, so that the starter's answer comes first.
	answerTime = 15 * time.Second
	// MaxWait is the longest wait for a change. A server in front of the API
	// must not give up an answer before MaxWait and answerTime are over.
	MaxWait = 60 * time.Second
)

type server struct {
	Deps
	keys atomic.Pointer[keyring]
	published
	links answeredLinks
}

// published is what is read out of Contract.
type published struct {
	operations map[string]operation
	reference  referencePage
	// contractJSON is Contract as JSON.
	contractJSON []byte
}

// readContract reads Contract once a process: it never changes, and takes tenths
// of a second.
var readContract = sync.OnceValues(func() (p published, err error) {
	if p.operations, err = readOperations(Contract); err != nil {
		return published{}, fmt.Errorf("openapi.yaml: %w", err)
	}
	if p.reference, err = newReferencePage(Contract); err != nil {
		return published{}, fmt.Errorf("openapi.yaml: %w", err)
	}
	if p.contractJSON, err = asJSON(Contract); err != nil {
		return published{}, fmt.Errorf("openapi.yaml: %w", err)
	}
	return p, nil
})

// Prepare reads the contract, so that New need not: whoever waits for something
// else first has the time.
func Prepare() { _, _ = readContract() } // New tells what is wrong with it

// New returns the API's handler. It fails only on a contract or clients that
// do not hold together.
func New(d Deps) (*Handler, error) {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if err := CheckAccess(d.Clients, d.Reviewers); err != nil {
		return nil, err
	}
	p, err := readContract()
	if err != nil {
		return nil, err
	}
	s := &server{Deps: d, published: p}
	s.keys.Store(newKeyring(d.Clients, d.Reviewers, nil))

	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.RedirectTrailingSlash = false
	router.HandleMethodNotAllowed = true
	router.UseRawPath = true // an id with %2F in it is an id, and no longer path
	if err := router.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	router.NoRoute(func(c *gin.Context) { s.refuse(c, errNoPath) })
	router.NoMethod(func(c *gin.Context) {
		if allow := c.Writer.Header().Get("Allow"); strings.Contains(allow, http.MethodGet) {
			c.Header("Allow", allow+", "+http.MethodHead)
		}
		s.refuse(c, errMethod)
	})
	router.Use(s.observe, s.recovered, s.bounded, s.admit)
	contract.RegisterHandlersWithOptions(router,
		contract.NewStrictHandlerWithOptions(s, nil, contract.StrictGinServerOptions{
			RequestErrorHandlerFunc:  func(c *gin.Context, err error) { s.refuse(c, unbindable(err)) },
			HandlerErrorFunc:         s.refuse,
			ResponseErrorHandlerFunc: func(c *gin.Context, err error) { s.unsent(c, err) },
		}),
		contract.GinServerOptions{ErrorHandler: func(c *gin.Context, _ error, _ int) { s.refuse(c, unbound(c)) }})
	return &Handler{server: s, router: router}, nil
}

// unbound is for what the checks of parameters let pass and the generated code
// does not. A part of the path that is empty names nothing.
func unbound(c *gin.Context) error {
	if slices.ContainsFunc(c.Params, func(p gin.Param) bool { return p.Value == "" }) {
		return errNotFound
	}
	return errParameter
}

// Handler answers HEAD as it answers GET; the HTTP server leaves out the body.
type Handler struct {
	server *server
	router *gin.Engine
}

// Replace lets other clients and reviewers in, from the next request on. What
// does not hold together changes nothing.
func (h *Handler) Replace(clients []Client, reviewers []Reviewer) error {
	if err := CheckAccess(clients, reviewers); err != nil {
		return err
	}
	h.server.keys.Store(newKeyring(clients, reviewers, h.server.keys.Load()))
	return nil
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		r = r.WithContext(context.WithValue(r.Context(), methodKey, r.Method))
		r.Method = http.MethodGet
	}
	h.router.ServeHTTP(w, r)
}
