package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

const shopBack = "https://kyc.example.com/cb/sino/x1?keep=1"

// face opens a face session.
func (w *world) face() (token, session string) {
	w.t.Helper()
	status, body := w.sino("face-rec/request", map[string]string{"redirect": shopBack}, nil)
	require.Equal(w.t, 200, status)
	require.Equal(w.t, "Success", body["message"])
	_, session, found := strings.Cut(body["url"].(string), w.url+"/page/sino/")
	require.True(w.t, found)
	return body["token"].(string), session
}

func (w *world) poll(token string) (int, map[string]any) {
	w.t.Helper()
	return w.sino("face-rec/callback", map[string]string{"token": token}, nil)
}

// captured plays a session to an outcome.
func (w *world) captured(outcome, number string) (token, session string) {
	w.t.Helper()
	token, session = w.face()
	require.NoError(w.t, w.SinoBegin(session))
	require.NoError(w.t, w.SinoEnd(session, outcome, number))
	return token, session
}

func decoded(t *testing.T, text any) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text.(string))
	require.NoError(t, err)
	return raw
}

func TestTheFaceTokenSaysTheSessionAndTheTimeAndNothingElse(t *testing.T) {
	w := start(t, nil)
	token, session := w.face()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.HS256})
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"alg":"HS256","typ":"JWT"}`, string(raw))
	var claims map[string]any
	require.NoError(t, json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims))
	require.Equal(t, map[string]any{"sessionId": session, "iat": float64(w.clock.Now().Unix())}, claims)
	require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{32}$`), session)
}

func TestRedirectsAreChecked(t *testing.T) {
	w := start(t, nil)
	for redirect, want := range map[string]int{
		"https://a.example/x": 200, "http://127.0.0.1:8080/x": 200, "http://localhost/x": 200, "your-app://done": 200,
		"http://a.example/x": 400, "javascript:alert(1)": 400, "data:text/html,x": 400, "/relative": 400, "https://": 400, "mailto:x@y": 400,
	} {
		status, _ := w.sino("face-rec/request", map[string]string{"redirect": redirect}, nil)
		require.Equal(t, want, status, redirect)
	}
}

func TestAPollBeforeTheEndIsPendingInTheConfiguredStyle(t *testing.T) {
	for style, want := range map[string]struct {
		status int
		body   map[string]any
	}{
		Pending202: {202, map[string]any{"message": "Pending"}},
		Pending200: {200, map[string]any{"message": "Pending"}},
		Pending400: {400, map[string]any{"error": "Pending"}},
	} {
		w := start(t, func(c *Config) { c.Sino.Pending = style })
		token, session := w.face()
		for range 2 {
			status, body := w.poll(token)
			require.Equal(t, want.status, status)
			require.Equal(t, want.body, body)
			_ = w.SinoBegin(session)
		}
		require.Equal(t, 2, w.Ledger().Count(Query{Operation: "face-rec/callback", Outcome: "pending", Token: TokenKey(token)}))
	}
}

func TestAFinishedCaptureIsHandedOutOnceAndCarriesNoVerdict(t *testing.T) {
	w := start(t, nil)
	token, session := w.captured(CaptureSame, person("A1").IDNumber)
	status, body := w.poll(token)
	require.Equal(t, 200, status)
	require.Len(t, body, 3)
	face, scene, _ := w.Captured(session)
	require.Equal(t, face, decoded(t, body["faceImage"]))
	require.Equal(t, scene, decoded(t, body["sceneImage"]))
	status, body = w.poll(token)
	require.Equal(t, 400, status)
	require.Equal(t, "session not found", body["error"])
	require.Equal(t, 1, w.Ledger().Charged(Query{Vendor: SinoConnect}))
	require.Len(t, w.Ledger().Select(Query{Token: TokenKey(token)}).Sessions, 1)

	w = start(t, func(c *Config) { c.Sino.ResultRepeats = true })
	token, _ = w.captured(CaptureSame, person("A1").IDNumber)
	for range 3 {
		status, _ = w.poll(token)
		require.Equal(t, 200, status)
	}
	w.clock.Add(600 * time.Second)
	status, _ = w.poll(token)
	require.Equal(t, 400, status, "not for ever")
}

func TestALostAnswerLosesAOneShotResult(t *testing.T) {
	w := start(t, nil)
	token, _ := w.captured(CaptureSame, person("A1").IDNumber)
	require.NoError(t, w.Fault(Fault{Vendor: SinoConnect, Operation: "face-rec/callback", Kind: FaultEmpty, Processed: true, Times: 1}))
	status, _ := w.poll(token)
	require.Equal(t, 200, status)
	status, _ = w.poll(token)
	require.Equal(t, 400, status)
}

func TestThePicturesFormIsSwitchable(t *testing.T) {
	w := start(t, func(c *Config) { c.Sino.Pictures = PicturesDataURL })
	token, _ := w.captured(CaptureSame, person("A1").IDNumber)
	_, body := w.poll(token)
	require.True(t, strings.HasPrefix(body["faceImage"].(string), "data:image/jpeg;base64,/9j/"))

	w = start(t, func(c *Config) { c.Sino.Pictures = PicturesURL })
	token, session := w.captured(CaptureSame, person("A1").IDNumber)
	_, body = w.poll(token)
	face, scene, _ := w.Captured(session)
	for member, want := range map[string][]byte{"faceImage": face, "sceneImage": scene} {
		res, picture := w.get(body[member].(string))
		require.Equal(t, "image/jpeg", res.Header.Get("Content-Type"))
		require.Equal(t, string(want), picture)
	}
	_, session = w.face()
	res, _ := w.get(w.url + "/page/sino/" + session + "/face.jpg")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
}

func TestTheOtherEndingsOfAFaceSession(t *testing.T) {
	w := start(t, nil)
	token, _ := w.captured(OutcomeCancel, "")
	status, body := w.poll(token)
	require.Equal(t, 200, status)
	require.Equal(t, map[string]any{"message": "Cancelled"}, body)
	token, _ = w.captured(OutcomeFail, "")
	_, body = w.poll(token)
	require.Equal(t, map[string]any{"message": "Failed"}, body)
	token, _ = w.captured(OutcomeTimeout, "")
	status, body = w.poll(token)
	require.Equal(t, 400, status)
	require.Equal(t, "session expired", body["error"])

	token, session := w.face()
	w.clock.Add(600*time.Second - 1)
	status, _ = w.poll(token)
	require.Equal(t, 202, status)
	w.clock.Add(1)
	status, body = w.poll(token)
	require.Equal(t, 400, status)
	require.Equal(t, "session expired", body["error"])
	require.ErrorIs(t, w.SinoEnd(session, CaptureSame, person("A1").IDNumber), ErrState)

	for _, forged := range []string{"x", "a.b.c", token + "x", "e30.e30."} {
		status, body = w.poll(forged)
		require.Equal(t, 400, status)
		require.Equal(t, "invalid token", body["error"])
	}
	status, body = start(t, nil).poll(token)
	require.Equal(t, 400, status)
	require.Equal(t, "invalid token", body["error"], "signed by another vendor's secret")
	require.Zero(t, w.Ledger().Charged(Query{}))
}

func TestAFaceSessionEndsOnceAndOnlyWhereItMay(t *testing.T) {
	w := start(t, nil)
	number := person("A1").IDNumber
	_, session := w.face()
	require.ErrorIs(t, w.SinoEnd(session, CaptureSame, number), ErrState, "not begun")
	require.ErrorIs(t, w.SinoEnd("nobody", CaptureSame, number), ErrNoSession)
	require.NoError(t, w.SinoBegin(session))
	require.ErrorIs(t, w.SinoBegin(session), ErrState)
	require.ErrorIs(t, w.SinoEnd(session, "approved", number), ErrOutcome)
	require.ErrorIs(t, w.SinoEnd(session, CaptureSame, ""), ErrNobody, "no card was scanned yet")
	w.scan(ScanOptions{IDNumber: number})
	require.NoError(t, w.SinoEnd(session, CaptureSame, ""))
	face, _, captured := w.Captured(session)
	require.True(t, captured)
	require.Equal(t, SubjectKey(number), shownIn(face), "whose card was scanned last")
	for _, outcome := range []string{CaptureOther, OutcomeCancel, OutcomeTimeout} {
		require.ErrorIs(t, w.SinoEnd(session, outcome, number), ErrState, outcome)
	}
	require.ErrorIs(t, w.SinoExpire(session), ErrState, "a result stays")
}

func TestPicturesShowWhoTheyShow(t *testing.T) {
	a1, a2 := person("A1"), person("A2")
	face, scene := Capture(a1.IDNumber, "s1")
	again, _ := Capture(a1.IDNumber, "s2")
	empty, emptyScene := EmptyCapture("s1")
	require.NotEqual(t, Portrait(a1), Portrait(a2))
	require.Equal(t, Portrait(a1), Portrait(a1))
	require.NotEqual(t, face, again, "no two shots are alike")
	for name, p := range map[string]struct {
		picture []byte
		w, h    int
		shows   string
	}{
		"portrait": {Portrait(a1), 102, 126, SubjectKey(a1.IDNumber)},
		"face":     {face, 360, 480, SubjectKey(a1.IDNumber)},
		"scene":    {scene, 480, 640, SubjectKey(a1.IDNumber)},
		"nobody":   {empty, 360, 480, ""}, "empty room": {emptyScene, 480, 640, ""},
	} {
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(p.picture))
		require.NoError(t, err, name)
		_, err = jpeg.Decode(bytes.NewReader(p.picture))
		require.NoError(t, err, name)
		require.Equal(t, []int{p.w, p.h}, []int{cfg.Width, cfg.Height}, name)
		require.Equal(t, p.shows, shownIn(p.picture), name)
		require.Less(t, len(p.picture), 64<<10, name)
		require.NotContains(t, string(p.picture), a1.IDNumber, name)
	}
}

func TestTheFacePageBeginsCapturesAndGoesBack(t *testing.T) {
	w := start(t, nil)
	a3 := person("A3")
	w.scan(ScanOptions{IDNumber: a3.IDNumber})
	token, session := w.face()
	path := "/page/sino/" + session
	res, page := w.get(w.url + path)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, page, "并非 Fill Easy 页面")
	require.Contains(t, page, "not Fill Easy’s page")
	require.Contains(t, page, "阿*****")
	require.NotContains(t, page, a3.Name)
	require.NotContains(t, page, a3.IDNumber)
	require.NotContains(t, page, token, "the token is the merchant's secret")
	res, _ = w.form(path+"/end", "outcome=same")
	require.Equal(t, http.StatusConflict, res.StatusCode)
	res, page = w.form(path+"/begin", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	for _, id := range []string{"end-same", "end-other", "end-no-face", "end-broken", "end-cancel", "end-fail", "end-timeout", "end-timeout-back", "number"} {
		require.Contains(t, page, `id="`+id+`"`)
	}
	require.NotContains(t, page, a3.IDNumber)
	res, _ = w.form(path+"/end", "outcome=nonsense")
	require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
	res, _ = w.form(path+"/end", url.Values{"outcome": {"same"}, "number": {" 11019919900307005x "}}.Encode())
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, shopBack, res.Header.Get("Location"), "as it was given: no parameters are documented")
	face, _, _ := w.Captured(session)
	require.Equal(t, SubjectKey(person("A13").IDNumber), shownIn(face), "the number that was typed")
	res, _ = w.get(w.url + path)
	require.Equal(t, http.StatusGone, res.StatusCode)
	res, _ = w.get(w.url + "/page/sino/nobody")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
}

func TestTheFacePageGoesBackOnCancelAndStaysOnFailureAndTimeout(t *testing.T) {
	w := start(t, nil)
	for outcome, want := range map[string]struct {
		status int
		state  string
	}{
		OutcomeCancel: {303, StatusCanceled}, OutcomeFail: {200, StatusFailed}, OutcomeTimeout: {200, StatusTimeout}, OutcomeTimeoutBack: {303, StatusTimeout},
	} {
		_, session := w.face()
		require.NoError(t, w.SinoBegin(session))
		res, page := w.form("/page/sino/"+session+"/end", "outcome="+outcome)
		require.Equal(t, want.status, res.StatusCode, outcome)
		if want.status == 200 {
			require.Contains(t, page, `id="continue"`)
			require.Contains(t, page, shopBack)
		}
		state, _ := w.SinoStatus(session)
		require.Equal(t, want.state, state)
	}
	_, session := w.face()
	require.NoError(t, w.SinoBegin(session))
	res, page := w.form("/page/sino/"+session+"/end", "outcome=same")
	require.Equal(t, http.StatusUnprocessableEntity, res.StatusCode)
	require.Contains(t, page, "No card was scanned yet")
}

func TestFaceSessionsCanBeHurriedOverHTTP(t *testing.T) {
	w := start(t, nil)
	token, session := w.face()
	path := "/sandbox/sino/sessions/" + session
	_, body := w.admin(http.MethodGet, path, nil)
	require.Equal(t, "init", body["status"])
	status, _ := w.admin(http.MethodPost, path+"/end", map[string]string{"outcome": "same"})
	require.Equal(t, http.StatusUnprocessableEntity, status)
	_, body = w.admin(http.MethodPost, path+"/end", map[string]string{"outcome": "same", "id_number": person("A1").IDNumber})
	require.Equal(t, StatusCaptured, body["status"])
	status, _ = w.admin(http.MethodPost, path+"/expire", nil)
	require.Equal(t, http.StatusConflict, status)
	status, _ = w.poll(token)
	require.Equal(t, 200, status)
	_, session = w.face()
	_, body = w.admin(http.MethodPost, "/sandbox/sino/sessions/"+session+"/expire", nil)
	require.Equal(t, "timeout", body["status"])
	status, _ = w.admin(http.MethodPost, "/sandbox/sino/sessions/nobody/end", map[string]string{"outcome": "same"})
	require.Equal(t, http.StatusNotFound, status)
}
