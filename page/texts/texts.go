// Package texts holds the texts of the person's page, in Chinese and English.
package texts

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/yanzhen-id/yanzhen/verification"
)

// The languages of the page, as its lang attribute spells them.
const (
	Chinese = "zh-CN"
	English = "en"
)

// Languages lists them, the one for whoever asks for none of them first.
var Languages = []string{Chinese, English}

//go:embed zh-CN.yaml en.yaml
var files embed.FS

var byLanguage = func() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, lang := range Languages {
		file, err := files.ReadFile(lang + ".yaml")
		if err != nil {
			panic(err)
		}
		texts := map[string]string{}
		if err := yaml.UnmarshalWithOptions(file, &texts, yaml.Strict()); err != nil {
			panic(fmt.Sprintf("texts: %s: %v", lang, err)) // a test loads them
		}
		all[lang] = texts
	}
	return all
}()

// T returns the text of a key with args in the places that it names. It panics
// at an unknown key or language, which in a template is an error of the
// template: a test finds every key that is used.
func T(lang, key string, args ...any) string {
	text, ok := byLanguage[lang][key]
	if !ok {
		panic(fmt.Sprintf("texts: there is no %q in %q", key, lang))
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Left says how many tries are left.
func Left(lang string, tries int) string {
	if tries == 1 {
		return T(lang, "retry.left_one")
	}
	return T(lang, "retry.left", tries)
}

// Reason returns the catalogue's message to the person for a reason; "" for a code
// that is not in it, of which they are told nothing.
func Reason(lang string, code verification.ReasonCode) string {
	entry, ok := code.Describe()
	if !ok {
		return ""
	}
	if lang == English {
		return entry.User
	}
	return verification.Guides[code].Chinese
}

// Match returns the language to speak: the one that was chosen, else the one of
// an Accept-Language header that we speak and the person likes best, else
// Chinese.
func Match(chosen, acceptLanguage string) string {
	if lang := spoken(chosen); lang != "" {
		return lang
	}
	type wish struct {
		lang string
		q    float64
	}
	var wishes []wish
	for part := range strings.SplitSeq(acceptLanguage[:min(len(acceptLanguage), 500)], ",") {
		tag, params, _ := strings.Cut(part, ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q > 0) {
				continue
			}
		}
		if lang := spoken(tag); lang != "" {
			wishes = append(wishes, wish{lang, q})
		}
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.q, a.q) })
	if len(wishes) == 0 {
		return Chinese
	}
	return wishes[0].lang
}

// spoken returns the language of ours that a tag asks for, or "".
func spoken(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	switch primary {
	case "zh":
		return Chinese
	case "en":
		return English
	}
	return ""
}
