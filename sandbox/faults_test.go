package sandbox

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rawTencent sends a status call and returns the answer as it is.
func (w *world) rawTencent(token string) (int, []byte, error) {
	return w.do(w.tencentRequest(w.signer("CheckEidTokenStatus"), mustJSON(map[string]string{"EidToken": token}), nil))
}

func TestEveryKindOfFaultLooksAsItsNameSays(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	for kind, look := range map[string]func(status int, body []byte, err error){
		FaultHTML502: func(status int, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 502, status)
			require.Contains(t, string(body), "<html>")
		},
		FaultEmpty: func(status int, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, status)
			require.Empty(t, body)
		},
		FaultHalfJSON: func(status int, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, status)
			require.True(t, bytes.HasPrefix(body, []byte("{")))
			require.False(t, json.Valid(body))
		},
		FaultWrongTypes: func(_ int, body []byte, err error) {
			require.NoError(t, err)
			require.Contains(t, string(body), `"Status":3`)
		},
		FaultMissingMembers: func(_ int, body []byte, err error) {
			require.NoError(t, err)
			require.NotContains(t, string(body), "Status")
		},
		FaultHuge: func(_ int, body []byte, err error) {
			require.NoError(t, err)
			require.Greater(t, len(body), 16<<20)
			require.True(t, json.Valid(body), "well-formed, so that only a limit on size refuses it")
		},
		FaultDrop:      func(_ int, _ []byte, err error) { require.Error(t, err) },
		FaultDropAfter: func(_ int, _ []byte, err error) { require.Error(t, err) },
		FaultRefuse:    func(_ int, _ []byte, err error) { require.Error(t, err) },
		FaultDelay: func(status int, body []byte, err error) {
			require.NoError(t, err)
			require.Contains(t, string(body), `"Status":"init"`)
		},
		FaultBody: func(status int, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 418, status)
			require.Equal(t, `{"Response":7}`, string(body))
		},
		FaultErrorCode: func(status int, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, status)
			require.Contains(t, string(body), `"Code":"InternalError"`)
		},
	} {
		t.Run(kind, func(t *testing.T) {
			f := Fault{Vendor: Tencent, Operation: "CheckEidTokenStatus", Kind: kind, Times: 1}
			if kind == FaultErrorCode {
				f.Code = "InternalError"
			}
			if kind == FaultDelay {
				f.DelayMS = 40
			}
			if kind == FaultBody {
				f.Status, f.Body = 418, `{"Response":7}`
			}
			require.NoError(t, w.Fault(f))
			begin := time.Now()
			look(w.rawTencent(token))
			if kind == FaultDelay {
				require.GreaterOrEqual(t, time.Since(begin), 40*time.Millisecond)
			}
			require.Equal(t, "init", w.status(token), "once means once")
		})
	}
}

func TestEveryKindOfFaultIsThereForEveryOperation(t *testing.T) {
	for _, names := range operations {
		for _, operation := range names {
			for _, kind := range []string{FaultWrongTypes, FaultMissingMembers} {
				require.True(t, json.Valid([]byte(spoiled[operation][kind])), "%s %s", operation, kind)
			}
			require.Contains(t, spoiled[operation][FaultHuge], "%s")
		}
	}
}

func TestADroppedAnswerAfterProcessingIsChargedAndAnUnprocessedOneIsNot(t *testing.T) {
	w := start(t, nil)
	p := person("A1")
	subject := Query{Vendor: AceData, Subject: SubjectKey(p.IDNumber)}
	require.NoError(t, w.Fault(Fault{Vendor: AceData, Operation: "check-2e", Kind: FaultDrop, Times: 1}))
	_, _, err := w.check2e(p, nil)
	require.Error(t, err)
	require.Equal(t, 0, w.Ledger().Charged(subject))
	require.Equal(t, 1, w.Ledger().Count(subject), "also a swallowed call is found by its subject")

	require.NoError(t, w.Fault(Fault{Vendor: AceData, Kind: FaultDropAfter, Times: 1}))
	_, _, err = w.check2e(p, nil)
	require.Error(t, err)
	require.Equal(t, 1, w.Ledger().Charged(subject))

	require.NoError(t, w.Fault(Fault{Vendor: AceData, Kind: FaultMissingMembers, Times: 1, Processed: true}))
	status, body, err := w.check2e(p, nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.NotContains(t, body, "result")
	require.Equal(t, 2, w.Ledger().Charged(subject), "processed, charged, and the answer spoilt")
}

func TestADroppedTokenExistsAtTheVendor(t *testing.T) {
	w := start(t, nil)
	require.NoError(t, w.Fault(Fault{Vendor: Tencent, Operation: "GetEidToken", Kind: FaultDropAfter, Times: 1}))
	a1 := person("A1")
	_, _, err := w.do(w.tencentRequest(w.signer("GetEidToken"), mustJSON(map[string]any{"MerchantId": DefaultMerchantID, "Name": a1.Name,
		"IdCard": a1.IDNumber, "Config": map[string]string{"InputType": "4"}}), nil))
	require.Error(t, err)
	calls := w.Ledger().Select(Query{Operation: "GetEidToken"}).Calls
	require.Len(t, calls, 1)
	require.NotEmpty(t, calls[0].Token)
	require.Len(t, w.Tokens(a1.IDNumber), 1)
	require.Equal(t, calls[0].Token, digest(w.Tokens(a1.IDNumber)[0]))
}

func TestADelayedAnswerOfAProcessedCallIsChargedWhileTheCallerWaits(t *testing.T) {
	w := start(t, nil)
	p := person("A1")
	subject := Query{Vendor: AceData, Subject: SubjectKey(p.IDNumber)}
	require.NoError(t, w.Fault(Fault{Vendor: AceData, Kind: FaultDelay, DelayMS: 300, Times: 1, Processed: true}))
	answered := make(chan error, 1)
	go func() { _, _, err := w.check2e(p, nil); answered <- err }()
	require.Eventually(t, func() bool { return w.Ledger().Charged(subject) == 1 }, time.Second, time.Millisecond)
	select {
	case err := <-answered:
		t.Fatalf("answered at once: %v", err)
	default:
	}
	require.NoError(t, <-answered)
	require.Equal(t, 1, w.Ledger().Count(subject))
}

func TestFaultsOverHTTP(t *testing.T) {
	w := start(t, nil)
	status, _ := w.admin(http.MethodPost, "/sandbox/faults", map[string]any{"vendor": "acedata", "operation": "check-2e", "kind": "error_code", "code": "api_error", "times": 2})
	require.Equal(t, http.StatusCreated, status)
	status, _ = w.admin(http.MethodPost, "/sandbox/faults", map[string]any{"vendor": "acedata", "kind": "error_code", "code": "-6"})
	require.Equal(t, http.StatusCreated, status)
	for _, want := range []int{500, 500, 200, 200} {
		got, body, err := w.check2e(person("A1"), nil)
		require.NoError(t, err)
		require.Equal(t, want, got)
		if got == 200 {
			require.Equal(t, "-6", body["result"])
		}
	}
	_, listed := w.admin(http.MethodGet, "/sandbox/faults", nil)
	require.Len(t, listed["faults"], 2)
	require.Equal(t, float64(2), listed["faults"].([]any)[1].(map[string]any)["struck"])
	status, _ = w.admin(http.MethodDelete, "/sandbox/faults", nil)
	require.Equal(t, http.StatusNoContent, status)
	got, _, err := w.check2e(person("A1"), nil)
	require.NoError(t, err)
	require.Equal(t, 200, got)
	for _, bad := range []map[string]any{
		{"vendor": "nobody", "kind": "drop"}, {"vendor": "tencent", "kind": "explode"}, {"vendor": "tencent", "operation": "check-2e", "kind": "drop"},
		{"vendor": "tencent", "kind": "error_code"}, {"vendor": "tencent", "kind": "delay"}, {"vendor": "tencent", "kind": "drop", "times": -1},
		{"vendor": "tencent", "kind": "drop", "processed": true},
	} {
		status, _ := w.admin(http.MethodPost, "/sandbox/faults", bad)
		require.Equal(t, http.StatusUnprocessableEntity, status, "%v", bad)
	}
}

func TestAResultCodeCanBeForcedByFault(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	require.NoError(t, w.Fault(Fault{Vendor: Tencent, Operation: "GetEidResult", Kind: FaultErrorCode, Code: "17", Times: 1}))
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, "0"))
	_, text := w.result(token, "1")
	require.Equal(t, 17, *text.ErrCode)
	_, text = w.result(token, "1")
	require.Equal(t, 0, *text.ErrCode)
}

func TestTheLedgerCountsCallsAndChargesAndNamesNobody(t *testing.T) {
	var logs bytes.Buffer
	w := start(t, func(c *Config) {
		c.Logger = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	a1 := person("A1")
	token, _ := w.eidToken(nil)
	w.status(token)
	w.status(token)
	require.NoError(t, w.Begin(token))
	require.NoError(t, w.End(token, "2016"))
	w.result(token, "1")
	_, _, err := w.check2e(a1, nil)
	require.NoError(t, err)
	other := person("A3")
	_, _, err = w.check2e(other, nil)
	require.NoError(t, err)

	status, ledger := w.admin(http.MethodGet, "/sandbox/ledger", nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, map[string]any{"GetEidToken": 1.0, "CheckEidTokenStatus": 2.0, "GetEidResult": 1.0, "check-2e": 2.0}, ledger["counts"])
	require.Equal(t, 3.0, ledger["charged"])
	require.Len(t, ledger["sessions"], 1)
	_, ledger = w.admin(http.MethodGet, "/sandbox/ledger?subject="+SubjectKey(a1.IDNumber), nil)
	require.Len(t, ledger["calls"], 5, "calls by token are found under the person as well")
	require.Equal(t, 2.0, ledger["charged"])
	_, ledger = w.admin(http.MethodGet, "/sandbox/ledger?vendor=acedata&operation=check-2e", nil)
	require.Len(t, ledger["calls"], 2)

	written := logs.String() + mustJSON(w.Ledger())
	for _, secret := range []string{a1.Name, a1.IDNumber, other.Name, other.IDNumber, token} {
		require.NotContains(t, written, secret)
	}
	require.Contains(t, logs.String(), "CheckEidTokenStatus")
	status, _ = w.admin(http.MethodDelete, "/sandbox/ledger", nil)
	require.Equal(t, http.StatusNoContent, status)
	require.Zero(t, w.Ledger().Count(Query{}))
}

func TestTokensCanBeHurriedOverHTTP(t *testing.T) {
	w := start(t, nil)
	token, _ := w.eidToken(nil)
	path := "/sandbox/tencent/tokens/" + token
	_, body := w.admin(http.MethodGet, path, nil)
	require.Equal(t, "init", body["status"])
	status, body := w.admin(http.MethodPost, path+"/expire", nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "timeout", body["status"])
	require.Equal(t, "timeout", w.status(token))
	status, _ = w.admin(http.MethodPost, path+"/expire", nil)
	require.Equal(t, http.StatusOK, status, "twice is as good as once")
	status, _ = w.admin(http.MethodPost, "/sandbox/tencent/tokens/nobody/expire", nil)
	require.Equal(t, http.StatusNotFound, status)

	token, _ = w.eidToken(nil)
	path = "/sandbox/tencent/tokens/" + token
	status, _ = w.admin(http.MethodPost, path+"/end", map[string]string{"outcome": "pass"})
	require.Equal(t, http.StatusUnprocessableEntity, status)
	_, body = w.admin(http.MethodPost, path+"/end", map[string]string{"outcome": "0"})
	require.Equal(t, "finished", body["status"])
	status, _ = w.admin(http.MethodPost, path+"/expire", nil)
	require.Equal(t, http.StatusConflict, status, "a result stays")
	require.Equal(t, "finished", w.status(token))
}

func TestAWrongConfigurationIsReportedWhole(t *testing.T) {
	cfg := DefaultConfig()
	require.NoError(t, cfg.Validate())
	cfg.PublicURL, cfg.Tencent.EarlyResult, cfg.AceData.Profile, cfg.Tencent.MerchantPublicKey = "localhost", "sometimes", "both", "04"
	err := cfg.Validate()
	for _, setting := range []string{"PublicURL", "EarlyResult", "Profile", "MerchantPublicKey"} {
		require.ErrorContains(t, err, setting)
	}
	require.Panics(t, func() { New(cfg) })
}
