package api

import (
	"context"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestReadWaitsAsItIsAsked(t *testing.T) {
	for _, tc := range []struct {
		query, match string
		known        int
		wait         time.Duration
	}{
		{"?wait=30s", "", starter.Unknown, 30 * time.Second},
		{"?wait=60s", `"v2"`, 2, time.Minute},
		{"?wait=5s", `W/"v2"`, 2, 5 * time.Second},
		{"?wait=5s", `"other"`, starter.Unknown, 5 * time.Second},
		{"?wait=5s", `"v1", W/"v2","other"`, 2, 5 * time.Second},
		{"?wait=5s", `v2`, starter.Unknown, 5 * time.Second},
	} {
		r := newRig(t)
		r.fake.wait = func(client, id string, known int, d time.Duration) (starter.View, error) {
			require.Equal(t, tc.known, known)
			require.Equal(t, tc.wait, d)
			return owned("shop", running())(client, id)
		}
		w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID + tc.query, key: r.shop, header: map[string]string{"If-None-Match": tc.match}})
		require.Equal(t, 200, w.Code)
		require.Equal(t, `"v3"`, w.Header().Get("ETag"))
	}
	for _, query := range []string{"?wait=61s", "?wait=-1s", "?wait=5", "?wait=1m", "?wait=05s", "?wait=" + plantedNumber, "?wait=1s&wait=2s"} {
		r := newRig(t)
		p := problemIn(t, r.do(call{method: "GET", path: "/v1/verifications/" + knownID + query, key: r.shop}), 422, "invalid_request")
		require.Empty(t, r.fake.calls)
		require.Equal(t, "wait", p.Errors[0].Field)
	}
}

// A caller who hangs up in the middle of a wait is no fault of ours: three of them
// would otherwise wake whoever is on duty. A fault while they are there is one.
func TestACallerWhoHangsUpIsNoFault(t *testing.T) {
	for _, code := range []starter.Code{starter.Internal, starter.EngineUnavailable} {
		for _, leaves := range []bool{true, false} {
			r := newRig(t)
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			r.fake.same = true // it read nothing
			r.fake.wait = func(string, string, int, time.Duration) (starter.View, error) {
				if leaves {
					hangUp()
				}
				return starter.View{}, nil
			}
			r.fake.read = func(string, string) (starter.View, error) {
				return starter.View{}, &starter.Error{Code: code, Op: "read the row", Err: context.Canceled}
			}
			req := httptest.NewRequest("GET", "/v1/verifications/"+knownID+"?wait=30s", nil).WithContext(ctx)
			req.Header.Set("Authorization", "Bearer "+r.shop)
			r.serve(req)
			require.Equal(t, leaves, !strings.Contains(r.logs.String(), `"level":"ERROR"`), r.logs)
			require.Equal(t, leaves, strings.Contains(r.metricsText(), `status_code="499"`))
			require.Equal(t, leaves, !strings.Contains(r.metricsText(), `status_code="50`))
		}
	}
	r := newRig(t)
	r.fake.read = func(string, string) (starter.View, error) { panic("x") }
	r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop})
	require.Contains(t, r.metricsText(), `status_code="500"`, "after a panic, too, it is seen that the caller is there")
}

// A caller without an ETag who was given the link waits for what comes of it;
// one who was not, as after a 202, is given it at once.
func TestALinkIsAnsweredOnceToWhoWaitsWithoutAnETag(t *testing.T) {
	r := newRig(t)
	v := running()
	var known []int
	r.fake.wait = func(client, id string, k int, _ time.Duration) (starter.View, error) {
		known = append(known, k)
		return owned("shop", v)(client, id)
	}
	wait := func(id string) {
		t.Helper()
		w := r.do(call{method: "GET", path: "/v1/verifications/" + id + "?wait=5s", key: r.shop})
		require.Equal(t, 200, w.Code, "nothing is called unchanged that was not asked about")
	}
	wait(knownID)
	wait(knownID)
	v.Revision = 4
	wait(knownID)
	wait(knownID)
	v.Status, v.NextAction, v.Link, v.Revision = verification.InReview, nil, "", 5
	wait(knownID)
	wait(knownID)
	require.Equal(t, []int{starter.Unknown, 3, 3, 4, 4, 4}, known)

	for answer, version := range map[string]int{"201": 3, "202": starter.Unknown} {
		r = newRig(t)
		v = running()
		r.fake.start = func(string, string, verification.Request) (starter.View, starter.Started, error) {
			if answer == "202" {
				v.NextAction, v.Link, v.Revision = nil, "", 1
			}
			return v, starter.Started{Accepted: answer == "202"}, nil
		}
		r.post(goodBody(""))
		r.fake.wait = func(client, id string, k int, _ time.Duration) (starter.View, error) {
			require.Equal(t, version, k, answer)
			return owned("shop", running())(client, id)
		}
		wait(knownID)
	}
	r = newRig(t)
	r.fake.retry = func(client, id string, _ int) (starter.View, error) { return owned("shop", running())(client, id) }
	require.Equal(t, 200, r.say("/v1/verifications/"+knownID+"/retry", "", `{"session":1}`).Code)
	r.fake.wait = func(client, id string, k int, _ time.Duration) (starter.View, error) {
		require.Equal(t, 3, k)
		return owned("shop", running())(client, id)
	}
	wait(knownID)
}

func TestWhatWasToldIsForgottenInTheEnd(t *testing.T) {
	var told answeredLinks
	for i := range 3 * maxLinks {
		told.note(starter.View{ID: strconv.Itoa(i), Link: "l", Revision: i})
	}
	require.LessOrEqual(t, len(told.now)+len(told.before), 2*maxLinks)
	require.Equal(t, 3*maxLinks-1, told.version(strconv.Itoa(3*maxLinks-1)))
	require.Equal(t, starter.Unknown, told.version("1"))
}

func TestAnUnchangedVerificationIs304(t *testing.T) {
	r := newRig(t)
	r.fake.read = owned("shop", running())
	for _, tags := range []string{`"v3"`, `W/"v3"`, `"v1", "v3"`, `"v3","v2"`, `*`} {
		w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop, header: map[string]string{"If-None-Match": tags}})
		require.Equal(t, 304, w.Code, tags)
		require.Empty(t, w.Body.String())
		require.Equal(t, `"v3"`, w.Header().Get("ETag"), "as RFC 9110 section 15.4.5 asks")
	}
}

// Times of one thing are the same in every answer, and what is told can be asked
// for: none is finer than a list's created_from sees.
func TestTimesAreTheSameInEveryAnswer(t *testing.T) {
	r := newRig(t)
	at := time.Date(2026, 11, 28, 13, 50, 51, 930991234, time.UTC)
	v := running()
	v.CreatedAt, v.UpdatedAt = at, at
	v.Checks = []verification.Check{{Type: verification.DocumentValidity, Status: verification.Passed, CompletedAt: &at}}
	r.fake.read = owned("shop", v)
	body := r.do(call{method: "GET", path: "/v1/verifications/" + knownID, key: r.shop}).Body.String()
	require.Equal(t, 3, strings.Count(body, `"2026-11-28T13:50:51.930991Z"`), body)
	require.NotContains(t, body, "930991234")
}

// A wait in vain is answered without a read, to a caller who named what they know.
func TestAWaitInVainIs304WithoutARead(t *testing.T) {
	for _, match := range []string{`"v3"`, ""} {
		r := newRig(t)
		r.fake.same, r.fake.read = true, owned("shop", running())
		r.fake.wait = func(client, id string, known int, d time.Duration) (starter.View, error) {
			return owned("shop", running())(client, id)
		}
		header := map[string]string{}
		want, calls := 200, []string{"wait", "read"}
		if match != "" {
			header["If-None-Match"], want, calls = match, 304, []string{"wait"}
		}
		w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "?wait=5s", key: r.shop, header: header})
		require.Equal(t, want, w.Code)
		require.Equal(t, `"v3"`, w.Header().Get("ETag"))
		require.Equal(t, calls, r.fake.calls)
	}
}

// A read that got no answer has no effect that a caller should fear.
func TestAGETs503SpeaksOfNoEffects(t *testing.T) {
	away := &starter.Error{Code: starter.EngineUnavailable, Op: "read the run"}
	for _, path := range []string{"/v1/verifications/" + knownID, "/v1/verifications?status=in_review", "/v1/providers"} {
		r := newRig(t)
		r.fake.read = func(string, string) (starter.View, error) { return starter.View{}, away }
		r.fake.list = func(starter.ListQuery, int, string) (starter.Page, error) { return starter.Page{}, away }
		r.fake.provide = func() ([]starter.Provider, error) { return nil, away }
		w := r.do(call{method: "GET", path: path, key: r.shop})
		problemIn(t, w, 503, "engine_unavailable")
		require.NotContains(t, w.Body.String(), "effect")
		require.Contains(t, w.Body.String(), "Nothing was changed. Try again.")
		require.Equal(t, "5", w.Header().Get("Retry-After"))
	}
}

// No database is asked for an id that it would not take as text.
func TestIDsThatCannotBeOursAreNotFound(t *testing.T) {
	for _, id := range []string{"%00", "%FF", "a%20b", "%E6%B5%8B", "ver_" + strings.Repeat("a", 61), "a%0A"} {
		for name, c := range operationsOn(id) {
			r := newRig(t)
			c.key = r.shop
			problemIn(t, r.do(c), 404, "not_found")
			require.Empty(t, r.fake.calls, "%s %s", name, id)
		}
	}
}
