package page

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/page/texts"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// A person whose tries are used up is not told to try again, and a child is not
// told to begin anew.
func TestNobodyIsToldToDoWhatTheyCannot(t *testing.T) {
	used := &screen{Lang: texts.English, View: starter.PageView{State: verification.State{Status: verification.Completed, Decision: verification.Declined,
		Verdict: &verification.Verdict{Reasons: []verification.Reason{verification.ReasonOf(verification.FaceNoMatch), verification.ReasonOf(verification.SessionAttemptsExhausted)}}}}}
	require.Equal(t, []string{"No more tries are left."}, used.Reasons())
	used.View.State.Verdict.Reasons = used.View.State.Verdict.Reasons[:1]
	require.Len(t, used.Reasons(), 1, "what stands alone is told")

	ended := func(code verification.ReasonCode) *screen {
		return &screen{View: starter.PageView{State: verification.State{LastError: &verification.LastError{Code: code}}}}
	}
	require.False(t, ended(verification.CanceledMinor).Restarts())
	require.True(t, ended(verification.CanceledByPerson).Restarts())
}

// Every text that the page asks for is there, and every one that is there is
// asked for.
func TestEveryTextIsUsed(t *testing.T) {
	key := regexp.MustCompile(`"([a-z_-]+(?:\.[A-Za-z_-]+)+)"`)
	asked := regexp.MustCompile(`\.T "([^"]+)"`)
	var files []string
	for _, pattern := range []string{"*.go", "templates/*.html"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	english, err := os.ReadFile("texts/en.yaml")
	require.NoError(t, err)
	var there []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z_-]+(?:\.[A-Za-z_-]+)+):`).FindAllSubmatch(english, -1) {
		there = append(there, string(m[1]))
	}
	require.Greater(t, len(there), 80)
	// Those that are made of parts: of a status or decision, a language, a
	// message's key, and those that texts itself knows.
	used := []string{"retry.left", "retry.left_one"}
	for _, lang := range texts.Languages {
		used = append(used, "page."+lang)
	}
	for _, word := range []string{"approved", "declined", "expired", "canceled", "error"} {
		used = append(used, word+".title")
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range key.FindAllSubmatch(text, -1) {
			name := string(m[1])
			used = append(used, name)
			if slices.Contains(there, name+".title") {
				used = append(used, name+".title")
			}
		}
		for _, m := range asked.FindAllSubmatch(text, -1) {
			require.True(t, slices.Contains(there, string(m[1])), "%s: there is no %s", file, m[1])
		}
	}
	for _, name := range there {
		assert.True(t, slices.Contains(used, name), "nobody asks for %s", name)
	}
}
