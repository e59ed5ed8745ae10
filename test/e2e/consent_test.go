package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// asking is a policy that asks for every consent that its vendors need; where two
// of them are, nobody knows.
type asking struct {
	name, checks, vendors string
	// purposes are all that it asks for; chip: the first of them is the chip's.
	purposes []string
	chip     bool
	// calls are the operations that it begins with, once the person has agreed.
	calls []string
}

const (
	records = "identity_records: required"
	faces   = ", liveness: if_available, face_match: required"
	chip    = "document_chip: required, "
)

var askings = []asking{
	{"asks-eid", records + faces, "face_providers: [tencent_eid]", []string{"identity_records", "face", "vendor_abroad"}, false, []string{"check-2e", "GetEidToken"}},
	{"asks-megvii", records + faces, "face_providers: [megvii_faceid]", []string{"identity_records", "face", "vendor_abroad"}, false, []string{"check-2e", "get_token"}},
	{"asks-both", records + faces, "face_providers: [megvii_faceid, tencent_eid]", []string{"identity_records", "face", "vendor_abroad"}, false, []string{"check-2e", "get_token"}},
	{"asks-chip", chip + records + faces, "chip_provider: sino_connect, face_providers: [tencent_eid]",
		[]string{"document_chip", "identity_records", "face", "vendor_abroad"}, true, []string{"nfc/callback", "check-2e", "GetEidToken"}},
	{"asks-capture", chip + records + faces, "chip_provider: sino_connect, face_providers: [sino_connect], comparer: tencent_iai",
		[]string{"document_chip", "identity_records", "face", "portrait_comparison", "vendor_abroad"}, true, []string{"nfc/callback", "check-2e", "face-rec/request"}},
	{"asks-no-face", chip + records, "chip_provider: sino_connect, always_review: true",
		[]string{"document_chip", "identity_records", "vendor_abroad"}, true, []string{"nfc/callback", "check-2e"}},
}

func askingPolicies() string {
	var b strings.Builder
	b.WriteString("policies:\n")
	for _, a := range askings {
		fmt.Fprintf(&b, "  - {name: %s, version: 1, presentation: page, consents: [%s], checks: {%s}, records_providers: [acedata], %s,\n"+
			"     start_patience: 60s, records_patience: 60s, last_look_patience: 10s, retry_window: 300s, review_deadline: 600s}\n",
			a.name, strings.Join(a.purposes, ", "), a.checks, a.vendors)
	}
	return b.String()
}

// newAskingStack has every vendor, some of them perhaps abroad.
func newAskingStack(t *testing.T, temporal string) *stack {
	return newChipStack(t, options{policies: askingPolicies(), abroad: true, everyVendor: true, temporal: temporal})
}

// agreedTo are consents that the person gave to the caller.
func agreedTo(purposes ...string) []map[string]any {
	var out []map[string]any
	for _, p := range purposes {
		out = append(out, map[string]any{"purpose": p, "text_version": "ours-3", "text_hash": strings.Repeat("ab", 32), "language": "zh-CN",
			"given_at": time.Now().UTC().Format(time.RFC3339)})
	}
	return out
}

// ask starts a verification under a policy that asks for consents.
func (s *stack) ask(a asking, presentation string, consents []map[string]any) answer {
	s.t.Helper()
	p := s.person()
	body := with(with(s.request(p), "policy", a.name), "presentation", presentation)
	if a.chip {
		delete(body, "subject")
		body["nfc_reqid"] = s.scan(p, "")
	}
	if consents != nil {
		body["consents"] = consents
	}
	return s.beginAgain(body)
}

// called are the vendors' operations that were called since a count of them.
func (s *stack) called(since int) []string {
	var out []string
	for _, c := range s.vendors.Ledger().Calls[since:] {
		if !slices.Contains(out, c.Operation) {
			out = append(out, c.Operation)
		}
	}
	return out
}

func (s *stack) calls() int { return len(s.vendors.Ledger().Calls) }

// Without each consent that the policy asks for no vendor is called: not by the
// API, in a mini program, by our page, whatever is pressed there, nor for a
// scan that cannot wait, but for the one vendor that the caller has a consent for.
// With all of them the ledger shows that it would have seen a call.
func TestWithoutConsentNoVendorIsCalled(t *testing.T) {
	t.Parallel()
	s := newAskingStack(t, "")
	for _, a := range askings {
		presentations := []string{"vendor"}
		if strings.Contains(a.vendors, "tencent_eid") {
			presentations = append(presentations, "mini_program")
		}
		for _, presentation := range presentations {
			refused := func(brought []string, missing string) {
				got := s.ask(a, presentation, agreedTo(brought...))
				require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s %s without %s: %s", a.name, presentation, missing, got.body)
				require.Equal(t, "consent_required", got.Code)
				require.Contains(t, string(got.body), missing)
			}
			refused(nil, a.purposes[0])
			for i, missing := range a.purposes {
				refused(slices.Delete(slices.Clone(a.purposes), i, i+1), missing)
			}
		}
		if a.chip {
			got := s.ask(a, "page", agreedTo(a.purposes[1:]...))
			require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s: %s", a.name, got.body)
		}
	}
	require.Zero(t, s.calls())

	type waiting struct {
		asking
		id string
	}
	var page []waiting
	for _, a := range askings {
		var brought []map[string]any
		if a.chip {
			brought = agreedTo("document_chip")
		}
		got := s.ask(a, "page", brought)
		require.Less(t, got.status, 300, "%s", got.body)
		v := s.untilLink(got.view.ID, 30*time.Second)
		page = append(page, waiting{a, v.ID})

		p := s.visitor(inWeChat)
		p.begunAt(v)
		p.untilKind("consent")
		at := p.at.String()
		for _, press := range []string{"go", "here", "code"} { // with no consent, or with that to another text
			p.send("POST", at, url.Values{"act": {press}, "session": {"1"}, "lang": {"en"}})
			p.open(at)
			p.send("POST", at, url.Values{"act": {press}, "session": {"1"}, "lang": {"en"}, "consent.face": {strings.Repeat("0", 64)}})
			p.open(at)
			require.Equal(t, "consent", p.kind(), a.name)
		}
		// All but the last are given, by the caller.
		path := "/v1/verifications/" + v.ID
		some := s.call("shop", "POST", path+"/consents", nil, map[string]any{"consents": agreedTo(a.purposes[:len(a.purposes)-1]...)})
		require.Equal(t, http.StatusOK, some.status, "%s", some.body)
		p.send("POST", at, url.Values{"act": {"go"}, "session": {"1"}, "lang": {"en"}})
		if again := s.retry(v.ID, 0, ""); again.status < 300 {
			require.Equal(t, v.NextAction.URL, again.view.NextAction.URL)
		}
		p.open(at)
		require.Equal(t, "consent", p.kind(), a.name)
	}
	// A human and a "no" need no consent, and call nobody either.
	for i, w := range page {
		v := s.read(w.id)
		p := s.visitor(inWeChat)
		p.begunAt(v)
		if i%2 == 0 {
			p.press("human")
			s.untilReview(w.id, 20*time.Second)
		} else {
			p.press("decline")
			require.Equal(t, verification.Canceled, s.untilEnd(w.id, 20*time.Second).Status)
		}
	}
	chips := 0
	for _, a := range askings {
		if a.chip {
			chips++
		}
	}
	require.Equal(t, []string{"nfc/callback"}, s.called(0))
	require.Equal(t, chips, s.calls(), "each chip was read once, by the consent for it")

	for _, a := range askings {
		before := s.calls()
		got := s.ask(a, "vendor", agreedTo(a.purposes...))
		require.Less(t, got.status, 300, "%s", got.body)
		require.Eventually(t, func() bool {
			called := s.called(before)
			return !slices.ContainsFunc(a.calls, func(o string) bool { return !slices.Contains(called, o) })
		}, 30*time.Second, 50*time.Millisecond, "%s calls %v with every consent", a.name, a.calls)
		require.Equal(t, http.StatusOK, s.call("shop", "POST", "/v1/verifications/"+got.view.ID+"/cancel", nil, map[string]any{}).status)
	}
}

// consentList is the answer to a change of consents.
type consentList struct {
	Status   verification.Status `json:"status"`
	Consents []struct {
		Purpose     string     `json:"purpose"`
		TextVersion string     `json:"text_version"`
		TextHash    string     `json:"text_hash"`
		Language    string     `json:"language"`
		Channel     string     `json:"channel"`
		WithdrawnAt *time.Time `json:"withdrawn_at"`
	} `json:"consents"`
	RedactedAt *time.Time `json:"redacted_at"`
}

// What is said of consents is held to the rules, and refused as a whole.
func TestBadConsentsAreRefused(t *testing.T) {
	t.Parallel()
	s := newAskingStack(t, "")
	got := s.ask(askings[0], "page", nil)
	require.Less(t, got.status, 300, "%s", got.body)
	path := "/v1/verifications/" + s.untilLink(got.view.ID, 30*time.Second).ID + "/consents"
	good := func(member string, value any) map[string]any { return with(agreedTo("face")[0], member, value) }
	for name, bad := range map[string]map[string]any{
		"of an unknown purpose": good("purpose", "fingerprints"), "in the future": good("given_at", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)),
		"before there was a law": good("given_at", "2021-10-31T15:59:59Z"), "at no time": good("given_at", ""), "in no language": good("language", ""),
		"to a text without a name": good("text_version", ""), "to a hash that is none": good("text_hash", "ab"), "by the page's channel": good("channel", "page"),
	} {
		a := s.call("shop", "POST", path, nil, map[string]any{"consents": append(agreedTo("identity_records"), bad)})
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", name, a.body)
	}
	read := func(a answer) (list consentList) {
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.NoError(t, json.Unmarshal(a.body, &list))
		return list
	}
	given := read(s.call("shop", "POST", path, nil, map[string]any{"consents": agreedTo("face")}))
	require.Len(t, given.Consents, 1, "of a refused list none is noted")
	again := read(s.call("shop", "POST", path, nil, map[string]any{"consents": []any{good("text_version", "ours-4")}}))
	require.Equal(t, "ours-3", again.Consents[0].TextVersion, "the first one stands")
	require.Equal(t, http.StatusNotFound, s.call("other", "POST", path, nil, map[string]any{"consents": agreedTo("face")}).status)
	require.Zero(t, s.vendors.Ledger().Count(sandbox.Query{}))
}
