package sandbox

import (
	"bytes"
	"context"
	"crypto/sha1" // the vendor's choice
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// afterReturn is how long after the browser a notification sets out that is to
// come second.
const afterReturn = 500 * time.Millisecond

// MegviiReturn is how a browser goes back: POST with a form of data and sign, or
// GET. Method is empty where it does not.
type MegviiReturn struct {
	Method string     `json:"method"`
	URL    string     `json:"url"`
	Form   url.Values `json:"form,omitempty"`
}

// SetMegviiNotify changes how callbacks are made from now on.
func (s *Sandbox) SetMegviiNotify(o NotifyOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s.megvii.mu.Lock()
	defer s.megvii.mu.Unlock()
	s.megvii.notify = o
	return nil
}

// SetMegviiNotifyOf changes how the callbacks of one flow are made.
func (s *Sandbox) SetMegviiNotifyOf(token string, o NotifyOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	_, err := s.megviiChange(token, func(one *megviiSession) error {
		one.Notify = &o
		return nil
	})
	return err
}

// MegviiNotify returns how callbacks are made at present.
func (s *Sandbox) MegviiNotify() NotifyOptions {
	s.megvii.mu.Lock()
	defer s.megvii.mu.Unlock()
	return s.megvii.notify
}

func (s *Sandbox) optionsOf(one megviiSession) NotifyOptions {
	if one.Notify != nil {
		return *one.Notify
	}
	return s.MegviiNotify()
}

// megviiSign is the signature of a callback: SHA-1 over secret and data, plainly
// one behind the other.
func megviiSign(secret, data string) string {
	sum := sha1.Sum([]byte(secret + data))
	return hex.EncodeToString(sum[:])
}

// tellMegvii notifies the end of a flow and returns how the browser goes back. A
// notification that is neither late nor retried is over by then.
func (s *Sandbox) tellMegvii(one megviiSession, outcome string) MegviiReturn {
	o := s.optionsOf(one)
	if one.Status == MegviiTimeout {
		s.notifyTimeout(one)
	} else if late := o.DelayMS > 0 || o.AfterReturn || o.Attempts > 1; late {
		go s.sendNotifications(one, o)
	} else {
		s.sendNotifications(one, o)
	}
	if o.NoReturn || outcome == OutcomeTimeout {
		return MegviiReturn{}
	}
	if one.Fields.Get("action_http_method") == http.MethodGet {
		return MegviiReturn{Method: http.MethodGet, URL: withBizID(one.ReturnURL, one.BizID)}
	}
	secret, _ := s.megviiSecret(one.ApiKey)
	data := notification(one, o)
	sign := megviiSign(secret, data)
	if o.ReturnBadSign {
		sign = megviiSign(secret+"x", data)
	}
	return MegviiReturn{Method: http.MethodPost, URL: one.ReturnURL, Form: url.Values{"data": {data}, "sign": {sign}}}
}

// notifyTimeout tells a time-out, if the options say so.
func (s *Sandbox) notifyTimeout(one megviiSession) {
	o := s.optionsOf(one)
	if o.OnTimeout == TimeoutNever || o.OnTimeout != TimeoutAlways && !one.Opened {
		return
	}
	go s.sendNotifications(one, o)
}

// withBizID adds biz_id to an address, behind its query and before its fragment.
func withBizID(address, bizID string) string {
	before, fragment, found := strings.Cut(address, "#")
	sep := "?"
	if strings.Contains(before, "?") {
		sep = "&"
	}
	before += sep + "biz_id=" + url.QueryEscape(bizID)
	if found {
		before += "#" + fragment
	}
	return before
}

// notification is the data of a callback.
func notification(one megviiSession, o NotifyOptions) string {
	body := one.body()
	if o.ExtraMembers {
		body["schema"], body["liveness_result_v2"] = 7, map[string]any{"result": "PASS"}
		if live, is := body["liveness_result"].(map[string]any); is {
			live["Result"], live["trace"] = "n/a", []any{1, nil, "x"}
		}
	}
	return encoded(body)
}

func encoded(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the vendor's data is plain UTF-8
	if err := e.Encode(v); err != nil {
		panic(err) // own maps only
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// sendNotifications calls notify_url with everything that is to be sent, in
// order.
func (s *Sandbox) sendNotifications(one megviiSession, o NotifyOptions) {
	if o.Never || !s.cfg.Megvii.calls(one.NotifyURL) {
		return
	}
	s.remembers()
	wait := time.Duration(o.DelayMS) * time.Millisecond
	if o.AfterReturn {
		wait += afterReturn
	}
	pause(context.Background(), wait)
	kinds := o.Send
	if len(kinds) == 0 {
		kinds = []string{NotifyGood}
	}
	for _, kind := range kinds {
		data, sign := s.forged(one, o, kind)
		for try := range max(1, o.Attempts) {
			if try > 0 {
				pause(context.Background(), time.Duration(o.RetryMS)*time.Millisecond)
			}
			if s.sendNotification(one, o, kind, data, sign) {
				break
			}
		}
	}
}

// forged makes the data and signature of a kind of notification.
func (s *Sandbox) forged(one megviiSession, o NotifyOptions, kind string) (data, sign string) {
	secret, _ := s.megviiSecret(one.ApiKey)
	data = notification(one, o)
	switch kind {
	case NotifyBadSign:
		return data, megviiSign(secret, data+" ")
	case NotifyOtherSecret:
		return data, megviiSign("not-"+secret, data)
	case NotifyFlipped:
		sign = megviiSign(secret, data)
		one.Status, one.Verdict = MegviiOK, megviiVerdict{Live: "PASS", Confidence: 99.9}
		return notification(one, o), sign
	case NotifyForeign:
		one.BizNo, one.BizID = "foreign-"+one.BizNo, megviiID(one.Created)
		data = notification(one, o)
	case NotifyTrailing:
		data += ` {"status":"OK"}`
	case NotifyLengthExtended:
		data += sha1Padding(len(secret)+len(data)) + `{"status":"OK"}`
	}
	return data, megviiSign(secret, data)
}

// sha1Padding is what SHA-1 puts behind a message of that length; behind it, an
// attacker goes on without knowing how the message began.
func sha1Padding(length int) string {
	padding := append([]byte{0x80}, make([]byte, (119-length%64)%64)...)
	return string(binary.BigEndian.AppendUint64(padding, uint64(length)*8))
}

// sendNotification calls once, writes it down, and tells whether it was taken.
func (s *Sandbox) sendNotification(one megviiSession, o NotifyOptions, kind, data, sign string) bool {
	r, err := notifyRequest(one.NotifyURL, o, data, sign)
	if err != nil {
		return true // an address that get_token has parsed; trying again would not help
	}
	outcome := "error"
	res, err := s.megvii.http.Do(r)
	if err == nil {
		_ = res.Body.Close()
		outcome = strconv.Itoa(res.StatusCode)
	}
	s.book.notification(Entry{Time: s.cfg.Clock(), Vendor: Megvii, Operation: "notify", Outcome: outcome,
		Subject: SubjectKey(one.Number), Token: TokenKey(one.Token), Flag: kind})
	s.cfg.Logger.Info("vendor notification", "vendor", Megvii, "kind", kind, "outcome", outcome)
	return err == nil && res.StatusCode/100 == 2
}

func notifyRequest(address string, o NotifyOptions, data, sign string) (*http.Request, error) {
	var body bytes.Buffer
	contentType := "application/x-www-form-urlencoded"
	if o.Multipart {
		w := multipart.NewWriter(&body)
		_ = w.WriteField("data", data) // a buffer takes everything
		_ = w.WriteField("sign", sign)
		_ = w.Close()
		contentType = w.FormDataContentType()
	} else {
		body.WriteString("data=" + url.QueryEscape(data) + "&sign=" + sign)
	}
	if o.Untidy {
		body.WriteString("\r\n")
		contentType += "; charset=; charset=UTF-8"
	}
	r, err := http.NewRequest(http.MethodPost, address, &body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	return r, nil
}
