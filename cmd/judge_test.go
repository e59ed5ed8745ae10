package cmd

import (
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// recordedCases are a store with six ended verifications, a day apart: approved,
// reviewed for a suspicion and declined, declined, expired without a face, erased, and
// one of another client and policy.
func recordedCases(t *testing.T) (dir string, id func(i int) string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("YANZHEN_STORE", "sqlite:"+filepath.Join(dir, "yz.db"))
	t.Setenv("YANZHEN_KEYS", filepath.Join(dir, "keys.json"))
	require.NoError(t, createKeys(os.Getenv("YANZHEN_KEYS"), &safeBuffer{}))
	require.NoError(t, store.Migrate(t.Context(), os.Getenv("YANZHEN_STORE")))
	keys, err := sealing.Load(os.Getenv("YANZHEN_KEYS"))
	require.NoError(t, err)
	st, err := store.Open(t.Context(), os.Getenv("YANZHEN_STORE"), keys)
	require.NoError(t, err)
	defer func() { require.NoError(t, st.Close()) }()
	id = func(i int) string { return fmt.Sprintf("ver_%026d", i) }
	day := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	check := verification.NewCheck
	passed := func(t verification.CheckType) verification.Check { return check(t, verification.Passed) }
	document, records, live, match := passed(verification.DocumentValidity), passed(verification.IdentityRecords), passed(verification.Liveness), passed(verification.FaceMatch)
	for i, checks := range [][]verification.Check{
		{document, records, live, match},
		{document, records, check(verification.Liveness, verification.Failed, verification.FaceSpoofSuspected), check(verification.FaceMatch, verification.Skipped)},
		{document, check(verification.IdentityRecords, verification.Failed, verification.IdentityMismatch), live, match},
		{document, records, check(verification.Liveness, verification.Skipped), check(verification.FaceMatch, verification.Skipped)},
		{document, records, live, match},
		{document, records, live, match},
	} {
		at := day.AddDate(0, 0, i)
		for j := range checks {
			began := at.Add(-time.Hour)
			checks[j].CompletedAt = &began
		}
		r := store.Row{ID: id(i), Client: "shop", Fingerprint: []byte{1}, Policy: verification.PolicyRef{Name: "cn-resident", Version: 7}, CreatedAt: at,
			Request: verification.Request{Subject: &verification.Subject{Name: "测试甲", IDNumber: "110199199003070017"}}}
		s := verification.State{Status: verification.Completed, Decision: verification.Approved, Policy: r.Policy, Checks: checks, UpdatedAt: at, Version: 9}
		s.Verdict = &verification.Verdict{Version: 1, Decision: verification.Approved, DecidedBy: verification.ByPolicy, Policy: r.Policy}
		switch i {
		case 1:
			s.ReviewReasons = []verification.Reason{verification.ReasonOf(verification.FaceSpoofSuspected)}
			s.Verdict.Decision, s.Verdict.DecidedBy, s.Decision = verification.Declined, verification.ByReviewer, verification.Declined
		case 2:
			s.Verdict.Decision, s.Decision = verification.Declined, verification.Declined
		case 3:
			s.Status, s.Verdict, s.Decision = verification.Expired, nil, ""
		case 5:
			r.Client, r.Policy.Name, s.Policy.Name = "bank", "other", "other"
		}
		_, _, err := st.Insert(t.Context(), r)
		require.NoError(t, err)
		require.NoError(t, st.Finish(t.Context(), r.ID, s))
	}
	_, err = st.Redact(t.Context(), store.Erasure{ID: id(4), Client: "shop", Cause: store.CauseRequest, By: "shop"})
	require.NoError(t, err)
	return dir, id
}

// newPolicy is a file with a policy.
func newPolicy(t *testing.T, dir, rest string) string {
	t.Helper()
	file := filepath.Join(dir, "new.yaml")
	require.NoError(t, os.WriteFile(file, []byte("name: cn-resident\nversion: 8\n"+rest), 0o600))
	return file
}

func judged(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t.Context(), append([]string{"judge"}, args...)...)
	require.NoError(t, err, out)
	return out
}

// A stricter policy's table shows what would have come out differently, what cannot
// be told and how many were erased, without an engine or a vendor, and names no
// verification unless it is asked to. Nothing of a person is told in any form.
func TestJudgeShowsWhatWouldHaveChanged(t *testing.T) {
	dir, id := recordedCases(t)
	file := newPolicy(t, dir, "suspicion: decline\nalways_review: true\n")
	out := judged(t, "--policy", file)
	require.Equal(t, strings.TrimLeft(`
cn-resident version 8 on 5 ended verifications

it was                               approved  declined  review  cannot tell
approved                             0         0         2       0
declined                             0         1         0       0
review, then declined by a reviewer  0         1         0       0
expired, not judged                  0         0         0       1

3 would have come out differently, 1 cannot be told. Erased, and not judged: 1.
`, "\n"), out)
	require.NotContains(t, out, "ver_")

	out = judged(t, "--policy", file, "--ids")
	for i, want := range map[int]string{0: "approved → review (review.always)", 1: "review, then declined by a reviewer → declined (face.spoof_suspected)", 3: "expired, not judged → cannot tell (holder_match liveness face_match)"} {
		require.Regexp(t, id(i)+`  2026-11-\d\d \d\d:\d\d:\d\d  `+strings.NewReplacer("(", `\(`, ")", `\)`).Replace(want)+"\n", out)
	}
	require.NotContains(t, out, id(2), "it comes out as it did")
	for _, form := range []string{"", "--csv", "--json"} {
		args := []string{"--policy", file, "--ids"}
		if form != "" {
			args = append(args, form)
		}
		out := judged(t, args...)
		require.NotContains(t, out, "110199")
		require.NotContains(t, out, "测试")
		require.NotContains(t, out, id(4), "an erased one is not told of")
	}

	require.Contains(t, judged(t, "--policy", file, "--client", "bank"), "on 1 ended verifications")
	require.Contains(t, judged(t, "--policy", file, "--policy-name", "cn-resident"), "on 4 ended verifications")
	require.Contains(t, judged(t, "--policy", file, "--since", "2026-11-02T12:00:00Z", "--until", "2026-11-04T00:00:00Z"), "on 2 ended verifications")
	require.Contains(t, judged(t, "--policy", file, "--until", "2026-11-02T12:00:00Z"), "on 1 ended verifications")
}

// The same counts, and each case, come as CSV and JSON, for a spreadsheet or a
// pipeline.
func TestJudgePrintsCSVAndJSON(t *testing.T) {
	dir, id := recordedCases(t)
	file := newPolicy(t, dir, "suspicion: decline\n")
	rows := func(args ...string) [][]string {
		list, err := csv.NewReader(strings.NewReader(judged(t, append(args, "--policy", file, "--csv")...))).ReadAll()
		require.NoError(t, err)
		return list
	}
	require.Equal(t, [][]string{
		{"said", "ended", "decided_by", "would", "count"}, {"approved", "approved", "policy", "approved", "2"}, {"declined", "declined", "policy", "declined", "1"},
		{"review", "declined", "reviewer", "declined", "1"}, {"", "expired", "", "cannot_tell", "1"}, {"", "", "", "erased", "1"},
	}, rows())
	cases := rows("--ids")
	require.Len(t, cases, 6)
	require.Equal(t, caseColumns, cases[0])
	require.Equal(t, []string{id(1), "shop", "cn-resident", "7", "2026-11-02T12:00:00Z", "review", "declined", "reviewer", "declined", "true", "face.spoof_suspected", ""}, cases[2])
	require.Equal(t, []string{"cannot_tell", "false", "", "holder_match liveness face_match"}, cases[4][8:])
	require.Equal(t, [][]string{caseColumns}, rows("--ids", "--client", "nobody"))

	var sum struct {
		Policy                           verification.PolicyRef
		Judged, Changed, Erased, Altered int
		CannotTell                       int `json:"cannot_tell"`
		Counts                           []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(judged(t, "--policy", file, "--json")), &sum))
	require.Equal(t, []any{"cn-resident", 8, 5, 1, 1, 0, 1, 4}, []any{sum.Policy.Name, sum.Policy.Version, sum.Judged, sum.Changed, sum.Erased, sum.Altered, sum.CannotTell, len(sum.Counts)})
	lines := strings.Split(strings.TrimSpace(judged(t, "--policy", file, "--json", "--ids")), "\n")
	require.Len(t, lines, 6)
	var one map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &one))
	require.Equal(t, map[string]any{"id": id(1), "client": "shop", "policy": map[string]any{"name": "cn-resident", "version": 7.0}, "ended_at": "2026-11-02T12:00:00Z",
		"said": "review", "ended": "declined", "decided_by": "reviewer", "would": "declined", "changed": true, "reasons": []any{"face.spoof_suspected"}}, one)
}

// What is wrong with the file, a flag or the store is told in a sentence, and a row
// that was changed past yanzhen counts for nothing.
func TestJudgeSaysWhatIsWrong(t *testing.T) {
	dir, id := recordedCases(t)
	good := newPolicy(t, dir, "")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no file":         {nil, "give the policy's file: --policy FILE"},
		"not there":       {[]string{"--policy", filepath.Join(dir, "nowhere.yaml")}, "no such file"},
		"two forms":       {[]string{"--policy", good, "--csv", "--json"}, "--csv and --json exclude each other"},
		"a bad time":      {[]string{"--policy", good, "--since", "yesterday"}, "--since: write a time"},
		"the wrong order": {[]string{"--policy", good, "--since", "2026-11-02", "--until", "2026-11-01"}, "--until must be later than --since"},
		"an argument":     {[]string{"--policy", good, "ver_a"}, `unexpected argument "ver_a"`},
	} {
		_, err := run(t.Context(), append([]string{"judge"}, tc.args...)...)
		require.ErrorContains(t, err, tc.want, name)
	}
	bad := newPolicy(t, dir, "suspicion: jail\nsessions: 1\n")
	_, err := run(t.Context(), "judge", "--policy", bad)
	require.ErrorContains(t, err, "--policy "+bad+": ")
	require.ErrorContains(t, err, `suspicion: "jail": want review or decline`)
	require.ErrorContains(t, err, "sessions must not be less than attempts")

	good = newPolicy(t, dir, "")
	execSQL(t, filepath.Join(dir, "yz.db"), `UPDATE verifications SET decision = 'declined' WHERE id = '`+id(0)+`'`)
	out, err := run(t.Context(), "judge", "--policy", good, "--ids")
	require.ErrorContains(t, err, "1 verifications were changed outside of yanzhen, and are not counted")
	require.Contains(t, out, "on 4 ended verifications")
	require.NotContains(t, out, id(0))
}

// execSQL writes to a SQLite database past the store.
func execSQL(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec(statement)
	require.NoError(t, err)
}
