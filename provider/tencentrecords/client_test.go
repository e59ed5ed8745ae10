package tencentrecords

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/idrecords"
	"github.com/yanzhen-id/yanzhen/verification"
)

var holder = verification.Subject{Name: "测试甲", IDNumber: "110199199003070017", IDValidity: verification.Validity{From: "20200115", To: "20400115"}}

// vendor gives one answer and keeps what was asked.
type vendor struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
}

func newVendor(t *testing.T, answer http.HandlerFunc) *vendor {
	v := &vendor{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		v.mu.Lock()
		v.bodies = append(v.bodies, raw)
		v.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.bodies)
}

func clientAt(t *testing.T, address string, with ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{SecretID: "AKIDsandbox0123", SecretKey: "planted-secret-key", Endpoint: strings.TrimPrefix(address, "http://"), Scheme: "http", Timeout: 2 * time.Second}
	for _, w := range with {
		w(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	c.now = func() time.Time { return time.Date(2026, 3, 1, 15, 30, 0, 0, time.UTC) } // 23:30 in China
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", c, *c, c), "planted")
	return c
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func result(member string) http.HandlerFunc {
	return says(`{"Response":{` + member + `,"RequestId":"5d0f9c6e-0000-4000-8000-000000000007"}}`)
}

func fault(code string) http.HandlerFunc {
	return says(fmt.Sprintf(`{"Response":{"Error":{"Code":%q,"Message":"planted 110199199003070017"},"RequestId":"x"}}`, code))
}

// The body is the one of the vector in the contract, byte for byte, which the
// stand-in's test of the signature signs.
func TestTheRequestIsTheContracts(t *testing.T) {
	var action, version string
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		action, version = r.Header.Get("X-TC-Action"), r.Header.Get("X-TC-Version")
		result(`"Result":"0","Description":"一致"`)(w, r)
	})
	check, err := clientAt(t, v.URL).Check(t.Context(), holder)
	require.NoError(t, err)
	require.Equal(t, idrecords.Passed.Check(Name, "0"), check)
	require.Equal(t, "CheckIdNameDate 2018-03-01", action+" "+version)
	sum := sha256.Sum256(v.bodies[0])
	require.Equal(t, "ef0a22ee3284be66806af303d59f7ea8d5473d19d5d6e3c80452028ff9e782d7", hex.EncodeToString(sum[:]), "%s", v.bodies[0])
}

// Each result code of the action's own list, billing included; only 0 passes and
// only -1 fails.
func TestEveryResultCodeHasItsMeaning(t *testing.T) {
	for _, row := range []struct {
		member   string
		status   verification.CheckStatus
		reason   verification.ReasonCode
		billable verification.Billable
		code     string
	}{
		{`"Result":"0","Description":"一致"`, verification.Passed, "", verification.BillableYes, "0"},
		{`"Result":0`, verification.Passed, "", verification.BillableYes, "0"},
		{`"Result":"-1","Description":"不一致"`, verification.Failed, verification.IdentityMismatch, verification.BillableYes, "-1"},
		{`"Result":-1`, verification.Failed, verification.IdentityMismatch, verification.BillableYes, "-1"},
		{`"Result":"-2"`, verification.Inconclusive, verification.IdentityNumberMalformed, verification.BillableNo, "-2"},
		{`"Result":"-3"`, verification.Inconclusive, verification.IdentityNameMalformed, verification.BillableNo, "-3"},
		{`"Result":"-4","Description":"证件库服务异常"`, verification.Inconclusive, verification.DocumentValidityMalformed, verification.BillableNo, "-4"},
		{`"Result":"-5"`, verification.Inconclusive, verification.RecordsNotVerifiable, verification.BillableNo, "-5"},
		{`"Result":"-7","Description":["x"]`, verification.Inconclusive, verification.RecordsNotFound, verification.BillableNo, "-7"},
		// No list knows them, or they contradict themselves.
		{`"Result":"-9"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "-9"},
		{`"Result":"1"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "1"},
		{`"Result":"00"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "unrecognized"},
		{`"Result":"+0"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "unrecognized"},
		{`"Result":0.0`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "unrecognized"},
		{`"Result":"110199199003070017"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "unrecognized"},
		{`"Result":"0","Description":"不一致"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "0"},
		{`"Result":"0","Description":"证件库中无此身份证记录"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "0"},
		{`"Result":"-1","Description":"证件库服务异常"`, verification.Inconclusive, verification.ProviderContractViolation, verification.BillableUnknown, "-1"},
	} {
		check, err := clientAt(t, newVendor(t, result(row.member)).URL).Check(t.Context(), holder)
		require.NoError(t, err, row.member)
		want := idrecords.Outcome{Status: row.status, Reason: row.reason, Billable: row.billable}.Check(Name, row.code)
		require.Equal(t, want, check, row.member)
		require.Equal(t, row.status == verification.Failed, check.FailedFinally(), row.member)
	}
	for code, wait := range map[string]time.Duration{"-6": 5 * time.Minute, "-8": 35 * time.Minute} {
		_, err := clientAt(t, newVendor(t, result(`"Result":"`+code+`"`)).URL).Check(t.Context(), holder)
		e, ok := errors.AsType[*provider.Error](err)
		require.True(t, ok, code)
		require.Equal(t, provider.Error{Op: op, Class: provider.Unavailable, Code: code, Reason: verification.ProviderUnavailable, RetryAfter: wait, MaxTries: 2,
			Billable: verification.BillableNo}, *e)
	}
}

// An error of the vendor's own is free, but for what stands for a time-out and
// what nobody knows. What may be this person's name keeps nobody else waiting.
func TestEveryErrorCodeHasItsMeaning(t *testing.T) {
	no, unknown := verification.BillableNo, verification.BillableUnknown
	for code, want := range map[string]struct {
		class    provider.Class
		billable verification.Billable
		reason   verification.ReasonCode
	}{
		"InternalError":                               {provider.Unavailable, unknown, verification.RecordsChargeUnknown},
		"InternalError.UnKnown":                       {provider.Unavailable, unknown, verification.RecordsChargeUnknown},
		"ServiceUnavailable":                          {provider.Unavailable, unknown, verification.RecordsChargeUnknown},
		"FailedOperation.UnKnown":                     {provider.Unavailable, unknown, verification.RecordsChargeUnknown},
		"FailedOperation.DecryptSystemError":          {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"InvalidParameter.UnsupportEncryptField":      {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"FailedOperation.StsUnAuthErrError":           {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"UnauthorizedOperation.Arrears":               {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"UnauthorizedOperation.ChargeStatusException": {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"UnauthorizedOperation.NonAuthorize":          {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"UnauthorizedOperation.Nonactivated":          {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"RequestLimitExceeded":                        {provider.RateLimited, no, verification.ProviderUnavailable},
		"RequestLimitExceeded.UinLimitExceeded":       {provider.RateLimited, no, verification.ProviderUnavailable},
		"AuthFailure.SignatureExpire":                 {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"AuthFailure.SecretIdNotFound":                {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"InvalidAction":                               {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"MissingParameter":                            {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"ResourceInsufficient.Some":                   {provider.Misconfigured, no, verification.ProviderMisconfigured},
		"SomethingNew.Altogether":                     {provider.Misconfigured, unknown, verification.ProviderMisconfigured},
	} {
		_, err := clientAt(t, newVendor(t, fault(code)).URL).Check(t.Context(), holder)
		e, ok := errors.AsType[*provider.Error](err)
		require.True(t, ok, code)
		require.Equal(t, provider.Error{Op: op, Class: want.class, Code: code, Reason: want.reason, Billable: want.billable, Err: e.Err}, *e)
		require.NotContains(t, fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), "planted")
	}
	check, err := clientAt(t, newVendor(t, fault("InvalidParameterValue")).URL).Check(t.Context(), holder)
	require.NoError(t, err)
	require.Equal(t, idrecords.Outcome{Status: verification.Inconclusive, Reason: verification.ProviderContractViolation, Billable: no}.Check(Name, "InvalidParameterValue"), check)
}

// Once the request has left, an answer that is lost or cannot be read may have been
// charged; before, nothing was.
func TestALostAnswerMayHaveBeenCharged(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, row := range map[string]struct {
		address  string
		class    provider.Class
		billable verification.Billable
	}{
		"refused":       {closed.URL, provider.Unavailable, verification.BillableNo},
		"dropped":       {newVendor(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).URL, provider.Unavailable, verification.BillableUnknown},
		"a gateway":     {newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); _, _ = io.WriteString(w, "<html>") }).URL, provider.Unavailable, verification.BillableUnknown},
		"too late":      {newVendor(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }).URL, provider.Unavailable, verification.BillableUnknown},
		"empty":         {newVendor(t, says("")).URL, provider.ContractViolation, verification.BillableUnknown},
		"no result":     {newVendor(t, result(`"Description":"一致"`)).URL, provider.ContractViolation, verification.BillableUnknown},
		"another type":  {newVendor(t, result(`"Result":true`)).URL, provider.ContractViolation, verification.BillableUnknown},
		"null":          {newVendor(t, result(`"Result":null`)).URL, provider.ContractViolation, verification.BillableUnknown},
		"two results":   {newVendor(t, result(`"Result":"-1","Result":"0"`)).URL, provider.ContractViolation, verification.BillableUnknown},
		"two spellings": {newVendor(t, result(`"Result":"-1","result":"0"`)).URL, provider.ContractViolation, verification.BillableUnknown},
	} {
		_, err := clientAt(t, row.address, func(c *Config) { c.Timeout = 300 * time.Millisecond }).Check(t.Context(), holder)
		e, ok := errors.AsType[*provider.Error](err)
		require.True(t, ok, name)
		require.Equal(t, row.class, e.Class, name)
		require.Equal(t, row.billable, e.Billable, name)
		require.Equal(t, row.class == provider.Unavailable && row.billable == verification.BillableUnknown, e.Reason == verification.RecordsChargeUnknown, name)
	}
}

// A connection that was kept and died meanwhile would lose a question that nobody
// has read, which would count as charged.
func TestNoConnectionIsKept(t *testing.T) {
	var mu sync.Mutex
	from := map[string]bool{}
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from[r.RemoteAddr] = true
		mu.Unlock()
		result(`"Result":"0"`)(w, r)
	})
	c := clientAt(t, v.URL)
	for range 3 {
		_, err := c.Check(t.Context(), holder)
		require.NoError(t, err)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, from, 3)
}

// What the source does not know, or what is incomplete, is not asked about.
func TestAnUnfitSubjectIsNotAskedAbout(t *testing.T) {
	v := newVendor(t, result(`"Result":"0"`))
	for number, reason := range map[string]verification.ReasonCode{"810000199003070017": verification.DocumentTypeUnsupported, "911124198108030024": verification.DocumentTypeUnsupported} {
		s := holder
		s.IDNumber = number
		check, err := clientAt(t, v.URL).Check(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, idrecords.Outcome{Status: verification.Unavailable, Reason: reason, Billable: verification.BillableNo}.Check(Name, ""), check)
	}
	require.Zero(t, v.asked())
	s := holder
	s.IDNumber = "810000199003070017"
	_, err := clientAt(t, v.URL, func(c *Config) { c.Permits = true }).Check(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, 1, v.asked())
}

func TestSettingsAreCheckedAtOnce(t *testing.T) {
	_, err := New(Config{Scheme: "http", Endpoint: "faceid.tencentcloudapi.com", Timeout: time.Minute, Rate: -1})
	for _, name := range []string{"SECRET_ID", "SECRET_KEY", "SCHEME", "TIMEOUT", "RATE"} {
		require.ErrorContains(t, err, "YANZHEN_TENCENT_RECORDS_"+name)
	}
}

// Whatever comes, only a plain 0 passes and only a plain -1 declines.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"Response":{"Result":"0"}}`, `{"Response":{"Result":-1,"Description":"不一致"}}`, `{"Response":{"Result":"0","Result":"-1"}}`, `{"Response":{"Error":{"Code":"InternalError"}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a checkAnswer
		a.Result = raw
		code, ok := a.result()
		if !ok {
			return
		}
		o := meaningOf(code, string(raw))
		if o.Status == verification.Passed && code != "0" {
			t.Fatalf("%q passes", raw)
		}
		if o.Status == verification.Failed && code != "-1" {
			t.Fatalf("%q fails", raw)
		}
	})
}
