package e2e

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// onlyMegvii is the policy with no other face vendor.
const onlyMegvii = "cn-resident-megvii"

// megviiPolicies are those with Megvii, their clocks in seconds. A retry may
// come late: several verifications are followed one after the other.
var megviiPolicies = quickAs("cn-resident-megvii", "retry_window: 20s", "retry_window: 120s") +
	quickAs("cn-resident-failover", "start_patience: 10s", "start_patience: 40s")

// quickAs is quickPolicy under another name, with replacements.
func quickAs(name string, replacements ...string) string {
	replacements = append(replacements, "policies:\n", "", "cn-resident", name)
	return strings.NewReplacer(replacements...).Replace(quickPolicy)
}

// megviiSettings are those of Megvii at the stand-in.
func (s *stack) megviiSettings() []string { // the look comes once the stand-in has called the time
	return []string{
		"YANZHEN_MEGVII_BASE_URL=" + s.vendorsURL + "/megvii", "YANZHEN_MEGVII_API_KEY=" + sandbox.DefaultMegviiKey,
		"YANZHEN_MEGVII_API_SECRET=" + sandbox.DefaultMegviiSecret, "YANZHEN_MEGVII_LOOK_AFTER=2s",
	}
}

// flow sets how long a session at Megvii's stand-in lives.
func flow(d time.Duration) func(*sandbox.Config) {
	return func(c *sandbox.Config) { c.Megvii.FlowTTL = d }
}

// beginUnder starts a verification of the person under a policy.
func (s *stack) beginUnder(policy string, p sandbox.Person) answer {
	s.t.Helper()
	return s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()}, with(s.request(p), "policy", policy))
}

// megviiToken is the token in the link to the stand-in's page.
func (s *stack) megviiToken(v view) string {
	s.t.Helper()
	require.NotNil(s.t, v.NextAction)
	u, err := url.Parse(v.NextAction.URL)
	require.NoError(s.t, err)
	require.Equal(s.t, "/megvii/faceid/lite/do", u.Path)
	return u.Query().Get("token")
}

// endMegvii opens the page and ends it, telling as the options say, and takes
// the browser back where it goes.
func (s *stack) endMegvii(v view, outcome string, o sandbox.NotifyOptions) sandbox.MegviiReturn {
	s.t.Helper()
	token := s.megviiToken(v)
	require.NoError(s.t, s.vendors.SetMegviiNotifyOf(token, o))
	require.NoError(s.t, s.vendors.MegviiBegin(token))
	back, err := s.vendors.MegviiEnd(token, outcome)
	require.NoError(s.t, err)
	if back.Method == http.MethodPost {
		status, location, _ := s.postForm(back.URL, back.Form)
		require.Equal(s.t, http.StatusSeeOther, status, "the person is sent on")
		require.True(s.t, strings.HasPrefix(location, s.vendorsURL+"/shop/back?"), location)
	}
	return back
}

// post posts a form as a vendor or a browser does, without going on.
func (s *stack) postForm(address string, form url.Values) (status int, location, body string) {
	s.t.Helper()
	res, err := direct.PostForm(address, form)
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res.StatusCode, res.Header.Get("Location"), string(text)
}

// notifyAddress is where Megvii would tell of a session's end.
func (s *stack) notifyAddress(id string, session int, expires time.Time) string {
	s.t.Helper()
	ticket, err := s.keySet().IssueTicket(sealing.Ticket{Provider: "megvii_faceid", Kind: sealing.KindNotify, ID: id, Session: session, Expires: expires})
	require.NoError(s.t, err)
	return s.apiURL + "/callbacks/megvii_faceid/notify/" + ticket
}

// told are the answers that the stand-in's notifications of a session got.
func (s *stack) told(token string) []string {
	var out []string
	for _, e := range s.vendors.Ledger().Select(sandbox.Query{Vendor: sandbox.Megvii, Token: sandbox.TokenKey(token)}).Notifications {
		out = append(out, e.Outcome)
	}
	return out
}

// lookedUp counts the get_result calls of a session.
func (s *stack) lookedUp(token string) int {
	return s.vendors.Ledger().Count(sandbox.Query{Operation: "get_result", Token: sandbox.TokenKey(token)})
}
