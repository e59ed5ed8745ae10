package sandbox

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// receiver is a merchant's notify_url.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []notified
	says []int // statuses, in order; the last one stays
}

type notified struct {
	contentType, data, sign string
	at                      time.Time
}

func (n notified) genuine() bool {
	return n.sign == fmt.Sprintf("%x", sha1.Sum([]byte(DefaultMegviiSecret+n.data)))
}

func (n notified) body(t *testing.T) map[string]any {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(n.data), &body))
	return body
}

func receive(t *testing.T, says ...int) *receiver {
	r := &receiver{says: says}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_ = q.ParseMultipartForm(1 << 20) // also parses an urlencoded form
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, notified{q.Header.Get("Content-Type"), q.PostFormValue("data"), q.PostFormValue("sign"), time.Now()})
		if len(r.says) > 0 {
			w.WriteHeader(r.says[0])
			if len(r.says) > 1 {
				r.says = r.says[1:]
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []notified {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]notified(nil), r.got...)
}

func (r *receiver) wait(t *testing.T, n int) []notified {
	t.Helper()
	require.Eventually(t, func() bool { return len(r.all()) >= n }, 10*time.Second, time.Millisecond)
	return r.all()
}

func TestSignaturesOfCallbacks(t *testing.T) {
	for data, want := range map[string]string{
		`{"status":"OK"}`: "01857132411293c7c5b93d6e14109cde9d353cbb",
		`{"status":"OK","biz_info":{"biz_id":"1751328000,0f8fad5b-d9cb-469f-a165-70867728950e","biz_no":"ord-0001","biz_extra_data":""},"liveness_result":{"result":"PASS"}}`: "ad5aebfa7c158dbafa7a2b3928e60668b32135c1",
		`{"status":"CANCELLED","biz_info":{"biz_id":"1751328000,0f8fad5b-d9cb-469f-a165-70867728950e","biz_no":"订单-2","biz_extra_data":"a+b&c"}}`:                             "3c2a51aa21f1e2dd21f6adbfabcd8fc2b504e25b",
	} {
		require.Equal(t, want, megviiSign("sandbox-api-secret", data))
	}
	r, err := notifyRequest("http://a.example/", NotifyOptions{}, `{"status":"CANCELLED","biz_info":{"biz_id":"1751328000,0f8fad5b-d9cb-469f-a165-70867728950e","biz_no":"订单-2","biz_extra_data":"a+b&c"}}`, "3c2a51aa21f1e2dd21f6adbfabcd8fc2b504e25b")
	require.NoError(t, err)
	body := make([]byte, r.ContentLength)
	_, err = r.Body.Read(body)
	require.NoError(t, err)
	require.Equal(t, `data=%7B%22status%22%3A%22CANCELLED%22%2C%22biz_info%22%3A%7B%22biz_id%22%3A%221751328000%2C0f8fad5b-d9cb-469f-a165-70867728950e%22%2C%22biz_no%22%3A%22%E8%AE%A2%E5%8D%95-2%22%2C%22biz_extra_data%22%3A%22a%2Bb%26c%22%7D%7D&sign=3c2a51aa21f1e2dd21f6adbfabcd8fc2b504e25b`, string(body))
}

func TestTheEndIsNotifiedBeforeTheBrowserGoesBack(t *testing.T) {
	w, shop := start(t, nil), receive(t)
	for _, outcome := range []string{MegviiPass, OutcomeCancel, MegviiTechnical} {
		before := len(shop.all())
		token, bizID := w.played(outcome, map[string]string{"notify_url": shop.URL})
		got := shop.all()
		require.Len(t, got, before+1, "it is over when the end is")
		last := got[len(got)-1]
		require.Equal(t, "application/x-www-form-urlencoded", last.contentType)
		require.True(t, last.genuine())
		require.Equal(t, bizID, at(last.body(t), "biz_info", "biz_id"))
		require.Equal(t, "att&<1>=订单", at(last.body(t), "biz_info", "biz_extra_data"))
		require.Contains(t, last.data, "att&<1>=订单", "plain UTF-8, nothing escaped")
		require.NotContains(t, last.body(t), "images")
		require.NotContains(t, last.body(t), "request_id")
		told := w.Ledger().Select(Query{Operation: "notify", Token: TokenKey(token)})
		require.Len(t, told.Notifications, 1)
		require.Equal(t, "200", told.Notifications[0].Outcome)
		require.Zero(t, told.Counts()["notify"], "the merchant did not call")
	}
}

func TestWhatIsSentCanBeForgedAndRepeated(t *testing.T) {
	w, shop := start(t, nil), receive(t)
	require.NoError(t, w.SetMegviiNotify(NotifyOptions{Send: []string{NotifyBadSign, NotifyOtherSecret, NotifyFlipped, NotifyForeign, NotifyTrailing,
		NotifyLengthExtended, NotifyGood, NotifyGood}}))
	_, bizID := w.played(MegviiLowScore, map[string]string{"notify_url": shop.URL})
	got := shop.all()
	require.Len(t, got, 8)
	for i, genuine := range []bool{false, false, false, true, true, true, true, true} {
		require.Equal(t, genuine, got[i].genuine(), i)
		require.Len(t, got[i].sign, 40)
	}
	require.Equal(t, 99.9, at(got[2].body(t), "verify_result", "result_faceid", "confidence"), "says that the person passed")
	require.NotEqual(t, bizID, at(got[3].body(t), "biz_info", "biz_id"))
	require.NotContains(t, at(got[3].body(t), "biz_info", "biz_no"), bizID)
	for _, i := range []int{4, 5} {
		require.False(t, json.Valid([]byte(got[i].data)))
		require.True(t, strings.HasSuffix(got[i].data, `{"status":"OK"}`))
	}
	require.Contains(t, got[5].data, "\x80\x00")
	require.Equal(t, got[6].body(t)["biz_info"], got[7].body(t)["biz_info"])
}

// An extended message hashes to the signature that SHA-1, continued from the
// original's, gives: the padding stands on the border of a block.
func TestALengthExtensionEndsOnABlock(t *testing.T) {
	for length := range 200 {
		padding := sha1Padding(length)
		require.Zero(t, (length+len(padding))%64)
		require.GreaterOrEqual(t, len(padding), 9)
		require.LessOrEqual(t, len(padding), 72)
	}
}

func TestNotificationsCanBeMissingLateReorderedAndDressedUp(t *testing.T) {
	w, shop := start(t, nil), receive(t)
	open := func(o NotifyOptions) string {
		token, _ := w.flow(map[string]string{"notify_url": shop.URL})
		require.NoError(t, w.SetMegviiNotifyOf(token, o))
		require.NoError(t, w.MegviiBegin(token))
		return token
	}
	end := func(token string) MegviiReturn {
		back, err := w.MegviiEnd(token, MegviiPass)
		require.NoError(t, err)
		return back
	}
	require.NotEmpty(t, end(open(NotifyOptions{Never: true})).Method)
	require.Empty(t, shop.all())

	require.Empty(t, end(open(NotifyOptions{NoReturn: true})).Method)
	require.Len(t, shop.all(), 1, "told, and the browser is gone")

	late, soon := open(NotifyOptions{DelayMS: 150}), open(NotifyOptions{})
	end(late)
	end(soon)
	got := shop.wait(t, 3)
	first, _ := w.megviiFind(soon)
	require.Equal(t, first.BizID, at(got[1].body(t), "biz_info", "biz_id"), "the later end is told first")

	begin := time.Now()
	require.Equal(t, http.MethodPost, end(open(NotifyOptions{AfterReturn: true})).Method)
	got = shop.wait(t, 4)
	require.GreaterOrEqual(t, got[3].at.Sub(begin), afterReturn)

	end(open(NotifyOptions{Multipart: true, ExtraMembers: true}))
	got = shop.wait(t, 5)
	require.True(t, strings.HasPrefix(got[4].contentType, "multipart/form-data; boundary="))
	require.True(t, got[4].genuine())
	require.Contains(t, got[4].body(t), "liveness_result_v2")
	require.Equal(t, "PASS", at(got[4].body(t), "liveness_result", "result"))
}

func TestANotificationIsSentAgainOnlyIfToldSo(t *testing.T) {
	w, shop := start(t, nil), receive(t, 500, 503, 302, 200)
	token, _ := w.played(MegviiPass, map[string]string{"notify_url": shop.URL})
	require.Len(t, shop.all(), 1, "once is the worst case, and the default")
	require.NoError(t, w.SetMegviiNotify(NotifyOptions{Attempts: 9, RetryMS: 1}))
	again, _ := w.played(MegviiPass, map[string]string{"notify_url": shop.URL})
	shop.wait(t, 4)
	require.Eventually(t, func() bool {
		return len(w.Ledger().Select(Query{Token: TokenKey(again)}).Notifications) == 3
	}, 10*time.Second, time.Millisecond)
	time.Sleep(20 * time.Millisecond)
	require.Len(t, shop.all(), 4, "taken, and over; a redirect is not followed")
	told := w.Ledger().Select(Query{Token: TokenKey(token)}).Notifications
	require.Equal(t, "500", told[0].Outcome)
	require.Equal(t, NotifyGood, told[0].Flag)

	shop.Close()
	token, _ = w.played(MegviiPass, map[string]string{"notify_url": shop.URL})
	require.Eventually(t, func() bool {
		return w.Ledger().Select(Query{Token: TokenKey(token), Outcome: "error"}).Notifications != nil
	}, 10*time.Second, time.Millisecond)
}

func TestTimeOutsAreNotifiedAsTheOptionsSay(t *testing.T) {
	for _, c := range []struct {
		on     string
		opened bool
		want   int
	}{{"", true, 1}, {"", false, 0}, {TimeoutAlways, false, 1}, {TimeoutNever, true, 0}} {
		w, shop := start(t, nil), receive(t)
		require.NoError(t, w.SetMegviiNotify(NotifyOptions{OnTimeout: c.on}))
		token, _ := w.flow(map[string]string{"notify_url": shop.URL})
		if c.opened {
			require.NoError(t, w.MegviiBegin(token))
			_, err := w.MegviiEnd(token, MegviiAbandon)
			require.NoError(t, err)
		}
		require.Empty(t, shop.all())
		w.clock.Add(time.Hour)
		status, _ := w.MegviiStatus(token)
		require.Equal(t, MegviiTimeout, status)
		if c.want == 0 {
			time.Sleep(20 * time.Millisecond)
		}
		got := shop.wait(t, c.want)
		require.Len(t, got, c.want)
		if c.want == 1 {
			require.Equal(t, "TIMEOUT", got[0].body(t)["status"])
		}
	}
}

func TestTheVendorsOwnClockNotifiesAnAbandonedFlow(t *testing.T) {
	shop := receive(t)
	w := start(t, func(c *Config) { c.Clock, c.Megvii.FlowTTL = time.Now, 50*time.Millisecond })
	token, _ := w.flow(map[string]string{"notify_url": shop.URL})
	require.NoError(t, w.MegviiBegin(token))
	got := shop.wait(t, 1)
	require.Equal(t, "TIMEOUT", got[0].body(t)["status"], "nobody asked")
}

func TestARejectedPortMayBeSilentlyIgnored(t *testing.T) {
	shop := receive(t)
	w := start(t, func(c *Config) { c.Megvii.Ports, c.Megvii.SilentPorts = PortsStrict, true })
	w.played(MegviiPass, map[string]string{"notify_url": shop.URL})
	require.Empty(t, shop.all())
}

func TestTheWayBackIsByFormOrWithTheBizID(t *testing.T) {
	w := start(t, quiet)
	token, bizID := w.flow(nil)
	require.NoError(t, w.MegviiBegin(token))
	back, err := w.MegviiEnd(token, MegviiPass)
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, back.Method)
	require.Equal(t, megviiReturnTo, back.URL)
	n := notified{data: back.Form.Get("data"), sign: back.Form.Get("sign")}
	require.True(t, n.genuine())
	require.Equal(t, bizID, at(n.body(t), "biz_info", "biz_id"))

	require.NoError(t, w.SetMegviiNotify(NotifyOptions{Never: true, ReturnBadSign: true}))
	token, _ = w.flow(nil)
	require.NoError(t, w.MegviiBegin(token))
	back, err = w.MegviiEnd(token, MegviiPass)
	require.NoError(t, err)
	require.False(t, notified{data: back.Form.Get("data"), sign: back.Form.Get("sign")}.genuine())

	for address, want := range map[string]string{
		"https://a.example/b": "https://a.example/b?biz_id=1%2Cx", "https://a.example/b?c=d": "https://a.example/b?c=d&biz_id=1%2Cx",
		"https://a.example/b#f": "https://a.example/b?biz_id=1%2Cx#f", "https://a.example/b?c=%2F#f?g": "https://a.example/b?c=%2F&biz_id=1%2Cx#f?g",
	} {
		require.Equal(t, want, withBizID(address, "1,x"))
	}
	token, bizID = w.flow(map[string]string{"action_http_method": "GET"})
	require.NoError(t, w.MegviiBegin(token))
	back, err = w.MegviiEnd(token, MegviiPass)
	require.NoError(t, err)
	require.Equal(t, MegviiReturn{Method: http.MethodGet, URL: withBizID(megviiReturnTo, bizID)}, back)
}

func TestNotifyOptionsOverHTTP(t *testing.T) {
	w, shop := start(t, nil), receive(t)
	token, _ := w.flow(map[string]string{"notify_url": shop.URL})
	status, body := w.admin(http.MethodPost, "/sandbox/megvii/notify", map[string]any{"token": token, "send": []string{"good", "good"}})
	require.Equal(t, http.StatusOK, status, body)
	status, _ = w.admin(http.MethodPost, "/sandbox/megvii/notify", map[string]any{"never": true})
	require.Equal(t, http.StatusOK, status)
	_, body = w.admin(http.MethodGet, "/sandbox/megvii/notify", nil)
	require.Equal(t, map[string]any{"never": true}, body)
	_, body = w.admin(http.MethodPost, "/sandbox/megvii/tokens/"+token+"/end", map[string]string{"outcome": "pass"})
	require.Equal(t, "OK", body["status"])
	require.Equal(t, "POST", at(body, "return", "method"))
	require.Len(t, shop.all(), 2, "the flow's own options")
	_, body = w.admin(http.MethodGet, "/sandbox/megvii/tokens/"+token, nil)
	require.Equal(t, "OK", body["status"])
	status, _ = w.admin(http.MethodPost, "/sandbox/megvii/tokens/"+token+"/expire", nil)
	require.Equal(t, http.StatusConflict, status)
	w.played(MegviiPass, map[string]string{"notify_url": shop.URL})
	require.Len(t, shop.all(), 2)
	_, ledger := w.admin(http.MethodGet, "/sandbox/ledger?operation=notify", nil)
	require.Len(t, ledger["notifications"], 2)

	for _, bad := range []map[string]any{{"send": []string{"x"}}, {"never": true, "send": []string{"good"}}, {"delay_ms": -1}, {"on_timeout": "x"}, {"attempts": 101}} {
		status, _ = w.admin(http.MethodPost, "/sandbox/megvii/notify", bad)
		require.Equal(t, http.StatusUnprocessableEntity, status, bad)
	}
	status, _ = w.admin(http.MethodPost, "/sandbox/megvii/notify", map[string]any{"token": "nobody"})
	require.Equal(t, http.StatusNotFound, status)
	status, _ = w.admin(http.MethodPost, "/sandbox/megvii/notify", map[string]any{"nver": true})
	require.Equal(t, http.StatusBadRequest, status)
	cfg := DefaultConfig()
	cfg.Megvii.Notify.Send, cfg.Megvii.Ports, cfg.Megvii.SpentAnswer = []string{"x"}, "x", "x"
	for _, setting := range []string{"Notify", "Ports", "SpentAnswer"} {
		require.ErrorContains(t, cfg.Validate(), setting)
	}
}
