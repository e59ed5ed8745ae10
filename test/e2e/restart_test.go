package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// post starts a verification under a key and fails no test: whoever calls it
// expects that its peer may die.
func (s *stack) post(key string, p sandbox.Person) error {
	body, err := json.Marshal(s.request(p))
	if err != nil {
		return err
	}
	req, err := http.NewRequest("POST", s.apiURL+"/v1/verifications", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.keys["shop"])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// repeat starts a verification under a key until there is a link.
func (s *stack) repeat(key string, p sandbox.Person) view {
	s.t.Helper()
	a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": key}, s.request(p))
	require.Contains(s.t, []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}, a.status, "%s", a.body)
	return s.untilLink(a.view.ID, comesBack)
}

func (s *stack) restartAPI() {
	s.t.Helper()
	s.api = s.start("api")
	s.waitReady()
}

// TestAnAPIKilledUnderAStartAnswersTheSameVerificationAfterwards: the caller
// got no answer and asks again with the same key.
func TestAnAPIKilledUnderAStartAnswersTheSameVerificationAfterwards(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	p := s.person()
	s.late(sandbox.Tencent, "GetEidToken", 3*time.Second)
	cut := make(chan error, 1)
	go func() { cut <- s.post("order-17", p) }()
	s.untilAsked("GetEidToken", 1)
	s.api.kill()
	require.Error(t, <-cut)
	s.restartAPI()

	v := s.repeat("order-17", p)
	require.Equal(t, v.NextAction.URL, s.repeat("order-17", p).NextAction.URL)
	s.play(v, "0")
	s.approved(s.untilEnd(v.ID, comesBack))
	require.Equal(t, 1, s.asked("GetEidToken"))
	require.Equal(t, 1, s.chargedFor(p))
	require.Equal(t, 1, s.rows())
	require.Equal(t, []string{v.ID}, s.runs(1))
}

// TestARestartOfTheEngineIsNoEnd: its server stops in the middle of one
// verification and under the start of another, and both end as they would
// have. The second one's api dies too, with the row written and no run.
func TestARestartOfTheEngineIsNoEnd(t *testing.T) {
	t.Parallel()
	engine := newOwnEngine(t)

	s := newStack(t, options{policies: crashPolicy, temporal: engine.HostPort})
	p, other := s.person(), s.person()
	v := s.opened(p)
	s.began(v)
	engine.Stop()
	require.NoError(t, s.vendors.End(s.tokenOf(v), "0"), "the person does not wait for us")
	unavailable := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": "order-18"}, s.request(other))
	require.Equal(t, http.StatusServiceUnavailable, unavailable.status, "%s", unavailable.body)
	require.Equal(t, "engine_unavailable", unavailable.Code)
	require.Equal(t, 2, s.rows(), "the row comes first")
	s.api.kill()

	engine.startAgain(t)
	s.restartAPI()
	s.approved(s.untilEnd(v.ID, comesBack))
	second := s.repeat("order-18", other)
	s.play(second, "0")
	s.approved(s.untilEnd(second.ID, comesBack))
	require.Equal(t, 2, s.asked("GetEidToken"))
	require.Equal(t, 1, s.chargedFor(p))
	require.Equal(t, 1, s.chargedFor(other))
	require.Equal(t, 2, s.rows())
}

// TestAWorkerKilledAtAnyMomentChangesNoVerdict starts ten verifications within
// two seconds, whose people pass as soon as they have a link, and kills the
// worker in the moment in which the first, or another one up to the fifth, has
// its end written: the others are hit anywhere on their way.
func TestAWorkerKilledAtAnyMomentChangesNoVerdict(t *testing.T) {
	t.Parallel()
	const runs = 10
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newStack(t, options{policies: crashPolicy})

	people := make([]sandbox.Person, runs)
	var starts sync.WaitGroup
	for i := range people {
		people[i] = s.person()
		wait := time.Duration(random.Float64() * float64(2*time.Second))
		starts.Go(func() {
			time.Sleep(wait)
			_ = s.post(fmt.Sprint("order-", i), people[i]) // 202 if the worker is gone
			s.pass(people[i])
		})
	}
	last := 1 + random.IntN(5)
	db, ended := s.rawStore(), 0
	for deadline := time.Now().Add(comesBack); ended < last; {
		require.True(t, time.Now().Before(deadline), "no end in the store")
		require.NoError(t, db.QueryRow(`SELECT count(ended_at) FROM verifications`).Scan(&ended))
	}
	s.worker.kill()
	st := s.openStore()
	for _, id := range s.runs(1) {
		row, err := st.Load(t.Context(), id)
		require.NoError(t, err)
		t.Logf("%s: killed after %d events, end written: %t", id, len(s.history(id).Events), row.Ended)
	}
	require.NoError(t, db.QueryRow(`SELECT count(ended_at) FROM verifications`).Scan(&ended))
	require.Less(t, ended, runs, "some are hit on their way")
	s.startWorker()
	starts.Wait()

	for i, p := range people {
		a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": fmt.Sprint("order-", i)}, s.request(p))
		v := s.until(a.view.ID, comesBack, "an end", func(v view) bool {
			s.pass(p) // on a link that was made after the kill
			return v.Status.Ended()
		})
		s.approved(v)
		subject := sandbox.Query{Operation: "GetEidToken", Subject: sandbox.SubjectKey(p.IDNumber)}
		require.LessOrEqual(t, s.vendors.Ledger().Count(subject), 2, "one session, or one more if its answer was lost")
		calls, err := st.Calls(t.Context(), v.ID)
		require.NoError(t, err)
		lost := 0
		for _, c := range calls {
			if c.Billable == verification.BillableUnknown {
				lost++
			}
		}
		require.LessOrEqual(t, lost, 1)
		require.LessOrEqual(t, s.chargedFor(p), 1+lost, "a charge more only where the books say that one is unknown")
		t.Logf("%s: %d sessions, %d charges", v.ID, s.vendors.Ledger().Count(subject), s.chargedFor(p))
	}
	require.Equal(t, runs, s.rows())
	require.Len(t, s.runs(runs), runs)
}

// pass lets the person pass on their newest token. One that was passed or that
// nobody has yet is left as it is.
func (s *stack) pass(p sandbox.Person) {
	tokens := s.vendors.Tokens(p.IDNumber)
	if len(tokens) > 0 && s.vendors.Begin(tokens[len(tokens)-1]) == nil {
		_ = s.vendors.End(tokens[len(tokens)-1], "0") // begun just now
	}
}
