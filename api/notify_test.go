package api

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/starter"
)

const urlencoded = "application/x-www-form-urlencoded"

// vendorForm is a callback as a vendor sends it, planted with a person.
func vendorForm() url.Values {
	return url.Values{"data": {`{"status":"OK","name":"` + plantedName + `","id":"` + plantedNumber + `"}`}, "sign": {strings.Repeat("0", 40)}}
}

func inParts(form url.Values) (mediaType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, values := range form {
		for _, v := range values {
			_ = w.WriteField(name, v)
		}
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

func notifying(t *sealing.Ticket) { t.Kind, t.Provider = sealing.KindNotify, "megvii_faceid" }
func returning(t *sealing.Ticket) { t.Provider = "megvii_faceid" }

func (r *rig) vendorPosts(kind, ticket, mediaType, body string) *httptest.ResponseRecorder {
	return r.do(call{method: "POST", path: "/callbacks/megvii_faceid/" + kind + "/" + ticket, body: body,
		header: map[string]string{"Content-Type": mediaType}})
}

func TestANotificationIsTakenInEitherForm(t *testing.T) {
	parts, inPartsBody := inParts(vendorForm())
	for mediaType, body := range map[string]string{
		urlencoded: vendorForm().Encode(), urlencoded + "; charset=UTF-8": vendorForm().Encode(), parts: inPartsBody,
	} {
		for _, result := range []starter.NoticeResult{starter.NoticeKept, starter.NoticeQuiet, starter.NoticeLate,
			starter.NoticeEmpty, starter.NoticeNoResult, starter.NoticeViolation} {
			r := newRig(t)
			r.fake.notify = func(n starter.Notice) (starter.NoticeResult, error) {
				require.Equal(t, starter.Notice{Provider: "megvii_faceid", ID: knownID, Session: 2, Form: vendorForm()}, n)
				return result, nil
			}
			w := r.vendorPosts("notify", r.ticket(notifying), mediaType, body)
			require.Equal(t, 200, w.Code)
			require.Empty(t, w.Body.String())
			require.Equal(t, []string{"notify"}, r.fake.calls)
			require.Contains(t, r.metricsText(), `yanzhen_notices_total{provider="megvii_faceid",result="`+string(result)+`"} 1`)
		}
	}
}

// A genuine notification is not lost over how its Content-Type is written: the
// signature is verified over what came, and decides.
func TestAnUntidyContentTypeRefusesNoNotification(t *testing.T) {
	parts, inPartsBody := inParts(vendorForm())
	encoded := vendorForm().Encode()
	for name, tc := range map[string]struct{ mediaType, body string }{
		"charset empty":           {urlencoded + "; charset=", encoded},
		"charset without a value": {urlencoded + ";charset", encoded},
		"charset twice":           {urlencoded + "; charset=UTF-8; charset=GBK", encoded},
		"charset unknown":         {urlencoded + "; charset=x-none", encoded},
		"parameters unreadable":   {urlencoded + `; charset="UTF-8; a=b=c ,`, encoded},
		"two types":               {urlencoded + ", text/plain", encoded},
		"another type":            {"text/plain", encoded},
		"JSON for a form":         {"application/json", encoded},
		"no type":                 {"", encoded},
		"a person as type":        {plantedName, encoded},
		"a newline behind":        {urlencoded, encoded + "\n"},
		"a line's end behind":     {urlencoded, encoded + "\r\n"},
		"parts, charset empty":    {parts + "; charset=", inPartsBody},
		"parts, charset twice":    {parts + "; charset=a; charset=b", inPartsBody},
		"parts in capitals":       {strings.Replace(parts, "multipart/form-data", "Multipart/Form-Data", 1), inPartsBody},
		"parts, newline behind":   {parts, inPartsBody + "\n"},
		"parts, quoted":           {strings.Replace(parts, "boundary=", `charset=; Boundary="`, 1) + `"`, inPartsBody},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var got url.Values
			r.fake.notify = func(n starter.Notice) (starter.NoticeResult, error) { got = n.Form; return starter.NoticeKept, nil }
			require.Equal(t, 200, r.vendorPosts("notify", r.ticket(notifying), tc.mediaType, tc.body).Code)
			require.Equal(t, vendorForm(), got)
		})
	}
	// What is no form at all reaches the signature's check and fails it.
	r := newRig(t)
	r.fake.notify = func(n starter.Notice) (starter.NoticeResult, error) {
		require.Empty(t, n.Form["data"])
		return starter.NoticeRefused, &starter.Error{Code: starter.NotFound}
	}
	problemIn(t, r.vendorPosts("notify", r.ticket(notifying), "application/json", `{"data":"`+plantedName+`"}`), 404, "not_found")
}

func TestARefusedNotificationLooksLikeABadTicket(t *testing.T) {
	r := newRig(t)
	bad := problemIn(t, r.vendorPosts("notify", "a.b.c.d.e", urlencoded, vendorForm().Encode()), 404, "not_found")
	require.Empty(t, r.fake.calls)
	r.fake.notify = func(starter.Notice) (starter.NoticeResult, error) {
		return starter.NoticeRefused, &starter.Error{Code: starter.NotFound}
	}
	refused := problemIn(t, r.vendorPosts("notify", r.ticket(notifying), urlencoded, vendorForm().Encode()), 404, "not_found")
	bad.RequestID, refused.RequestID = "", ""
	require.Equal(t, bad, refused)
	require.Contains(t, r.metricsText(), `result="refused"`)
}

func TestAFaultOfOursTellsTheVendorToTryAgain(t *testing.T) {
	for status, err := range map[int]error{
		503: &starter.Error{Code: starter.EngineUnavailable, Op: "signal a hint", Err: errPlanted{}},
		500: &starter.Error{Code: starter.Internal, Op: "keep a notice", Err: errPlanted{}},
	} {
		r := newRig(t)
		r.fake.notify = func(starter.Notice) (starter.NoticeResult, error) { return starter.NoticeFailed, err }
		require.Equal(t, status, r.vendorPosts("notify", r.ticket(notifying), urlencoded, vendorForm().Encode()).Code)
	}
}

func TestAnOldTicketsNotificationIsMarkedLate(t *testing.T) {
	r := newRig(t)
	r.fake.notify = func(n starter.Notice) (starter.NoticeResult, error) {
		require.True(t, n.Late)
		return starter.NoticeLate, nil
	}
	ticket := r.ticket(func(x *sealing.Ticket) { notifying(x); x.Expires = r.now })
	require.Equal(t, 200, r.vendorPosts("notify", ticket, urlencoded, vendorForm().Encode()).Code)
}

func TestFormsThatAreNotReadReachNobody(t *testing.T) {
	many := url.Values{}
	for i := range maxParts + 1 {
		many.Add(fmt.Sprintf("k%d", i), "v")
	}
	manyParts, manyBody := inParts(many)
	parts, body := inParts(vendorForm())
	for name, tc := range map[string]struct{ mediaType, body string }{
		"no boundary":       {"multipart/form-data", body},
		"cut parts":         {parts, body[:len(body)/2]},
		"too many parts":    {manyParts, manyBody},
		"bad escapes":       {urlencoded, "data=%zz&name=" + plantedName},
		"semicolons":        {urlencoded, "data=a;sign=b"},
		"too large":         {urlencoded, "data=" + strings.Repeat("x", maxForm)},
		"too large in part": {parts, strings.Replace(body, plantedName, strings.Repeat("x", maxForm), 1)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			problemIn(t, r.vendorPosts("notify", r.ticket(notifying), tc.mediaType, tc.body), 404, "not_found")
			require.Empty(t, r.fake.calls)
			require.Contains(t, r.metricsText(), `result="unreadable"`)
		})
	}
	// Without a Content-Length, too.
	r := newRig(t)
	req := httptest.NewRequest("POST", "/callbacks/megvii_faceid/notify/"+r.ticket(notifying), io.MultiReader(strings.NewReader("data="+strings.Repeat("x", maxForm))))
	req.Header.Set("Content-Type", urlencoded)
	problemIn(t, r.serve(req), 404, "not_found")
	require.Empty(t, r.fake.calls)
}

func TestAGetIsNoNotification(t *testing.T) {
	r := newRig(t)
	problemIn(t, r.comeBack("GET", "/callbacks/megvii_faceid/notify/"+r.ticket(notifying)+"?"+vendorForm().Encode()), 404, "not_found")
	require.Empty(t, r.fake.calls)
}

func TestASlowFormIsCut(t *testing.T) {
	before := formTime
	formTime = 200 * time.Millisecond
	t.Cleanup(func() { formTime = before })
	r := newRig(t)
	server := httptest.NewServer(r.handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	began := time.Now()
	_, err = fmt.Fprintf(conn, "POST /callbacks/megvii_faceid/notify/%s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\ndata=", r.ticket(notifying), urlencoded)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	answer, err := io.ReadAll(conn)
	require.NoError(t, err, "the connection is closed")
	require.True(t, strings.HasPrefix(string(answer), "HTTP/1.1 404"), string(answer))
	require.Less(t, time.Since(began), 15*time.Second)
	require.Empty(t, r.fake.calls)
}

func TestADeadlineOfTheFormDoesNotEndTheHandling(t *testing.T) {
	before := formTime
	formTime = 200 * time.Millisecond
	t.Cleanup(func() { formTime = before })
	r := newRig(t)
	r.fake.notify = func(starter.Notice) (starter.NoticeResult, error) {
		time.Sleep(2 * formTime)
		return starter.NoticeKept, nil
	}
	server := httptest.NewServer(r.handler)
	defer server.Close()
	for range 2 {
		res, err := server.Client().Post(server.URL+"/callbacks/megvii_faceid/notify/"+r.ticket(notifying), urlencoded, strings.NewReader(vendorForm().Encode()))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
}

func TestOfAReturnOnlyWhatIsSignedCarriesWeight(t *testing.T) {
	for result, calls := range map[starter.NoticeResult][]string{
		starter.NoticeKept:     {"notify", "landing"},
		starter.NoticeRefused:  {"notify", "landing"},
		starter.NoticeFailed:   {"notify", "landing"},
		starter.NoticeNoResult: {"notify", "landing"},
		starter.NoticeEmpty:    {"notify", "hint", "landing"},
	} {
		r := landingRig(t, "https://shop.example/back")
		r.fake.notify = func(n starter.Notice) (starter.NoticeResult, error) {
			require.Equal(t, vendorForm(), n.Form)
			var err error
			if result == starter.NoticeRefused || result == starter.NoticeFailed {
				err = errPlanted{}
			}
			return result, err
		}
		w := r.vendorPosts("return", r.ticket(returning), urlencoded, vendorForm().Encode())
		require.Equal(t, 303, w.Code)
		require.Equal(t, "https://shop.example/back?verification_id="+knownID, w.Header().Get("Location"))
		require.Equal(t, calls, r.fake.calls)
	}
	r := landingRig(t, "https://shop.example/back")
	w := r.comeBack("GET", "/callbacks/megvii_faceid/return/"+r.ticket(returning)+"?"+vendorForm().Encode())
	require.Equal(t, 303, w.Code)
	require.Equal(t, []string{"hint", "landing"}, r.fake.calls, "a GET is a hint, whatever it says")

	r = landingRig(t, "https://shop.example/back")
	ticket := r.ticket(func(x *sealing.Ticket) { returning(x); x.Expires = r.now })
	require.Equal(t, 303, r.vendorPosts("return", ticket, urlencoded, vendorForm().Encode()).Code)
	require.Equal(t, []string{"landing"}, r.fake.calls)

	r = landingRig(t, "https://shop.example/back")
	require.Equal(t, 303, r.vendorPosts("return", r.ticket(returning), urlencoded, "%zz").Code, "a broken form strands nobody")
}

// Whatever a form holds, it is read as the standard library reads it or not at
// all, and nothing of it comes back.
func FuzzNotifyForm(f *testing.F) {
	f.Add(urlencoded, []byte(vendorForm().Encode()))
	f.Add(urlencoded, []byte("data=%7B%22status%22%3A%22CANCELLED%22%7D&sign=3c2a51aa21f1e2dd21f6adbfabcd8fc2b504e25b"))
	f.Add(urlencoded, []byte("data=a&data=b&sign=c;d"))
	parts, body := inParts(vendorForm())
	f.Add(parts, []byte(body))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{}\r\n--x--\r\n"))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n{}\r\n--x\r\n\r\n\r\n--x--"))
	set, err := sealing.Generate()
	require.NoError(f, err)
	keys, err := sealing.Parse(set)
	require.NoError(f, err)
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	ticket, err := keys.IssueTicket(sealing.Ticket{Provider: "megvii_faceid", Kind: sealing.KindNotify, ID: knownID, Session: 2, Expires: now.Add(time.Hour)})
	require.NoError(f, err)
	fake := &fakeVerifications{}
	handler, err := New(Deps{Verifications: fake, Tickets: keys, Signatures: keys, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, mediaType string, body []byte) {
		var read url.Values
		fake.calls = nil
		fake.notify = func(n starter.Notice) (starter.NoticeResult, error) {
			read = n.Form
			return starter.NoticeRefused, &starter.Error{Code: starter.NotFound}
		}
		req := httptest.NewRequest("POST", "/callbacks/megvii_faceid/notify/"+ticket, bytes.NewReader(body))
		req.Header.Set("Content-Type", mediaType)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		problemIn(t, w, 404, "not_found")
		if read == nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(mediaType)), urlencoded) {
			return
		}
		want, err := url.ParseQuery(strings.TrimRight(string(body), "\r\n"))
		require.NoError(t, err)
		require.Equal(t, want, read)
	})
}

// A decision's body is what the contract says, or it decides nothing.
func FuzzDecisionBody(f *testing.F) {
	f.Add([]byte(`{"decision":"approved","reason":"review.approved","note":"Compared with the card on the phone."}`))
	f.Add([]byte(`{"decision":"declined","reason":"holder.mismatch"}`))
	f.Add([]byte(`{"decision":"approved","decision":"declined","reason":"holder.mismatch"}`))
	f.Add([]byte(`{"decision":"Approved","reason":"x.y","note":null}`))
	key, hash := NewKey()
	fake := &fakeVerifications{}
	handler, err := New(Deps{Verifications: fake, Logger: slog.New(slog.DiscardHandler),
		Clients: []Client{{ID: "shop", Keys: []Key{{Name: "k", Hash: hash, Scopes: []string{ScopeReview}}}}}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		fake.calls = nil
		fake.decide = func(_, _ string, w starter.ReviewRequest) (starter.View, error) {
			require.Contains(t, []string{"approved", "declined"}, string(w.Decision))
			require.Contains(t, string(body), "reason")
			require.Equal(t, 3, w.Version)
			require.LessOrEqual(t, len([]rune(w.Note)), 2000)
			return running(), nil
		}
		req := newRequest("POST", decisionPath, string(body), key)
		req.Header.Set("If-Match", `"v3"`)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code == 200 {
			require.Equal(t, []string{"decide"}, fake.calls)
			return
		}
		require.GreaterOrEqual(t, w.Code, 400)
		require.Less(t, w.Code, 500)
		require.Empty(t, fake.calls)
	})
}
