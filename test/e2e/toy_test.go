package e2e

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"golang.org/x/sync/errgroup"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/test/e2e/toy"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/worker"
)

// A new vendor is a package and a line in the list. Nothing else of the product
// knows this one: it is listed here, in process, and run to both verdicts.
func TestANewFaceProviderRunsWithNothingButItsLineInTheList(t *testing.T) {
	t.Parallel()
	vendor := &toy.Vendor{}
	s, start := wireToy(t, vendor)
	for name, run := range map[string]struct {
		verdict verification.ReasonCode
		hinted  bool
		want    verification.Outcome
	}{
		"approved, found by the poll":   {"", false, verification.OutcomeApproved},
		"approved, hinted by a browser": {"", true, verification.OutcomeApproved},
		"declined":                      {verification.IdentityMismatch, false, verification.OutcomeDeclined},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.person()
			v, started, err := start.Start(t.Context(), "shop", freshKey(), verification.Request{
				Policy: "toy",
				Subject: &verification.Subject{Name: p.Name, IDNumber: p.IDNumber,
					IDValidity: verification.Validity{From: p.ValidFrom, To: p.ValidTo}},
			})
			require.NoError(t, err)
			require.False(t, started.Accepted)
			require.Equal(t, toy.Name, v.Provider)
			require.NotEmpty(t, v.Link)
			callback, tell := vendor.End(v.Link, run.verdict)
			tell = sync.OnceFunc(tell)
			defer tell()
			require.NotEmpty(t, callback)
			if run.hinted {
				res, err := direct.Get(callback)
				require.NoError(t, err)
				res.Body.Close()
				require.Equal(t, http.StatusOK, res.StatusCode, "no return URL: our own closing page")
				require.Equal(t, 1, s.signals(v.ID))
			}
			tell()
			require.Eventually(t, func() bool {
				now, err := start.Read(t.Context(), "shop", v.ID)
				require.NoError(t, err)
				v = now
				return now.Status.Ended()
			}, 20*time.Second, 50*time.Millisecond)
			require.Equal(t, run.want, v.Outcome())
			require.Equal(t, verification.ByPolicy, v.Verdict.DecidedBy)

			queues := map[string]string{}
			for _, e := range s.history(v.ID).Events {
				if e.GetEventType() == enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
					a := e.GetActivityTaskScheduledEventAttributes()
					queues[a.GetActivityType().GetName()] = a.GetTaskQueue().GetName()
				}
			}
			require.Equal(t, toy.OpenQueue, queues["OpenSession"])
			require.Equal(t, toy.WatchQueue, queues["PollSession"])
			require.Contains(t, []string{"", toy.OpenQueue}, queues["FetchSession"], "the look that saw the end mostly brings the result")
		})
	}
	opened, looked, fetched := vendor.Calls()
	require.Equal(t, 3, opened)
	require.GreaterOrEqual(t, looked, 3)
	require.GreaterOrEqual(t, fetched, 3)
	require.LessOrEqual(t, fetched, 4, "the poll and the look of the one hint may both see the end")
	require.Empty(t, s.vendors.Ledger().Calls, "no other vendor was asked")
}

// wireToy is the product in this process with the toy as its only vendor.
func wireToy(t *testing.T, vendor *toy.Vendor) (*stack, *starter.Starter) {
	return wireToyAround(t, vendor, discard, func(f provider.Face) provider.Face { return f }, func(s *starter.Starter) api.Verifications { return s })
}

// wireToyAround is wireToy with a log, and with something around the vendor and what
// answers the API.
func wireToyAround(t *testing.T, vendor *toy.Vendor, log *slog.Logger, face func(provider.Face) provider.Face, around func(*starter.Starter) api.Verifications) (*stack, *starter.Starter) {
	s := &stack{t: t, dir: t.TempDir(), keys: map[string]string{}, namespace: "toy-" + freshKey(), log: log}
	s.startVendors(options{})
	s.prepare(options{})

	catalogue := filepath.Join(s.dir, "toy.yaml")
	require.NoError(t, os.WriteFile(catalogue, []byte("policies:\n  - {name: toy, version: 1, face_providers: [toy],\n"+
		"     checks: {document_validity: required, liveness: required, face_match: required}}\n"), 0o600))
	cfg, err := config.Load([]string{"YANZHEN_CONFIG=" + catalogue, "YANZHEN_TOY_KEY=k", "YANZHEN_PUBLIC_URL=https://kyc.example.com"},
		[]provider.Vendor{vendor.Describe()}, config.Needs{Providers: true})
	require.NoError(t, err)
	configured, err := cfg.Registry(log)
	require.NoError(t, err)
	one, ok := configured.Face(toy.Name)
	require.True(t, ok)
	one.Provider = face(one.Provider)
	eraser, ok := configured.Eraser(toy.Name)
	require.True(t, ok)
	registry := &provider.Registry{}
	registry.AddFace(one)
	registry.AddEraser(eraser)

	keys, err := sealing.Load(filepath.Join(s.dir, "keys.json"))
	require.NoError(t, err)
	st, err := store.Open(t.Context(), s.dsn, keys)
	require.NoError(t, err)
	start := starter.New(starter.Deps{
		Engine: s.temporal, Store: st, Keys: keys, Policies: cfg.Policies, Registry: registry, Logger: log,
	})
	handler, err := api.New(api.Deps{
		Verifications: around(start), Tickets: keys, Signatures: keys, Logger: log, Metrics: telemetry.NewMetrics(),
		Clients: []api.Client{{ID: "shop", Keys: []api.Key{{Name: "key", Hash: api.HashKey(s.keys["shop"]), Scopes: []string{"verifications:read"}}}}},
	})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	server.Start()
	s.apiURL = server.URL

	ctx, stop := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error {
		return worker.Run(ctx, worker.Deps{
			Client: s.temporal, Vendors: registry,
			Activities: &activities.Activities{Store: st, Keys: keys, Vendors: registry, PublicURL: server.URL, Now: time.Now, Log: log},
			Eraser: &activities.Eraser{Store: st, Engine: s.temporal, Deleter: s.temporal.WorkflowService(), Namespace: s.namespace,
				Vendors: registry, Keys: keys, Issuer: server.URL, Now: time.Now, Log: log},
		})
	})
	t.Cleanup(func() {
		server.Close()
		stop()
		require.NoError(t, g.Wait())
		require.NoError(t, st.Close())
	})
	return s, start
}

// A vendor that offers deletion is asked for it until it confirms, and the receipt
// says so; nobody had to be told of the vendor for that.
func TestAVendorThatOffersDeletionDeletes(t *testing.T) {
	t.Parallel()
	vendor := &toy.Vendor{}
	s, start := wireToy(t, vendor)
	p := s.person()
	v, _, err := start.Start(t.Context(), "shop", freshKey(), verification.Request{Policy: "toy", Subject: &verification.Subject{
		Name: p.Name, IDNumber: p.IDNumber, IDValidity: verification.Validity{From: p.ValidFrom, To: p.ValidTo}}})
	require.NoError(t, err)
	_, tell := vendor.End(v.Link, "")
	tell()
	require.Eventually(t, func() bool {
		now, err := start.Read(t.Context(), "shop", v.ID)
		return err == nil && now.Status.Ended()
	}, 20*time.Second, 50*time.Millisecond)
	require.Equal(t, 1, vendor.Holds(v.ID))

	vendor.Deafen(2)
	var e starter.Erasure
	require.Eventually(t, func() bool {
		var err error
		e, err = start.Redact(t.Context(), "shop", v.ID, starter.RedactRequest{Cause: starter.CauseRequest, By: "test"})
		require.NoError(t, err)
		return e.Receipt != ""
	}, 30*time.Second, 50*time.Millisecond)
	require.Zero(t, vendor.Holds(v.ID))
	set, err := os.ReadFile(filepath.Join(s.dir, "keys.json"))
	require.NoError(t, err)
	keys, err := sealing.Parse(set)
	require.NoError(t, err)
	public, err := keys.PublicKeys()
	require.NoError(t, err)
	said, err := statement.Verify(e.Receipt, statement.TypeReceipt, public)
	require.NoError(t, err)
	var r statement.Receipt
	require.NoError(t, json.Unmarshal(said, &r))
	require.Len(t, r.Vendors, 1)
	require.Equal(t, []string{toy.Name, statement.Erased}, []string{r.Vendors[0].Name, r.Vendors[0].Result})
	require.NotNil(t, r.Vendors[0].At)
}
