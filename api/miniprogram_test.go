package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

const plantedToken = "7B0C1D2E-3F40-4A5B-8C6D-7E8F90A1B2C3"

// inMiniProgram is a verification whose person begins in the caller's mini program.
func inMiniProgram() starter.View {
	v := running()
	v.Link, v.MiniProgram = "", &starter.MiniProgram{Token: plantedToken, ReturnedURL: "https://kyc.example/callbacks/tencent_eid/return/planted-ticket"}
	next := *v.NextAction
	next.Type, next.OpenIn = verification.ActionMiniProgram, ""
	next.MiniProgram = &verification.MiniProgram{Provider: "tencent_eid", SDK: "mp_ecard_sdk", MinSDKVersion: "1.0.5"}
	v.NextAction, v.State.MiniProgram = &next, true
	return v
}

// The token stands where a link would: in its owner's answers, and in no
// reviewer's, in no picture and in no log.
func TestTheTokenOfAMiniProgramIsForItsOwner(t *testing.T) {
	r := newRig(t)
	r.fake.read = owned("shop", inMiniProgram())
	path := "/v1/verifications/" + knownID
	var got struct {
		NextAction json.RawMessage `json:"next_action"`
	}
	w := r.do(call{method: "GET", path: path, key: r.shop})
	require.Equal(t, 200, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.JSONEq(t, `{"type":"wechat_mini_program","expires_at":"2026-11-23T04:09:00Z","mini_program":{"provider":"tencent_eid",
		"sdk":"mp_ecard_sdk","min_sdk_version":"1.0.5","token":"`+plantedToken+`",
		"returned_url":"https://kyc.example/callbacks/tencent_eid/return/planted-ticket"}}`, string(got.NextAction))

	r.fake.owner = func([]string, string) (string, error) { return "shop", nil }
	w = r.do(call{method: "GET", path: path, key: r.reviewer})
	require.Equal(t, 200, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.JSONEq(t, `{"type":"wechat_mini_program","expires_at":"2026-11-23T04:09:00Z",
		"mini_program":{"provider":"tencent_eid","sdk":"mp_ecard_sdk","min_sdk_version":"1.0.5"}}`, string(got.NextAction))
	problemIn(t, r.do(call{method: "GET", path: path, key: r.other}), 404, "not_found")
	problemIn(t, r.do(call{method: "GET", path: path + "/qr.png", key: r.shop}), 409, "no_link")
	require.NotContains(t, r.logs.String(), plantedToken)
	require.NotContains(t, r.logs.String(), "planted-ticket")
}

func TestAStartForAMiniProgramIsPassedOn(t *testing.T) {
	r := newRig(t)
	r.fake.start = func(_, _ string, req verification.Request) (starter.View, starter.Started, error) {
		require.Equal(t, verification.PresentationMiniProgram, req.Presentation)
		return inMiniProgram(), starter.Started{}, nil
	}
	require.Equal(t, 201, r.post(goodBody(`,"presentation":"mini_program"`)).Code)
}

// A mini program's request is no browser: it is answered 204, whatever it sends
// and whether or not the verification names a way back; it is a hint all the same.
func TestAMiniProgramsReturnIsAnswered204(t *testing.T) {
	for name, one := range map[string]call{
		"nothing":  {},
		"JSON":     {body: `{"token":"` + plantedToken + `","verifyDone":true}`},
		"a form":   {body: "a=b", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		"no words": {header: map[string]string{"Content-Type": "application/json"}},
	} {
		r := landingRig(t, "https://shop.example/back")
		r.fake.landing = func(string) (starter.ReturnTarget, error) {
			return starter.ReturnTarget{Client: "shop", ReturnURL: "https://shop.example/back", MiniProgram: true}, nil
		}
		one.method, one.path = "POST", "/callbacks/tencent_eid/return/"+r.ticket(nil)
		for range 2 {
			w := r.do(one)
			require.Equal(t, 204, w.Code, "%s: %s", name, w.Body.String())
			require.Empty(t, w.Body.String(), name)
			require.Empty(t, w.Header().Get("Location"), name)
		}
		require.Contains(t, r.metricsText(), `yanzhen_hints_total{provider="tencent_eid",result="sent"} 2`, name)
	}
}
