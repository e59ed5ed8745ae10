package e2e

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client"
)

// clientOf is the Go client with a client's key.
func (s *stack) clientOf(name string) *client.Client {
	s.t.Helper()
	c, err := client.New(s.apiURL, s.keys[name])
	require.NoError(s.t, err)
	return c
}

// The Go client starts, waits, retries and cancels at the API that stands, lists
// what it started, and returns the API's problem documents as errors.
func TestGoClientAgainstTheAPI(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	c, p := s.clientOf("shop"), s.person()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	vendor := client.PresentationVendor
	request := client.StartRequest{Policy: "cn-resident", Presentation: &vendor, Subject: &client.Subject{Name: p.Name, IdNumber: p.IDNumber,
		IdValidity: client.IDValidity{From: p.ValidFrom, To: p.ValidTo}}}

	v, err := c.Start(ctx, "order-17", request)
	require.NoError(t, err)
	again, err := c.Start(ctx, "order-17", request)
	require.NoError(t, err)
	require.Equal(t, v.Id, again.Id)
	v, err = c.Wait(ctx, v.Id, client.HasLink)
	require.NoError(t, err)
	s.play(s.read(v.Id), "2016") // below the threshold
	v, err = c.Wait(ctx, v.Id, func(v *client.Verification) bool {
		return v.NextAction != nil && v.NextAction.Type == client.NextActionTypeRetry
	})
	require.NoError(t, err)
	_, err = c.Retry(ctx, v.Id, client.RetryRequest{Session: v.Attempt.Session})
	require.NoError(t, err)
	v, err = c.Wait(ctx, v.Id, client.HasLink)
	require.NoError(t, err)
	s.play(s.read(v.Id), "0")
	v, err = c.Wait(ctx, v.Id, client.Ended)
	require.NoError(t, err)
	require.Equal(t, "approved", *v.Outcome)

	person, err := c.Outputs(ctx, v.Id, "test")
	require.NoError(t, err)
	require.Equal(t, p.Name, person.Name)

	_, err = c.Cancel(ctx, v.Id)
	var e *client.Error
	require.True(t, errors.As(err, &e), "%v", err)
	require.Equal(t, client.CodeInvalidState, e.Code)
	require.Equal(t, client.StatusCompleted, *e.CurrentStatus)

	other, err := c.Start(ctx, "", request)
	require.NoError(t, err)
	other, err = c.Cancel(ctx, other.Id)
	require.NoError(t, err)
	require.Equal(t, client.StatusCanceled, other.Status)
	var listed []string
	for item, err := range c.Verifications(ctx, client.ListVerificationsParams{}) {
		require.NoError(t, err)
		listed = append(listed, item.Id)
	}
	require.Equal(t, []string{other.Id, v.Id}, listed)

	cursor, types := "", map[string][]string{}
	for event, err := range c.Events(ctx, &cursor) {
		require.NoError(t, err)
		types[event.Data.VerificationId] = append(types[event.Data.VerificationId], event.Type)
	}
	require.Equal(t, "verification.completed", types[v.Id][len(types[v.Id])-1])
	require.Contains(t, types[other.Id], "verification.canceled")
	for event, err := range c.Events(ctx, &cursor) {
		t.Errorf("after the cursor: %v, %v", event, err)
	}

	request.Subject.IdNumber = "110199199003070018"
	_, err = c.Start(ctx, "", request)
	require.True(t, errors.As(err, &e))
	require.Equal(t, http.StatusUnprocessableEntity, e.Status)
	require.Equal(t, "id_number.check_digit", (*e.Errors)[0].Code)
}
