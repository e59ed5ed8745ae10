package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// answering is every kind of vendor, each of whose calls ends with its error.
type answering struct{ err error }

func (a *answering) Open(context.Context, Opening) (Opened, error) { return Opened{Link: "l"}, a.err }
func (a *answering) Look(context.Context, FaceSession) (Look, error) {
	return Look{Phase: Begun}, a.err
}
func (a *answering) Result(context.Context, FaceSession) (verification.FaceResult, error) {
	return verification.FaceResult{}, a.err
}
func (a *answering) Check(context.Context, verification.Subject) (verification.Check, error) {
	return verification.Check{}, a.err
}
func (a *answering) Read(context.Context, string) (verification.Card, error) {
	return verification.Card{}, a.err
}
func (a *answering) Compare(context.Context, []byte, []byte) (float64, error) { return 61, a.err }

// Every call of every kind of vendor is told, with what became of it.
func TestEveryCallOfAVendorIsObserved(t *testing.T) {
	a := &answering{}
	r := &Registry{}
	r.AddFace(FaceVendor{Name: "f", Provider: a})
	r.AddRecords(RecordsVendor{Name: "r", Provider: a})
	r.AddChip(ChipVendor{Name: "f", Provider: a})
	r.AddComparer(ComparerVendor{Name: "c", Provider: a})
	var told []string
	r.Observe(func(_ context.Context, c Call) {
		require.GreaterOrEqual(t, c.Took, time.Duration(0))
		told = append(told, c.Provider+" "+c.Operation+" "+c.Class)
	})
	face, _ := r.Face("f")
	records, _ := r.Records("r")
	chip, _ := r.Chip("f")
	comparer, _ := r.Comparer("c")
	all := func(ctx context.Context) []string {
		told = nil
		opened, _ := face.Provider.Open(ctx, Opening{})
		require.Equal(t, "l", opened.Link)
		look, _ := face.Provider.Look(ctx, FaceSession{})
		require.Equal(t, Begun, look.Phase)
		_, _ = face.Provider.Result(ctx, FaceSession{})
		_, _ = records.Provider.Check(ctx, verification.Subject{})
		_, _ = chip.Provider.Read(ctx, "x")
		score, _ := comparer.Provider.Compare(ctx, nil, nil)
		require.EqualValues(t, 61, score)
		return slices.Clone(told)
	}
	want := func(class string) []string {
		return []string{"f open " + class, "f look " + class, "f result " + class, "r check " + class, "f read " + class, "c compare " + class}
	}
	require.Equal(t, want("ok"), all(t.Context()))
	a.err = &Error{Op: "x", Class: RateLimited}
	require.Equal(t, want("rate_limited"), all(t.Context()))
	a.err = errors.New("no vendor's")
	require.Equal(t, want("unavailable"), all(t.Context()))
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, want("canceled"), all(stopped))
}

// asking is a records vendor that makes a request.
type asking struct {
	client *http.Client
	url    string
	answer verification.Check
	err    error
}

func (a *asking) Check(ctx context.Context, _ verification.Subject) (verification.Check, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, nil)
	if err != nil {
		return verification.Check{}, err
	}
	res, err := a.client.Do(req)
	if err == nil {
		err = res.Body.Close()
	}
	return a.answer, errors.Join(err, a.err)
}

// A call tells what it cost, and of the address no more than its host.
func TestACallTellsHostStatusAndCharge(t *testing.T) {
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer vendor.Close()
	a := &asking{client: NewHTTPClient(), url: vendor.URL + "/check/110101199003070017?ticket=t"}
	r := &Registry{}
	r.AddRecords(RecordsVendor{Name: "r", Provider: a})
	var told Call
	r.Observe(func(_ context.Context, c Call) { told = c })
	records, _ := r.Records("r")
	for _, c := range []struct {
		answer verification.Billable
		err    error
		want   verification.Billable
	}{
		{verification.BillableYes, nil, verification.BillableYes},
		{verification.BillableNo, nil, verification.BillableNo},
		{"", nil, verification.BillableUnknown},
		{"", &Error{Class: Unavailable}, verification.BillableNo},
		{"", &Error{Class: Unavailable, Billable: verification.BillableUnknown}, verification.BillableUnknown},
	} {
		a.answer.Billable, a.err = c.answer, c.err
		_, _ = records.Provider.Check(t.Context(), verification.Subject{})
		require.Equal(t, c.want, told.Charged)
		require.Equal(t, strings.TrimPrefix(vendor.URL, "http://"), told.Host)
		require.Equal(t, http.StatusTeapot, told.Status)
	}
	require.NotContains(t, fmt.Sprint(told), "ticket")

	vendor.Close()
	a.err = nil
	_, err := records.Provider.Check(t.Context(), verification.Subject{})
	require.Error(t, err)
	require.Zero(t, told.Status, "nobody answered")
}
