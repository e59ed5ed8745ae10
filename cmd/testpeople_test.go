package cmd

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/client"
)

// curl speaks to a running stack over HTTP and in no other way.
type curl struct {
	t  *testing.T
	at devState
}

func (c curl) api(method, path, key string, body any) (int, *client.Verification) {
	c.t.Helper()
	status, v := c.try(method, path, key, body)
	require.NotNil(c.t, v, "%s %s: HTTP %d", method, path, status)
	return status, v
}

// try returns no verification for a call that was refused.
func (c curl) try(method, path, key string, body any) (int, *client.Verification) {
	c.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(c.t, err)
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.at.API+path, bytes.NewReader(text))
	require.NoError(c.t, err)
	r.Header.Set("Authorization", "Bearer "+c.at.APIKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(c.t, err)
	defer res.Body.Close()
	var v client.Verification
	answer, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	if res.StatusCode >= 400 {
		c.t.Log(string(answer))
		return res.StatusCode, nil
	}
	require.NoError(c.t, json.Unmarshal(answer, &v))
	return res.StatusCode, &v
}

func (c curl) press(address string, form url.Values) {
	c.t.Helper()
	back := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := back.PostForm(address, form)
	require.NoError(c.t, err)
	res.Body.Close()
	require.Less(c.t, res.StatusCode, 400, address)
}

// play does what a row of the page says until the verification is settled.
func (c curl) play(v *client.Verification, page string) *client.Verification {
	c.t.Helper()
	played := 0
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		if client.Settled(v) {
			return v
		}
		if a := v.NextAction; a != nil {
			switch {
			case a.Type == "retry" && page == "pass":
				c.api("POST", "/v1/verifications/"+v.Id+"/retry", "", map[string]any{"session": v.Attempt.Session})
			case a.Type == "redirect" && v.Attempt.Session > played:
				played = v.Attempt.Session
				c.onPage(v, page)
			}
		}
		_, v = c.api("GET", "/v1/verifications/"+v.Id+"?wait=1s", "", nil)
	}
	c.t.Errorf("%s is %s after a minute", v.Id, v.Status)
	return v
}

func (c curl) onPage(v *client.Verification, page string) {
	link := *v.NextAction.Url
	switch page {
	case "pass":
		c.press(link+"/begin", nil)
		c.press(link+"/end", url.Values{"outcome": {"0"}})
	case "run out":
		c.press(c.at.Sandbox+"/sandbox/tencent/tokens/"+link[strings.LastIndex(link, "/")+1:]+"/expire", nil)
	case "cancel":
		c.api("POST", "/v1/verifications/"+v.Id+"/cancel", "", map[string]any{"reason": "canceled.by_caller"})
	}
}

// rows are those of a page's tables whose first cell matches, cell by cell.
func rows(t *testing.T, path, first string) (out [][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, line := range regexp.MustCompile(`(?m)^\| (`+first+`) \|.*$`).FindAllString(string(text), -1) {
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		out = append(out, cells)
	}
	return out
}

var reasonInRow = regexp.MustCompile("^`([a-z]+\\.[a-z_]+)`")

// person is a row of the page's tables: what is asked for, what is done on the
// page, and how it ends.
type person struct {
	name, page, outcome, because string
	request                      map[string]any
}

// waits: in the composed stack it ends after a clock of production only.
func (p person) waits() bool { return strings.Contains(p.because, "under `dev`") }

func testPeople(t *testing.T) (all []person) {
	t.Helper()
	for _, r := range rows(t, "../docs/test-people.md", `\p{Han}[\p{Han}·]+`) {
		require.Len(t, r, 6, "%v", r)
		dates := strings.Fields(r[2])
		all = append(all, person{fmt.Sprintf("%s %s", r[1], r[3]), r[3], r[4], r[5], map[string]any{"policy": "cn-resident", "presentation": "vendor",
			"subject": map[string]any{"name": r[0], "id_number": r[1], "id_validity": map[string]any{"from": dates[0], "to": dates[1]}}}})
	}
	for _, r := range rows(t, "../docs/test-people.md", "`sim-[a-z]+-` and anything") {
		require.Len(t, r, 4, "%v", r)
		prefix := strings.Trim(strings.Fields(r[0])[0], "`")
		all = append(all, person{prefix, r[1], r[2], r[3], map[string]any{"policy": "cn-chip", "presentation": "vendor", "nfc_reqid": prefix + "anything"}})
	}
	return all
}

// ends plays a row over HTTP alone.
func (c curl) ends(p person) {
	status, v := c.api("POST", "/v1/verifications", rand.Text(), p.request)
	require.Contains(c.t, []int{201, 202}, status)
	v = c.play(v, p.page)
	require.NotNil(c.t, v.Outcome)
	require.Equal(c.t, p.outcome, *v.Outcome)
	if m := reasonInRow.FindStringSubmatch(p.because); m != nil {
		require.Contains(c.t, codesOf(v), m[1])
	}
}

// playPeople plays the rows side by side.
func playPeople(t *testing.T, name string, s devState, people []person) {
	t.Run(name, func(t *testing.T) {
		for _, p := range people {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				curl{t, s}.ends(p)
			})
		}
	})
}

// The documented people end as the page says, whose every row is played over HTTP
// alone; and each outcome that there is has its row.
func TestTestPeopleEndAsDocumented(t *testing.T) {
	s, _ := localStack(t)
	people := testPeople(t)
	playPeople(t, "dev", s, people)
	seen := map[string]bool{}
	for _, p := range people {
		seen[p.outcome] = true
	}
	require.ElementsMatch(t, []string{"approved", "declined", "review", "expired", "canceled", "error"}, slices.Collect(maps.Keys(seen)))
}

func codesOf(v *client.Verification) (codes []string) {
	if v.Verdict != nil {
		for _, r := range v.Verdict.Reasons {
			codes = append(codes, r.Code)
		}
	}
	for _, r := range v.ReviewReasons {
		codes = append(codes, r.Code)
	}
	if v.LastError != nil {
		codes = append(codes, v.LastError.Code)
	}
	for _, check := range v.Checks {
		for _, r := range check.Reasons {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

// The first person of every example comes again and again; the fourth time must
// not end otherwise than the first.
func TestATestPersonWorksAsOftenAsOneLikes(t *testing.T) {
	s, _ := localStack(t)
	c := curl{t, s}
	for i := range 14 { // production's caps are 3 and 12
		_, v := c.api("POST", "/v1/verifications", fmt.Sprint("again-", i), map[string]any{"policy": "cn-resident",
			"subject": map[string]any{"name": "测试甲", "id_number": "110199199003070017", "id_validity": map[string]any{"from": "20200115", "to": "20400115"}}})
		v = c.play(v, "pass")
		require.Equal(t, "approved", *v.Outcome, "time %d", i+1)
	}
}
