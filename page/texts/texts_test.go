package texts

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

var verb = regexp.MustCompile(`%[^a-z]*[a-z%]`)

// Every text is there in both languages, names the same places, and is written
// in the language that it belongs to.
func TestBothLanguagesSayTheSame(t *testing.T) {
	require.Equal(t, slices.Sorted(maps.Keys(byLanguage[Chinese])), slices.Sorted(maps.Keys(byLanguage[English])))
	for key, chinese := range byLanguage[Chinese] {
		english := byLanguage[English][key]
		require.NotEmpty(t, strings.TrimSpace(chinese), key)
		require.NotEmpty(t, strings.TrimSpace(english), key)
		sorted := func(text string) []string { return slices.Sorted(slices.Values(verb.FindAllString(text, -1))) }
		require.Equal(t, sorted(chinese), sorted(english), key)
		for _, v := range verb.FindAllString(chinese, -1) {
			require.Regexp(t, `^%\[[1-9]\][sd]$`, v, key)
		}
		if key == "page.zh-CN" || key == "page.en" {
			continue // each language's own name
		}
		require.False(t, strings.ContainsFunc(english, func(r rune) bool { return unicode.Is(unicode.Han, r) }), key)
		require.True(t, strings.ContainsFunc(chinese, func(r rune) bool { return unicode.Is(unicode.Han, r) }), key)
		require.NotRegexp(t, `[,;:!?"'()]|\.$`, verb.ReplaceAllString(chinese, ""), "%s: Chinese has marks of its own", key)
	}
}

// The person is told something about every reason of the catalogue, in both
// languages, from the one place where it stands.
func TestEveryReasonHasATextForThePersonInBothLanguages(t *testing.T) {
	for _, e := range verification.Catalogue {
		require.NotEmpty(t, Reason(English, e.Code), e.Code)
		require.NotEmpty(t, Reason(Chinese, e.Code), e.Code)
	}
	require.Empty(t, Reason(English, "face.unheard_of"))
	require.Empty(t, Reason(Chinese, "face.unheard_of"))
}

// A text that is used and not there fails, instead of showing its key.
func TestAnUnknownKeyIsNoText(t *testing.T) {
	require.Panics(t, func() { T(Chinese, "no.such_key") })
	require.Panics(t, func() { T("fr", "entry.begin") })
	require.Equal(t, "返回 测试商店", T(Chinese, "result.back", "测试商店"))
	require.Equal(t, "Back to 100%s", T(English, "result.back", "100%s"))
	require.Equal(t, "You have 1 try left.", Left(English, 1))
	require.Equal(t, "You have 2 tries left.", Left(English, 2))
	require.Equal(t, "您还可以再试 2 次。", Left(Chinese, 2))
}

// The language is the one chosen, else what the browser asks for.
func TestTheLanguageIsChosenOrAskedFor(t *testing.T) {
	for _, c := range []struct{ chosen, accept, want string }{
		{"", "", Chinese},
		{"", "zh-CN,zh;q=0.9,en;q=0.8", Chinese},
		{"", "en-GB,en;q=0.9", English},
		{"", "de-DE,de;q=0.9,en;q=0.8,zh;q=0.7", English},
		{"", "de-DE,zh-TW;q=0.2", Chinese},
		{"", "zh;q=0.3, EN-us ;q=0.5", English},
		{"", "en;q=0,zh;q=0.1", Chinese},
		{"", "en;q=nan,fr", Chinese},
		{"", "*", Chinese},
		{"en", "zh-CN", English},
		{"zh-CN", "en", Chinese},
		{"fr", "en", English},
		{"<script>", ";;,,q=", Chinese},
		{"", strings.Repeat("x,", 5000) + "en", Chinese},
	} {
		require.Equal(t, c.want, Match(c.chosen, c.accept), "%q, %q", c.chosen, c.accept)
	}
}
