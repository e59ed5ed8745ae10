package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (w *world) iaiSigner() signer {
	s := w.signer("CompareFace")
	s.service = "iai"
	return s
}

// iai sends a call that is signed with s; edits come after the signature.
func (w *world) iai(s signer, body any, edit func(*http.Request)) response {
	w.t.Helper()
	text := mustJSON(body)
	req, err := http.NewRequest(http.MethodPost, w.url+"/iai", strings.NewReader(text))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Version", "2020-03-03")
	s.sign(req, text)
	if edit != nil {
		edit(req)
	}
	return w.send(req)
}

func (w *world) compare(a, b []byte, more map[string]any) response {
	w.t.Helper()
	body := map[string]any{"ImageA": base64.StdEncoding.EncodeToString(a), "ImageB": base64.StdEncoding.EncodeToString(b), "FaceModelVersion": "3.0"}
	for k, v := range more {
		body[k] = v
	}
	return w.iai(w.iaiSigner(), body, nil)
}

func (r response) score() float64 {
	var score float64
	_ = json.Unmarshal(r["Score"], &score)
	return score
}

func TestTheSamePersonScoresHighAndAnotherLow(t *testing.T) {
	w := start(t, nil)
	a1 := person("A1")
	for _, p := range append(Fixtures(), SpecialCards()...) {
		face, scene := Capture(p.IDNumber, "s1")
		for _, shot := range [][]byte{face, scene} {
			same := w.compare(Portrait(p), shot, nil)
			require.Empty(t, same.errorCode())
			require.InDelta(t, 85, same.score(), 3)
			require.Equal(t, "3.0", same.text("FaceModelVersion"))
			w.clock.Add(1e9)
		}
		if p.ID != "A1" {
			other := w.compare(Portrait(a1), face, nil)
			require.InDelta(t, 12, other.score(), 3)
		}
	}
	require.Positive(t, w.Ledger().Charged(Query{Vendor: TencentIAI, Subject: SubjectKey(a1.IDNumber)}))
	require.Zero(t, w.Ledger().Count(Query{Flag: FlagURLSent}))
}

func TestTheOlderModelScoresHigherSoThatMixedThresholdsFail(t *testing.T) {
	w := start(t, func(c *Config) { c.IAI.Model = "2.0" })
	face, _ := Capture(person("A2").IDNumber, "s1")
	old := w.iai(w.iaiSigner(), map[string]any{"ImageA": base64.StdEncoding.EncodeToString(Portrait(person("A1"))), "ImageB": base64.StdEncoding.EncodeToString(face)}, nil)
	require.Equal(t, "2.0", old.text("FaceModelVersion"), "an old account's default")
	require.Greater(t, old.score(), 60.0, "a stranger, over the newer model's threshold")
	require.Less(t, old.score(), 70.0)
	require.Equal(t, "3.0", w.compare(face, face, nil).text("FaceModelVersion"))
	require.Equal(t, "InvalidParameterValue.FaceModelVersionIllegal", w.compare(face, face, map[string]any{"FaceModelVersion": "4.0"}).errorCode())

	w = start(t, func(c *Config) { c.IAI.AnswerModel = "2.0" })
	require.Equal(t, "2.0", w.compare(face, face, nil).text("FaceModelVersion"))
}

func TestPicturesAreCheckedAsTheVendorDoes(t *testing.T) {
	w := start(t, func(c *Config) { c.IAI.Rate = 1000 })
	good := Portrait(person("A1"))
	empty, _ := EmptyCapture("s1")
	blank := func(width, height int) image.Image { return image.NewGray(image.Rect(0, 0, width, height)) }
	var small, large, gifs, wide bytes.Buffer
	require.NoError(t, jpeg.Encode(&small, blank(63, 200), nil))
	require.NoError(t, jpeg.Encode(&large, blank(4001, 64), nil))
	require.NoError(t, gif.Encode(&gifs, blank(100, 100), nil))
	require.NoError(t, png.Encode(&wide, blank(2001, 64)))
	bmp := make([]byte, 60)
	copy(bmp, "BM")
	bmp[18], bmp[22] = 102, 126
	for name, c := range map[string]struct {
		picture []byte
		want    string
	}{
		"no face": {empty, "InvalidParameterValue.NoFaceInPhoto"}, "a bitmap of nobody": {bmp, "InvalidParameterValue.NoFaceInPhoto"},
		"empty": {nil, "InvalidParameterValue.ImageEmpty"}, "text": {[]byte("not a picture"), "FailedOperation.ImageDecodeFailed"},
		"gif": {gifs.Bytes(), "FailedOperation.ImageDecodeFailed"}, "small": {small.Bytes(), "FailedOperation.ImageResolutionTooSmall"},
		"large jpeg": {large.Bytes(), "FailedOperation.ImageResolutionExceed"}, "wide png": {wide.Bytes(), "FailedOperation.ImageResolutionExceed"},
		"over 5 MB": {bytes.Repeat([]byte{1}, 4<<20), "FailedOperation.ImageSizeExceed"},
	} {
		require.Equal(t, c.want, w.compare(c.picture, good, nil).errorCode(), name)
		require.Equal(t, c.want, w.compare(good, c.picture, nil).errorCode(), name)
	}
	for _, bad := range []map[string]any{{"QualityControl": 5}, {"NeedRotateDetection": 2}, {"FaceMatchingStrategy": -1}} {
		require.Equal(t, "InvalidParameterValue", w.compare(good, good, bad).errorCode())
	}
	require.Equal(t, "InvalidParameter", w.compare(good, good, map[string]any{"ImageA": 7}).errorCode())
	require.Equal(t, "MissingParameter", w.compare(good, good, map[string]any{"ImageB": nil}).errorCode())
	require.Equal(t, "FailedOperation.ImageDecodeFailed", w.compare(good, good, map[string]any{"ImageA": "data:image/jpeg;base64,/9j/"}).errorCode())
	require.Zero(t, w.Ledger().Charged(Query{}))
}

func TestAnAddressIsTakenAndFlagged(t *testing.T) {
	w := start(t, nil)
	good := Portrait(person("A1"))
	r := w.compare(good, good, map[string]any{"UrlB": "https://example.invalid/face.jpg"})
	require.Empty(t, r.errorCode())
	require.Less(t, r.score(), 50.0, "an address wins over the picture, and is not fetched")
	require.Equal(t, 1, w.Ledger().Count(Query{Vendor: TencentIAI, Flag: FlagURLSent}))
}

func TestCompareFaceIsSignedForItsOwnService(t *testing.T) {
	w := start(t, nil)
	face := base64.StdEncoding.EncodeToString(Portrait(person("A1")))
	body := map[string]any{"ImageA": face, "ImageB": face}
	edited := func(edit func(*signer)) signer { s := w.iaiSigner(); edit(&s); return s }
	for name, c := range map[string]struct {
		s    signer
		edit func(*http.Request)
		want string
	}{
		"good":           {w.iaiSigner(), nil, ""},
		"faceid's scope": {w.signer("CompareFace"), nil, "AuthFailure.SignatureFailure"},
		"wrong key":      {edited(func(s *signer) { s.key = "x" }), nil, "AuthFailure.SignatureFailure"},
		"other action":   {edited(func(s *signer) { s.action = "DetectFace" }), nil, "InvalidAction"},
		"other version":  {w.iaiSigner(), func(r *http.Request) { r.Header.Set("X-TC-Version", "2018-03-01") }, "NoSuchVersion"},
	} {
		require.Equal(t, c.want, w.iai(c.s, body, c.edit).errorCode(), name)
	}
	w = start(t, func(c *Config) { c.IAI.RequireRegion = true })
	require.Equal(t, "MissingParameter", w.iai(w.iaiSigner(), body, nil).errorCode())
	require.Empty(t, w.iai(w.iaiSigner(), body, func(r *http.Request) { r.Header.Set("X-TC-Region", "ap-guangzhou") }).errorCode())
}

func TestTheComparersRateLimitAndFaults(t *testing.T) {
	w := start(t, func(c *Config) { c.IAI.Rate = 2 })
	face := Portrait(person("A1"))
	var got []string
	for range 3 {
		got = append(got, w.compare(face, face, nil).errorCode())
	}
	require.Equal(t, []string{"", "", "RequestLimitExceeded"}, got)
	w.clock.Add(1e9)
	require.NoError(t, w.Fault(Fault{Vendor: TencentIAI, Kind: FaultErrorCode, Code: "57.25", Times: 1}))
	require.Equal(t, 57.25, w.compare(face, face, nil).score(), "a number is a score")
	require.NoError(t, w.Fault(Fault{Vendor: TencentIAI, Kind: FaultErrorCode, Code: "ResourceUnavailable.InArrears", Times: 1}))
	require.Equal(t, "ResourceUnavailable.InArrears", w.compare(face, face, nil).errorCode())
	require.NoError(t, w.Fault(Fault{Vendor: Tencent, Kind: FaultHTML502}))
	require.Empty(t, w.compare(face, face, nil).errorCode(), "another vendor's outage is not this one's")
	cfg := DefaultConfig()
	cfg.IAI.Model = "1.0"
	require.ErrorContains(t, cfg.Validate(), "IAI.Model")
}
