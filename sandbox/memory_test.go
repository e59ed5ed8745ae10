package sandbox

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const keepKey = "0123456789abcdef0123456789abcdef"

// lives returns a function that kills the stand-ins, with no chance to tidy up,
// and starts others on the same file.
func lives(t *testing.T, path string) (again func() *world) {
	c := &clock{now: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
	return func() *world {
		cfg := DefaultConfig()
		cfg.Clock = c.Now
		s := New(cfg)
		require.NoError(t, s.Keep(path, keepKey))
		return serving(t, s, c)
	}
}

func TestAVendorThatWasKilledKnowsItsSessions(t *testing.T) {
	again := lives(t, filepath.Join(t.TempDir(), "memory"))

	w := again()
	token, _ := w.eidToken(nil)
	w = again()
	require.Equal(t, StatusInit, w.status(token))
	res, _ := w.form("/page/tencent/"+token+"/begin", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	w = again()
	require.Equal(t, StatusDoing, w.status(token))
	res, _ = w.form("/page/tencent/"+token+"/end", "outcome=0")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	w = again()
	require.Equal(t, StatusFinished, w.status(token))
	_, text := w.result(token, "1")
	require.Equal(t, 0, *text.ErrCode)
	require.Equal(t, "att_1", *text.Extra)
}

func TestAFlowOfMegviiOutlivesAKill(t *testing.T) {
	again := lives(t, filepath.Join(t.TempDir(), "memory"))
	w := again()
	status, body := w.getToken(map[string]string{"biz_no": "once"})
	require.Equal(t, 200, status)
	token, bizID := body["token"].(string), body["biz_id"].(string)
	w = again()
	status, body = w.getToken(map[string]string{"biz_no": "once"})
	require.Equal(t, 400, status, body)
	status, _ = w.admin(http.MethodPost, "/sandbox/megvii/tokens/"+token+"/end", map[string]string{"outcome": MegviiLowScore})
	require.Equal(t, 200, status)
	w = again()
	status, body = w.lookUp(bizID, nil)
	require.Equal(t, 200, status)
	require.Equal(t, MegviiOK, body["status"])
	for range 2 {
		w = again()
		status, _ = w.lookUp(bizID, nil)
	}
	require.Equal(t, 200, status)
	w = again()
	status, _ = w.lookUp(bizID, nil)
	require.Equal(t, 403, status, "a fourth look")
}

func TestAFlowOfMegviiRunsOutAfterAKillToo(t *testing.T) {
	again := lives(t, filepath.Join(t.TempDir(), "memory"))
	token, _ := again().flow(nil)
	w := again()
	w.clock.Add(time.Hour)
	status, known := w.MegviiStatus(token)
	require.True(t, known)
	require.Equal(t, MegviiTimeout, status)
}

func TestScansAndCapturesOutliveAKill(t *testing.T) {
	again := lives(t, filepath.Join(t.TempDir(), "memory"))
	w := again()
	holder := FreshPerson(rand.New(rand.NewPCG(1, 2)))
	status, _ := w.admin(http.MethodPost, "/sandbox/people", holder)
	require.Equal(t, 201, status)
	status, body := w.admin(http.MethodPost, "/sandbox/sino/scans", ScanOptions{IDNumber: holder.IDNumber})
	require.Equal(t, 201, status)
	token, session := w.face()
	w = again()
	status, _ = w.chip(body["reqid"].(string))
	require.Equal(t, 200, status)
	status, _ = w.admin(http.MethodPost, "/sandbox/sino/sessions/"+session+"/end", map[string]string{"outcome": CaptureSame})
	require.Equal(t, 200, status)
	w = again()
	status, body = w.poll(token)
	require.Equal(t, 200, status)
	face, _ := Capture(holder.IDNumber, session)
	require.Equal(t, face, decoded(t, body["faceImage"]))
	w = again()
	status, _ = w.poll(token)
	require.Equal(t, 400, status, "pictures are handed out once")
	status, answer, err := w.check2e(holder, nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, "0", answer["result"])
}

// A session whose answer was lost exists at the vendor all the same.
func TestWhatADroppedCallDidIsRememberedToo(t *testing.T) {
	again := lives(t, filepath.Join(t.TempDir(), "memory"))
	w := again()
	require.NoError(t, w.Fault(Fault{Vendor: Tencent, Operation: "GetEidToken", Kind: FaultDropAfter, Times: 1}))
	a1 := Fixtures()[0]
	body := mustJSON(map[string]any{"MerchantId": DefaultMerchantID, "Name": a1.Name, "IdCard": a1.IDNumber,
		"Config": map[string]any{"InputType": "4"}, "RedirectUrl": "https://kyc.example.com/cb"})
	_, _, err := w.do(w.tencentRequest(w.signer("GetEidToken"), body, nil))
	require.Error(t, err)
	require.Len(t, again().Tokens(a1.IDNumber), 1)
}

func TestTheMemoryIsSealedAndForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	w := lives(t, path)()
	token, _ := w.eidToken(nil)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, secret := range []string{token, Fixtures()[0].Name, Fixtures()[0].IDNumber, "tencent"} {
		require.NotContains(t, string(text), secret)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.ErrorContains(t, New(DefaultConfig()).Keep(path, "f123456789abcdef0123456789abcdef"), "cannot be opened with this key")
	require.ErrorContains(t, New(DefaultConfig()).Keep(path, "short"), "5 characters")
	require.ErrorContains(t, New(DefaultConfig()).Keep(filepath.Join(t.TempDir(), "no", "such"), keepKey), "no such file or directory")
}
