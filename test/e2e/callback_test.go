package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/verification"
)

// land calls a callback as a browser would, without going on.
func land(t *testing.T, address string) (status int, header http.Header, body string) {
	t.Helper()
	res, err := direct.Get(address)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, res.Header, string(text)
}

func TestABadTicketIsRefusedWithoutDetailAndTheRunGoesOn(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	id, genuine := a.view.ID, s.callbackOf(a.view)
	ticket := ticketIn(t, genuine)

	set, err := sealing.Generate()
	require.NoError(t, err)
	strangers, err := sealing.Parse(set)
	require.NoError(t, err)
	body := sealing.Ticket{Provider: "tencent_eid", Kind: sealing.KindReturn, ID: id, Session: 1, Expires: time.Now().Add(time.Hour)}
	foreign, err := strangers.IssueTicket(body)
	require.NoError(t, err)
	issue := func(change func(*sealing.Ticket)) string {
		b := body
		change(&b)
		text, err := s.keySet().IssueTicket(b)
		require.NoError(t, err)
		return text
	}
	last := ticket[len(ticket)-1]
	path := func(provider, kind, ticket string) string {
		return s.apiURL + "/callbacks/" + provider + "/" + kind + "/" + ticket
	}
	refusals := map[string]string{
		"garbage":             path("tencent_eid", "return", "garbage"),
		"half":                path("tencent_eid", "return", ticket[:len(ticket)/2]),
		"one character more":  path("tencent_eid", "return", ticket+"A"),
		"one character other": path("tencent_eid", "return", ticket[:len(ticket)-1]+string('A'+(last-'A'+1)%26)),
		"the id as a ticket":  path("tencent_eid", "return", id),
		"of another key set":  path("tencent_eid", "return", foreign),
		"on another provider": path("megvii_faceid", "return", ticket),
		"on another kind":     path("tencent_eid", "notify", ticket),
		"on an unknown kind":  path("tencent_eid", "look", ticket),
		"of another provider": path("tencent_eid", "return", issue(func(b *sealing.Ticket) { b.Provider = "megvii_faceid" })),
		"of another kind":     path("tencent_eid", "return", issue(func(b *sealing.Ticket) { b.Kind = sealing.KindNotify })),
		"notify by its name":  path("tencent_eid", "notify", issue(func(b *sealing.Ticket) { b.Kind = sealing.KindNotify })),
	}
	for what, address := range refusals {
		t.Run(what, func(t *testing.T) {
			status, header, text := land(t, address)
			require.GreaterOrEqual(t, status, 400)
			require.Less(t, status, 500)
			require.Empty(t, header.Get("Location"))
			for _, told := range []string{id, ticket[:20], "ticket", "expired", "shop/back", "session"} {
				require.NotContains(t, strings.ToLower(text), strings.ToLower(told), "it tells why")
			}
			post, err := direct.Post(address, "application/x-www-form-urlencoded", strings.NewReader("token=x"))
			require.NoError(t, err)
			post.Body.Close()
			require.Equal(t, status, post.StatusCode)
		})
	}
	// Genuine, and past its time or for a session that never was: home, but
	// no look. And a ticket says nothing to another verification's run.
	b := s.begin(s.person())
	require.Equal(t, http.StatusCreated, b.status, "%s", b.body)
	for _, stale := range []string{
		issue(func(b *sealing.Ticket) { b.Expires = time.Now().Add(-time.Minute) }),
		issue(func(b *sealing.Ticket) { b.Session = 7 }),
	} {
		status, header, _ := land(t, path("tencent_eid", "return", stale))
		require.Equal(t, http.StatusSeeOther, status)
		require.True(t, strings.HasPrefix(header.Get("Location"), s.vendorsURL+"/shop/back?"))
	}
	status, header, _ := land(t, s.callbackOf(b.view))
	require.Equal(t, http.StatusSeeOther, status)
	require.Contains(t, header.Get("Location"), b.view.ID)
	require.NotContains(t, header.Get("Location"), id)
	require.Zero(t, s.signals(id), "no signal reached the run")
	require.Equal(t, verification.RequiresInput, s.read(id).Status)

	s.play(a.view, "0")
	status, header, _ = land(t, genuine)
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
	to := header.Get("Location")
	require.True(t, strings.HasPrefix(to, s.vendorsURL+"/shop/back?"), to)
	require.Contains(t, to, id)
	require.NotContains(t, to, "approved")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(id, 30*time.Second).Outcome)
	require.Equal(t, 1, s.signals(id))
	require.NotContains(t, string(s.logs()), ticket[len(ticket)/2:], "logs name the route, never the path")
}

func TestMoreThanFiftyCallbacksSendAtMostFiftyHints(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	callback := s.callbackOf(a.view)
	for range 70 {
		status, _, _ := land(t, callback)
		require.Equal(t, http.StatusSeeOther, status, "a browser is always sent on")
	}
	require.Equal(t, 50, s.signals(a.view.ID))
	// Polls come too: 20 looks at most by hints, and a poll a second at most.
	require.LessOrEqual(t, s.asked("CheckEidTokenStatus"), 45)
	s.play(a.view, "0")
	require.Equal(t, verification.OutcomeApproved, s.untilEnd(a.view.ID, 30*time.Second).Outcome)
	status, _, _ := land(t, callback)
	require.Equal(t, http.StatusSeeOther, status, "after the end, too")
	require.Equal(t, 50, s.signals(a.view.ID))
}
