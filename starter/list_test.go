package starter

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestAListAsksForTheClientsOwnAndNamesReopenedCasesByTheirID(t *testing.T) {
	r := newRig(t)
	policy, err := converter.GetDefaultDataConverter().ToPayload("cn-resident")
	require.NoError(t, err)
	shop, err := converter.GetDefaultDataConverter().ToPayload("shop")
	require.NoError(t, err)
	execution := func(id string) *workflowpb.WorkflowExecutionInfo {
		return &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: id}, StartTime: timestamppb.New(r.now),
			SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{"YzPolicy": policy, "YzClient": shop}},
		}
	}
	r.engine.list = func() (*workflowservice.ListWorkflowExecutionsResponse, error) {
		return &workflowservice.ListWorkflowExecutionsResponse{
			Executions: []*workflowpb.WorkflowExecutionInfo{execution("ver_a"), execution("ver_b:v2")}, NextPageToken: []byte{1, 2},
		}, nil
	}
	page, err := r.s.List(t.Context(), []string{"shop"}, verification.InReview, 2, "")
	require.NoError(t, err)
	require.Equal(t, []Item{
		{ID: "ver_a", Client: "shop", Status: verification.InReview, Policy: "cn-resident", Since: r.now},
		{ID: "ver_b", Client: "shop", Status: verification.InReview, Policy: "cn-resident", Since: r.now},
	}, page.Items)
	require.Equal(t, "YzClient IN ('shop') AND YzStatus = 'in_review' AND WorkflowType IN ('Verification', 'Review') AND ExecutionStatus = 'Running'",
		r.engine.lists[0].Query)
	_, err = r.s.List(t.Context(), []string{"shop"}, verification.InReview, 2, page.Next)
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2}, r.engine.lists[1].NextPageToken)
	require.Equal(t, int32(2), r.engine.lists[1].PageSize)

	_, err = r.s.List(t.Context(), []string{"shop", "other"}, verification.InReview, 2, "")
	require.NoError(t, err)
	require.Contains(t, r.engine.lists[2].Query, "YzClient IN ('shop', 'other') AND")
	_, err = r.s.List(t.Context(), nil, verification.InReview, 2, "")
	requireCode(t, err, Internal)
}

func TestAListIsRefusedOrToldAsItFails(t *testing.T) {
	r := newRig(t)
	// A cursor that is none, is cut, or answered another question, is refused
	// before the engine is asked, which would not answer.
	good := r.s.cursor([]string{"shop"}, verification.InReview, []byte{1, 2})
	for _, cursor := range []string{"not base64!", "AQI", "x", good[:len(good)-1], good + "A", "A" + good[1:],
		r.s.cursor([]string{"shop", "other"}, verification.InReview, []byte{1, 2}), r.s.cursor([]string{"shop"}, verification.Processing, []byte{1, 2})} {
		_, err := r.s.List(t.Context(), []string{"shop"}, verification.InReview, 20, cursor)
		require.Equal(t, "cursor", requireCode(t, err, InvalidRequest).Fields[0].Field, cursor)
	}
	_, err := r.s.List(t.Context(), []string{"shop", "shop' OR YzClient != '"}, verification.InReview, 20, "")
	requireCode(t, err, Internal)
	_, err = r.s.List(t.Context(), []string{"shop"}, "in_review' OR '1'='1", 20, "")
	requireCode(t, err, Internal)
	require.Empty(t, r.engine.lists)

	for _, tc := range []struct {
		fault  error
		cursor string
		code   Code
	}{
		{serviceerror.NewInvalidArgument("token"), good, InvalidRequest},
		{serviceerror.NewInvalidArgument("query"), "", Internal},
		{serviceerror.NewUnavailable("x"), "", EngineUnavailable},
		{errors.New("x"), good, EngineUnavailable},
	} {
		r.engine.list = func() (*workflowservice.ListWorkflowExecutionsResponse, error) { return nil, tc.fault }
		_, err := r.s.List(t.Context(), []string{"shop"}, verification.InReview, 20, tc.cursor)
		requireCode(t, err, tc.code)
	}
}

func TestOfTwoSwitchesTheStricterOneIsShown(t *testing.T) {
	for _, tc := range []struct {
		configured, thrown, want store.SwitchState
		told                     bool
	}{
		{"", "", store.SwitchOn, false},
		{store.SwitchDrain, "", store.SwitchDrain, false},
		{store.SwitchDrain, store.SwitchOn, store.SwitchDrain, false},
		{store.SwitchDrain, store.SwitchOff, store.SwitchOff, true},
		{store.SwitchOff, store.SwitchDrain, store.SwitchOff, false},
		{"", store.SwitchOff, store.SwitchOff, true},
		{"", store.SwitchOn, store.SwitchOn, true},
	} {
		r := newRig(t)
		r.s.switches = map[string]store.SwitchState{"toy": tc.configured}
		if tc.thrown != "" {
			require.NoError(t, r.store.SetSwitch(t.Context(), store.Switch{Provider: "toy", State: tc.thrown, Reason: "outage", By: "ops", At: r.now}))
		}
		list, err := r.s.Providers(t.Context())
		require.NoError(t, err)
		want := []Provider{
			{Name: "books", Kinds: []string{"records"}, State: store.SwitchOn},
			{Name: "toy", Kinds: []string{"face"}, State: tc.want},
		}
		if tc.told {
			want[1].Reason, want[1].Since = "outage", r.now
		}
		require.Equal(t, want, list)
	}
}
