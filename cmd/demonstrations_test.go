package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// safeBuffer is what the stack writes and a test reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// localStack runs `yanzhen dev` on free ports until the test ends.
func localStack(t *testing.T) (devState, string) {
	t.Helper()
	return localStackAs(t, devOptions{})
}

// localStackAs does the same as it is told.
func localStackAs(t *testing.T, o devOptions) (devState, string) {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan devState, 1), make(chan error, 1)
	var out safeBuffer
	go func() {
		o.data, o.quiet, o.headless, o.flow = dir, true, true, 15*time.Second
		o.ready = func(_ context.Context, s devState) error { ready <- s; return nil }
		ended <- runDev(ctx, o, &out)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			t.Error("the stack did not stop within a minute")
		}
	})
	select {
	case s := <-ready:
		return s, dir
	case err := <-ended:
		ended <- nil
		t.Fatalf("the stack ended: %v\n%s", err, &out)
	case <-time.After(2 * time.Minute):
		t.Fatalf("the stack is not up after two minutes\n%s", &out)
	}
	panic("unreachable")
}

// demo runs `yanzhen demo` with the flags, as a user types them.
func demo(t *testing.T, dir string, flags ...string) (*client.Verification, string, error) {
	t.Helper()
	return follow(t, dir, append([]string{"demo", "--pause", "0s"}, flags...)...)
}

// follow runs a command that follows a verification, and reads it in the end.
func follow(t *testing.T, dir string, args ...string) (*client.Verification, string, error) {
	t.Helper()
	var out bytes.Buffer
	root := Root()
	root.SetOut(&out)
	root.SetIn(strings.NewReader(""))
	root.SetArgs(append(args, "--data", dir, "--timeout", "2m"))
	err := root.ExecuteContext(t.Context())
	if err != nil {
		return nil, out.String(), err
	}
	i := strings.Index(out.String(), "ver_")
	require.GreaterOrEqual(t, i, 0, out.String())
	c, err := callerFlags{data: dir}.caller()
	require.NoError(t, err)
	v, err := c.api.Get(t.Context(), out.String()[i:i+30])
	require.NoError(t, err)
	return v, out.String(), nil
}

// ledger counts the calls that the stand-ins got for the person of an output.
func ledger(t *testing.T, s devState, output string) (calls map[string]int) {
	t.Helper()
	fields := strings.Fields(output[strings.Index(output, "invented "):])
	res, err := http.Get(s.Sandbox + "/sandbox/ledger?subject=" + sandbox.SubjectKey(strings.Trim(fields[2], ",")))
	require.NoError(t, err)
	defer res.Body.Close()
	var body struct {
		Counts map[string]int `json:"counts"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&body))
	return body.Counts
}

func reasonsOf(v *client.Verification) []string {
	var codes []string
	add := func(code string) {
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	if v.Verdict != nil {
		for _, r := range v.Verdict.Reasons {
			add(r.Code)
		}
	}
	for _, r := range v.ReviewReasons {
		add(r.Code)
	}
	if v.LastError != nil {
		add(v.LastError.Code)
	}
	return codes
}

// demonstration is one line of docs/demonstrations.md, or of its kind.
type demonstration struct {
	name    string
	flags   []string
	outcome string
	reasons []string // among those told
	calls   map[string]int
}

var demonstrations = []demonstration{
	{"approved", []string{"--outcome", "approved"}, "approved", nil,
		map[string]int{"GetEidToken": 1, "check-2e": 1, "GetEidResult": 1}},
	{"low similarity, then approved", []string{"--outcome", "not-alike,approved"}, "approved", nil,
		map[string]int{"GetEidToken": 2, "check-2e": 1, "GetEidResult": 2}},
	{"low similarity three times", []string{"--outcome", "not-alike,not-alike,not-alike"}, "declined",
		[]string{"face.no_match", "session.attempts_exhausted"}, map[string]int{"GetEidToken": 3, "check-2e": 1}},
	{"one low similarity and two cancels", []string{"--outcome", "not-alike,cancel,cancel"}, "expired", nil, nil},
	{"suspected spoof", []string{"--outcome", "spoof"}, "review", []string{"face.spoof_suspected"}, nil},
	{"name mismatch in the records", []string{"--outcome", "abandon", "--records", "mismatch"}, "declined",
		[]string{"identity.mismatch"}, map[string]int{"GetEidResult": 0, "check-2e": 1}},
	{"name mismatch at the face vendor", []string{"--outcome", "name-mismatch-face"}, "declined", []string{"identity.mismatch"}, nil},
	{"records vendor down", []string{"--outcome", "approved", "--records", "down"}, "review", []string{"provider.unavailable"}, nil},
	{"records answer lost", []string{"--outcome", "approved", "--records", "lost"}, "review", []string{"records.charge_unknown"},
		map[string]int{"check-2e": 2}},
	{"face vendor down", []string{"--tencent", "down"}, "error", []string{"provider.unavailable"}, nil},
	{"token expired", []string{"--outcome", "expire"}, "expired", []string{"session.expired"}, nil},
	{"card expired", []string{"--card", "expired"}, "declined", []string{"document.expired"},
		map[string]int{"GetEidToken": 0, "check-2e": 0}},
	{"another holder at the face vendor", []string{"--outcome", "other-holder"}, "declined", []string{"holder.mismatch"}, nil},
	{"not found", []string{"--outcome", "not-found"}, "review", []string{"records.not_found"}, nil},
	{"no reference photo", []string{"--outcome", "no-photo"}, "review", []string{"face.no_reference_photo"}, nil},
	{"vendor's fault, then approved", []string{"--outcome", "vendor-fault,approved"}, "approved", nil, nil},
	{"vendor's limit, then approved", []string{"--outcome", "vendor-limit,approved"}, "approved", nil, nil},
	{"run out after the person had begun, then approved", []string{"--outcome", "expire-begun,approved"}, "approved", nil, nil},
	{"a chip, and nothing else", []string{"--chip", "--outcome", "approved"}, "approved", nil,
		map[string]int{"nfc/callback": 1, "check-2e": 1, "GetEidToken": 1, "CompareFace": 0}},
	{"a chip and its portrait", []string{"--chip", "--policy", "cn-chip-capture", "--outcome", "same-face"}, "approved", nil,
		map[string]int{"nfc/callback": 1, "check-2e": 1, "CompareFace": 1}},
	{"another's face, then the holder's", []string{"--chip", "--policy", "cn-chip-capture", "--outcome", "other-face,same-face"}, "approved", nil,
		map[string]int{"check-2e": 1, "CompareFace": 2}},
	{"another's face three times", []string{"--chip", "--policy", "cn-chip-capture", "--outcome", "other-face,other-face,other-face"}, "declined",
		[]string{"face.no_match", "session.attempts_exhausted"}, map[string]int{"check-2e": 1, "CompareFace": 3}},
	{"the comparer down", []string{"--chip", "--policy", "cn-chip-capture", "--outcome", "same-face", "--comparer", "down"}, "review",
		[]string{"face.not_compared"}, map[string]int{"check-2e": 1}},
	{"nobody in the picture", []string{"--chip", "--policy", "cn-chip-capture", "--outcome", "no-face"}, "review",
		[]string{"face.not_compared"}, map[string]int{"check-2e": 1}},
	{"left, failed, run out on the way back, then approved", []string{"--chip", "--policy", "cn-chip-capture", "--outcome", "cancel,fail,expire-begun,approved"},
		"approved", nil, map[string]int{"check-2e": 1, "CompareFace": 1}},
	{"a face page that nobody opened", []string{"--chip", "--policy", "cn-chip-capture", "--outcome", "expire"}, "expired", []string{"session.expired"}, nil},
	{"no face asked for", []string{"--chip", "--policy", "cn-no-face"}, "review", []string{"review.always"},
		map[string]int{"check-2e": 1, "GetEidToken": 0}},
	{"a chip of an expired card", []string{"--chip", "--card", "expired"}, "declined", []string{"document.expired"},
		map[string]int{"nfc/callback": 1, "check-2e": 0, "GetEidToken": 0}},
	{"an implausible chip", []string{"--chip", "--card", "implausible"}, "review", []string{"document.implausible"},
		map[string]int{"nfc/callback": 1, "check-2e": 0, "GetEidToken": 0}},
	{"an unreadable chip, scanned again", []string{"--chip", "--card", "unreadable", "--outcome", "approved"}, "approved", nil,
		map[string]int{"nfc/callback": 2, "check-2e": 1}},
	{"another holder's chip", []string{"--chip", "--card", "other-holder"}, "declined", []string{"holder.mismatch"},
		map[string]int{"check-2e": 0, "GetEidToken": 0}},
	{"not live, poor picture, approved", []string{"--outcome", "not-live,poor-picture,approved"}, "approved", nil, nil},
}

func TestEveryDemonstrationEndsAsItShould(t *testing.T) {
	s, dir := localStack(t)
	for _, d := range demonstrations {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			v, out, err := demo(t, dir, d.flags...)
			require.NoError(t, err, out)
			require.NotNil(t, v.Outcome, out)
			require.Equal(t, d.outcome, *v.Outcome, out)
			for _, r := range d.reasons {
				require.Contains(t, reasonsOf(v), r, out)
				require.Contains(t, out, r+": ", "the reason is told in words")
			}
			require.Contains(t, out, strings.ToUpper(d.outcome))
			calls := ledger(t, s, out)
			for operation, n := range d.calls {
				if operation == "GetEidResult" && calls[operation] > n {
					require.LessOrEqual(t, calls[operation], 2*n, "%v", calls)
					continue // free: the poll and the browser's way back may both see the end
				}
				require.Equal(t, n, calls[operation], "%s: %v", operation, calls)
			}
		})
	}
}

func TestStartAndDemoSayWhatTheyCannotDo(t *testing.T) {
	_, dir := localStack(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		text string
	}{
		{"unknown outcome", []string{"demo", "--outcome", "brilliant"}, exitUsage, "want one of abandon, approved"},
		{"an outcome of another page", []string{"demo", "--chip", "--outcome", "no-face"}, exitUsage, `"no-face": want one of those of tencent`},
		{"a chip and a person", []string{"demo", "--chip", "--name", "测试甲"}, exitUsage, "unknown flag: --name"},
		{"a card that only a chip can be", []string{"demo", "--card", "implausible"}, exitUsage, "--card \"implausible\": want one of expired, valid"},
		{"no stand-ins", []string{"demo", "--api", "http://127.0.0.1:1", "--key", "k"}, exitUsage, "demo needs the stand-in vendors"},
		{"an outcome without a page", []string{"start", "--outcome", "approved"}, exitUsage, "unknown flag: --outcome"},
		{"a scan for a policy without a chip", []string{"start", "--nfc-reqid", "sim-ok-x", "--policy", "cn-resident"}, exitRefused, "subject"},
		{"nobody", []string{"start"}, exitUsage, "`yanzhen demo` invents somebody"},
		{"half a person", []string{"start", "--name", "测试甲"}, exitUsage, "--id-number"},
		{"unknown policy", append([]string{"start", "--policy", "nobody"}, named...), exitRefused, "policy"},
		{"bad number", []string{"start", "--name", "测试甲", "--id-number", "110199199003070018", "--valid-from", "20200115", "--valid-to", "20400115"}, exitRefused, "subject.id_number"},
		{"no answer", append([]string{"start", "--api", "http://127.0.0.1:1", "--key", "k"}, named...), exitNoReply, "no answer from http://127.0.0.1:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := follow(t, dir, c.args...)
			e, ok := errors.AsType[*exitError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, c.code, e.code, "%v", err)
			require.ErrorContains(t, err, c.text)
			require.NotContains(t, err.Error(), "110199199003070018", "no value is echoed")
		})
	}
}

// named is a person whom the stand-ins know.
var named = []string{"--name", "测试甲", "--id-number", "110199199003070017", "--valid-from", "20200115", "--valid-to", "20400115"}

// start is the client of the API alone: it plays nobody's page, and whoever sits
// at the terminal has the link.
func TestStartShowsTheLinkAndFollowsThePersonWhoOpensIt(t *testing.T) {
	_, dir := localStack(t)
	var out safeBuffer
	root := Root()
	root.SetOut(&out)
	root.SetIn(strings.NewReader(""))
	root.SetArgs(append([]string{"start", "--data", dir, "--timeout", "1m", "--reference", "order-17"}, named...))
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(t.Context()) }()
	link := regexp.MustCompile(`http://\S+/page/tencent/\S+`)
	require.Eventually(t, func() bool { return link.MatchString(out.String()) }, 20*time.Second, 20*time.Millisecond, &out)
	page, err := sandbox.OpenPage(link.FindString(out.String()))
	require.NoError(t, err)
	require.NoError(t, page.Play(t.Context(), sandbox.Playing{Outcome: "approved"}))
	require.NoError(t, <-ended, &out)
	require.Contains(t, out.String(), "APPROVED  by policy, version 1")
	require.NotContains(t, out.String(), "invented")
}

func TestDevNamesTheFolderThatAnotherOneHolds(t *testing.T) {
	_, dir := localStack(t)
	err := runDev(t.Context(), devOptions{data: dir, quiet: true, headless: true}, &safeBuffer{})
	require.ErrorContains(t, err, "another `yanzhen dev` runs in "+dir)
}

// The page shows no line that is not run above, and says truly how it ends.
func TestDocsShowTheDemonstrationsAsTheyEnd(t *testing.T) {
	page, err := os.ReadFile("../docs/demonstrations.md")
	require.NoError(t, err)
	ends := map[string]string{}
	for _, d := range slices.Concat(demonstrations, megviiDemonstrations) {
		ends[strings.Join(d.flags, " ")] = d.outcome
	}
	rows := regexp.MustCompile("(?m)^\\| `yanzhen demo ([^`]+)` \\| ([a-z]+) \\|").FindAllSubmatch(page, -1)
	require.Greater(t, len(rows), 20)
	for _, row := range rows {
		require.Equal(t, ends[string(row[1])], string(row[2]), "%s", row[1])
	}
}
