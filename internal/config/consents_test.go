package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

func parties(name string) map[string]provider.Party {
	return map[string]provider.Party{
		"zh-CN": {Name: name + "公司", Country: "中国", Keeps: "保存 3 天"},
		"en":    {Name: name + " Ltd", Country: "China", Keeps: "kept for 3 days"},
	}
}

// asked is a policy that asks a vendor for each purpose.
var asked = verification.Policy{FaceProviders: []string{"near"}, RecordsProviders: []string{"far"}, ChipProvider: "far", Comparer: "near"}

func loadConsents(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	near, far := vendors[0], vendors[1]
	near.Name, near.Parties = "near", parties("Near")
	near.Jurisdiction = provider.Mainland
	far.Name, far.Parties, far.Jurisdiction = "far", parties("Far"), provider.Unconfirmed
	return config.Load([]string{file(t, text)}, []provider.Vendor{near, far}, config.Needs{})
}

// The built-in texts name who asks, each vendor that gets something, where it
// is and for how long it keeps it, for every purpose and in both languages.
func TestEveryPurposeHasAConsentTextThatNamesWhoAndWhere(t *testing.T) {
	c, err := loadConsents(t, `
clients:
  - id: shop
    keys: [{name: first, hash: "", scopes: []}]
    display_name: {zh-CN: "{vendors}商店", en: "{keeps} Shop"}
`)
	require.NoError(t, err)
	hashes := map[string]bool{}
	for _, purpose := range verification.Purposes {
		for _, lang := range []string{"zh-CN", "en"} {
			got := c.ConsentText(asked, "shop", purpose, lang)
			require.Equal(t, purpose, got.Purpose)
			require.Equal(t, lang, got.Language)
			require.Equal(t, "1", got.Version)
			require.NotEmpty(t, got.Title)
			require.False(t, hashes[got.Hash()], "each text has a hash of its own")
			hashes[got.Hash()] = true
			far, near := purpose != verification.PurposeFace && purpose != verification.PurposePortraitComparison, purpose == verification.PurposeFace || purpose == verification.PurposePortraitComparison
			require.Equal(t, far, strings.Contains(got.Text, "· Far"), "%s: %s", purpose, got.Text)
			require.Equal(t, near, strings.Contains(got.Text, "· Near"), "%s: %s", purpose, got.Text)
			require.Contains(t, got.Text, map[string]string{"zh-CN": "（中国）；保存 3 天", "en": "(China); kept for 3 days"}[lang])
			require.Contains(t, got.Text, map[string]string{"zh-CN": "{vendors}商店", "en": "{keeps} Shop"}[lang], "a name is nothing but a name")
			require.NotContains(t, got.Text, "{client}")
		}
	}
	require.NotEqual(t, c.ConsentText(asked, "shop", verification.PurposeFace, "en").Hash(),
		c.ConsentText(asked, "bank", verification.PurposeFace, "en").Hash(), "who asks is part of what was agreed to")
}

// The catalogue's texts, what it says of vendors and what a client keeps stand
// in place of the defaults.
func TestTheCatalogueSetsTheConsentTexts(t *testing.T) {
	c, err := loadConsents(t, `
clients:
  - id: shop
    keys: [{name: first, hash: "", scopes: []}]
    keeps: {zh-CN: 保存 5 年。, en: It is kept for 5 years.}
consent_texts:
  - purpose: face
    version: 2026-12
    zh-CN: {title: 刷脸, text: "{client} 请 {vendors} 核对。"}
    en: {title: Face, text: "{client} asks {vendors}."}
processors:
  - vendor: far
    jurisdiction: CN
    zh-CN: {country: 中国大陆}
    en: {country: the mainland, keeps: kept for a day}
`)
	require.NoError(t, err)
	face := c.ConsentText(asked, "shop", verification.PurposeFace, "en")
	require.Equal(t, "2026-12", face.Version)
	require.Equal(t, "shop asks · Near Ltd (China); kept for 3 days.", face.Text)
	records := c.ConsentText(asked, "shop", verification.PurposeIdentityRecords, "en")
	require.Contains(t, records.Text, "· Far Ltd (the mainland); kept for a day\nIt is kept for 5 years.")
	require.NotContains(t, c.ConsentText(asked, "shop", verification.PurposeVendorAbroad, "en").Text, "Far", "it is not abroad")
	require.Contains(t, c.ConsentText(asked, "shop", verification.PurposeIdentityRecords, "zh-CN").Text, "· Far公司（中国大陆）；保存 3 天\n保存 5 年。")
}

// A text that could not be shown, or told apart from the built-in one, is
// refused at the start.
func TestAConsentTextThatWouldNotDoIsRefused(t *testing.T) {
	words := `zh-CN: {title: 甲, text: 乙}, en: {title: a, text: b}`
	for _, c := range []struct{ text, why string }{
		{`consent_texts: [{purpose: fingers, version: a, ` + words + `}]`, `consent_texts[0]: "fingers" is no purpose`},
		{`consent_texts: [{purpose: face, ` + words + `}]`, `face: state a version, other than the built-in "1"`},
		{`consent_texts: [{purpose: face, version: "1", ` + words + `}]`, `other than the built-in "1"`},
		{`consent_texts: [{purpose: face, version: "a b", ` + words + `}]`, `state a version`},
		{`consent_texts: [{purpose: face, version: a, ` + words + `}, {purpose: face, version: b, ` + words + `}]`, `consent_texts[1]: face stands twice`},
		{`consent_texts: [{purpose: face, version: a, zh-CN: {title: 甲, text: 乙}}]`, `face: en: title is empty`},
		{`consent_texts: [{purpose: face, version: a, zh-CN: {title: 甲, text: " "}, en: {title: a, text: b}}]`, `face: zh-CN: text is empty`},
		{`consent_texts: [{purpose: face, version: a, zh-CN: {title: 甲, text: "{vendor}"}, en: {title: a, text: b}}]`, `text holds {vendor}, but only {client}, {vendors} and {keeps} are filled in`},
		{`consent_texts: [{purpose: face, version: a, zh-CN: {title: 甲, text: "a\u202e"}, en: {title: a, text: b}}]`, `text contains an invisible character`},
		{`consent_texts: [{purpose: face, version: a, zh-CN: {title: 甲, text: 乙}, en: {title: "a\nb", text: b}}]`, `title has more than one line`},
		{`consent_texts: [{purpose: face, version: a, zh-CN: {title: 甲, text: 乙}, en: {title: a, text: ` + strings.Repeat("b", 4001) + `}}]`, `text is longer than 4000 characters`},
		{`consent_texts: [{purpose: face, version: a, colour: red, ` + words + `}]`, `colour`},
		{`policies: [{name: own, version: 1, checks: {identity_records: required}, records_providers: [near], consents: [identity_records, vendor_abroad]}]`, `policy "own": consents: vendor_abroad, but it asks no vendor for it`},
		{`processors: [{vendor: far, jurisdiction: China, zh-CN: {country: 中国}, en: {country: China}}]`, `processors[0]: jurisdiction: want a code of ISO 3166-1`},
		{`processors: [{vendor: far, jurisdiction: CN, zh-CN: {country: 中国}}]`, `processors[0]: jurisdiction: name the country in zh-CN and en too`},
		{`processors: [{vendor: nobody}]`, `processors[0]: there is no vendor "nobody"`},
		{`processors: [{vendor: far, en: {name: "a\u0000"}}]`, `processors[0]: en: name contains an invisible character`},
		{"clients:\n  - id: shop\n    keys: [{name: first, hash: \"\", scopes: []}]\n    keeps: \"{client\\u202e}\"", `client "shop": zh-CN: keeps contains an invisible character`},
	} {
		_, err := loadConsents(t, c.text+"\n")
		require.ErrorContains(t, err, c.why, c.text)
	}
}

// A policy can refuse vendors abroad, and one that asks for consents asks for one
// to them, unless it says that it need not: the policy and the vendor are named.
func TestAPolicySaysWhatHoldsForVendorsAbroad(t *testing.T) {
	policy := func(vendor, more string) string {
		return "policies: [{name: own, version: 1, checks: {identity_records: required}, records_providers: [" + vendor + "]" + more + "}]\n"
	}
	hongKong := "processors: [{vendor: far, jurisdiction: HK, zh-CN: {country: 中国香港}, en: {country: Hong Kong}}]\n"
	mainland := "processors: [{vendor: far, jurisdiction: CN, zh-CN: {country: 中国}, en: {country: China}}]\n"
	for text, why := range map[string]string{
		policy("far", ", abroad: refuse"):                          `policy "own": abroad: refuse, but it asks far, which is perhaps outside the Chinese mainland`,
		hongKong + policy("far", ", abroad: refuse"):               `policy "own": abroad: refuse, but it asks far, which is outside the Chinese mainland, in HK`,
		policy("far", ", consents: [identity_records]"):            `policy "own": consents must name vendor_abroad too, since it asks far, which is perhaps`,
		hongKong + policy("far", ", consents: [identity_records]"): `policy "own": consents must name vendor_abroad too, since it asks far, which is outside the Chinese mainland, in HK`,
		policy("near", ", abroad: perhaps"):                        `policy "own": abroad: "perhaps": want consent, refuse or allow`,
		policy("near", ", abroad: refuse"):                         "",
		mainland + policy("far", ", abroad: refuse"):               "",
		mainland + policy("far", ", consents: [identity_records]"): "",
		policy("far", ""): "",
		policy("far", ", consents: [identity_records, vendor_abroad]"):            "",
		policy("far", ", consents: [identity_records], abroad: allow"):            "",
		hongKong + policy("far", ", consents: [identity_records, vendor_abroad]"): "",
	} {
		_, err := loadConsents(t, text)
		if why == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, why, text)
	}
}
