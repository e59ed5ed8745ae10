package acedata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/idrecords"
	"github.com/yanzhen-id/yanzhen/verification"
)

const token = "secret-token-7f3a"

var subject = verification.Subject{
	Name: "测试甲", IDNumber: "110199199003070017",
	IDValidity: verification.Validity{From: "20200115", To: "20400115"},
}

// vendor is AceData as its contract describes it: one answer, and a record of
// what was asked.
type vendor struct {
	*httptest.Server
	calls  atomic.Int32
	last   *http.Request
	body   []byte
	answer http.HandlerFunc
}

func newVendor(t *testing.T, answer http.HandlerFunc) *vendor {
	v := &vendor{answer: answer}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.body, _ = io.ReadAll(r.Body)
		v.last = r
		v.calls.Add(1)
		v.answer(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

func says200(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func (v *vendor) client(t *testing.T, change ...func(*Config)) *Client {
	cfg := Config{BaseURL: v.URL, Token: token, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

func failureOf(t *testing.T, err error) *provider.Error {
	e, ok := errors.AsType[*provider.Error](err)
	require.True(t, ok, "%v", err)
	return e
}

func TestACallSendsTheFourMembersAndNothingElse(t *testing.T) {
	v := newVendor(t, says200(`{"result":"0","description":"一致"}`))
	check, err := v.client(t).Check(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, verification.Check{
		Type: verification.IdentityRecords, Status: verification.Passed,
		Provider: "acedata", ProviderCode: "0", Billable: verification.BillableYes,
	}, check)

	require.Equal(t, "POST /identity/idcard/check-2e", v.last.Method+" "+v.last.URL.String())
	require.Equal(t, "Bearer "+token, v.last.Header.Get("Authorization"))
	require.Equal(t, "application/json", v.last.Header.Get("Content-Type"))
	var sent map[string]any
	require.NoError(t, json.Unmarshal(v.body, &sent))
	require.Equal(t, map[string]any{
		"name": "测试甲", "id_card": "110199199003070017", "validity_begin": "20200115", "validity_end": "20400115",
	}, sent)
}

func TestAResultIsTakenAsStringOrNumber(t *testing.T) {
	for body, want := range map[string]verification.CheckStatus{
		`{"result":0,"description":"一致"}`:                  verification.Passed,
		`{"result":"0"}`:                                   verification.Passed,
		`{"description":null,"result":"0","trace_id":"x"}`: verification.Passed,
		`{"result":"0","description":["other","type"]}`:    verification.Passed,
		`{"result":-1,"description":"不一致"}`:                verification.Failed,
		`{"result":"-1","description":"不一致"}`:              verification.Failed,
		`{"result":"-5","description":"无此"}`:               verification.Inconclusive,
		`{"result":"00"}`:                                  verification.Inconclusive,
		`{"result":" 0"}`:                                  verification.Inconclusive,
		`{"result":"-0"}`:                                  verification.Inconclusive,
		`{"result":-0}`:                                    verification.Inconclusive,
		`{"result":0.0}`:                                   verification.Inconclusive,
		`{"result":0e0}`:                                   verification.Inconclusive,
		`{"result":"Success"}`:                             verification.Inconclusive,
		`{"result":"110199199003070017","description":"110199199003070017"}`: verification.Inconclusive,
	} {
		check, err := newVendor(t, says200(body)).client(t).Check(t.Context(), subject)
		require.NoError(t, err, body)
		require.Equal(t, want, check.Status, body)
		require.NotContains(t, check.ProviderCode, "1101")
		if want == verification.Failed {
			require.True(t, check.FailedFinally())
			require.Equal(t, verification.BillableYes, check.Billable)
		}
	}
}

func TestAnAnswerThatIsNoContractNeitherPassesNorFails(t *testing.T) {
	for name, body := range map[string]string{
		"HTML": "<html><body>502</body></html>", "empty": "", "half": `{"result":"0"`, "missing": `{}`,
		"only a description": `{"description":"一致"}`, "null": `{"result":null}`, "bool": `{"result":true}`,
		"object": `{"result":{"code":0}}`, "array": `{"result":[0]}`, "empty result": `{"result":""}`, "an array": `[{"result":"0"}]`,
		"an error under 200": `{"error":{"code":"used_up","message":"x"}}`, "a generic envelope": `{"status":"success","data":{"result":"0"}}`,
		"two results": `{"result":"-1","result":"0"}`, "two spellings": `{"result":"-1","Result":"0"}`, "two values": `{"result":"0"}{"result":"0"}`,
		"not UTF-8": "{\"result\":\"0\",\"description\":\"\xff\"}",
	} {
		_, err := newVendor(t, says200(body)).client(t).Check(t.Context(), subject)
		e := failureOf(t, err)
		require.Equal(t, provider.ContractViolation, e.Class, name)
		require.Equal(t, verification.BillableUnknown, e.Billable, name)
	}
}

func TestMegabytesAreNotRead(t *testing.T) {
	const offered = 512 << 20
	block := []byte(strings.Repeat("x", 1<<20))
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"description":"`)
		for range offered / len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
		fmt.Fprint(w, `","result":"0"}`)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := v.client(t).Check(t.Context(), subject)
	runtime.ReadMemStats(&after)
	require.Equal(t, provider.ContractViolation, failureOf(t, err).Class)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
}

func TestAFailureNeverDeclines(t *testing.T) {
	v := newVendor(t, nil)
	for _, code := range []int{301, 307, 400, 401, 403, 404, 429, 500, 502, 503, 504} {
		v.answer = status(code, `{"success":false,"error":{"code":"api_error","message":"测试甲 110199199003070017"},"trace_id":"x"}`)
		_, err := v.client(t).Check(t.Context(), subject)
		require.NotEmpty(t, failureOf(t, err).Class, code)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := newVendor(t, says200(`{"result":"0"}`))
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := v.client(t).Check(t.Context(), subject)
	require.Equal(t, provider.ContractViolation, failureOf(t, err).Class)
	require.Zero(t, elsewhere.calls.Load())
}

func TestRetryAfterIsHonouredWithinReason(t *testing.T) {
	v := newVendor(t, nil)
	c := v.client(t)
	c.now = func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-5": 0, "99999999": time.Hour, "soon": 0, "99999999999999999999999": 0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		v.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
		}
		_, err := c.Check(t.Context(), subject)
		require.Equal(t, want, failureOf(t, err).RetryAfter, value)
		require.Equal(t, provider.RateLimited, failureOf(t, err).Class)
	}
}

func TestADayLimitWaitsForTheNextDayInChina(t *testing.T) {
	v := newVendor(t, says200(`{"result":"-8","description":"认证次数超过当日限制"}`))
	c := v.client(t)
	for now, want := range map[string]time.Duration{
		"2026-03-01T15:30:00Z": 30*time.Minute + idrecords.AfterMidnight, // 23:30 in China
		"2026-03-01T16:00:00Z": 24*time.Hour + idrecords.AfterMidnight,   // midnight in China
		"2026-12-31T04:00:00Z": 12*time.Hour + idrecords.AfterMidnight,
	} {
		at, err := time.Parse(time.RFC3339, now)
		require.NoError(t, err)
		c.now = func() time.Time { return at }
		_, err = c.Check(t.Context(), subject)
		e := failureOf(t, err)
		require.Equal(t, want, e.RetryAfter, now)
		require.Equal(t, provider.Unavailable, e.Class)
		require.Equal(t, "-8", e.Code)
		require.Equal(t, 2, e.MaxTries)
		require.Equal(t, verification.BillableNo, e.Billable)
	}
}

func TestADroppedConnectionMayHaveBeenCharged(t *testing.T) {
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	})
	_, err := v.client(t).Check(t.Context(), subject)
	e := failureOf(t, err)
	require.Equal(t, provider.Unavailable, e.Class)
	require.Equal(t, verification.BillableUnknown, e.Billable)
	require.Equal(t, verification.RecordsChargeUnknown, e.Reason)
	require.EqualValues(t, 1, v.calls.Load(), "a charged call must not be sent again by the transport")
}

func TestEveryChargedCallHasAConnectionOfItsOwn(t *testing.T) {
	from := map[string]bool{}
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		from[r.RemoteAddr] = true
		fmt.Fprint(w, `{"result":"0"}`)
	})
	c := v.client(t)
	for range 3 {
		_, err := c.Check(t.Context(), subject)
		require.NoError(t, err)
	}
	require.Len(t, from, 3, "a kept connection may be dead, and then nobody knows whether the call was charged")
}

func TestAnAnswerCutShortMayHaveBeenCharged(t *testing.T) {
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `{"result":"0"}`)
	})
	_, err := v.client(t).Check(t.Context(), subject)
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
	require.Equal(t, verification.BillableUnknown, failureOf(t, err).Billable)
}

func TestASlowAnswerMayHaveBeenCharged(t *testing.T) {
	release := make(chan struct{})
	v := newVendor(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) }) // before the server closes and waits
	_, err := v.client(t, func(c *Config) { c.Timeout = 50 * time.Millisecond }).Check(t.Context(), subject)
	require.Equal(t, provider.Unavailable, failureOf(t, err).Class)
	require.Equal(t, verification.BillableUnknown, failureOf(t, err).Billable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestACanceledCallSaysSo(t *testing.T) {
	v := newVendor(t, says200(`{"result":"0"}`))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.client(t).Check(ctx, subject)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, verification.BillableNo, failureOf(t, err).Billable)
	require.Zero(t, v.calls.Load())
}

func TestACallThatNeverLeftIsNotCharged(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	plain := newVendor(t, says200(`{"result":"0"}`))
	for name, base := range map[string]string{
		"refused":      refused,
		"no such name": "https://acedata.invalid",
		"no TLS":       strings.Replace(plain.URL, "http://", "https://", 1),
	} {
		c, err := New(Config{BaseURL: base, Token: token, Timeout: 5 * time.Second})
		require.NoError(t, err)
		_, err = c.Check(t.Context(), subject)
		e := failureOf(t, err)
		require.Equal(t, provider.Unavailable, e.Class, name)
		require.Equal(t, verification.BillableNo, e.Billable, name)
		if name == "refused" {
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		}
	}
	require.Zero(t, plain.calls.Load())
}

func TestOnlyCardsThatTheSourceKnowsAreAskedAbout(t *testing.T) {
	v := newVendor(t, says200(`{"result":"0"}`))
	ask := func(permits bool, change func(*verification.Subject)) verification.Check {
		s := subject
		change(&s)
		check, err := v.client(t, func(c *Config) { c.Permits = permits }).Check(t.Context(), s)
		require.NoError(t, err)
		return check
	}
	number := func(n string) func(*verification.Subject) { return func(s *verification.Subject) { s.IDNumber = n } }

	for _, n := range []string{"", "911124198108030024", "101124198108030024", "661124198108030024", "830000199201300022", "11019919900307001", "11019919900307001x"} {
		check := ask(false, number(n))
		require.Equal(t, verification.Unavailable, check.Status, n)
		require.Equal(t, verification.DocumentTypeUnsupported, check.Reasons[0].Code)
		require.Equal(t, verification.BillableNo, check.Billable)
	}
	require.Equal(t, verification.Unavailable, ask(true, number("911124198108030024")).Status)
	undated := ask(false, func(s *verification.Subject) { s.IDValidity.To = "" })
	require.Equal(t, verification.Unavailable, undated.Status)
	require.Equal(t, verification.DocumentValidityUnclear, undated.Reasons[0].Code)
	require.Equal(t, verification.Unavailable, ask(false, func(s *verification.Subject) { s.Name = "" }).Status)
	require.Zero(t, v.calls.Load())

	require.Equal(t, verification.Passed, ask(true, number("830000199201300022")).Status)
	require.Equal(t, verification.Passed, ask(false, func(s *verification.Subject) { s.IDValidity.To = verification.LongTerm }).Status)
	require.EqualValues(t, 2, v.calls.Load())
}

func TestNobodyIsInAnError(t *testing.T) {
	planted := []string{subject.Name, subject.IDNumber, token, "7777-trace"}
	leak := fmt.Sprintf(`{"error":{"code":%q,"message":%q},"trace_id":"7777-trace"}`, strings.Join(planted, " "), strings.Join(planted, " "))
	v := newVendor(t, nil)
	c := v.client(t)
	for _, answer := range []http.HandlerFunc{
		says200(leak), says200(strings.Join(planted, " ")), status(400, leak), status(500, leak), status(502, strings.Join(planted, " ")),
		says200(`{"result":"-4","description":"异常 测试甲 110199199003070017"}`),
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://x.example/?t="+token)
			w.WriteHeader(302)
		},
	} {
		v.answer = answer
		_, err := c.Check(t.Context(), subject)
		require.Error(t, err)
		requireNobody(t, planted, err)
	}
	v.Close()
	_, err := c.Check(t.Context(), subject)
	requireNobody(t, append(planted, v.URL, path), err)

	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c), fmt.Sprintf("%v %+v %#v", c.cfg, c.cfg, c.cfg), fmt.Sprintf("%+v %#v", *c, *c)} {
		require.NotContains(t, shown, token)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", c.cfg, "client", c)
	require.NotContains(t, log.String(), token)
}

// requireNobody looks for what was planted in an error and everything that it
// wraps.
func requireNobody(t *testing.T, planted []string, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, p := range planted {
			require.NotContains(t, fmt.Sprintf("%s %v %+v %#v", err, err, err, err), p)
		}
	}
}

func validate(c Config) error {
	c = settings.WithDefaults(c)
	return c.Validate()
}

// Everything at once, by the settings' names and without a value.
func TestAConfigurationReportsAllItsErrors(t *testing.T) {
	err := validate(Config{BaseURL: "http://api.acedata.cloud", Token: "platform-abc", ResultProfile: "x", Timeout: -1, Keywords: Keywords{Limit: []string{""}}})
	for _, want := range []string{
		"YANZHEN_ACEDATA_BASE_URL must be https", "YANZHEN_ACEDATA_TOKEN is an account token", "YANZHEN_ACEDATA_RESULT_PROFILE must be one of auto, acedata-doc, tencent-checkidnamedate",
		"YANZHEN_ACEDATA_TIMEOUT must be more than 0 and at most 18s", "YANZHEN_ACEDATA_KEYWORDS_LIMIT contains an empty word",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "platform-abc")
	require.ErrorContains(t, validate(Config{}), "YANZHEN_ACEDATA_TOKEN is not set")
	require.NoError(t, validate(Config{Token: token}))
	require.NoError(t, validate(Config{Token: token, BaseURL: "http://127.0.0.1:8082/x"}))
	for _, base := range []string{"api.acedata.cloud", "https://user:pw@api.acedata.cloud", "https://a?b", "ftp://127.0.0.1", "://"} {
		require.Error(t, validate(Config{Token: token, BaseURL: base}), base)
	}
	_, err = New(Config{})
	require.Error(t, err)
}

func TestTheEntryInTheRegistryStaysBelowTheVendorsLimit(t *testing.T) {
	c, err := New(Config{Token: token})
	require.NoError(t, err)
	v := c.entry()
	require.Equal(t, "acedata", v.Name)
	require.Equal(t, provider.Queue{Name: "acedata", PerSecond: 50}, v.Queue)
	require.Same(t, c, v.Provider)
}

func FuzzAnAnswerNeverPassesButByZero(f *testing.F) {
	for _, seed := range []string{`{"result":"0","description":"一致"}`, `{"result":0}`, `{"result":"-1"}`, `{"result":-7,"description":"次数"}`, `{"result":"-1","Result":"0"}`, `{`, ``} {
		f.Add([]byte(seed))
	}
	cfg := settings.WithDefaults(Config{Token: token})
	f.Fuzz(func(t *testing.T, body []byte) {
		result, description, err := parseAnswer(body)
		if err != nil {
			return
		}
		o := cfg.classify(result, description)
		if (o.Status == verification.Passed) != (result == "0" && o != idrecords.Garbled) {
			t.Fatalf("%q is %v", result, o)
		}
		if o.Status == verification.Failed && result != "-1" {
			t.Fatalf("%q failed", result)
		}
		if len(result) > len("unrecognized") {
			t.Fatalf("%q is shown", result)
		}
	})
}
