package starter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/workflows"
)

var toyMini = verification.MiniProgram{Provider: "mini", SDK: "toy_sdk", MinSDKVersion: "2.0"}

// miniRig has a second face vendor, which alone can be begun in a mini program.
func miniRig(t *testing.T, change func(*verification.Policy)) *rig {
	t.Helper()
	r := newRig(t)
	r.s.registry.AddFace(provider.FaceVendor{Name: "mini", Open: provider.Queue{Name: "mini"}, Watch: provider.Queue{Name: "mini-status"},
		PollFirst: time.Second, PollMax: time.Second, OpenIn: "wechat", TellsBegun: true,
		MiniProgram: &provider.MiniProgram{SDK: "toy_sdk", MinSDK: "2.0", Watch: provider.Queue{Name: "mini-results"}, PollFirst: 5 * time.Second, Grace: time.Minute}})
	p := policy()
	p.FaceProviders = []string{"toy", "mini"}
	if change != nil {
		change(&p)
	}
	r.s.SetPolicies(map[string]verification.Policy{p.Name: p})
	return r
}

func miniRequest() verification.Request {
	req := request()
	req.Presentation = verification.PresentationMiniProgram
	return req
}

// launchedMini starts a verification whose run opens a session for a mini program.
func (r *rig) launchedMini(req verification.Request) View {
	r.t.Helper()
	id := r.keys.VerificationID("shop", "k")
	r.engine.launch = func(context.Context) error {
		require.NoError(r.t, r.store.MarkStarted(r.t.Context(), id, r.now))
		require.NoError(r.t, r.store.OpenSession(r.t.Context(), store.Session{VerificationID: id, Number: 1, Provider: "mini",
			Link: "planted-token", Returned: "https://kyc.example/callbacks/mini/return/t", Handle: []byte("h"), OpenedAt: r.now, ExpiresAt: r.now.Add(10 * time.Minute)}))
		st := r.asking(1)
		st.MiniProgram = true
		st.NextAction.Type, st.NextAction.OpenIn, st.NextAction.MiniProgram = verification.ActionMiniProgram, "", &toyMini
		r.publish(id, st)
		return nil
	}
	v, _, err := r.s.Start(r.t.Context(), "shop", "k", req)
	require.NoError(r.t, err)
	return v
}

// The run gets those of the policy's vendors that can be begun there, as they are
// there; the caller gets the token, and no link.
func TestAMiniProgramIsGivenATokenOfAVendorThatCanBeBegunThere(t *testing.T) {
	for name, one := range map[string]struct {
		policy func(*verification.Policy)
		req    verification.Request
	}{
		"asked for":    {nil, miniRequest()},
		"the policy's": {func(p *verification.Policy) { p.Presentation = verification.PresentationMiniProgram }, request()},
	} {
		r := miniRig(t, one.policy)
		v := r.launchedMini(one.req)
		require.Equal(t, &MiniProgram{Token: "planted-token", ReturnedURL: "https://kyc.example/callbacks/mini/return/t"}, v.MiniProgram, name)
		require.Empty(t, v.Link, name)
		in := r.engine.inputs[0]
		require.Equal(t, verification.PresentationMiniProgram, in.Policy.Presentation, name)
		require.Equal(t, []workflows.FaceRoute{{Provider: "mini", OpenQueue: "mini", WatchQueue: "mini-results", Polled: true,
			Grace: verification.Duration(time.Minute), MiniProgram: &toyMini}}, in.Face, name)
	}
}

// A token that is dead is shown no more, and neither is another session's.
func TestADeadTokenIsNotShown(t *testing.T) {
	r := miniRig(t, nil)
	v := r.launchedMini(miniRequest())
	r.now = r.now.Add(10 * time.Minute)
	got, err := r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Nil(t, got.MiniProgram)
	require.Nil(t, got.NextAction)
	r.now = r.now.Add(-time.Minute)
	r.changed(v.ID, func(st *verification.State) { st.Attempt.Session = 2 })
	got, err = r.s.Read(t.Context(), "shop", v.ID)
	require.NoError(t, err)
	require.Nil(t, got.MiniProgram)
}

func TestAMiniProgramThatNoVendorServesIsRefused(t *testing.T) {
	for name, change := range map[string]func(*verification.Policy){
		"page only": func(p *verification.Policy) { p.FaceProviders = []string{"toy"} },
		"no face": func(p *verification.Policy) {
			p.FaceProviders = nil
			delete(p.Checks, verification.Liveness)
			delete(p.Checks, verification.FaceMatch)
		},
		"a vendor that is not there": func(p *verification.Policy) { p.FaceProviders = []string{"gone"} },
	} {
		r := miniRig(t, change)
		_, _, err := r.s.Start(t.Context(), "shop", "k", miniRequest())
		e := requireCode(t, err, InvalidRequest)
		require.Equal(t, []FieldError{{Field: "presentation", Code: "presentation.not_offered", Message: "None of the policy's face vendors can be begun in a mini program."}}, e.Fields, name)
		require.Empty(t, r.engine.calls, name)
	}
}

// Nobody meets the person there but the caller's program, so it brings what they
// agreed to.
func TestConsentComesWithTheStartOfAMiniProgram(t *testing.T) {
	r := miniRig(t, func(p *verification.Policy) { p.Consents = []verification.Purpose{verification.PurposeFace} })
	_, _, err := r.s.Start(t.Context(), "shop", "k", miniRequest())
	e := requireCode(t, err, ConsentRequired)
	require.Equal(t, "consents", e.Fields[0].Field)
	require.Empty(t, r.engine.calls)
	req := miniRequest()
	req.Consents = []verification.Consent{{Purpose: verification.PurposeFace, GivenAt: r.now}}
	require.NotNil(t, r.launchedMini(req).MiniProgram)
}

// Over an open session each retry has an update of its own: its token may be lost
// again.
func TestARetryOverAnOpenSessionOfAMiniProgramStandsForALostOne(t *testing.T) {
	r := miniRig(t, nil)
	v := r.launchedMini(miniRequest())
	r.engine.updates = nil
	_, err := r.s.Retry(t.Context(), "shop", v.ID, RetryRequest{Session: 1})
	require.NoError(t, err)
	require.Equal(t, workflows.RelinkUpdateID(1, r.state.Version), r.engine.updates[0].UpdateID)
	require.False(t, r.engine.updates[0].Args[0].(workflows.RetryRequest).Ended)
	target, err := r.s.ReturnTarget(t.Context(), v.ID)
	require.NoError(t, err)
	require.True(t, target.MiniProgram)
}
