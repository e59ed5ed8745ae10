package e2e

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/yanzhen-id/yanzhen/verification"
)

func TestTwoHundredConcurrentStartsUnderOneKeyAreOneVerification(t *testing.T) {
	onEachStore(t, twoHundredStarts)
}

func twoHundredStarts(t *testing.T, dsn string) {
	const starts = 200
	s := newStack(t, options{dsn: dsn})
	p := s.person()
	key, request := map[string]string{"Idempotency-Key": "order-17"}, s.request(p)
	answers := make([]answer, starts)
	var wg sync.WaitGroup
	gun := make(chan struct{})
	for i := range answers {
		wg.Go(func() {
			<-gun
			answers[i] = s.call("shop", "POST", "/v1/verifications", key, request)
		})
	}
	close(gun)
	wg.Wait()

	id := answers[0].view.ID
	s.untilLink(id, 30*time.Second)
	now := s.call("shop", "POST", "/v1/verifications", key, request)
	require.Equal(t, http.StatusOK, now.status, "%s", now.body)
	require.Equal(t, "true", now.header.Get("Idempotent-Replayed"))
	require.NotNil(t, now.view.NextAction)
	link := now.view.NextAction.URL
	first, byStatus := 0, map[int]int{}
	for _, a := range answers {
		byStatus[a.status]++
		if a.header.Get("Idempotent-Replayed") == "" {
			first++
		}
		require.Equal(t, id, a.view.ID, "%d %s", a.status, a.body)
		switch a.status {
		case http.StatusCreated, http.StatusOK: // the first, and its repeats: all with the one link
			require.Equal(t, verification.RequiresInput, a.view.Status)
			require.NotNil(t, a.view.NextAction, "%s", a.body)
			require.Equal(t, link, a.view.NextAction.URL)
		case http.StatusAccepted: // nothing to show within its patience, on a slow machine
			require.False(t, a.view.Status.Ended())
			require.Nil(t, a.view.NextAction)
		default:
			t.Fatalf("%d: %s", a.status, a.body)
		}
	}
	t.Logf("answers by status: %v", byStatus)
	require.Equal(t, 1, first, "one call started it, the others are its replays")
	require.Equal(t, 1, s.rows())
	require.Equal(t, []string{id}, s.runs(1))
	require.Equal(t, 1, s.runsOf(id))
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 1, s.asked("check-2e"))
	require.Equal(t, 1, s.chargedFor(p))

	// The key of another client is another key.
	others := s.call("other", "POST", "/v1/verifications", key, request)
	require.Equal(t, http.StatusCreated, others.status, "%s", others.body)
	require.NotEqual(t, id, others.view.ID)
	require.NotEqual(t, link, others.view.NextAction.URL)
	require.Equal(t, 2, s.rows())
	require.ElementsMatch(t, []string{id, others.view.ID}, s.runs(2))
	require.Equal(t, 2, s.asked("GetEidToken"))

	// Another person under the same key is refused, and nothing is touched.
	row, events := s.readRaw(id), len(s.history(id).Events)
	for _, other := range []map[string]any{
		s.request(s.person()),
		with(s.request(p), "client_reference_id", "order-18"),
	} {
		reused := s.call("shop", "POST", "/v1/verifications", key, other)
		require.Equal(t, http.StatusUnprocessableEntity, reused.status, "%s", reused.body)
		require.Equal(t, "idempotency_key_reused", reused.Code)
		require.NotContains(t, string(reused.body), id)
	}
	require.JSONEq(t, row, s.readRaw(id))
	require.Len(t, s.history(id).Events, events)
	require.Equal(t, 2, s.rows())
	require.Equal(t, 2, s.asked("GetEidToken"))
	require.Equal(t, 2, s.asked("check-2e"))

	s.play(now.view, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(id, 30*time.Second).Outcome)
	replay := s.call("shop", "POST", "/v1/verifications", key, request)
	require.Equal(t, http.StatusOK, replay.status)
	require.Equal(t, verification.OutcomeApproved, replay.view.Outcome, "a replay answers as it is now")
	require.Nil(t, replay.view.NextAction, "never a dead link")
	require.Equal(t, 1, s.runsOf(id))
}

// readRaw is the API's answer to a read, as it is.
func (s *stack) readRaw(id string) string {
	s.t.Helper()
	a := s.call("shop", "GET", "/v1/verifications/"+id, nil, nil)
	require.Equal(s.t, http.StatusOK, a.status)
	return string(a.body)
}

// runsOf counts the runs that the engine knows of one workflow id.
func (s *stack) runsOf(id string) int {
	s.t.Helper()
	list, err := s.temporal.ListWorkflow(s.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowId = '" + id + "'"})
	require.NoError(s.t, err)
	return len(list.GetExecutions())
}

func TestAnotherClientsVerificationIsNotFoundOnEveryOperation(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	id := a.view.ID
	s.until(id, 30*time.Second, "the records' answer", func(v view) bool {
		return find(t, v, verification.IdentityRecords).Status == verification.Passed
	})
	unknown := "ver_" + "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	before := s.readRaw(id)
	for name, op := range map[string]struct {
		method, path string
		body         any
	}{
		"read":   {"GET", "", nil},
		"wait":   {"GET", "?wait=5s", nil},
		"retry":  {"POST", "/retry", map[string]any{"session": 1}},
		"cancel": {"POST", "/cancel", nil},
		"reason": {"POST", "/cancel", map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			foreign := s.call("other", op.method, "/v1/verifications/"+id+op.path, nil, op.body)
			nobodys := s.call("other", op.method, "/v1/verifications/"+unknown+op.path, nil, op.body)
			require.Equal(t, http.StatusNotFound, foreign.status, "%s", foreign.body)
			require.Equal(t, "not_found", foreign.Code)
			require.Equal(t, withoutRequestID(t, nobodys), withoutRequestID(t, foreign), "like an unknown one")
			require.Less(t, time.Since(began), 4*time.Second, "and not waited for")
		})
	}
	require.JSONEq(t, before, s.readRaw(id))
	for _, e := range s.history(id).Events {
		if e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED {
			require.Equal(t, "launch", e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetProtocolInstanceId())
		}
	}
	s.play(a.view, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(id, 30*time.Second).Outcome)
	ended := s.call("other", "GET", "/v1/verifications/"+id, nil, nil)
	require.Equal(t, http.StatusNotFound, ended.status, "an ended one too")
}

func withoutRequestID(t *testing.T, a answer) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(a.body, &m))
	delete(m, "request_id")
	return m
}
