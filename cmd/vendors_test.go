package cmd

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/page/texts"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/test/e2e/toy"
	"github.com/yanzhen-id/yanzhen/verification"
)

const publicURL = "YANZHEN_PUBLIC_URL=https://kyc.example.com"

var (
	withEID     = []string{publicURL, "YANZHEN_TENCENT_SECRET_ID=i", "YANZHEN_TENCENT_SECRET_KEY=k", "YANZHEN_TENCENT_MERCHANT_ID=m", "YANZHEN_ACEDATA_TOKEN=t"}
	withMegvii  = []string{publicURL, "YANZHEN_MEGVII_API_KEY=k", "YANZHEN_MEGVII_API_SECRET=s"}
	withCompare = []string{"YANZHEN_TENCENT_IAI_ENABLED=true"}
	withRecords = []string{"YANZHEN_TENCENT_RECORDS_ENABLED=true"}
)

func withSino(t *testing.T) []string {
	keys := filepath.Join(t.TempDir(), "keys.json")
	ours, _ := sandbox.NewChipKeys()
	require.NoError(t, os.WriteFile(keys, ours, 0o600))
	return []string{publicURL, "YANZHEN_SINO_BASE_URL=https://sino.example", "YANZHEN_SINO_CLIENT_ID=i", "YANZHEN_SINO_CLIENT_SECRET=s", "YANZHEN_SINO_JWKS=" + keys}
}

// What a descriptor promises is there: a name and a prefix of its own, a switch
// for who judges people, defaults that can be read, a remedy for what an operator
// will meet, words for a person who has to agree, and nothing that is secret and
// printed.
func TestEveryVendorsDescriptorIsWhole(t *testing.T) {
	names, variables := map[string]bool{}, map[string]bool{}
	for _, v := range vendors {
		require.False(t, names[v.Name], v.Name)
		names[v.Name] = true
		told := v.Settings()
		require.Empty(t, settings.Read(told, nil), v.Name)
		require.False(t, settings.On(told), "%s is off by default", v.Name)
		require.NotEmpty(t, settings.Needed(told), v.Name)
		_, switched := told.(provider.Switched)
		require.Equal(t, slices.Contains(v.Kinds, provider.KindFace) || slices.Contains(v.Kinds, provider.KindRecords), switched, v.Name)
		addresses := 0
		for _, s := range settings.Of(told) {
			require.False(t, variables[s.Name], s.Name)
			variables[s.Name] = true
			require.NotEmpty(t, s.Help, s.Name)
			if s.Address {
				addresses++
			}
			if strings.Contains(s.Name, "SECRET") || strings.HasSuffix(s.Name, "_TOKEN") {
				require.Equal(t, "all", s.Secret, s.Name)
			}
		}
		require.Equal(t, 1, addresses, v.Name)
		for _, class := range []provider.Class{provider.Misconfigured, provider.ContractViolation, provider.RateLimited, provider.Unavailable} {
			require.NotEmpty(t, v.Remedies[class], "%s: %s", v.Name, class)
		}
		for _, lang := range texts.Languages {
			party := v.Parties[lang]
			require.NotContains(t, []string{party.Name, party.Country, party.Keeps}, "", "consent texts name %s in %s", v.Name, lang)
		}
	}
	require.Equal(t, provider.SwitchStates, []string{string(store.SwitchOn), string(store.SwitchDrain), string(store.SwitchOff)})
}

// The toy vendor of the tests is its package and one line in the list: then it
// has settings, a page in the docs, and a switch.
func TestAVendorIsItsPackageAndOneLine(t *testing.T) {
	before := vendors
	defer func() { vendors = before }()
	vendors = append(slices.Clone(vendors), (&toy.Vendor{}).Describe())

	require.Contains(t, settingsTable(), "### toy\n\nAsked for: face. Switched on by YANZHEN_TOY_KEY.")
	require.Contains(t, settingsTable(), "| `misconfigured` | Wind it up. |")
	require.Contains(t, switched(), "toy")
	cfg, err := load([]string{publicURL, "YANZHEN_TOY_KEY=k", "YANZHEN_TOY_SWITCH=off"}, config.Needs{})
	require.NoError(t, err)
	require.Contains(t, cfg.String(), "YANZHEN_TOY_KEY=***\n")
	require.Equal(t, store.SwitchOff, switches(cfg)["toy"])
	r, err := cfg.Registry(slog.Default())
	require.NoError(t, err)
	require.Equal(t, []string{"toy"}, r.Names())
	_, err = load([]string{publicURL, "YANZHEN_TOY_KEY=k", "YANZHEN_TOY_POLL=2s", "YANZHEN_ACEDATA_TOKEN=t"}, config.Needs{Providers: true})
	require.ErrorContains(t, err, "YANZHEN_TOY_POLL must be more than 0 and at most 1s")
}

// A policy that refuses vendors abroad is refused itself while it names the toy,
// wherever that is but on the mainland; and who is abroad is shown.
func TestAVendorAbroadIsRefusedByThePolicyThatSaysSo(t *testing.T) {
	before := vendors
	defer func() { vendors = before }()
	file := filepath.Join(t.TempDir(), "yanzhen.yaml")
	require.NoError(t, os.WriteFile(file, []byte("policies: [{name: home, version: 1, abroad: refuse, checks: {liveness: required, face_match: required}, face_providers: [toy]}]\n"), 0o600))
	for _, where := range []string{"HK", provider.Unconfirmed, provider.Mainland} {
		vendors = append(slices.Clone(before), (&toy.Vendor{Where: where}).Describe())
		cfg, err := load([]string{publicURL, "YANZHEN_TOY_KEY=k", "YANZHEN_CONFIG=" + file}, config.Needs{})
		if where != provider.Mainland {
			require.ErrorContains(t, err, `policy "home": abroad: refuse, but it asks toy`, where)
			continue
		}
		require.NoError(t, err)
		r, err := cfg.Registry(slog.Default())
		require.NoError(t, err)
		require.Equal(t, provider.Mainland, r.Jurisdiction("toy"))
	}
}

func TestBuiltInPoliciesAreOfferedWhereTheirVendorsAreConfigured(t *testing.T) {
	sino := withSino(t)
	for _, c := range []struct {
		env  []string
		want []string
	}{
		{withEID, []string{"cn-resident"}},
		{slices.Concat(withEID, withMegvii), []string{"cn-resident", "cn-resident-megvii"}},
		{slices.Concat(withEID, withMegvii, withRecords), []string{"cn-resident", "cn-resident-failover", "cn-resident-megvii"}},
		{slices.Concat(withEID, sino), []string{"cn-chip", "cn-no-face", "cn-resident"}},
		{slices.Concat(withEID, sino, withCompare), []string{"cn-chip", "cn-chip-capture", "cn-no-face", "cn-resident"}},
		{append(slices.Clone(sino), "YANZHEN_ACEDATA_TOKEN=t"), []string{"cn-no-face"}},
	} {
		cfg, err := load(c.env, config.Needs{Providers: true})
		require.NoError(t, err)
		require.Equal(t, c.want, slices.Sorted(maps.Keys(cfg.Policies)))
	}
	for name, p := range config.BuiltIn() {
		require.NoError(t, p.Validate(), name)
	}
	require.True(t, config.BuiltIn()["cn-no-face"].AlwaysReview)
	require.Equal(t, verification.CaptureInconclusive, config.BuiltIn()["cn-chip-capture"].Capture)
	require.Equal(t, []string{"tencent_eid", "megvii_faceid"}, config.BuiltIn()["cn-resident-failover"].FaceProviders)
	require.Equal(t, []string{"acedata", "tencent_records"}, config.BuiltIn()["cn-resident-failover"].RecordsProviders)

	_, err := load([]string{"YANZHEN_ACEDATA_TOKEN=t"}, config.Needs{Providers: true})
	require.ErrorContains(t, err, "no policy could be run")
	require.ErrorContains(t, err, "policy cn-resident needs the provider tencent_eid, which is not configured: set YANZHEN_TENCENT_SECRET_ID, YANZHEN_TENCENT_SECRET_KEY and YANZHEN_TENCENT_MERCHANT_ID")
	require.NotContains(t, err.Error(), "provider acedata")
}

// A step has 20 s, and an opening 12 s: a longer call would be cut in the
// middle, perhaps after it was charged.
func TestACallLongerThanItsStepIsRefused(t *testing.T) {
	env := slices.Concat(withEID, withMegvii, withSino(t), withCompare, withRecords)
	for setting, limit := range map[string]string{
		"YANZHEN_TENCENT_TIMEOUT": "11s", "YANZHEN_TENCENT_IAI_TIMEOUT": "18s",
		"YANZHEN_ACEDATA_TIMEOUT": "18s", "YANZHEN_TENCENT_RECORDS_TIMEOUT": "18s", "YANZHEN_SINO_TIMEOUT": "18s", "YANZHEN_MEGVII_TIMEOUT": "11s",
	} {
		_, err := load(append(slices.Clone(env), setting+"=19s"), config.Needs{Providers: true})
		require.ErrorContains(t, err, setting+" must be more than 0 and at most "+limit)
	}
}

// The documents' table is the one that the code holds.
func TestTheDocumentedSettingsAreThoseOfTheCode(t *testing.T) {
	page, err := os.ReadFile("../docs/settings.md")
	require.NoError(t, err)
	require.Contains(t, string(page), tableBegins+settingsTable()+tableEnds, "run `make generate`")
	require.Equal(t, string(page), string(withSettings(page)))
}

// Each vendor has a page, and its settings are named there.
func TestDocsHaveAPageForEachVendor(t *testing.T) {
	list, err := os.ReadFile("../docs/vendors/README.md")
	require.NoError(t, err)
	for _, v := range vendors {
		row := regexp.MustCompile(`\| \[[^]]+\]\(([a-z-]+\.md)\) \| ` + "`" + v.Name + "`").FindSubmatch(list)
		require.NotNil(t, row, v.Name)
		page, err := os.ReadFile("../docs/vendors/" + string(row[1]))
		require.NoError(t, err)
		require.Contains(t, string(page), "(../settings.md#"+v.Name+")")
		for _, s := range settings.Of(v.Settings()) {
			if s.Needed {
				require.Contains(t, string(page), "`"+s.Name, v.Name)
			}
		}
	}
}

// A vendor that says that it can be begun in a mini program can, and no other; a
// policy for mini programs without one is refused at start.
func TestMiniProgramsAreOfferedByVendorsThatCanBeBegunThere(t *testing.T) {
	env := slices.Concat(withEID, withMegvii, withSino(t))
	cfg, err := load(env, config.Needs{})
	require.NoError(t, err)
	registry, err := cfg.Registry(slog.Default())
	require.NoError(t, err)
	for _, v := range vendors {
		f, _ := registry.Face(v.Name)
		_, able := f.InMiniProgram()
		require.Equal(t, v.MiniProgram, able, v.Name)
	}
	file := filepath.Join(t.TempDir(), "yanzhen.yaml")
	policy := func(faces string) error {
		require.NoError(t, os.WriteFile(file, []byte("policies:\n  - name: in-wechat\n    version: 1\n    presentation: mini_program\n    checks: {liveness: required, face_match: required}\n    face_providers: ["+faces+"]\n"), 0o600))
		_, err := load(append(slices.Clone(env), "YANZHEN_CONFIG="+file), config.Needs{})
		return err
	}
	require.NoError(t, policy("tencent_eid"))
	require.NoError(t, policy("megvii_faceid, tencent_eid"))
	require.ErrorContains(t, policy("megvii_faceid, sino_connect"), "policy in-wechat: presentation: mini_program needs one of tencent_eid among face_providers")
}
