package api

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestStartAnswersTheVerificationWithItsLink(t *testing.T) {
	for _, tc := range []struct {
		name     string
		started  starter.Started
		status   int
		replayed string
	}{
		{"fresh", starter.Started{}, 201, ""},
		{"slow vendor", starter.Started{Accepted: true}, 202, ""},
		{"replay", starter.Started{Replayed: true}, 200, "true"},
		{"replay, still slow", starter.Started{Replayed: true, Accepted: true}, 202, "true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.fake.start = func(client, key string, req verification.Request) (starter.View, starter.Started, error) {
				require.Equal(t, "shop", client)
				require.Equal(t, "order-17", key)
				require.Equal(t, verification.Request{
					Policy: "cn-resident", Presentation: verification.PresentationVendor,
					Subject: &verification.Subject{Name: plantedName, IDNumber: plantedNumber,
						IDValidity: verification.Validity{From: "20200115", To: "20400115"}},
					ReturnURL: "https://shop.example/back?x=1", ClientReferenceID: "order-17", Metadata: map[string]string{"branch": "north"},
					Consents: []verification.Consent{{Purpose: "face", Channel: verification.ChannelCaller, GivenAt: time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC)}},
				}, req)
				return running(), tc.started, nil
			}
			w := r.post(goodBody(`,"presentation":"vendor","return_url":"https://shop.example/back?x=1","client_reference_id":"order-17",
				"metadata":{"branch":"north"},"consents":[{"purpose":"face","given_at":"2026-11-23T00:00:00+08:00"}]`))
			require.Equal(t, tc.status, w.Code, w.Body.String())
			require.Equal(t, "/v1/verifications/"+knownID, w.Header().Get("Location"))
			require.Equal(t, tc.replayed, w.Header().Get("Idempotent-Replayed"))
			require.Equal(t, `"v3"`, w.Header().Get("ETag"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.JSONEq(t, `{"id":"`+knownID+`","status":"requires_input","decision":null,"outcome":null,
				"policy":{"name":"cn-resident","version":1},"client_reference_id":"order-17","metadata":{"branch":"north"},
				"subject":{"name":"欧****","id_number":"110*************17"},
				"next_action":{"type":"redirect","url":"https://vendor.example/page","open_in":"wechat","expires_at":"2026-11-23T04:09:00Z"},
				"attempt":{"number":1,"max":3,"session":1},
				"last_error":{"code":"face.no_match","retryable":true,"message":"Your face did not match. Please try again in good light."},
				"checks":[{"type":"face_match","status":"pending","reasons":[],"retryable":false}],
				"review_reasons":[],"verdict":null,"previous_verdicts":[],"created_at":"2026-11-23T03:59:00Z","updated_at":"2026-11-23T03:59:00Z",
				"expires_at":"2026-11-23T04:09:00Z"}`, w.Body.String())
		})
	}
}

func TestAnEndedVerificationShowsItsVerdict(t *testing.T) {
	r := newRig(t)
	v := running()
	v.Status, v.Decision, v.NextAction, v.Link, v.LastError, v.ExpiresAt = verification.Completed, verification.Declined, nil, "", nil, nil
	at := v.CreatedAt
	v.Checks = []verification.Check{{Type: verification.IdentityRecords, Status: verification.Failed, Provider: "acedata", ProviderCode: "-1",
		Billable: verification.BillableYes, CompletedAt: &at, Reasons: []verification.Reason{verification.ReasonOf(verification.IdentityMismatch)}}}
	v.Verdict = &verification.Verdict{Version: 1, Decision: verification.Declined, DecidedBy: verification.ByPolicy,
		Policy: v.Policy, Reasons: v.Checks[0].Reasons, DecidedAt: at}
	r.fake.read = owned("shop", v)
	w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop})
	require.Equal(t, 200, w.Code)
	var got map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "declined", got["outcome"])
	require.Equal(t, "declined", got["decision"])
	require.Nil(t, got["next_action"])
	verdict, err := json.Marshal(got["verdict"])
	require.NoError(t, err)
	require.JSONEq(t, `{"version":1,"decision":"declined","decided_by":"policy","policy":{"name":"cn-resident","version":1},
		"reasons":[{"code":"identity.mismatch","retryable":false}],"decided_at":"2026-11-23T03:59:00Z"}`, string(verdict))
}

// A reviewer's verdict names the key that gave it, each version its own.
func TestAReviewersVerdictNamesTheirKey(t *testing.T) {
	r := newRig(t)
	v := running()
	v.Status, v.Decision, v.NextAction, v.Link = verification.Completed, verification.Approved, nil, ""
	verdict := func(version int, by verification.DecidedBy) verification.Verdict {
		return verification.Verdict{Version: version, Decision: verification.Approved, DecidedBy: by, Policy: v.Policy, DecidedAt: v.CreatedAt}
	}
	latest := verdict(3, verification.ByReviewer)
	v.Verdict, v.PreviousVerdicts = &latest, []verification.Verdict{verdict(1, verification.ByPolicy), verdict(2, verification.ByReviewer)}
	v.Deciders = map[int]string{2: "li", 3: "wang"}
	r.fake.read = owned("shop", v)
	w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop})
	require.Equal(t, 200, w.Code)
	type told struct {
		By   string  `json:"decided_by"`
		Name *string `json:"decided_by_name"`
	}
	var got struct {
		Verdict  told   `json:"verdict"`
		Previous []told `json:"previous_verdicts"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "wang", *got.Verdict.Name)
	require.Nil(t, got.Previous[0].Name, "the policy has no name")
	require.Equal(t, "li", *got.Previous[1].Name)
}

// Notes are read by those who may decide, and by nobody else.
func TestNotesAreReadByThoseWhoMayDecide(t *testing.T) {
	r := newRig(t)
	at := r.now.In(time.FixedZone("x", 3600))
	r.fake.owner = func([]string, string) (string, error) { return "shop", nil }
	r.fake.acts = func(client, id string) ([]starter.Act, error) {
		require.Equal(t, []string{"shop", knownID}, []string{client, id})
		return []starter.Act{
			{Version: 1, Act: "reopened", Reason: verification.HolderMismatch, By: "li", At: at},
			{Version: 2, Act: "approved", Reason: verification.ReviewApproved, By: "wang", At: at, Note: "the person called", Held: true},
		}, nil
	}
	for _, key := range []string{r.shop, r.reviewer} {
		w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/decisions", key: key})
		require.Equal(t, 200, w.Code, w.Body.String())
		require.JSONEq(t, `{"decisions":[
			{"version":1,"act":"reopened","reason":"holder.mismatch","decided_by_name":"li","decided_at":"2026-11-23T04:00:00Z","note":null,"held":false},
			{"version":2,"act":"approved","reason":"review.approved","decided_by_name":"wang","decided_at":"2026-11-23T04:00:00Z","note":"the person called","held":true}]}`,
			w.Body.String())
	}
	problemIn(t, r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/decisions", key: r.reader}), 403, "insufficient_scope")
	r.fake.acts = func(string, string) ([]starter.Act, error) { return nil, nil }
	w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/decisions", key: r.shop})
	require.JSONEq(t, `{"decisions":[]}`, w.Body.String())
	require.NotContains(t, r.logs.String(), "the person called")
}

func TestRetryAndCancelPassOnWhatTheyAreAsked(t *testing.T) {
	r := newRig(t)
	r.fake.retry = func(client, id string, session int) (starter.View, error) {
		require.Equal(t, 2, session)
		return owned("shop", running())(client, id)
	}
	require.Equal(t, 200, r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/retry", key: r.shop, body: `{"session":2}`}).Code)

	r.fake.cancel = func(client, id string, reason verification.ReasonCode) (starter.View, error) {
		require.Equal(t, verification.CanceledByCaller, reason)
		return owned("shop", running())(client, id)
	}
	for _, body := range []string{"", "{}", `{"reason":"canceled.by_caller"}`} {
		w := r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/cancel", key: r.shop, body: body})
		require.Equal(t, 200, w.Code, w.Body.String())
	}
	require.Equal(t, []int{0, 0, 0}, r.fake.canceled, "whatever it is")
	require.Equal(t, 200, r.say("/v1/verifications/"+knownID+"/cancel", `"v3"`, "{}").Code)
	require.Equal(t, 3, r.fake.canceled[3], "what was read only")
	problemIn(t, r.say("/v1/verifications/"+knownID+"/cancel", `"other"`, "{}"), 412, "version_conflict")
	require.Len(t, r.fake.canceled, 4)
}

func TestConflictsNameWhatWouldHaveBeenPossible(t *testing.T) {
	r := newRig(t)
	r.fake.retry = func(string, string, int) (starter.View, error) {
		return starter.View{}, &starter.Error{Code: starter.SessionReplaced, Session: 4, Status: verification.RequiresInput}
	}
	p := problemIn(t, r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/retry", key: r.shop, body: `{"session":2}`}), 409, "session_replaced")
	require.Equal(t, 4, p.CurrentSession)

	r.fake.retry = func(string, string, int) (starter.View, error) {
		return starter.View{}, &starter.Error{Code: starter.InvalidState, Status: verification.Completed, Allowed: []verification.Status{verification.RequiresInput}}
	}
	p = problemIn(t, r.do(call{method: "POST", path: "/v1/verifications/" + knownID + "/retry", key: r.shop, body: `{"session":2}`}), 409, "invalid_state")
	require.Equal(t, "completed", p.CurrentStatus)
	require.Equal(t, []string{"requires_input"}, p.AllowedStatuses)
}

// Whoever acted knows the version that came of it, and can wait for the next.
func TestEveryAnswerOfAPOSTCarriesTheETag(t *testing.T) {
	for name, c := range operationsOn(knownID) {
		if c.method != "POST" {
			continue
		}
		r := newRig(t)
		mine := owned("shop", running())
		r.fake.retry = func(client, id string, _ int) (starter.View, error) { return mine(client, id) }
		r.fake.cancel = func(client, id string, _ verification.ReasonCode) (starter.View, error) { return mine(client, id) }
		r.fake.decide = func(client, id string, _ starter.ReviewRequest) (starter.View, error) { return mine(client, id) }
		r.fake.reopen = r.fake.decide
		c.key = r.shop
		w := r.do(c)
		require.Equal(t, 200, w.Code, w.Body.String())
		require.Equal(t, `"v3"`, w.Header().Get("ETag"), name)
	}
	// A start's are looked at in TestStartAnswersTheVerificationWithItsLink; one
	// whose run has said nothing yet names the revision that was written, 1.
	r := newRig(t)
	r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
		v := running()
		v.Status, v.NextAction, v.Link, v.Revision = verification.Processing, nil, "", 1
		return v, starter.Started{Accepted: true}, nil
	}
	w := r.post(goodBody(""))
	require.Equal(t, 202, w.Code)
	tag := w.Header().Get("ETag")
	require.Equal(t, `"v1"`, tag)
	r.fake.wait = func(client, id string, known int, _ time.Duration) (starter.View, error) {
		require.Equal(t, 1, known, "the link that comes is another revision")
		return owned("shop", running())(client, id)
	}
	w = r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "?wait=1s", key: r.shop, header: map[string]string{"If-None-Match": tag}})
	require.Equal(t, 200, w.Code)
}

// Every operation that names a verification, as another client would call it.
func operationsOn(id string) map[string]call {
	return map[string]call{
		"read":   {method: "GET", path: "/v1/verifications/" + id},
		"wait":   {method: "GET", path: "/v1/verifications/" + id + "?wait=1s"},
		"retry":  {method: "POST", path: "/v1/verifications/" + id + "/retry", body: `{"session":1}`},
		"cancel": {method: "POST", path: "/v1/verifications/" + id + "/cancel", body: `{}`},
		"decide": {method: "POST", path: "/v1/verifications/" + id + "/decision", body: `{"decision":"approved","reason":"review.approved"}`,
			header: map[string]string{"If-Match": `"v3"`}},
		"reopen":    {method: "POST", path: "/v1/verifications/" + id + "/reopen", body: `{"reason":"holder.mismatch"}`},
		"decisions": {method: "GET", path: "/v1/verifications/" + id + "/decisions"},
	}
}

func TestAnotherClientsVerificationIsNotFoundOnEveryOperation(t *testing.T) {
	for name, c := range operationsOn(knownID) {
		t.Run(name, func(t *testing.T) {
			answer := func(key, id string) *httptest.ResponseRecorder {
				r := newRig(t)
				mine := owned("shop", running())
				r.fake.read = mine
				r.fake.wait = func(client, id string, _ int, _ time.Duration) (starter.View, error) { return mine(client, id) }
				r.fake.retry = func(client, id string, _ int) (starter.View, error) { return mine(client, id) }
				r.fake.cancel = func(client, id string, _ verification.ReasonCode) (starter.View, error) { return mine(client, id) }
				r.fake.decide = func(client, id string, _ starter.ReviewRequest) (starter.View, error) { return mine(client, id) }
				r.fake.reopen = r.fake.decide
				r.fake.acts = func(client, id string) ([]starter.Act, error) { _, err := mine(client, id); return nil, err }
				c := c
				c.key = map[string]string{"shop": r.shop, "other": r.other}[key]
				c.path = strings.Replace(c.path, knownID, id, 1)
				return r.do(c)
			}
			require.Equal(t, 200, answer("shop", knownID).Code)
			foreign := problemIn(t, answer("other", knownID), 404, "not_found")
			unknown := problemIn(t, answer("other", "ver_zzzz"), 404, "not_found")
			foreign.RequestID, unknown.RequestID = "", ""
			require.Equal(t, unknown, foreign, "a foreign id must look like an unknown one")
		})
	}
}

func TestScopesAreKept(t *testing.T) {
	for name, c := range operationsOn(knownID) {
		r := newRig(t)
		r.fake.read = owned("reader", running())
		r.fake.wait = func(client, id string, _ int, _ time.Duration) (starter.View, error) {
			return owned("reader", running())(client, id)
		}
		c.key = r.reader
		w := r.do(c)
		if name == "read" || name == "wait" {
			require.Equal(t, 200, w.Code)
			continue
		}
		problemIn(t, w, 403, "insufficient_scope")
		want := ScopeWrite
		switch name {
		case "decide", "reopen":
			want = ScopeReview
		case "decisions":
			want = ScopeReviewRead
		}
		require.Contains(t, w.Header().Get("WWW-Authenticate"), `scope="`+want+`"`)
		require.Empty(t, r.fake.calls)
	}
}

func TestFaultsOfTheStarterBecomeProblems(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{&starter.Error{Code: starter.IdempotencyKeyReused}, 422, "idempotency_key_reused"},
		{&starter.Error{Code: starter.Redacted}, 410, "redacted"},
		{&starter.Error{Code: starter.EngineUnavailable, Op: "start the run"}, 503, "engine_unavailable"},
		{&starter.Error{Code: starter.EngineUnavailable, Op: "start the run", Untouched: true}, 503, "engine_unavailable"},
		{&starter.Error{Code: starter.Internal, Op: "x", Err: errPlanted{}}, 500, "internal_error"},
		{errPlanted{}, 500, "internal_error"},
	} {
		r := newRig(t)
		r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
			return starter.View{}, starter.Started{}, tc.err
		}
		w := r.post(goodBody(""))
		problemIn(t, w, tc.status, tc.code)
		if tc.status == 503 {
			detail := "The call may still take effect. Repeat it as it was"
			if e, _ := errors.AsType[*starter.Error](tc.err); e.Untouched {
				detail = "The call did not take effect. Repeat it as it was"
			}
			require.Contains(t, w.Body.String(), detail)
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
	}
}

// errPlanted is an error whose text quotes the person, as drivers' may.
type errPlanted struct{}

func (errPlanted) Error() string { return "near " + plantedNumber + plantedName }

func TestAPanicTellsNothing(t *testing.T) {
	r := newRig(t)
	r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
		panic("about " + plantedName + plantedNumber)
	}
	problemIn(t, r.post(goodBody("")), 500, "internal_error")
	require.Contains(t, r.logs.String(), `"panic"`)
	require.Contains(t, r.logs.String(), "TestAPanicTellsNothing", "the log says where")
}

// Whoever has an id from a log, from the engine or from a caller finds the others'
// lines by it. What is no id of ours is not repeated.
func TestTheLogNamesTheVerification(t *testing.T) {
	named := `"verification_id":"` + knownID + `"`
	for what, do := range map[string]func(r *rig){
		"a read": func(r *rig) {
			r.fake.read = owned("shop", running())
			r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop})
		},
		"a start": func(r *rig) {
			r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
				return running(), starter.Started{}, nil
			}
			r.post(goodBody(""))
		},
		"a start without an answer": func(r *rig) {
			r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
				return starter.View{}, starter.Started{}, &starter.Error{Code: starter.EngineUnavailable, ID: knownID}
			}
			r.post(goodBody(""))
		},
		"a person who comes back": func(r *rig) {
			r.fake.hint = func(string, int) (starter.HintResult, error) { return starter.HintSent, nil }
			r.fake.landing = func(string) (starter.ReturnTarget, error) { return starter.ReturnTarget{}, nil }
			r.comeBack("GET", "/callbacks/tencent_eid/return/"+r.ticket(nil))
		},
	} {
		r := newRig(t)
		do(r)
		for _, line := range strings.Split(strings.TrimSpace(r.logs.String()), "\n") {
			require.Contains(t, line, named, what)
		}
	}
	r := newRig(t)
	r.fake.read = owned("shop", running())
	for _, id := range []string{plantedNumber, "ver_" + plantedNumber + "aaaaaaaa", knownID + "a"} {
		r.do(call{method: "GET", path: "/v1/verifications/" + id, key: r.shop})
		require.NotContains(t, r.logs.String(), id)
	}
}

func TestLogsNameTheRouteAndNeverThePath(t *testing.T) {
	r := newRig(t)
	r.fake.read = owned("shop", running())
	r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "?secret=query", key: r.shop})
	logs := r.logs.String()
	require.Contains(t, logs, `"route":"/v1/verifications/:id"`)
	require.Contains(t, logs, `"client":"shop"`)
	require.NotContains(t, logs, "/"+knownID)
	require.NotContains(t, logs, "secret")
	require.NotContains(t, logs, r.shop)

	r.do(call{method: "GET", path: "/" + plantedName + "/" + plantedNumber})
	require.Contains(t, r.logs.String(), `"route":"unmatched"`)
}
