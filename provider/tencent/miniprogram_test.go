package tencent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

var miniOpening = provider.Opening{VerificationID: "ver_abc", Session: 2, Subject: subject, MiniProgram: true}

// The token is what is handed out, and the vendor's link, which is another door
// of the same session, is dropped: it may as well be missing, or be no link.
func TestAMiniProgramGetsTheTokenAndNoLink(t *testing.T) {
	for _, url := range []any{pageURL, "", "not a link", missing} {
		v := newVendor(t)
		answer := members{"EidToken": eidToken, "Url": url}
		if url == missing {
			delete(answer, "Url")
		}
		v.on("GetEidToken", envelopeOf(answer))
		c, _ := v.client()
		opened, err := c.Open(t.Context(), miniOpening)
		require.NoError(t, err)
		require.Equal(t, eidToken, opened.Link)
		require.JSONEq(t, `{"token":"`+eidToken+`","mini_program":true}`, string(opened.Handle))
		body := v.requests()[0].body
		require.NotContains(t, body, "RedirectUrl")
		require.Equal(t, merchantID, body["MerchantId"])
		require.Equal(t, map[string]any{"InputType": "4"}, body["Config"], "who it is about is ours to say")
	}
	v := newVendor(t)
	v.on("GetEidToken", envelopeOf(members{"EidToken": "", "Url": pageURL}))
	c, _ := v.client()
	_, err := c.Open(t.Context(), miniOpening)
	require.Equal(t, provider.ContractViolation, failureOf(t, err).Class)
}

func TestMiniProgramsMayHaveAMerchantOfTheirOwn(t *testing.T) {
	v := newVendor(t)
	v.on("GetEidToken", envelopeOf(members{"EidToken": eidToken, "Url": pageURL}))
	c, _ := v.client(func(c *Config) { c.MiniMerchant = "0NSJ000000000000000002" })
	for _, o := range []provider.Opening{miniOpening, opening} {
		_, err := c.Open(t.Context(), o)
		require.NoError(t, err)
	}
	require.Equal(t, "0NSJ000000000000000002", v.requests()[0].body["MerchantId"])
	require.Equal(t, merchantID, v.requests()[1].body["MerchantId"])
}

// CheckEidTokenStatus is never asked, since its init would prove nothing; the
// result is, and whatever says "not yet" says no more than that.
func TestTheEndInAMiniProgramIsLearntFromTheResultAlone(t *testing.T) {
	mini := session
	mini.Handle = []byte(`{"token":"` + eidToken + `","mini_program":true}`)
	look := func(answers ...members) (provider.Look, *vendor) {
		v := newVendor(t)
		v.on("GetEidResult", envelopeOf(answers[0]))
		c, slept := v.client()
		l, err := c.Look(t.Context(), mini)
		require.NoError(t, err)
		require.Len(t, v.requests(), 1, "no look waits by itself")
		require.Empty(t, *slept)
		return l, v
	}
	for name, early := range map[string]members{
		"nulls": pass(members{"Text": nil}), "a code of null": ended(0, nil), "17": ended(17, nil), "14": ended(14, nil),
	} {
		if name == "a code of null" {
			early = pass(members{"Text.ErrCode": nil})
		}
		l, _ := look(early)
		require.Equal(t, provider.Look{Phase: provider.Unasked}, l, name)
	}
	passed, _ := look(pass())
	require.Equal(t, provider.Finished, passed.Phase)
	require.Equal(t, verification.EndedPassed, passed.Result.Ending())
	require.Equal(t, verification.Skipped, find(t, *passed.Result, verification.HolderMatch).Status)
	alike, _ := look(ended(2016, 0))
	require.Equal(t, verification.EndedRetryable, alike.Result.Ending())
	expired, _ := look(pass(members{"Text.ErrCode": 15, "Text.LivenessDetail": []members{}}))
	require.Equal(t, verification.SessionExpired, expired.Result.Reason)
	require.False(t, expired.Result.Begun)
	other, _ := look(pass(members{"Text.Extra": "ver_other/1"}))
	requireUndecided(t, *other.Result, "another session's")
}

func TestErrorsOfALookInAMiniProgramAreThoseOfTheResult(t *testing.T) {
	mini := session
	mini.Handle = []byte(`{"token":"` + eidToken + `","mini_program":true}`)
	v := newVendor(t)
	c, _ := v.client()
	v.on("GetEidResult", apiFailure("InvalidParameterValue.BizTokenExpired"))
	l, err := c.Look(t.Context(), mini)
	require.NoError(t, err)
	require.Equal(t, provider.RanOut, l.Phase)
	for code, class := range map[string]provider.Class{
		"InvalidParameterValue.BizTokenIllegal": provider.Gone, "InternalError": provider.Unavailable, "RequestLimitExceeded": provider.RateLimited,
	} {
		v.on("GetEidResult", apiFailure(code))
		_, err := c.Look(t.Context(), mini)
		require.Equal(t, class, failureOf(t, err).Class, code)
	}
}

// A mini program's looks have a queue of their own: neither openings nor the
// status of pages wait for them, and all results together stay below the limit.
func TestTheMiniProgramsLooksHaveAQueueOfTheirOwn(t *testing.T) {
	c, err := New(newVendor(t).config())
	require.NoError(t, err)
	page := c.entry()
	mini, ok := page.InMiniProgram()
	require.True(t, ok)
	require.NotEqual(t, page.Open.Name, mini.Watch.Name)
	require.NotEqual(t, page.Watch.Name, mini.Watch.Name)
	require.LessOrEqual(t, page.Open.PerSecond*(1+1./8)+mini.Watch.PerSecond, 100.)
	require.Equal(t, page.Open, mini.Open)
	require.False(t, mini.TellsBegun)
	require.Empty(t, mini.OpenIn)
	require.Equal(t, "mp_ecard_sdk", page.MiniProgram.SDK)
	var r provider.Registry
	r.AddFace(page)
	require.Contains(t, r.Queues(), mini.Watch)
	_, ok = provider.FaceVendor{Name: "page_only"}.InMiniProgram()
	require.False(t, ok)
}
