package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// canaryPolicies have clocks of seconds. Each way of a verification is in one.
var canaryPolicies = hastyPolicy + strings.NewReplacer("name: patient", "name: canary-tencent-records", "[acedata]", "[tencent_records]").Replace(patientPolicy) +
	quickAs("cn-chip") + quickAs("cn-chip-capture") + quickAs("cn-no-face") + `  - name: canary-page
    version: 1
    presentation: page
    consents: [identity_records, face]
    checks: {document_validity: required, identity_records: required, liveness: required, face_match: required}
    face_providers: [tencent_eid]
    records_providers: [acedata]
  - name: canary-brief
    version: 1
    checks: {document_validity: required, liveness: required, face_match: required}
    face_providers: [tencent_eid]
    retry_window: 2s
`

// canaryWays are the ways of a verification. Each has people of its own.
var canaryWays = map[string]func(*trial){
	"approved, refused and tried again": func(x *trial) {
		for _, codes := range [][]string{{"0"}, {"2006"}, {"2016", "0"}, {"2016", "2016", "2016"}} {
			v := x.opens(x.stack, x.anyone(x.stack, nil), nil)
			for i, code := range codes {
				if i > 0 {
					x.untilAction(v.ID, "retry", comesBack)
					x.retry(v.ID, i, "")
					v = x.untilLink(v.ID, comesBack)
				}
				x.knows("token", x.tokenOf(v))
				x.comeBack(v, code)
			}
			x.ends(v)
		}
	},
	"refused by the records": func(x *trial) {
		for _, outcome := range []string{"-1", "-5", "500x2", "drop"} {
			p := x.anyone(x.stack, func(p *sandbox.Person) { p.AceDataOutcome = outcome })
			v := x.starts(x.stack, p, nil)
			x.goesOn(v, p)
			x.until(v.ID, comesBack, "an end or a review", func(v view) bool { return v.Status.Ended() || v.Status == verification.InReview })
		}
	},
	"reviewed and reopened": func(x *trial) {
		v := x.opens(x.stack, x.anyone(x.stack, nil), nil)
		x.comeBack(v, codeSpoof)
		x.untilReview(v.ID, comesBack)
		for _, word := range []struct {
			decision, reason string
		}{{"declined", "face.spoof_suspected"}, {"approved", "review.approved"}} {
			tag := x.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil).header.Get("ETag")
			a := x.act(v.ID, "decision", tag, map[string]any{"decision": word.decision, "reason": word.reason, "note": x.words["note"] + " " + x.people.Name})
			require.Equal(x.t, http.StatusOK, a.status, "%s", a.body)
			x.ends(v)
			if word.decision == "declined" {
				a = x.act(v.ID, "reopen", "", map[string]any{"reason": "holder.mismatch", "note": x.words["note"]})
				require.Equal(x.t, http.StatusOK, a.status, "%s", a.body)
			}
		}
	},
	"canceled and run out": func(x *trial) {
		v := x.opens(x.stack, x.anyone(x.stack, nil), nil)
		a := x.call("shop", "POST", "/v1/verifications/"+v.ID+"/cancel", nil, map[string]string{"reason": string(verification.CanceledByCaller)})
		require.Equal(x.t, http.StatusOK, a.status, "%s", a.body)
		x.ends(v)
		v = x.opens(x.stack, x.anyone(x.stack, nil), map[string]any{"policy": "canary-brief"})
		x.comeBack(v, "1008") // nobody was judged
		require.Equal(x.t, verification.OutcomeExpired, x.ends(v).Outcome)
	},
	"at Megvii": func(x *trial) {
		for outcome, want := range map[string]verification.Outcome{sandbox.MegviiPass: verification.OutcomeApproved, "low-score": ""} {
			v := x.opens(x.stack, x.anyone(x.stack, nil), map[string]any{"policy": onlyMegvii})
			x.knows("token", x.megviiToken(v))
			x.endMegvii(v, outcome, sandbox.NotifyOptions{})
			if want != "" {
				x.ends(v)
			}
		}
	},
	"by the chip": func(x *trial) {
		p := x.anyone(x.stack, nil)
		v := x.opens(x.stack, p, map[string]any{"policy": "cn-chip", "subject": nil, "nfc_reqid": x.scan(p, "")})
		x.comeBack(v, "0")
		x.ends(v)
		holder := x.anyone(x.stack, nil) // another one's card
		x.ends(x.starts(x.stack, x.anyone(x.stack, nil), map[string]any{"policy": "cn-chip", "nfc_reqid": x.scan(holder, "")}))
		for _, scenario := range unreadable[:3] {
			p := x.anyone(x.stack, nil)
			v := x.starts(x.stack, p, map[string]any{"policy": "cn-chip", "subject": nil, "nfc_reqid": x.scan(p, scenario)})
			x.untilAction(v.ID, "scan_chip", comesBack)
		}
	},
	"by the chip and pictures": func(x *trial) {
		p := x.anyone(x.stack, nil)
		v := x.opens(x.stack, p, map[string]any{"policy": "cn-chip-capture", "subject": nil, "nfc_reqid": x.scan(p, "")})
		for i, outcome := range []string{sandbox.CaptureOther, sandbox.CaptureSame} {
			session := x.capture(v, outcome, p)
			x.knows("session", session)
			face, scene, ok := x.vendors.Captured(session)
			require.True(x.t, ok)
			x.saw("face", face)
			x.saw("scene", scene)
			if i == 0 {
				x.untilAction(v.ID, "retry", comesBack)
				x.retry(v.ID, 1, "")
				v = x.untilLink(v.ID, comesBack)
			}
		}
		x.ends(v)
	},
	"in a mini program": func(x *trial) {
		v := x.starts(x.stack, x.anyone(x.stack, nil), map[string]any{"presentation": "mini_program"})
		v, m := x.miniStepOf(v.ID)
		x.knows("token", m.NextAction.MiniProgram.Token)
		x.playMini(m, "0")
		x.tellReturned(m)
		x.ends(v)
	},
	"on the page": func(x *trial) {
		starts := func() view {
			v := x.opens(x.stack, x.anyone(x.stack, nil), map[string]any{"policy": "canary-page", "presentation": "page"})
			x.knows("code", v.NextAction.URL[strings.LastIndex(v.NextAction.URL, "/")+1:])
			return v
		}
		v, desk := starts(), x.visitor(onDesktop)
		desk.begunAt(v)
		desk.press("agree")
		phone := x.visitor(inWeChat)
		phone.open(desk.copied())
		phone.press("continue")
		phone.press("go")
		phone.onward()
		phone.endAtVendor("2016")
		phone.untilKind("retry")
		phone.press("go")
		phone.onward()
		phone.endAtVendor("0")
		phone.untilKind("result")
		x.ends(v)
		for _, button := range []string{"human", "decline"} {
			v, p := starts(), x.visitor(inWeChat)
			p.begunAt(v)
			p.press(button)
			p.untilKind("result")
		}
	},
	"answered with what was asked": (*trial).echoes,
	"sent what is wrong":           (*trial).mistakes,
}

// question is what a vendor is asked, and under which policy.
type question struct{ vendor, operation, policy string }

var askedOfOne = []question{
	{sandbox.Tencent, "GetEidToken", "cn-resident"}, {sandbox.Tencent, "CheckEidTokenStatus", "cn-resident"}, {sandbox.Tencent, "GetEidResult", "cn-resident"},
	{sandbox.AceData, "check-2e", "cn-resident"}, {sandbox.Tencent, "CheckIdNameDate", "canary-tencent-records"},
	{sandbox.Megvii, "get_token", onlyMegvii}, {sandbox.Megvii, "get_result", onlyMegvii},
	{sandbox.SinoConnect, "nfc/callback", "cn-chip"}, {sandbox.SinoConnect, "face-rec/callback", "cn-chip-capture"}, {sandbox.TencentIAI, "CompareFace", "cn-chip-capture"},
}

// echoes has each vendor repeat the person whom it was asked about, wherever its
// answer has a word of the vendor's own, and in answers that are none.
func (x *trial) echoes() { x.echoed(askedOfOne, true) }

// echoed: byPerson strikes what is asked about one person, else the next calls.
func (x *trial) echoed(all []question, byPerson bool) {
	type run struct {
		person sandbox.Person
		view   view
	}
	var runs []run
	for _, one := range all {
		for _, answer := range echoing(x.people) {
			p := x.anyone(x.stack, nil)
			change := map[string]any{"policy": one.policy}
			fault := sandbox.Fault{Vendor: one.vendor, Operation: one.operation, Kind: sandbox.FaultBody, Body: answer.body, Status: answer.status, Times: 1}
			if byPerson {
				fault.Subject = sandbox.SubjectKey(p.IDNumber)
			}
			if strings.HasPrefix(one.policy, "cn-chip") {
				change["nfc_reqid"], change["subject"] = x.scan(p, ""), nil
			}
			x.fault(fault)
			one := run{p, x.starts(x.stack, p, change)}
			if fault.Vendor == sandbox.Megvii {
				x.goesOn(one.view, p) // its sessions are short, for the look that follows one
				continue
			}
			runs = append(runs, one)
		}
	}
	for _, r := range runs {
		x.goesOn(r.view, r.person)
	}
	// On a busy machine a session may be over before its vendor is asked: of each
	// operation some answers must have been given.
	for _, one := range all {
		require.Eventually(x.t, func() bool {
			return slices.ContainsFunc(x.vendors.Faults(), func(f sandbox.Fault) bool { return f.Operation == one.operation && f.Struck > 0 })
		}, comesBack, 100*time.Millisecond, "nobody was answered by %s with what was asked", one.operation)
	}
}

// goesOn plays whatever page the verification shows.
func (x *trial) goesOn(v view, p sandbox.Person) {
	x.t.Helper()
	v = x.until(v.ID, comesBack, "something to show", func(v view) bool { return v.NextAction != nil || v.Status.Ended() || v.Status == verification.InReview })
	if v.NextAction == nil || v.NextAction.URL == "" {
		return
	}
	switch u, err := url.Parse(v.NextAction.URL); {
	case err != nil:
		x.t.Error("a link that is none")
	case strings.HasPrefix(u.Path, "/page/tencent/"):
		x.comeBack(v, "0")
	case strings.HasPrefix(u.Path, "/page/sino/"):
		x.capture(v, sandbox.CaptureSame, p)
	default:
		x.endMegvii(v, sandbox.MegviiPass, sandbox.NotifyOptions{Never: true, NoReturn: true})
	}
}

type echoed struct {
	status int
	body   string
}

// echoing are answers that repeat a person in every member that vendors' contracts
// have, and as no JSON at all.
func echoing(p sandbox.Person) []echoed {
	both := p.Name + " " + p.IDNumber
	failed, _ := json.Marshal(map[string]any{
		"error": map[string]any{"code": p.IDNumber, "message": both}, "error_message": "BAD_ARGUMENTS:" + p.IDNumber, "message": both, "trace_id": p.IDNumber,
		"Response": map[string]any{"Error": map[string]any{"Code": p.IDNumber, "Message": both}, "RequestId": p.IDNumber},
	})
	answered, _ := json.Marshal(map[string]any{
		"result": p.IDNumber, "description": both, "status": p.IDNumber, "token": p.IDNumber, "url": "http://" + p.IDNumber, "biz_info": map[string]any{"biz_no": both},
		"biz_id": p.IDNumber, "liveness_result": map[string]any{"result": both}, "faceImage": both,
		"Response": map[string]any{"EidToken": p.IDNumber, "Url": "http://%zz" + both, "Status": p.IDNumber, "Text": map[string]any{"ErrCode": 110199199003070017, "ErrMsg": both},
			"Score": 1e300, "FaceModelVersion": both, "RequestId": both},
	})
	odd := fmt.Sprintf(`{"error":%q,"token":%q}`, p.IDNumber, p.Name)
	return []echoed{{400, string(failed)}, {200, string(failed)}, {200, string(answered)}, {500, "<html>" + both}, {200, string(answered[:len(answered)/2])}, {403, odd}}
}

// mistakes sends the person where nobody asks for them.
func (x *trial) mistakes() {
	p, v := x.anyone(x.stack, nil), x.opens(x.stack, x.anyone(x.stack, nil), nil)
	both := url.PathEscape(p.Name + p.IDNumber)
	at := "/v1/verifications/" + v.ID
	start := func(header map[string]string, body any) {
		x.t.Helper()
		if header["Idempotency-Key"] == "" {
			header["Idempotency-Key"] = x.words["key"] + freshKey()
		}
		a := x.call("shop", "POST", "/v1/verifications", header, body)
		require.GreaterOrEqual(x.t, a.status, 400, "%s", a.body)
	}
	whole, err := json.Marshal(x.asks(x.stack, p, nil))
	require.NoError(x.t, err)
	for _, body := range []any{
		string(whole[:len(whole)-2]), string(whole) + p.Name, "[" + string(whole) + "]", p.Name, strings.Replace(string(whole), `"policy"`, `"`+p.Name+`"`, 1),
		strings.Replace(string(whole), `"name"`, `"`+p.IDNumber+`"`, 1), strings.Replace(string(whole), `"`+p.IDNumber+`"`, p.IDNumber[:17], 1),
		x.asks(x.stack, p, map[string]any{p.Name: p.IDNumber}), x.asks(x.stack, p, map[string]any{"policy": p.Name}), x.asks(x.stack, p, map[string]any{"policy": p.IDNumber}),
		x.asks(x.stack, p, map[string]any{"return_url": x.vendorsURL + "/elsewhere/" + both}), x.asks(x.stack, p, map[string]any{"return_url": "javascript:" + p.Name}),
		x.asks(x.stack, p, map[string]any{"client_reference_id": p.IDNumber}), x.asks(x.stack, p, map[string]any{"metadata": map[string]string{p.IDNumber: p.Name}}),
		x.asks(x.stack, p, map[string]any{"nfc_reqid": p.Name}), x.asks(x.stack, p, map[string]any{"presentation": p.Name}), x.asks(x.stack, p, map[string]any{"lang": p.Name}),
		x.asks(x.stack, p, map[string]any{"consents": []any{map[string]any{"purpose": p.Name, "text_version": p.IDNumber, "given_at": p.Name}}}),
		x.asks(x.stack, p, map[string]any{"subject": p.Name}), x.asks(x.stack, p, map[string]any{"subject": map[string]any{"name": p.IDNumber, "id_number": p.Name}}),
	} {
		start(map[string]string{}, body)
	}
	start(map[string]string{"Idempotency-Key": p.IDNumber + " " + x.words["key"]}, x.asks(x.stack, p, nil))
	start(map[string]string{"Content-Type": "text/" + p.IDNumber}, string(whole))
	start(map[string]string{"Authorization": "Bearer " + p.IDNumber}, string(whole))
	// One that is taken, under the number as its key, by a caller that tells everybody.
	told := map[string]string{"Idempotency-Key": p.IDNumber, "User-Agent": p.Name, "X-Request-Id": p.IDNumber, "X-Forwarded-For": p.IDNumber, "Cookie": "who=" + p.IDNumber,
		"Referer": "http://shop/" + both, "traceparent": "00-" + strings.Repeat(p.IDNumber, 2)[:32] + "-" + p.IDNumber[:16] + "-01", "tracestate": "shop=" + p.IDNumber,
		"baggage": "number=" + p.IDNumber + ",name=" + both, "Accept-Language": both, "X-Header": x.words["header"]}
	require.Less(x.t, x.call("shop", "POST", "/v1/verifications", told, x.asks(x.stack, p, nil)).status, 300)
	for _, one := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/v1/verifications/" + both, nil}, {"GET", "/v1/verifications/" + p.IDNumber, nil}, {"GET", "/" + both + "/" + x.words["file"] + ".jpg", nil}, {"GET", "/p/" + p.IDNumber, nil}, {"GET", "/p/s/" + both, nil},
		{"GET", "/p/h/" + p.IDNumber, nil}, {"POST", "/p/" + p.IDNumber, nil}, {"GET", "/callbacks/tencent_eid/return/" + p.IDNumber, nil}, {"POST", "/callbacks/megvii_faceid/notify/" + both, nil}, {"GET", "/callbacks/" + both + "/return/x", nil},
		{"GET", at + "?wait=" + both, nil}, {"GET", at + "?" + both + "=" + x.words["query"], nil}, {"GET", at + "/outputs?purpose=" + both, nil}, {"GET", "/v1/verifications?client_reference_id=" + p.IDNumber, nil},
		{"GET", "/v1/verifications?cursor=" + both, nil}, {"GET", "/v1/verifications?status=" + both, nil}, {"GET", "/v1/events?after=" + both, nil}, {"POST", "/v1/events/" + both + "/redeliver", nil}, {"POST", "/v1/webhook_endpoints/" + both + "/test", nil},
		{"POST", at + "/cancel", map[string]string{"reason": p.Name}}, {"POST", at + "/retry", map[string]any{"session": p.IDNumber}}, {"POST", at + "/retry", map[string]any{"session": 1, "nfc_reqid": p.IDNumber}},
		{"POST", at + "/decision", map[string]string{"decision": p.Name, "reason": p.IDNumber, "note": p.Name}}, {"POST", at + "/reopen", map[string]string{"reason": p.Name, "note": p.Name}},
		{"POST", at + "/consents", map[string]any{"consents": []any{map[string]any{"purpose": p.Name}}}}, {"POST", at + "/redact", map[string]any{"end": p.Name}},
		{"POST", "/v1/verifications/search", map[string]string{"id_number": p.Name}}, {"POST", "/v1/verifications/search", map[string]string{"id_number": p.IDNumber + p.Name}}, {p.IDNumber, at, nil},
	} {
		a := x.call("shop", one.method, one.path, map[string]string{"Yanzhen-Purpose": p.Name, "If-Match": p.IDNumber}, one.body)
		require.Less(x.t, a.status, 500, "%s %s: %s", one.method, one.path, a.body)
	}
}

// echo is a receiver that answers with what it was sent, and a person beside.
type echo struct {
	*httptest.Server
	*receiver
	seen *seen
}

func newEcho(t *testing.T, c *canary, status int) *echo {
	e := &echo{receiver: newReceiver(t)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if e.seen != nil {
			e.seen.add("webhooks", body)
		}
		w.Header().Set("Retry-After", c.people.IDNumber)
		w.Header().Set("Webhook-Delivery", c.people.Name)
		w.Header().Set("Location", "http://"+c.people.IDNumber)
		w.WriteHeader(status)
		_, _ = w.Write(append(body, c.people.Name+c.people.IDNumber...))
	}))
	t.Cleanup(e.Server.Close)
	e.receiver.Server.URL = e.Server.URL // which its entry in the configuration names
	return e
}
