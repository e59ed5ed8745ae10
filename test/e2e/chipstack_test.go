package e2e

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// chipKeys are the keys of all stacks' chip tokens: making RSA keys takes time.
var chipKeys = sync.OnceValues(sandbox.NewChipKeys)

// chipSettings are those of Sino Connect and the comparer at the stand-ins.
func (s *stack) chipSettings() []string {
	s.t.Helper()
	keys := filepath.Join(s.dir, "chip-keys.json")
	private, _ := chipKeys()
	require.NoError(s.t, os.WriteFile(keys, private, 0o600))
	return []string{
		"YANZHEN_SINO_BASE_URL=" + s.vendorsURL + "/sino", "YANZHEN_SINO_JWKS=" + keys,
		"YANZHEN_SINO_CLIENT_ID=" + sandbox.DefaultSinoClientID, "YANZHEN_SINO_CLIENT_SECRET=" + sandbox.DefaultSinoClientSecret,
		"YANZHEN_SINO_POLL_MIN=300ms", "YANZHEN_SINO_POLL_MAX=600ms",
		"YANZHEN_TENCENT_IAI_ENABLED=true", "YANZHEN_TENCENT_IAI_SCHEME=http", "YANZHEN_TENCENT_IAI_PATIENCE=4s",
		"YANZHEN_TENCENT_IAI_ENDPOINT=" + strings.TrimPrefix(s.vendorsURL, "http://") + "/iai",
	}
}

// newChipStack is a stack with all policies, their clocks in seconds.
func newChipStack(t *testing.T, o options) *stack {
	t.Helper()
	o.chip = true
	var policies strings.Builder
	policies.WriteString(quickPolicy)
	for _, name := range []string{"cn-chip", "cn-chip-capture", "cn-no-face"} {
		policies.WriteString(strings.TrimPrefix(strings.ReplaceAll(quickPolicy, "cn-resident", name), "policies:\n"))
	}
	if o.policies == "" {
		o.policies = policies.String()
	}
	return newStack(t, o)
}

// scan reads a person's card as the vendor's SDK would.
func (s *stack) scan(p sandbox.Person, prefix string) (reqid string) {
	s.t.Helper()
	reqid, err := s.vendors.AddScan(sandbox.ScanOptions{Person: &p, Prefix: prefix})
	require.NoError(s.t, err)
	return reqid
}

// beginChip starts a verification from nothing but a scan.
func (s *stack) beginChip(policy, reqid string) answer {
	s.t.Helper()
	return s.call("shop", "POST", "/v1/verifications", map[string]string{"Idempotency-Key": freshKey()},
		map[string]any{"policy": policy, "presentation": "vendor", "nfc_reqid": reqid, "return_url": s.vendorsURL + "/shop/back"})
}

// begun is beginChip that worked.
func (s *stack) begun(policy, reqid string) view {
	s.t.Helper()
	a := s.beginChip(policy, reqid)
	require.Less(s.t, a.status, 300, "%s", a.body)
	return a.view
}

// sinoSession is the session in the link to the stand-in's face page.
func (s *stack) sinoSession(v view) string {
	s.t.Helper()
	require.NotNil(s.t, v.NextAction)
	u, err := url.Parse(v.NextAction.URL)
	require.NoError(s.t, err)
	session, ok := strings.CutPrefix(u.Path, "/page/sino/")
	require.True(s.t, ok, u.Path)
	return session
}

// capture ends the face page of a verification that shows its link.
func (s *stack) capture(v view, outcome string, p sandbox.Person) (session string) {
	s.t.Helper()
	session = s.sinoSession(v)
	require.NoError(s.t, s.vendors.SinoBegin(session))
	require.NoError(s.t, s.vendors.SinoEnd(session, outcome, p.IDNumber))
	return session
}

// retry asks for the next session, or brings the next scan.
func (s *stack) retry(id string, session int, reqid string) answer {
	s.t.Helper()
	body := map[string]any{"session": session}
	if reqid != "" {
		body["nfc_reqid"] = reqid
	}
	return s.call("shop", "POST", "/v1/verifications/"+id+"/retry", nil, body)
}

// untilAction reads until the person must do something.
func (s *stack) untilAction(id, action string, d time.Duration) view {
	s.t.Helper()
	return s.until(id, d, action, func(v view) bool { return v.NextAction != nil && v.NextAction.Type == action })
}

// untilReview reads until a human must look, and what was found can be read: an
// answer without the run's tells the status alone.
func (s *stack) untilReview(id string, d time.Duration) view {
	s.t.Helper()
	return s.until(id, d, "a review", func(v view) bool {
		pending := func(c verification.Check) bool { return c.Status == verification.Pending }
		return v.Status == verification.InReview && !slices.ContainsFunc(v.Checks, pending)
	})
}

// reads counts the calls in which a scan was fetched.
func (s *stack) reads(reqid string) int {
	return s.vendors.Ledger().Count(sandbox.Query{Operation: "nfc/callback", Token: sandbox.TokenKey(reqid)})
}

// compared counts the comparisons for a person.
func (s *stack) compared(p sandbox.Person) int {
	return s.vendors.Ledger().Count(sandbox.Query{Vendor: sandbox.TencentIAI, Subject: sandbox.SubjectKey(p.IDNumber)})
}

// uncharged holds that nobody was paid for a person, and no face page opened.
func (s *stack) uncharged(t *testing.T, p sandbox.Person) {
	t.Helper()
	about := s.vendors.Ledger().Select(sandbox.Query{Subject: sandbox.SubjectKey(p.IDNumber)})
	for _, c := range about.Calls {
		require.Equal(t, "nfc/callback", c.Operation, "the chip was read, and nobody else was asked")
	}
	require.Empty(t, about.Sessions)
}

// portrait is what the store holds of the chip's picture, opened.
func (s *stack) portrait(id string) []byte {
	s.t.Helper()
	picture, err := s.openStore().Portrait(s.t.Context(), id)
	require.NoError(s.t, err)
	return picture
}

func find(t *testing.T, v view, check verification.CheckType) verification.Check {
	t.Helper()
	c, ok := verification.Find(v.Checks, check)
	require.True(t, ok, "no check %s", check)
	return c
}

func reasonsOf(list []verification.Reason) string {
	var codes []string
	for _, r := range list {
		codes = append(codes, string(r.Code))
	}
	return fmt.Sprint(codes)
}

// events counts the events of a run.
func (s *stack) events(id string) int { return len(s.history(id).Events) }
