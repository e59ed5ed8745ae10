package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// miniStep is next_action as the caller's mini program reads it.
type miniStep struct {
	NextAction struct {
		Type        string `json:"type"`
		URL         string `json:"url"`
		MiniProgram struct {
			Provider      string `json:"provider"`
			SDK           string `json:"sdk"`
			MinSDKVersion string `json:"min_sdk_version"`
			Token         string `json:"token"`
			ReturnedURL   string `json:"returned_url"`
		} `json:"mini_program"`
	} `json:"next_action"`
}

// inMiniProgram starts a verification of the person for the caller's mini program,
// and waits for its token.
func (s *stack) inMiniProgram(p sandbox.Person) (view, miniStep) {
	s.t.Helper()
	a := s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()}, with(s.request(p), "presentation", "mini_program"))
	require.Less(s.t, a.status, 300, "%s", a.body)
	return s.miniStepOf(a.view.ID)
}

func (s *stack) miniStepOf(id string) (view, miniStep) {
	s.t.Helper()
	v := s.until(id, comesBack, "a token", func(v view) bool { return v.NextAction != nil && v.NextAction.Type == "wechat_mini_program" })
	var m miniStep
	require.NoError(s.t, json.Unmarshal(s.call("shop", "GET", "/v1/verifications/"+id, nil, nil).body, &m))
	return v, m
}

// tellReturned does what the mini program does when its person is back.
func (s *stack) tellReturned(m miniStep) {
	s.t.Helper()
	res, err := http.Post(m.NextAction.MiniProgram.ReturnedURL, "application/json", strings.NewReader("{}"))
	require.NoError(s.t, err)
	res.Body.Close()
	require.Equal(s.t, http.StatusNoContent, res.StatusCode)
}

func (s *stack) playMini(m miniStep, outcome string) {
	s.t.Helper()
	require.NoError(s.t, s.vendors.Begin(m.NextAction.MiniProgram.Token))
	require.NoError(s.t, s.vendors.End(m.NextAction.MiniProgram.Token, outcome))
}

// playMiniPage plays the stand-in's page for the caller's program, the SDK in it
// and the vendor's program, which says itself that its person is back.
func (s *stack) playMiniPage(m miniStep, outcome, tell string) {
	s.t.Helper()
	page, token := s.vendorsURL+"/sandbox/eid/mini", m.NextAction.MiniProgram.Token
	res, err := http.Get(page + "?" + url.Values{"token": {token}, "returned": {m.NextAction.MiniProgram.ReturnedURL}}.Encode())
	require.NoError(s.t, err)
	res.Body.Close()
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	for _, step := range []struct {
		path string
		form url.Values
	}{{"/begin", nil}, {"/end", url.Values{"outcome": {outcome}, "tell": {tell}}}} {
		res, err := http.PostForm(page+"/"+token+step.path, step.form)
		require.NoError(s.t, err)
		res.Body.Close()
		require.Equal(s.t, http.StatusOK, res.StatusCode)
	}
}

// From the start to the approval in a mini program: the end is learnt by the
// program's word, and without it by the poll; a retry over an unused token opens a
// new session. The token stands in its owner's answers and nowhere else.
func TestAMiniProgramVerificationFromStartToApproved(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	canaries := secrets{}
	note := func(name string, m miniStep) {
		canaries["token "+name] = m.NextAction.MiniProgram.Token
		ticket := m.NextAction.MiniProgram.ReturnedURL[strings.LastIndex(m.NextAction.MiniProgram.ReturnedURL, "/")+1:]
		canaries["ticket "+name] = ticket[len(ticket)/2:]
	}

	hinted, m := s.inMiniProgram(s.person())
	note("of the hint", m)
	require.Equal(t, "tencent_eid", m.NextAction.MiniProgram.Provider)
	require.Equal(t, "mp_ecard_sdk", m.NextAction.MiniProgram.SDK)
	require.Equal(t, "1.0.5", m.NextAction.MiniProgram.MinSDKVersion)
	require.Empty(t, m.NextAction.URL, "one door, not two")
	s.playMini(m, "0")
	s.tellReturned(m)
	s.tellReturned(m) // twice is once
	s.approved(s.untilEnd(hinted.ID, comesBack))
	s.tellReturned(m) // late

	polled, m := s.inMiniProgram(s.person())
	note("of the poll", m)
	s.playMini(m, "0")
	s.approved(s.untilEnd(polled.ID, comesBack))

	// A token that nobody used is not known to be unused.
	retried, m := s.inMiniProgram(s.person())
	note("that is replaced", m)
	a := s.retry(retried.ID, 1, "")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, 2, a.view.Attempt.Session)
	retried, second := s.miniStepOf(retried.ID)
	note("of the retry", second)
	require.NotEqual(t, m.NextAction.MiniProgram.Token, second.NextAction.MiniProgram.Token)
	s.playMiniPage(second, "0", sandbox.TellEarly) // the hint comes before there is a result
	s.approved(s.untilEnd(retried.ID, comesBack))

	require.Zero(t, s.asked("CheckEidTokenStatus"), "which proves nothing there")
	for _, id := range []string{hinted.ID, polled.ID, retried.ID} {
		h := s.history(id)
		text, err := protojson.Marshal(h)
		require.NoError(t, err)
		wire, err := proto.Marshal(h)
		require.NoError(t, err)
		findNone(t, "history", append(wire, text...), canaries)
		for _, path := range []string{"/v1/verifications/" + id, "/v1/verifications/" + id + "/timeline"} {
			findNone(t, path, s.call("shop", "GET", path, nil, nil).body, canaries)
		}
	}
	for _, path := range []string{"/v1/verifications", "/v1/events"} {
		findNone(t, path, s.call("shop", "GET", path, nil, nil).body, canaries)
	}
	findNone(t, "logs", s.logs(), canaries)
	findNone(t, "store", readFiles(t, s.dir+"/yanzhen.db*"), canaries)
}

// What a live session shows to whom: the token to its owner, and to no list, no
// event, no reviewer and no other client.
func TestALiveTokenIsShownToItsOwnerAlone(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy})
	v, m := s.inMiniProgram(s.person())
	token := secrets{"token": m.NextAction.MiniProgram.Token, "address": m.NextAction.MiniProgram.ReturnedURL}
	path := "/v1/verifications/" + v.ID
	for who, paths := range map[string][]string{
		"shop":     {"/v1/verifications", "/v1/events", path + "/timeline", path + "/qr.png"},
		"reviewer": {path, "/v1/verifications", path + "/timeline"},
		"other":    {path, "/v1/verifications"},
	} {
		for _, p := range paths {
			findNone(t, who+" "+p, s.call(who, "GET", p, nil, nil).body, token)
		}
	}
	findAll(t, "its owner's", s.call("shop", "GET", path, nil, nil).body, token)
	require.Equal(t, http.StatusConflict, s.call("shop", "GET", path+"/qr.png", nil, nil).status)
	require.Equal(t, http.StatusOK, s.call("shop", "POST", path+"/cancel", nil, map[string]any{}).status)
	s.until(v.ID, time.Minute, "the end", func(v view) bool { return v.Status == verification.Canceled })
	findNone(t, "its owner's, after the end", s.call("shop", "GET", path, nil, nil).body, token)
}

// Where nobody can be begun in a mini program, or the policy asks for a consent
// that the start does not bring, nothing is started.
func TestAMiniProgramIsRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: crashPolicy + `  - name: no-face
    version: 1
    checks: {identity_records: required}
    records_providers: [acedata]
  - name: asks
    version: 1
    presentation: mini_program
    checks: {liveness: required, face_match: required}
    face_providers: [tencent_eid]
    consents: [face]
`})
	start := func(change map[string]any) answer {
		body := s.request(s.person())
		delete(body, "presentation") // the policy says it
		for k, v := range change {
			body[k] = v
		}
		return s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()}, body)
	}
	a := start(map[string]any{"policy": "no-face", "presentation": "mini_program"})
	require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s", a.body)
	require.Equal(t, "presentation.not_offered", a.Errors[0].Code)
	a = start(map[string]any{"policy": "asks"})
	require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s", a.body)
	require.Equal(t, "consent_required", a.Code)
	require.Zero(t, s.asked("GetEidToken"))
	a = start(map[string]any{"policy": "asks", "consents": []map[string]any{{"purpose": "face", "given_at": time.Now().UTC().Format(time.RFC3339)}}})
	require.Less(t, a.status, 300, "%s", a.body)
	v, m := s.miniStepOf(a.view.ID)
	s.playMini(m, "0")
	s.tellReturned(m)
	s.approved(s.untilEnd(v.ID, comesBack))
}
