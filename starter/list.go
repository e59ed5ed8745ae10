package starter

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

// Item is a verification in a list: what the search attributes tell.
type Item struct {
	ID     string
	Client string
	Status verification.Status
	// Policy is the policy's name.
	Policy string
	// Since is when it was started or reopened.
	Since time.Time
}

// Page is a part of a list.
type Page struct {
	Items []Item
	// Next is the cursor of the next page; empty at the end.
	Next string
}

// plainID is a client's id that needs no quoting in a visibility query.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// List lists the clients' running or reopened verifications in a status, as
// the engine's visibility knows them, which lags by seconds. Errors are *Error:
// InvalidRequest (the cursor), EngineUnavailable, Internal.
func (s *Starter) List(ctx context.Context, clients []string, status verification.Status, limit int, cursor string) (Page, error) {
	token, ok := s.openCursor(clients, status, cursor)
	if !ok {
		return Page{}, cursorFault()
	}
	if slices.ContainsFunc(clients, func(id string) bool { return !plainID.MatchString(id) }) || len(clients) == 0 || !known(status) {
		return Page{}, internal("list: a client or a status that cannot be asked for", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	resp, err := s.engine.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: int32(limit), NextPageToken: token,
		Query: fmt.Sprintf("%s IN ('%s') AND %s = '%s' AND WorkflowType IN ('%s', '%s') AND ExecutionStatus = 'Running'",
			workflows.AttrClient.GetName(), strings.Join(clients, "', '"), workflows.AttrStatus.GetName(), status,
			workflows.VerificationWorkflow, workflows.ReviewWorkflow),
	})
	if err != nil {
		return Page{}, s.listFault(ctx, err, cursor)
	}
	page := Page{Next: s.cursor(clients, status, resp.GetNextPageToken())}
	for _, e := range resp.GetExecutions() {
		// A review's id is the verification's with the version behind it.
		id, _, _ := strings.Cut(e.GetExecution().GetWorkflowId(), ":")
		page.Items = append(page.Items, Item{
			ID: id, Status: status, Since: e.GetStartTime().AsTime(),
			Client: keyword(e.GetSearchAttributes().GetIndexedFields(), workflows.AttrClient.GetName()),
			Policy: keyword(e.GetSearchAttributes().GetIndexedFields(), workflows.AttrPolicy.GetName()),
		})
	}
	return page, nil
}

const purposeCursor = "list-cursor"

// cursorMAC is the length of what binds a cursor to its question: the engine
// answers a token that is not its own, or another's, with a time-out.
const cursorMAC = 12

// cursor is what stands for the engine's page token; nothing at the end.
func (s *Starter) cursor(clients []string, status verification.Status, token []byte) string {
	if len(token) == 0 {
		return ""
	}
	mac := s.cursorMAC(clients, status, token)
	return base64.RawURLEncoding.EncodeToString(append(mac, token...))
}

// openCursor returns the token of a cursor that answered the same question.
func (s *Starter) openCursor(clients []string, status verification.Status, cursor string) (token []byte, ok bool) {
	if cursor == "" {
		return nil, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorMAC {
		return nil, false
	}
	token = raw[cursorMAC:]
	return token, equal(raw[:cursorMAC], s.cursorMAC(clients, status, token))
}

func (s *Starter) cursorMAC(clients []string, status verification.Status, token []byte) []byte {
	return s.keys.Hash(purposeCursor, append([]string{string(status), string(token)}, clients...)...)[:cursorMAC]
}

// listFault: of all we send only the cursor was the caller's.
func (s *Starter) listFault(ctx context.Context, err error, cursor string) error {
	if _, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok && cursor != "" {
		return cursorFault()
	}
	if classify(err) == engineFaulty {
		s.log.ErrorContext(ctx, "the engine refuses a list", "error_type", typeOf(err))
		return internal("list", err)
	}
	return unavailable("list", err)
}

func cursorFault() error {
	return &Error{Code: InvalidRequest, Fields: []FieldError{{Field: "cursor", Code: "cursor", Message: "Not one that an answer held."}}}
}
