package api

import (
	"encoding/json"
	"image/png"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"rsc.io/qr"

	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

func TestATimelineIsToldStepByStep(t *testing.T) {
	r := newRig(t)
	one := 1
	r.fake.timeline = func(client, id string) ([]starter.Moment, error) {
		require.Equal(t, []string{"shop", knownID}, []string{client, id})
		return []starter.Moment{
			{At: r.now.In(time.FixedZone("x", 3600)), Type: "session.opened", Session: &one, Provider: "tencent_eid"},
			{At: r.now, Type: "verification.completed", Status: verification.Completed, Reasons: []verification.ReasonCode{verification.DocumentExpired}},
		}, nil
	}
	w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/timeline", key: r.shop})
	require.Equal(t, 200, w.Code, w.Body.String())
	require.JSONEq(t, `{"steps":[{"at":"2026-11-23T04:00:00Z","type":"session.opened","session":1,"provider":"tencent_eid"},
		{"at":"2026-11-23T04:00:00Z","type":"verification.completed","status":"completed","reasons":["document.expired"]}]}`, w.Body.String())
}

// The code holds the person's link in whole pixels, no wider than asked for, and
// is kept from everything on the way.
func TestTheLinkAsAQRCode(t *testing.T) {
	r := newRig(t)
	v := running()
	r.fake.read = owned("shop", v)
	for query, size := range map[string]int{"": 384, "?size=200": 200, "?size=2000": 2000} {
		w := r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/qr.png" + query, key: r.shop})
		require.Equal(t, 200, w.Code)
		require.Equal(t, "image/png", w.Header().Get("Content-Type"))
		require.Equal(t, []string{"no-store"}, w.Header().Values("Cache-Control"))
		picture, err := png.Decode(w.Body)
		require.NoError(t, err)
		code, err := qr.Encode(v.Link, qr.M)
		require.NoError(t, err)
		wide := picture.Bounds().Dx()
		scale := wide / (code.Size + 8)
		require.Equal(t, wide, scale*(code.Size+8))
		require.LessOrEqual(t, wide, size)
		require.Greater(t, wide+code.Size+8, size, "as wide as whole modules allow")
		for y := range code.Size {
			for x := range code.Size {
				red, _, _, _ := picture.At((x+4)*scale+scale/2, (y+4)*scale+scale/2).RGBA()
				require.Equal(t, code.Black(x, y), red == 0)
			}
		}
	}
	for _, query := range []string{"?size=199", "?size=2001", "?size=big"} {
		problemIn(t, r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/qr.png" + query, key: r.shop}), 422, "invalid_request")
	}
	problemIn(t, r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/qr.png", key: r.other}), 404, "not_found")
	r.fake.owner = func([]string, string) (string, error) { return "shop", nil }
	problemIn(t, r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/qr.png", key: r.reviewer}), 409, "no_link")
	v.Link = ""
	r.fake.read = owned("shop", v)
	problemIn(t, r.do(call{method: "GET", path: "/v1/verifications/" + knownID + "/qr.png", key: r.shop}), 409, "no_link")
}

// The list of reasons is the code's own, each with what to do and, where it
// concerns the person, a text in both languages.
func TestReasonsAreThoseOfTheCode(t *testing.T) {
	r := newRig(t)
	w := r.do(call{method: "GET", path: "/v1/reasons", key: r.reader})
	require.Equal(t, 200, w.Code)
	var got struct {
		Reasons []struct {
			Code, Class, Meaning, Action string
			Retryable, Final             bool
			Text                         map[string]*string
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Len(t, got.Reasons, len(verification.Catalogue))
	doc := contractDocument(t)
	for i, e := range verification.Catalogue {
		g := got.Reasons[i]
		require.Equal(t, []any{string(e.Code), string(e.Class), e.Retryable, e.Class == verification.Final}, []any{g.Code, g.Class, g.Retryable, g.Final})
		require.Contains(t, doc.Components.Schemas["ReasonEntry"].Value.Properties["class"].Value.Enum, g.Class)
		require.NotEmpty(t, g.Meaning)
		require.NotEmpty(t, g.Action)
		require.Equal(t, e.User != "", g.Text["en"] != nil)
		require.Equal(t, e.User != "", g.Text["zh-CN"] != nil)
	}
}
