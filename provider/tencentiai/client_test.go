package tencentiai

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	secretID  = "AKIDsandbox0123"
	secretKey = "planted-secret-key"
)

// asked is one request as the vendor got it.
type asked struct {
	header http.Header
	body   map[string]any
}

// vendor is iai as its contract describes it. It gives one answer and records
// what was asked.
type vendor struct {
	*httptest.Server
	mu     sync.Mutex
	answer http.HandlerFunc
	asked  []asked
}

func newVendor(t *testing.T) *vendor {
	v := &vendor{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		a := asked{header: r.Header}
		_ = json.Unmarshal(raw, &a.body)
		v.mu.Lock()
		v.asked = append(v.asked, a)
		answer := v.answer
		v.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) on(answer http.HandlerFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer, v.asked = answer, nil
}

func (v *vendor) requests() []asked {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

func (v *vendor) client(t *testing.T, with ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		SecretID: secretID, SecretKey: secretKey, Endpoint: strings.TrimPrefix(v.URL, "http://"), Scheme: "http",
		Timeout: 5 * time.Second, Rate: 10_000,
	}
	for _, w := range with {
		w(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func scored(score, model string) http.HandlerFunc {
	return status(200, fmt.Sprintf(`{"Response":{"Score":%s,"FaceModelVersion":%s,"RequestId":"c0ffee"}}`, score, model))
}

func apiFailure(code string) http.HandlerFunc {
	return status(200, fmt.Sprintf(`{"Response":{"Error":{"Code":%q,"Message":"planted message"},"RequestId":"c0ffee"}}`, code))
}

func failureOf(t *testing.T, err error) *provider.Error {
	t.Helper()
	e, ok := errors.AsType[*provider.Error](err)
	require.True(t, ok, "%v", err)
	return e
}

func jpegOf(w, h int) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil)
	return b.Bytes()
}

func pngOf(w, h int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)))
	return b.Bytes()
}

func bmpOf(w, h int32) []byte {
	b := make([]byte, 14+40+100)
	copy(b, "BM")
	binary.LittleEndian.PutUint32(b[14:], 40)
	binary.LittleEndian.PutUint32(b[18:], uint32(w))
	binary.LittleEndian.PutUint32(b[22:], uint32(h))
	return b
}

// A chip's portrait and a face as a page captures it.
var portrait, face = jpegOf(102, 126), jpegOf(360, 480)

func TestBothPicturesAndTheModelAreSentAndNeverAnAddress(t *testing.T) {
	v := newVendor(t)
	v.on(scored("71.5", `"3.0"`))
	score, err := v.client(t).Compare(t.Context(), portrait, face)
	require.NoError(t, err)
	require.Equal(t, 71.5, score)
	require.Len(t, v.requests(), 1)
	got := v.requests()[0]
	require.Equal(t, map[string]any{
		"ImageA": base64.StdEncoding.EncodeToString(portrait), "ImageB": base64.StdEncoding.EncodeToString(face), "FaceModelVersion": "3.0",
	}, got.body)
	require.Equal(t, "CompareFace", got.header.Get("X-TC-Action"))
	require.Equal(t, "2020-03-03", got.header.Get("X-TC-Version"))
	require.Empty(t, got.header.Get("X-TC-Region"))
	require.Contains(t, got.header.Get("Authorization"), "/iai/tc3_request, ")

	v.on(scored("0", `"3.0"`))
	score, err = v.client(t, func(c *Config) { c.Region = "ap-guangzhou" }).Compare(t.Context(), portrait, face)
	require.NoError(t, err)
	require.Zero(t, score)
	require.Equal(t, "ap-guangzhou", v.requests()[0].header.Get("X-TC-Region"))
}

func TestAnAnswerThatIsNoScoreOfTheModelAskedForIsNone(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	for name, answer := range map[string]http.HandlerFunc{
		"no model": scored("95", `null`), "an empty model": scored("95", `""`), "a number for a model": scored("95", `3.0`),
		"no score": scored("null", `"3.0"`), "over 100": scored("100.5", `"3.0"`), "under 0": scored("-1", `"3.0"`), "a string": scored(`"95"`, `"3.0"`),
		"huge": scored("1e999", `"3.0"`), "empty": status(200, `{"Response":{}}`), "null": status(200, `null`), "HTML": status(200, `<html>`),
		"two scores": status(200, `{"Response":{"Score":95,"score":1,"FaceModelVersion":"3.0"}}`),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"two megabyte": status(200, `{"Response":{"Score":95,"FaceModelVersion":"3.0","x":["`+strings.Repeat(`a","`, 1<<20)+`"]}}`),
	} {
		v.on(answer)
		score, err := c.Compare(t.Context(), portrait, face)
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, name)
		require.Equal(t, verification.ProviderContractViolation, failureOf(t, err).Reason, name)
		require.Zero(t, score, name)
		require.Len(t, v.requests(), 1, name)
	}
}

// Scores of two face models cannot be compared; which one an account gets is a
// setting at the vendor, and says nothing about the face.
func TestScoreOfAnotherFaceModelIsOursToMend(t *testing.T) {
	v := newVendor(t)
	v.on(scored("95", `"2.0"`))
	score, err := v.client(t).Compare(t.Context(), portrait, face)
	require.Equal(t, provider.Misconfigured, failureOf(t, err).Class)
	require.Equal(t, verification.ProviderMisconfigured, failureOf(t, err).Reason)
	require.Equal(t, "other_model", failureOf(t, err).Code)
	require.Zero(t, score)
}

func TestEveryCodeOfTheContractHasItsClass(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	for class, codes := range map[provider.Class][]string{
		provider.Incomparable: {
			"InvalidParameterValue.NoFaceInPhoto", "InvalidParameterValue.ImageEmpty", "FailedOperation.ImageFacedetectFailed", "FailedOperation.FaceSizeTooSmall",
			"FailedOperation.FaceQualityNotQualified", "FailedOperation.ImageDecodeFailed", "FailedOperation.ImageResolutionTooSmall",
			"FailedOperation.ImageResolutionExceed", "FailedOperation.ImageSizeExceed",
		},
		provider.RateLimited: {
			"FailedOperation.RequestLimitExceeded", "RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded", "LimitExceeded.ErrorFaceNumExceed",
		},
		provider.Unavailable: {
			"FailedOperation.RequestTimeout", "FailedOperation.RpcFail", "FailedOperation.ServerError", "InternalError", "InternalError.Unknown", "InternalErrorOther",
			"ServiceUnavailable",
		},
		provider.Misconfigured: {
			"ResourceUnavailable.NotExist", "ResourceUnavailable.InArrears", "UnauthorizedOperation", "UnauthorizedOperation.X", "AuthFailure.SignatureFailure",
			"AuthFailure.SecretIdNotFound", "InvalidParameterValue.FaceModelVersionIllegal", "MissingParameter", "InvalidAction", "NoSuchVersion",
		},
		provider.ContractViolation: {"FailedOperation.SomethingNew", "Unheard", "planted secret"},
	} {
		for _, code := range codes {
			v.on(apiFailure(code))
			_, err := c.Compare(t.Context(), portrait, face)
			e := failureOf(t, err)
			require.Equal(t, class, e.Class, code)
			require.NotEmpty(t, e.Reason, code)
			require.NotContains(t, err.Error(), "planted")
			require.Len(t, v.requests(), 1, "nothing here repeats a request")
		}
	}
}

func TestAnOutageIsUnavailable(t *testing.T) {
	v := newVendor(t)
	c := v.client(t, func(c *Config) { c.Timeout = 300 * time.Millisecond })
	for name, answer := range map[string]http.HandlerFunc{
		"502": status(502, "<html>"), "500 of nothing": status(500, ""),
		"dropped": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		v.on(answer)
		_, err := c.Compare(t.Context(), portrait, face)
		require.Equal(t, provider.Unavailable, failureOf(t, err).Class, name)
		require.Len(t, v.requests(), 1, name)
	}
}

func TestAPictureThatCannotBeComparedCostsNoCall(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	v.on(scored("90", `"3.0"`))
	for name, one := range map[string]struct {
		picture []byte
		code    string
	}{
		"none": {nil, "image_empty"}, "text": {[]byte("hello"), "image_undecodable"}, "a GIF": {[]byte("GIF89a and more"), "image_undecodable"},
		"the head of a JPEG": {[]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), "image_undecodable"}, "the head of a PNG": {[]byte("\x89PNG\r\n\x1a\n"), "image_undecodable"},
		"the head of a BMP": {[]byte("BM12345678901234"), "image_undecodable"}, "a chip's coding": {[]byte("WLf\x00 coded"), "image_undecodable"},
		"an old BMP": {append([]byte("BM"), make([]byte, 100)...), "image_undecodable"}, "a BMP of no width": {bmpOf(-100, 100), "image_undecodable"},
		"63 px": {jpegOf(63, 400), "image_too_small"}, "63 px high": {pngOf(400, 63), "image_too_small"}, "a BMP of 63 px": {bmpOf(100, -63), "image_too_small"},
		"4,001 px": {jpegOf(4001, 64), "image_resolution"}, "a PNG of 2,001 px": {pngOf(64, 2001), "image_resolution"}, "a BMP of 2,001 px": {bmpOf(2001, 64), "image_resolution"},
		"5 MB in base64": {append(jpegOf(100, 100), make([]byte, 5<<20*3/4)...), "image_too_large"},
	} {
		for whose, pair := range map[string][2][]byte{"portrait": {one.picture, face}, "face": {portrait, one.picture}} {
			_, err := c.Compare(t.Context(), pair[0], pair[1])
			e := failureOf(t, err)
			require.Equal(t, provider.Incomparable, e.Class, name)
			require.Equal(t, whose+"_"+one.code, e.Code, name)
			require.Equal(t, verification.FaceNotCompared, e.Reason, name)
		}
	}
	require.Empty(t, v.requests())
	for name, picture := range map[string][]byte{
		"64 px": jpegOf(64, 64), "4,000 px": jpegOf(4000, 64), "a PNG of 2,000 px": pngOf(2000, 64), "a BMP": bmpOf(102, 126), "a BMP downwards": bmpOf(102, -126),
	} {
		_, err := c.Compare(t.Context(), picture, face)
		require.NoError(t, err, name)
	}
}

func FuzzPictures(f *testing.F) {
	for _, picture := range [][]byte{portrait, pngOf(64, 64), bmpOf(64, -64), {}, []byte("BM"), []byte("\xff\xd8\xff")} {
		f.Add(picture)
	}
	f.Fuzz(func(t *testing.T, picture []byte) {
		if fault(picture) != "" {
			return
		}
		size, longest, ok := dimensions(picture)
		if !ok || size.X < minSide || size.Y < minSide || size.X > longest || size.Y > longest {
			t.Fatalf("%v is taken", size)
		}
	})
}

func TestThePaceIsKeptAndWaitingForItEndsWithTheCaller(t *testing.T) {
	v := newVendor(t)
	v.on(scored("90", `"3.0"`))
	c := v.client(t, func(c *Config) { c.Rate = 20 })
	begin := time.Now()
	for range 5 {
		_, err := c.Compare(t.Context(), portrait, face)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(begin), 190*time.Millisecond)

	c = v.client(t, func(c *Config) { c.Rate = 0.001 })
	_, err := c.Compare(t.Context(), portrait, face)
	require.NoError(t, err)
	v.on(scored("90", `"3.0"`))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Compare(ctx, portrait, face)
	require.Equal(t, provider.RateLimited, failureOf(t, err).Class)
	require.Equal(t, "own_limit", failureOf(t, err).Code)
	require.Empty(t, v.requests())
}

func TestNoFaceAndNoSecretIsInAnError(t *testing.T) {
	v := newVendor(t)
	c := v.client(t)
	encoded := base64.StdEncoding.EncodeToString(face)
	for _, answer := range []http.HandlerFunc{
		apiFailure("InternalError"), apiFailure(encoded), status(200, encoded), status(500, encoded), status(200, `{"Response":"`+encoded+`"}`),
		status(400, `{"Response":{"Error":{"Code":"AuthFailure","Message":"`+secretKey+encoded+`"}}}`),
	} {
		v.on(answer)
		_, err := c.Compare(t.Context(), portrait, face)
		for ; err != nil; err = errors.Unwrap(err) {
			text := fmt.Sprintf("%v %+v", err, err)
			for _, secret := range []string{encoded[:40], secretKey, "127.0.0.1"} {
				require.NotContains(t, text, secret)
			}
		}
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v", c), fmt.Sprintf("%+v", c.cfg), c.cfg.LogValue().String()} {
		require.NotContains(t, text, secretKey)
		require.NotContains(t, text, secretID)
	}
}

func TestEveryErrorOfTheSettingsIsNamedAtOnce(t *testing.T) {
	_, err := New(Config{SecretID: "a b", Endpoint: "https://x", Scheme: "ftp", Region: "a b", Timeout: -1, Rate: -1, Patience: 3 * time.Minute})
	for _, want := range []string{
		"SECRET_ID must", "SECRET_KEY is not set", "ENDPOINT must", "REGION must", "TIMEOUT must be more than 0 and at most 18s", "RATE must", "PATIENCE must be more than 0 and at most 2m",
	} {
		require.ErrorContains(t, err, "YANZHEN_TENCENT_IAI_"+want)
	}
	for _, scheme := range []string{"http", "ftp"} {
		_, err = New(Config{SecretID: "a", SecretKey: "b", Scheme: scheme})
		require.ErrorContains(t, err, "YANZHEN_TENCENT_IAI_SCHEME must be https")
	}
	c, err := New(Config{SecretID: "a", SecretKey: "b"})
	require.NoError(t, err)
	require.Equal(t, provider.ComparerVendor{Name: "tencent_iai", Provider: c, Patience: 2 * time.Minute}, c.entry())
	require.Equal(t, Config{
		SecretID: "a", SecretKey: "b", Endpoint: "iai.tencentcloudapi.com", Scheme: "https", Timeout: 10 * time.Second, Rate: 20, Patience: 2 * time.Minute,
	}, c.cfg)
}

// The credentials of Tencent's other product serve where it has none of its
// own; two halves of different keys would serve nobody.
func TestTheCredentialsAreItsOwnOrTencents(t *testing.T) {
	shared := map[string]string{"YANZHEN_TENCENT_SECRET_ID": "i", "YANZHEN_TENCENT_SECRET_KEY": "k"}
	var c Config
	require.Empty(t, settings.Read(&c, shared))
	require.Equal(t, []string{"i", "k"}, []string{c.SecretID, c.SecretKey})
	shared["YANZHEN_TENCENT_IAI_SECRET_KEY"] = "own"
	c = Config{}
	require.Empty(t, settings.Read(&c, shared))
	require.Equal(t, []string{"", "own"}, []string{c.SecretID, c.SecretKey})
	require.ErrorContains(t, c.Validate(), "YANZHEN_TENCENT_IAI_SECRET_ID is not set")
}
