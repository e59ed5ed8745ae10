package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	secret = "s3cr3t-that-must-not-be-shown"
	hash   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

	reachable = "YANZHEN_PUBLIC_URL=https://kyc.example.com"
)

// told is what the vendors of these tests can be told.
type told struct {
	Key     string        `env:"KEY" needed:"true" secret:"all" help:"Enables it: a key,"`
	ID      string        `env:"ID" needed:"true" help:"and an id."`
	URL     string        `env:"URL" envDefault:"https://vendor.example" address:"true" help:"Where it is."`
	Timeout time.Duration `env:"TIMEOUT" envDefault:"10s" help:"For one call."`
}

func (c *told) check(check *settings.Check) error {
	check.Needed()
	check.Span(&c.Timeout, provider.MaxCall)
	return check.Err()
}

type faceSettings struct {
	_    struct{} `prefix:"FACE_"`
	Told told
	provider.Switch
}

func (c *faceSettings) Validate() error { return c.Told.check(settings.NewCheck(c)) }
func (c *faceSettings) Register(r *provider.Registry, _ *slog.Logger) error {
	r.AddFace(provider.FaceVendor{Name: "face"})
	return nil
}

type recordsSettings struct {
	_    struct{} `prefix:"RECORDS_"`
	Told told
}

func (c *recordsSettings) Validate() error { return c.Told.check(settings.NewCheck(c)) }
func (c *recordsSettings) Register(r *provider.Registry, _ *slog.Logger) error {
	r.AddRecords(provider.RecordsVendor{Name: "records"})
	return nil
}

var vendors = []provider.Vendor{
	{Name: "face", Kinds: []string{provider.KindFace}, Settings: func() provider.Settings { return &faceSettings{} },
		Remedies: map[provider.Class]string{provider.Misconfigured: "Ask."}},
	{Name: "records", Kinds: []string{provider.KindRecords}, Settings: func() provider.Settings { return &recordsSettings{} }},
}

var (
	faceOn    = []string{"YANZHEN_FACE_KEY=k", "YANZHEN_FACE_ID=i"}
	recordsOn = []string{"YANZHEN_RECORDS_KEY=k", "YANZHEN_RECORDS_ID=i"}
)

func load(environ []string, needs config.Needs) (*config.Config, error) {
	return config.Load(environ, vendors, needs)
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "yanzhen.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return "YANZHEN_CONFIG=" + path
}

func TestDefaultsLoadWithTheBuiltInPolicies(t *testing.T) {
	c, err := load(nil, config.Needs{})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.API)
	require.Equal(t, 5*time.Minute, c.StartPatience)

	p := c.Policies["cn-resident"]
	require.NoError(t, p.Validate())
	for _, check := range []verification.CheckType{verification.DocumentValidity, verification.IdentityRecords, verification.Liveness, verification.FaceMatch} {
		require.Equal(t, verification.Required, p.Requirement(check), check)
	}
	require.Equal(t, verification.IfAvailable, p.Requirement(verification.HolderMatch))
	require.Equal(t, verification.Off, p.Requirement(verification.DocumentChip))
	require.Equal(t, []string{"tencent_eid"}, p.FaceProviders)
	require.Equal(t, []string{"acedata"}, p.RecordsProviders)
	require.Equal(t, 30*time.Minute, p.StartPatience.Std())
}

func TestAConfiguredPolicyOverridesWhatItNamesAndKeepsTheRest(t *testing.T) {
	c, err := load([]string{file(t, `
policies:
  - name: cn-resident
    version: 2
    checks: {holder_match: required}
    start_patience: 10s
  - name: records-only
    version: 1
    checks: {identity_records: required}
    records_providers: [acedata]
    review_deadline: 24h
`)}, config.Needs{})
	require.NoError(t, err)
	p := c.Policies["cn-resident"]
	require.Equal(t, 2, p.Version)
	require.Equal(t, verification.Required, p.Requirement(verification.HolderMatch))
	require.Equal(t, verification.Required, p.Requirement(verification.FaceMatch), "kept from the built-in one")
	require.Equal(t, 10*time.Second, p.StartPatience.Std())
	require.Equal(t, 24*time.Hour, p.RecordsPatience.Std(), "kept from the default")
	require.Equal(t, 24*time.Hour, c.Policies["records-only"].ReviewDeadline.Std())
	require.Equal(t, verification.IfAvailable, config.BuiltIn()["cn-resident"].Requirement(verification.HolderMatch),
		"the built-in policy itself is untouched")
}

func TestEveryFaultIsToldAtOnceWithItsNameAndWithoutItsValue(t *testing.T) {
	_, err := load([]string{
		"YANZHEN_PUBLIC_URL=http://kyc.example.com",
		"YANZHEN_STORE=" + secret,
		"YANZHEN_LOG_LEVEL=" + secret,
		"YANZHEN_DEPLOYMENT=kyc.yanzhen",
		"YANZHEN_FACE_KEY=" + secret,
		"YANZHEN_FACE_TIMEOUT=" + secret,
		"YANZHEN_FACE_SWITCH=" + secret,
		"YANZHEN_RECORDS_KEY=" + secret,
		"YANZHEN_RECORDS_TIMEOUT=19s",
		"YANZHEN_FACE_TIMOUT=" + secret,
		file(t, "clients:\n  - id: Shop\n    keys: [{name: "+secret+", hash: "+secret+", scopes: [all]}]\n    return_urls: ['http://shop.example', 'https://u:p@shop.example']\n"+
			"policies:\n  - name: cn-resident\n    version: 1\n    attempts: 0\n    retry_window: 0s\n"),
	}, config.Needs{Keys: true, Providers: true, CheckAccess: func(cl []config.Client, _ []config.Reviewer) error {
		require.Len(t, cl, 1)
		return errors.Join(errors.New("first thing about clients"), errors.New("second thing"))
	}})
	require.Error(t, err)
	text := err.Error()
	require.NotContains(t, text, secret)
	for _, want := range []string{
		"YANZHEN_PUBLIC_URL must be https",
		"YANZHEN_STORE must begin with sqlite: or postgres://",
		"YANZHEN_LOG_LEVEL is not a level: debug, info, warn or error",
		"YANZHEN_DEPLOYMENT must be up to 64 letters, digits, - and _, such as yanzhen",
		"YANZHEN_FACE_TIMEOUT is not a duration such as 10s or 5m",
		"YANZHEN_FACE_ID is not set, but YANZHEN_FACE_KEY is: set YANZHEN_FACE_KEY and YANZHEN_FACE_ID, or none of them",
		"YANZHEN_FACE_SWITCH must be one of on, drain, off",
		"YANZHEN_RECORDS_ID is not set",
		"YANZHEN_RECORDS_TIMEOUT must be more than 0 and at most 18s",
		"YANZHEN_FACE_TIMOUT is no setting; did you mean YANZHEN_FACE_TIMEOUT?",
		"clients[0].id must be lower case",
		`YANZHEN_CONFIG: first thing about clients`,
		`YANZHEN_CONFIG: second thing`,
		`policy "cn-resident": attempts must be 1 or more`,
		`policy "cn-resident": retry_window must be more than 0`,
		"its version must be higher",
		"YANZHEN_KEYS is not set",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "YANZHEN_FACE_TIMEOUT must be", "what cannot be read is told once")
}

// What a vendor was told matters to who calls vendors, and to nobody else.
func TestACommandWithoutVendorsDoesNotCareWhatTheyWereTold(t *testing.T) {
	_, err := load([]string{reachable, "YANZHEN_FACE_KEY=k"}, config.Needs{})
	require.NoError(t, err)
	_, err = load([]string{reachable, "YANZHEN_FACE_SWITCH=maybe"}, config.Needs{})
	require.ErrorContains(t, err, "YANZHEN_FACE_SWITCH must be one of on, drain, off", "the switch holds for all of them")
}

// Whoever wrote key_hashes and scopes is told the line that replaces them; it
// works as it is told, and what may be the key itself is not told.
func TestTheOlderFormOfKeysIsRefusedWithTheLineToWrite(t *testing.T) {
	older := "clients:\n  - id: shop\n    key_hashes: ['" + hash + "', '" + hash + "']\n    scopes: ['verifications:read', 'verifications:write']\n    return_urls: ['https://shop.example/']\n"
	refused := func([]config.Client, []config.Reviewer) error { return errors.New("asked for nothing") }
	_, err := load([]string{file(t, older)}, config.Needs{Clients: true, CheckAccess: refused})
	require.ErrorContains(t, err, `client "shop": key_hashes and scopes are no longer read; write for each key: keys: [{name: shop-1, hash: "`+hash+
		`", scopes: ["verifications:read", "verifications:write"]}]`)
	require.Equal(t, 1, strings.Count(err.Error(), "YANZHEN_CONFIG"), "and nothing else: %s", err)

	_, line, _ := strings.Cut(err.Error(), "write for each key: ")
	c, err := load([]string{file(t, "clients:\n  - id: shop\n    "+line+"\n")}, config.Needs{Clients: true})
	require.NoError(t, err)
	require.Equal(t, []config.Key{{Name: "shop-1", Hash: hash, Scopes: []string{"verifications:read", "verifications:write"}}}, c.Clients[0].Keys)

	for _, text := range []string{"    key_hashes: ['" + secret + "']\n", "    scopes: [all]\n", "    key_hashes: []\n"} {
		_, err = load([]string{file(t, "clients:\n  - id: shop\n"+text)}, config.Needs{Clients: true})
		require.ErrorContains(t, err, "keys: [{name: shop-1, hash: ")
		require.NotContains(t, err.Error(), secret)
	}
}

// A key ends at a moment, in nobody's time zone but the one that is written.
func TestAKeyExpiresAtAMomentWithItsOffset(t *testing.T) {
	key := func(expires string) string {
		return "clients:\n  - id: shop\n    keys: [{name: a, hash: '" + hash + "', scopes: ['verifications:read'], expires: " + expires + "}]\n"
	}
	for _, good := range []string{"2027-01-31T18:00:00+08:00", "'2027-01-31T10:00:00Z'", `"2027-01-31T10:00:00Z"`} {
		c, err := load([]string{file(t, key(good))}, config.Needs{Clients: true})
		require.NoError(t, err, good)
		require.Equal(t, time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC), c.Clients[0].Keys[0].Expires.UTC())
	}
	for _, bad := range []string{"2027-01-31", "2027-01-31T18:00:00", "soon", "1"} {
		_, err := load([]string{file(t, key(bad))}, config.Needs{Clients: true})
		require.ErrorContains(t, err, "expires must be a time with its offset, such as 2027-01-31T18:00:00+08:00", bad)
	}
}

func TestTheCatalogueIsStrict(t *testing.T) {
	for name, text := range map[string]string{
		"unknown property":            "policies:\n  - name: a\n    version: 1\n    patience: 3s\n",
		"the one that is a list now":  "policies:\n  - name: a\n    version: 1\n    records_provider: acedata\n",
		"repeated in a policy":        "policies:\n  - name: a\n    version: 1\n    version: 2\n",
		"a duration without its unit": "policies:\n  - name: a\n    version: 1\n    retry_window: 30\n",
		"a policy that is a word":     "policies: [cn-resident]\n",
		"repeated":                    "clients: []\nclients: []\n",
		"unknown in a key":            "clients:\n  - {id: a, keys: [{name: a, sha256: b}]}\n",
		"unknown in a reviewer":       "reviewers:\n  - {name: a, scopes: [b]}\n",
		"wrong type":                  "clients: 3\n",
		"bad duration":                "policies:\n  - name: a\n    version: 1\n    retry_window: soon\n",
		"not YAML":                    "clients: [\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load([]string{file(t, text)}, config.Needs{})
			require.ErrorContains(t, err, "YANZHEN_CONFIG")
		})
	}
	_, err := load([]string{file(t, "")}, config.Needs{})
	require.NoError(t, err, "an empty file says nothing, and may")
	_, err = load([]string{"YANZHEN_CONFIG=/nowhere/at/all.yaml"}, config.Needs{})
	require.ErrorContains(t, err, "cannot be read")
}

const ownPolicies = `
policies:
  - {name: a, version: 1, checks: {liveness: required}, face_providers: [face]}
  - {name: b, version: 1, checks: {liveness: required, identity_records: required}, face_providers: [face], records_providers: [records]}
`

// A policy of the file was meant; a built-in one whose vendors are not there is
// not offered, and none at all is an error.
func TestAPolicyNamingAProviderThatIsNotConfiguredIsAnError(t *testing.T) {
	_, err := load(append([]string{reachable, file(t, ownPolicies)}, faceOn...), config.Needs{Providers: true})
	require.ErrorContains(t, err, "policy b needs the provider records, which is not configured: set YANZHEN_RECORDS_KEY and YANZHEN_RECORDS_ID")
	require.NotContains(t, err.Error(), "policy a")
	require.NotContains(t, err.Error(), "cn-no-face", "nobody asked for that one")

	c, err := load(slices.Concat([]string{reachable, file(t, ownPolicies)}, faceOn, recordsOn), config.Needs{Providers: true})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, slices.Sorted(maps.Keys(c.Policies)))

	_, err = load([]string{file(t, "policies:\n  - {name: other, version: 1, checks: {liveness: required}, face_providers: [nobody]}\n")}, config.Needs{Providers: true})
	require.ErrorContains(t, err, `policy other: unknown provider "nobody", want one of face, records`)
	_, err = load(nil, config.Needs{Providers: true})
	require.ErrorContains(t, err, "no policy could be run")
}

// Every vendor that is on is in the registry, with its switch and its remedies.
func TestTheRegistryHoldsWhoIsConfigured(t *testing.T) {
	c, err := load(append([]string{reachable, "YANZHEN_FACE_SWITCH=drain"}, faceOn...), config.Needs{})
	require.NoError(t, err)
	r, err := c.Registry(slog.Default())
	require.NoError(t, err)
	require.Equal(t, []string{"face"}, r.Names())
	require.Equal(t, "Ask.", r.Remedy("face", provider.Misconfigured))
	require.Empty(t, r.Remedy("face", provider.Unavailable))
	require.Equal(t, map[string]string{"face": "drain"}, c.Switches())
}

func TestAPolicySaysWhatACaptureIsWorthAndWhatItIsComparedWith(t *testing.T) {
	c, err := load([]string{file(t, `
policies:
  - {name: cn-chip-capture, version: 2, capture: passed, comparer: "", compare_threshold: 70}
  - {name: cn-no-face, version: 2, always_review: false}
`)}, config.Needs{})
	require.NoError(t, err)
	require.Equal(t, verification.CapturePassed, c.Policies["cn-chip-capture"].Capture)
	require.Empty(t, c.Policies["cn-chip-capture"].Comparer)
	require.InDelta(t, 70, c.Policies["cn-chip-capture"].CompareThreshold, 0)
	require.False(t, c.Policies["cn-no-face"].AlwaysReview)
}

func TestARealVendorsPeopleMustComeBack(t *testing.T) {
	for _, home := range [][]string{nil, {"YANZHEN_PUBLIC_URL=http://localhost:8080"}} { // by default, too
		_, err := load(slices.Concat(faceOn, home), config.Needs{})
		require.ErrorContains(t, err, "YANZHEN_PUBLIC_URL is this machine's own address, to which nobody comes back from the real vendor of YANZHEN_FACE_URL")
	}
	for _, fine := range [][]string{
		append(slices.Clone(faceOn), reachable),
		append(slices.Clone(faceOn), "YANZHEN_FACE_URL=http://127.0.0.1:8090/face"),
		recordsOn, // who sends nobody anywhere
	} {
		_, err := load(fine, config.Needs{})
		require.NoError(t, err)
	}
}

// Stand-ins beside real vendors, and secrets of stand-ins at real vendors, are
// left over from a first look.
func TestStandInsAndRealVendorsDoNotMix(t *testing.T) {
	needs := config.Needs{StandIns: []string{"YANZHEN_RECORDS_KEY=Published", "YANZHEN_RECORDS_ID=i"}}
	_, err := load(append([]string{"YANZHEN_SANDBOX_FORWARD=127.0.0.1:8090=sandbox:8090"}, recordsOn...), needs)
	require.ErrorContains(t, err, "YANZHEN_SANDBOX_FORWARD brings stand-in vendors, but YANZHEN_RECORDS_URL names a real one")
	_, err = load([]string{"YANZHEN_RECORDS_KEY=PUBLISHED", "YANZHEN_RECORDS_ID=i"}, needs)
	require.ErrorContains(t, err, "YANZHEN_RECORDS_KEY is the stand-in's, but YANZHEN_RECORDS_URL names a real vendor")
	require.NotContains(t, err.Error(), "YANZHEN_RECORDS_ID is", "an id that may be shown is no secret")
	_, err = load([]string{"YANZHEN_RECORDS_KEY=published", "YANZHEN_RECORDS_ID=i", "YANZHEN_RECORDS_URL=http://127.0.0.1:8090"}, needs)
	require.NoError(t, err)
}

func TestAKeyFileOpenToOthersIsAFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o644))
	_, err := load([]string{"YANZHEN_KEYS=" + path}, config.Needs{Keys: true})
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = load([]string{"YANZHEN_KEYS=" + path}, config.Needs{Keys: true})
	require.NoError(t, err)
}

func TestPrintedSettingsShowNoSecret(t *testing.T) {
	c, err := load([]string{reachable,
		"YANZHEN_FACE_KEY=" + secret, "YANZHEN_FACE_ID=i1", "YANZHEN_RECORDS_KEY=" + secret, "YANZHEN_RECORDS_ID=i2", "YANZHEN_API_KEY=" + secret,
		"YANZHEN_STORE=postgres://yz:" + secret + "@db/yz?password=" + secret,
		file(t, ownPolicies+"clients:\n  - {id: shop, keys: [{name: one, hash: '"+hash+"', scopes: ['verifications:read'], expires: '2027-01-31T18:00:00+08:00'}]}\n"+
			"reviewers:\n  - {name: wang, hash: '"+hash+"', clients: [shop]}\n"),
	}, config.Needs{Providers: true, Clients: true})
	require.NoError(t, err)
	for _, text := range []string{c.String(), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v", *c)} {
		require.NotContains(t, text, secret)
		require.NotContains(t, text, hash)
		require.Contains(t, text, "YANZHEN_FACE_ID=i1")
		require.Contains(t, text, "YANZHEN_FACE_KEY=***")
		require.Contains(t, text, "YANZHEN_RECORDS_KEY=***")
		require.Contains(t, text, "YANZHEN_API_KEY=***")
		require.Contains(t, text, "YANZHEN_STORE=postgres://yz:xxx@db/yz")
		require.Contains(t, text, "client shop: key one, scopes verifications:read, until 2027-01-31T18:00:00+08:00")
		require.Contains(t, text, "reviewer wang: clients shop")
		require.Contains(t, text, "policy b version 1: chip none, face face, comparer none, records records")
	}
}

// A policy is spelled once, by its own type: whatever that can say can be said
// in the file, and what the file does not name stays as it was.
func TestEveryPropertyOfAPolicyCanBeSet(t *testing.T) {
	c, err := load([]string{file(t, `
policies:
  - name: everything
    version: 7
    presentation: page
    link_life: 5s
    human_route: https://shop.example/human
    consents: [document_chip, identity_records, face, portrait_comparison]
    abroad: allow
    guardian_agreed: true
    objection_contact: help@shop.example
    checks: &checks {document_chip: required, identity_records: if_available, face_match: required}
    face_providers: [a, b]
    records_providers: [c]
    records_when: after_face
    chip_provider: d
    capture: passed
    comparer: e
    compare_threshold: 51.5
    unknown_charge: review
    suspicion: decline
    always_review: true
    one_open: true
    rotate_providers: true
    attempts: 4
    sessions: 5
    records_daily_cap: 6
    sessions_daily_cap: 7
    start_patience: 1s
    records_patience: 2s
    last_look_patience: 3s
    retry_window: 4s
    review_deadline: 1h30m
  - {name: alias, version: 1, checks: *checks, face_providers: [a], records_providers: [c], chip_provider: d}
  - name: cn-resident
    version: 9
    face_providers: [b]
`)}, config.Needs{})
	require.NoError(t, err)
	want := verification.Policy{
		Name: "everything", Version: 7, Presentation: verification.PresentationPage,
		LinkLife: verification.Duration(5 * time.Second), HumanRoute: "https://shop.example/human", GuardianAgreed: true,
		Consents: []verification.Purpose{verification.PurposeDocumentChip, verification.PurposeIdentityRecords, verification.PurposeFace, verification.PurposePortraitComparison},
		Abroad:   verification.AbroadAllow, ObjectionContact: "help@shop.example",
		Checks: map[verification.CheckType]verification.Requirement{
			verification.DocumentChip: verification.Required, verification.IdentityRecords: verification.IfAvailable, verification.FaceMatch: verification.Required},
		FaceProviders: []string{"a", "b"}, RecordsProviders: []string{"c"}, RecordsWhen: verification.AfterFace, ChipProvider: "d",
		Capture: verification.CapturePassed, Comparer: "e", CompareThreshold: 51.5,
		UnknownCharge: verification.UnknownReview, Suspicion: verification.SuspicionDecline, AlwaysReview: true, OneOpen: true, RotateProviders: true,
		Attempts: 4, Sessions: 5, RecordsDailyCap: 6, SessionsDailyCap: 7,
		StartPatience: verification.Duration(time.Second), RecordsPatience: verification.Duration(2 * time.Second),
		LastLookPatience: verification.Duration(3 * time.Second), RetryWindow: verification.Duration(4 * time.Second),
		ReviewDeadline: verification.Duration(90 * time.Minute),
	}
	v := reflect.ValueOf(want)
	for i := range v.NumField() {
		require.False(t, v.Field(i).IsZero(), "the test does not set %s", v.Type().Field(i).Name)
	}
	require.Equal(t, want, c.Policies["everything"])
	require.Equal(t, want.Checks, c.Policies["alias"].Checks)
	require.Equal(t, []string{"b"}, c.Policies["cn-resident"].FaceProviders)
	require.Equal(t, []string{"tencent_eid"}, config.BuiltIn()["cn-resident"].FaceProviders)
	require.Len(t, c.Policies["cn-resident"].Checks, 5, "those of the built-in one")
}

// settingsPage is the documents' page of all settings.
const settingsPage = "../../docs/settings.md"

// Whoever copies the page's catalogue gets one that loads.
func TestTheCatalogueOfTheDocsLoads(t *testing.T) {
	page, err := os.ReadFile(settingsPage)
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "```yaml\n")
	require.True(t, ok)
	catalogue, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	c, err := load([]string{file(t, catalogue)}, config.Needs{Clients: true})
	require.NoError(t, err)
	require.Equal(t, "tencent_iai", c.Policies["branch"].Comparer)
}

// The page names every property of a policy, with the default that holds.
func TestDocsShowThePropertiesOfAPolicyAsTheyAre(t *testing.T) {
	page, err := os.ReadFile(settingsPage)
	require.NoError(t, err)
	_, page, ok := bytes.Cut(page, []byte("| property | default |"))
	require.True(t, ok)
	shown := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (.*?) ?\\|").FindAllSubmatch(page, -1) {
		shown[string(row[1])] = strings.Trim(string(row[2]), "`")
	}
	text, err := json.Marshal(verification.DefaultPolicy())
	require.NoError(t, err)
	defaults := map[string]any{"always_review": false, "one_open": false, "guardian_agreed": false, "rotate_providers": false} // false is left out
	require.NoError(t, json.Unmarshal(text, &defaults))
	fields := reflect.TypeFor[verification.Policy]()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		got, ok := shown[name]
		require.True(t, ok, "docs/settings.md does not name %s", name)
		delete(shown, name)
		switch want := defaults[name].(type) {
		case string:
			if d, err := time.ParseDuration(got); err == nil {
				got = d.String()
			}
			require.Equal(t, strings.TrimSpace(want), got, name)
		case bool, float64:
			if name != "version" { // every policy states its own
				require.Equal(t, fmt.Sprint(want), got, name)
			}
		default:
			require.Empty(t, got, name)
		}
	}
	require.Empty(t, shown, "docs/settings.md names what a policy does not have")
}
