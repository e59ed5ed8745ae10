package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
)

const (
	// TypeEngine: the engine did not answer.
	TypeEngine = "engine"
	// TypeThere: the engine still knows what it was to delete. Benign: it takes a
	// moment.
	TypeThere = "still_there"
)

// ErasureStore is what erasing asks of the store.
type ErasureStore interface {
	Erasure(ctx context.Context, id string) (store.Erasure, error)
	SignErasure(ctx context.Context, id, receipt string, at time.Time) error
	Told(ctx context.Context, id string) ([]store.Delivery, error)
	Reopenings(ctx context.Context, id string) (int, error)
	Forget(ctx context.Context) error
	Kind() string
}

// Histories is what erasing asks of the engine.
type Histories interface {
	ListWorkflow(ctx context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	DescribeWorkflow(ctx context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error)
}

// Deleter deletes histories; a Temporal client's WorkflowService is one.
type Deleter interface {
	DeleteWorkflowExecution(ctx context.Context, r *workflowservice.DeleteWorkflowExecutionRequest, o ...grpc.CallOption) (*workflowservice.DeleteWorkflowExecutionResponse, error)
}

// Signer signs receipts.
type Signer interface {
	Sign(typ string, statement []byte) (string, error)
}

// Eraser does what remains once a row's personal part is erased: in the store's
// files, at the vendors, in the engine; then it signs that it is done. Every step
// may be repeated.
type Eraser struct {
	Store     ErasureStore
	Engine    Histories
	Deleter   Deleter
	Namespace string
	Vendors   *provider.Registry
	Keys      Signer
	// Issuer is our public address, by which a receipt's keys are found.
	Issuer string
	// BackupsKept is for how long the operator keeps the store's backups; 0:
	// nobody said.
	BackupsKept time.Duration
	Now         func() time.Time
	Log         *slog.Logger
	// Signed hears how long each erasure took; nil: nobody does.
	Signed func(took time.Duration)
}

// EraseInput is the argument of ClearFiles and DeleteHistories.
type EraseInput struct {
	ID string `json:"id"`
}

// EraseAt is a vendor that offers deletion, and its queue.
type EraseAt struct {
	Provider string `json:"provider"`
	Queue    string `json:"queue"`
}

// ClearedFiles says what is in the files any more, and who is to be asked.
type ClearedFiles struct {
	// At is when the bytes had left the files; nil: the database's server decides.
	At *time.Time `json:"at,omitempty"`
	// Ask are the vendors that offer deletion, Rest what is known of the others.
	Ask  []EraseAt          `json:"ask,omitempty"`
	Rest []statement.Vendor `json:"rest,omitempty"`
}

// ClearFiles makes what was erased leave the store's files, as far as the
// product can, and finds who was asked about the person.
func (e *Eraser) ClearFiles(ctx context.Context, in EraseInput) (ClearedFiles, error) {
	known, err := e.Store.Erasure(ctx, in.ID)
	if err != nil {
		return ClearedFiles{}, storeError(err)
	}
	if err := e.Store.Forget(ctx); err != nil {
		return ClearedFiles{}, temporal.NewApplicationError("the store's files could not be cleared yet", TypeStore)
	}
	var out ClearedFiles
	if e.Store.Kind() == "sqlite" {
		now := e.now()
		out.At = &now
	}
	for _, a := range known.Asked {
		switch v, offers := e.Vendors.Eraser(a.Provider); {
		case offers:
			out.Ask = append(out.Ask, EraseAt{a.Provider, v.Queue.Name})
		case !slices.Contains(e.Vendors.Names(), a.Provider):
			out.Rest = append(out.Rest, statement.Vendor{Name: a.Provider, Result: statement.NotConfigured})
		default:
			out.Rest = append(out.Rest, statement.Vendor{Name: a.Provider, Result: statement.OffersNone})
		}
	}
	return out, nil
}

func (e *Eraser) now() time.Time { return e.Now().UTC().Truncate(time.Millisecond) }

// EraseAtVendorInput is the argument of EraseAtVendor.
type EraseAtVendorInput struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
}

// EraseAtVendor has a vendor delete what it holds.
func (e *Eraser) EraseAtVendor(ctx context.Context, in EraseAtVendorInput) (statement.Vendor, error) {
	known, err := e.Store.Erasure(ctx, in.ID)
	if err != nil {
		return statement.Vendor{}, storeError(err)
	}
	out := statement.Vendor{Name: in.Provider, Result: statement.NotConfigured}
	v, ok := e.Vendors.Eraser(in.Provider)
	if !ok {
		return out, nil
	}
	what := provider.Erasing{VerificationID: in.ID}
	if i := slices.IndexFunc(known.Asked, func(a store.Asked) bool { return a.Provider == in.Provider }); i >= 0 {
		what.Sessions = known.Asked[i].Sessions
	}
	if err := v.Provider.Erase(ctx, what); err != nil {
		e.Log.WarnContext(ctx, "vendor did not delete; retrying", "verification_id", in.ID, "provider", in.Provider, "class", provider.ClassOf(err))
		return statement.Vendor{}, vendorError(err, true, 0)
	}
	now := e.now()
	out.Result, out.At = statement.Erased, &now
	return out, nil
}

// confirmFor is how long one try waits for the engine to have let go, and
// confirmEvery how often it asks.
const confirmFor, confirmEvery = 5 * time.Second, 100 * time.Millisecond

// DeleteHistories deletes the histories of the verification, its reviews and its
// deliveries, and returns once the engine answers that it knows none of them.
func (e *Eraser) DeleteHistories(ctx context.Context, in EraseInput) (statement.Engine, error) {
	told, err := e.Store.Told(ctx, in.ID)
	if err != nil {
		return statement.Engine{}, storeError(err)
	}
	reviews, err := e.Store.Reopenings(ctx, in.ID)
	if err != nil {
		return statement.Engine{}, storeError(err)
	}
	// What can be known is not left to the engine's list, which shows a run some
	// time after it began and none that an earlier try has deleted.
	runs, underWay := runsOf(in.ID, told)
	for n := range reviews {
		runs[ReviewID(in.ID, n+2)] = true
	}
	list := []run{}
	for _, prefix := range prefixesOf(in.ID, told) {
		listed, err := e.listed(ctx, prefix)
		if err != nil {
			return statement.Engine{}, err
		}
		for _, r := range listed {
			if !underWay[r.id] && r.id != ErasureID(in.ID) {
				runs[r.id] = true
				list = append(list, r)
			}
		}
	}
	for id := range runs {
		list = append(list, run{id: id})
	}
	for _, r := range list {
		if err := e.delete(ctx, r); err != nil {
			return statement.Engine{}, err
		}
	}
	if err := e.confirm(ctx, list); err != nil {
		return statement.Engine{}, err
	}
	return statement.Engine{Histories: len(runs), ConfirmedAt: e.now(), DeliveriesUnderWay: len(underWay)}, nil
}

// run is an execution; without a run's id the newest one.
type run struct{ id, run string }

// runsOf are the workflows that are known to have been there, and the
// deliveries that are under way.
func runsOf(id string, told []store.Delivery) (runs, underWay map[string]bool) {
	runs, underWay = map[string]bool{id: true}, map[string]bool{}
	for _, d := range told {
		for round := range d.Round + 1 {
			name := DeliveryID(d.EventID, d.Endpoint, round)
			over := d.State == store.DeliveryDelivered || d.State == store.DeliveryFailed || d.State == store.DeliveryAborted
			if over || round < d.Round {
				runs[name] = true
			} else {
				underWay[name] = true
			}
		}
	}
	return runs, underWay
}

func prefixesOf(id string, told []store.Delivery) []string {
	prefixes := []string{id}
	for _, d := range told {
		if !slices.Contains(prefixes, d.EventID+":") {
			prefixes = append(prefixes, d.EventID+":")
		}
	}
	return prefixes
}

// listed finds all executions whose workflow's id begins so: reviews, and runs
// that an operator reset.
func (e *Eraser) listed(ctx context.Context, prefix string) (out []run, err error) {
	q := &workflowservice.ListWorkflowExecutionsRequest{PageSize: 200, Query: fmt.Sprintf("WorkflowId STARTS_WITH '%s'", prefix)}
	for {
		page, err := e.Engine.ListWorkflow(ctx, q)
		if err != nil {
			return nil, engineError("the engine did not list runs")
		}
		for _, x := range page.GetExecutions() {
			out = append(out, run{x.GetExecution().GetWorkflowId(), x.GetExecution().GetRunId()})
		}
		if q.NextPageToken = page.GetNextPageToken(); len(q.NextPageToken) == 0 {
			return out, nil
		}
	}
}

func (e *Eraser) delete(ctx context.Context, r run) error {
	_, err := e.Deleter.DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: e.Namespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: r.id, RunId: r.run},
	})
	if _, gone := errors.AsType[*serviceerror.NotFound](err); err == nil || gone {
		return nil
	}
	return engineError("the engine did not delete a run")
}

// confirm waits until the engine knows none of the runs.
func (e *Eraser) confirm(ctx context.Context, list []run) error {
	for until := time.Now().Add(confirmFor); ; {
		there := list[:0:0]
		for _, r := range list {
			_, err := e.Engine.DescribeWorkflow(ctx, r.id, r.run)
			if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
				continue
			}
			if err != nil {
				return engineError("the engine did not say what it knows")
			}
			there = append(there, r)
		}
		if list = there; len(list) == 0 {
			return nil
		}
		if time.Now().After(until) {
			return temporal.NewApplicationErrorWithOptions("the engine still knows a run", TypeThere, temporal.ApplicationErrorOptions{
				NextRetryDelay: time.Second, Category: temporal.ApplicationErrorCategoryBenign,
			})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(confirmEvery):
		}
	}
}

func engineError(what string) error { return temporal.NewApplicationError(what, TypeEngine) }

// SignReceiptInput is the argument of SignReceipt: what was done.
type SignReceiptInput struct {
	ID      string             `json:"id"`
	Files   *time.Time         `json:"files,omitempty"`
	Vendors []statement.Vendor `json:"vendors,omitempty"`
	Engine  statement.Engine   `json:"engine"`
}

// left is what an erasure leaves.
var left = []string{"id", "client", "bare_verdict", "events_without_reference", "audit_log", "keyed_hashes_of_chip_scans", "this_receipt"}

// When the bytes leave the files of each database.
var files = map[string]string{
	"sqlite":   "zeroed in the file, and gone from the write-ahead log with the checkpoint",
	"postgres": "old row versions go with the next VACUUM FULL, or when their room is used again; the write-ahead log when its segments are overwritten",
}

// SignReceipt signs that it is done, and keeps the receipt; the first one stands.
func (e *Eraser) SignReceipt(ctx context.Context, in SignReceiptInput) error {
	known, err := e.Store.Erasure(ctx, in.ID)
	if err != nil {
		return storeError(err)
	}
	if known.Receipt != "" {
		return nil
	}
	now := e.now()
	r := statement.Receipt{
		Issuer: e.Issuer, VerificationID: in.ID, IssuedAt: now.Unix(), Cause: known.Cause, ErasedAt: known.ErasedAt,
		Store:  statement.Store{Kind: e.Store.Kind(), Erased: store.ErasedPlaces(), Files: files[e.Store.Kind()], FilesClearedAt: in.Files},
		Engine: in.Engine, Vendors: append([]statement.Vendor{}, in.Vendors...), Left: left,
	}
	slices.SortFunc(r.Vendors, func(a, b statement.Vendor) int { return strings.Compare(a.Name, b.Name) })
	if e.BackupsKept > 0 {
		gone := now.Add(e.BackupsKept)
		r.Backups.GoneBy = &gone
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("the receipt does not encode: %w", err)
	}
	signed, err := e.Keys.Sign(statement.TypeReceipt, text)
	if err != nil {
		e.Log.ErrorContext(ctx, "failed to sign a receipt", "verification_id", in.ID, "error", err)
		return temporal.NewApplicationError("the receipt cannot be signed", TypeStore)
	}
	if err := e.Store.SignErasure(ctx, in.ID, signed, now); err != nil {
		return storeError(err)
	}
	if e.Signed != nil {
		e.Signed(now.Sub(known.ErasedAt))
	}
	return nil
}

// ReviewID is the id of the workflow that holds a reopened verification in review;
// version is that of the verdict that may come of it, 2 for the first review.
func ReviewID(id string, version int) string { return fmt.Sprintf("%s:v%d", id, version) }

// ErasureID is the id of the workflow that erases a verification.
func ErasureID(id string) string { return id + ":erase" }
