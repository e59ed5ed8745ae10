package sinoconnect

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

var noOptions = jose.EncrypterOptions{}

var opening = provider.Opening{
	VerificationID: "ver_abc", Session: 1,
	Subject:   verification.Subject{Name: "测试甲", IDNumber: "110199199003070017"},
	ReturnURL: "https://kyc.example/callbacks/sino_connect/return/ticket",
}

var session = provider.FaceSession{VerificationID: "ver_abc", Session: 1, Handle: []byte(`{"token":"` + faceJWT + `"}`)}

func TestOpeningHandsOutTheLinkAndKeepsTheToken(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c.now = func() time.Time { return at }
	v.on(pathFaceOpen, answer(map[string]any{"message": "anything", "token": faceJWT, "url": "https://h5.example/face?s=1"}))
	opened, err := c.Open(t.Context(), opening)
	require.NoError(t, err)
	require.Equal(t, provider.Opened{
		Link: "https://h5.example/face?s=1", Handle: []byte(`{"token":"` + faceJWT + `"}`), ExpiresAt: at.Add(10 * time.Minute),
	}, opened)
	require.NotContains(t, fmt.Sprint(v.requests()), "测试甲", "the vendor takes nothing about the person")
}

func TestASessionWithoutTokenOrSafeLinkIsNone(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	c.plain = false
	const page = "https://h5.example/face"
	for _, members := range []map[string]any{
		{}, {"token": faceJWT}, {"url": page}, {"token": "", "url": page}, {"token": faceJWT, "url": nil}, {"token": 7, "url": page},
		{"token": "a.b", "url": page}, {"token": "a.b.c.d", "url": page}, {"token": "a.b.c=", "url": page}, {"token": ".b.c", "url": page},
		{"token": strings.Repeat("a", maxFaceToken) + ".b.c", "url": page},
		{"token": faceJWT, "url": "http://h5.example/"}, {"token": faceJWT, "url": "http://127.0.0.1/"}, {"token": faceJWT, "url": "javascript:alert(1)"},
		{"token": faceJWT, "url": "/relative"}, {"token": faceJWT, "url": "https://user@h5.example/"}, {"token": faceJWT, "url": "://"},
		{"token": faceJWT, "url": "https://h5.example/" + strings.Repeat("a", maxLink)},
	} {
		v.on(pathFaceOpen, answer(members))
		_, err := c.Open(t.Context(), opening)
		e := failureOf(t, err)
		require.Equal(t, provider.ContractViolation, e.Class, "%.200v", members)
		require.Equal(t, 2, e.MaxTries)
	}
	c.plain = true
	for _, members := range []map[string]any{{"token": faceJWT, "url": "http://127.0.0.1:1/page"}, {"token": "a.b.", "url": page}} {
		v.on(pathFaceOpen, answer(members))
		_, err := c.Open(t.Context(), opening)
		require.NoError(t, err)
	}
	v.on(pathFaceOpen, answer(map[string]any{"token": faceJWT, "url": "http://h5.example/"}))
	_, err := c.Open(t.Context(), opening)
	require.Error(t, err, "plain http is for this machine only")
}

func TestAFailedOpeningIsClassified(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	for class, answers := range map[provider.Class][]http.HandlerFunc{
		provider.Misconfigured:     {status(400, `{"error":"bad redirect"}`), status(400, `{"error":"pending"}`), status(401, ""), status(403, ""), status(404, ""), status(422, "")},
		provider.RateLimited:       {status(429, "")},
		provider.Unavailable:       {status(408, ""), status(500, ""), status(502, ""), status(503, ""), status(504, ""), dropped, halved},
		provider.ContractViolation: {status(202, `{"message":"Pending"}`), status(200, "<html>"), status(204, ""), status(302, "", "Location", "/"), status(200, strings.Repeat(" ", maxBody+1))},
	} {
		for i, one := range answers {
			v.on(pathFaceOpen, one)
			_, err := c.Open(t.Context(), opening)
			require.Equal(t, class, failureOf(t, err).Class, "%s %d", class, i)
			require.False(t, failureOf(t, err).Lost)
			require.Len(t, v.requests(), 1, "a second request could open a second session unseen")
		}
	}
}

func TestAFinishedSessionBringsItsPictures(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	face, scene := []byte("\xff\xd8\xff face"), []byte("\x89PNG\r\n\x1a\n scene")
	for name, one := range map[string]struct {
		answer http.HandlerFunc
		scene  []byte
	}{
		"base64":       {answer(map[string]any{"message": "Success", "faceImage": imageOf(face), "sceneImage": imageOf(scene)}), scene},
		"data URLs":    {answer(map[string]any{"faceImage": "data:image/jpeg;base64," + imageOf(face), "sceneImage": "data:image/png;base64," + imageOf(scene)}), scene},
		"no scene":     {answer(map[string]any{"message": "Success", "faceImage": imageOf(face)}), nil},
		"a bad scene":  {answer(map[string]any{"message": "Success", "faceImage": imageOf(face), "sceneImage": "https://x.example/"}), nil},
		"failed words": {answer(map[string]any{"message": "failed", "faceImage": imageOf(face)}), nil},
		"in a 202":     {status(202, `{"faceImage":"`+imageOf(face)+`"}`), nil},
	} {
		v.on(pathFaceLook, one.answer)
		look, err := c.Look(t.Context(), session)
		require.NoError(t, err, name)
		require.Equal(t, provider.Look{Phase: provider.Finished, Capture: &provider.Capture{Face: face, Scene: one.scene}}, look, name)
	}
}

func TestPicturesThatAreNoneAreInconclusive(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	asIs := func(image string) http.HandlerFunc {
		return answer(map[string]any{"message": "Success", "faceImage": image})
	}
	for name, one := range map[string]struct {
		answer http.HandlerFunc
		code   string
	}{
		"a URL": {asIs("https://cdn.example/face.jpg"), "no_image"}, "text": {asIs("hello"), "no_image"}, "no base64": {asIs("####"), "no_image"},
		"a GIF": {asIs(imageOf([]byte("GIF89a...."))), "no_image"}, "a BMP": {asIs(imageOf([]byte("BM......"))), "no_image"},
		"HTML": {asIs("data:text/html;base64," + imageOf([]byte("<html>"))), "no_image"}, "half a data URL": {asIs("data:image/jpeg;base64"), "no_image"},
		"a number": {status(200, `{"faceImage":7}`), "no_image"}, "an object": {status(200, `{"faceImage":{"url":"x"}}`), "no_image"},
		"only a scene": {status(200, `{"sceneImage":"`+jpegBase64+`"}`), "no_image"},
		"9 MiB":        {status(200, `{"faceImage":"`+strings.Repeat("A", 9<<20)+`"}`), "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			v.on(pathFaceLook, one.answer)
			look, err := c.Look(t.Context(), session)
			require.NoError(t, err)
			require.Equal(t, provider.Finished, look.Phase)
			require.Nil(t, look.Capture)
			r := look.Result
			require.True(t, r.Judged)
			require.Equal(t, verification.EndedInconclusive, r.Ending())
			require.Equal(t, one.code, r.ProviderCode)
			require.Len(t, r.Checks, 2)
			for _, check := range r.Checks {
				require.Equal(t, verification.Inconclusive, check.Status)
				require.Equal(t, []verification.Reason{{Code: verification.FaceNotCompared}}, check.Reasons)
				require.Equal(t, Name, check.Provider)
			}
			require.Len(t, v.requests(), 1, "what stands for a picture is never fetched")
		})
	}
}

func TestASessionIsNotOverUntilTheVendorSaysSo(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	for _, one := range []http.HandlerFunc{
		status(202, ""), status(202, "<html>"), status(202, `{"message":"cancelled"}`), status(200, `{}`), status(200, `{"message":"Pending"}`),
		status(200, `{"message":"Success"}`), status(200, `{"message":"测试甲"}`), status(200, `{"message":"PROCESSING, not failed"}`),
		status(200, `{"message":"not complete","faceImage":"","sceneImage":null}`), status(200, `{"message":"session expired"}`),
		status(400, `{"error":"Not ready"}`), status(400, `{"error":"still waiting"}`),
	} {
		v.on(pathFaceLook, one)
		look, err := c.Look(t.Context(), session)
		require.NoError(t, err)
		require.Equal(t, provider.Look{Phase: provider.Untouched}, look)
	}
}

func TestWordsOfFailureEndASessionWithoutAJudgement(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	for message, want := range map[string]verification.FaceResult{
		"Cancelled by user":  {Reason: verification.SessionCanceled, Begun: true, ProviderCode: "face_canceled"},
		"ABORTED":            {Reason: verification.SessionCanceled, Begun: true, ProviderCode: "face_canceled"},
		"Face match failed":  {Reason: verification.SessionInterrupted, Begun: true, ProviderCode: "face_failed"},
		"does not match":     {Reason: verification.SessionInterrupted, Begun: true, ProviderCode: "face_failed"},
		"mismatch, rejected": {Reason: verification.SessionInterrupted, Begun: true, ProviderCode: "face_failed"},
	} {
		v.on(pathFaceLook, answer(map[string]any{"message": message}))
		look, err := c.Look(t.Context(), session)
		require.NoError(t, err)
		require.Equal(t, provider.Look{Phase: provider.Finished, Result: &want}, look, message)
		require.Equal(t, verification.EndedUnjudged, look.Result.Ending())
	}
	c = v.client(t, func(c *Config) { c.Patterns.Canceled = "^用户取消$" })
	v.on(pathFaceLook, answer(map[string]any{"message": "用户取消"}))
	look, err := c.Look(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, verification.SessionCanceled, look.Result.Reason)
}

func TestAFailedLookIsClassifiedAndTellsWhetherAnAnswerWasLost(t *testing.T) {
	v := newVendor(t)
	c := v.client(t, func(c *Config) { c.Timeout = 300 * time.Millisecond })
	type want struct {
		class provider.Class
		code  string
		lost  bool
	}
	for name, one := range map[string]struct {
		answer http.HandlerFunc
		want   want
	}{
		"400 gone":  {status(400, `{"error":"invalid token"}`), want{provider.Gone, "http_400", false}},
		"400 other": {status(400, `{"error":"?"}`), want{provider.Gone, "http_400", false}},
		"400 HTML":  {status(400, `<html>pending</html>`), want{provider.Gone, "http_400", false}},
		"401":       {status(401, ``), want{provider.Misconfigured, "http_401", false}},
		"404":       {status(404, ``), want{provider.Misconfigured, "http_404", false}},
		"429":       {status(429, ``), want{provider.RateLimited, "http_429", false}},
		"500":       {status(500, `{"error":"pending"}`), want{provider.Unavailable, "http_500", false}},
		"502":       {status(502, ``), want{provider.Unavailable, "http_502", true}},
		"504":       {status(504, ``), want{provider.Unavailable, "http_504", true}},
		"garbled":   {status(200, `{"faceImage":"/9j`), want{provider.ContractViolation, "not_json", true}},
		"HTML":      {status(200, `<html>`), want{provider.ContractViolation, "not_json", true}},
		"a list":    {status(200, `[]`), want{provider.ContractViolation, "not_json", true}},
		"twice":     {status(200, `{"faceImage":"a","faceImage":"b"}`), want{provider.ContractViolation, "not_json", true}},
		"dropped":   {dropped, want{provider.Unavailable, "no_answer", true}},
		"half":      {halved, want{provider.Unavailable, "no_answer", true}},
		"too late":  {slow, want{provider.Unavailable, "no_answer", true}},
	} {
		t.Run(name, func(t *testing.T) {
			v.on(pathFaceLook, one.answer)
			_, err := c.Look(t.Context(), session)
			e := failureOf(t, err)
			require.Equal(t, one.want, want{e.Class, e.Code, e.Lost})
			require.Len(t, v.requests(), 1)
		})
	}
	v.Close()
	_, err := c.Look(t.Context(), session)
	require.Equal(t, "no_connection", failureOf(t, err).Code)
	require.False(t, failureOf(t, err).Lost, "nothing was sent")
}

func TestAHandleOfNobodyIsGone(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	for _, handle := range []string{"", "{}", "x", `{"token":7}`} {
		_, err := c.Look(t.Context(), provider.FaceSession{Handle: []byte(handle)})
		require.Equal(t, provider.Gone, failureOf(t, err).Class)
	}
	require.Empty(t, v.requests())
}

func TestThereIsNoResultBesideTheLook(t *testing.T) {
	v := newVendor(t)
	_, err := v.client(t).Result(t.Context(), session)
	require.Equal(t, provider.Gone, failureOf(t, err).Class)
	require.True(t, failureOf(t, err).Lost)
	require.Empty(t, v.requests())
}

func TestTheVendorIsOneNameWithTwoEntries(t *testing.T) {
	c := newVendor(t).client(t)
	chip, face := c.chipEntry(), c.faceEntry()
	require.Equal(t, "sino_connect", chip.Name)
	require.Equal(t, chip.Name, face.Name)
	require.Equal(t, 4*time.Minute, chip.Life)
	require.Equal(t, provider.Queue{Name: "sino-connect", PerSecond: 5}, face.Open)
	require.Equal(t, face.Open, chip.Queue)
	require.Equal(t, provider.Queue{Name: "sino-connect-status", PerSecond: 5}, face.Watch)
	require.Equal(t, 2500*time.Millisecond, face.PollFirst)
	require.Equal(t, 5*time.Second, face.PollMax)
	require.True(t, face.Captures)
	require.Nil(t, face.Callback)
}

// The engine gives opening 12 s, and reading a chip 20 s: a client that waits
// longer is cut off, and what it opened is lost unseen.
func TestOpeningWaitsForNoPictures(t *testing.T) {
	v := newVendor(t)
	c := v.client(t, func(c *Config) { c.Timeout = 15 * time.Second })
	require.Equal(t, 10*time.Second, c.timeout(openFace))
	require.Equal(t, 15*time.Second, c.timeout(readChip))
	require.Equal(t, 15*time.Second, c.timeout(lookFace))
	c = v.client(t, func(c *Config) { c.Timeout = 3 * time.Second })
	require.Equal(t, 3*time.Second, c.timeout(openFace))
}
