package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Needs says what a command cannot do without.
type Needs struct {
	Keys      bool // the key file
	Clients   bool // at least one client
	Providers bool // every provider that a policy names
	// CheckAccess, if not nil, tells what the API would not take.
	CheckAccess func([]Client, []Reviewer) error
	// CheckVendors, if not nil, tells what the vendors' packages would not take.
	// It is asked where nothing else is at fault.
	CheckVendors func(*Config) error
}

// Load reads the settings from an environment ("NAME=value", as os.Environ
// gives it) and the catalogue that they name. The error joins every fault.
func Load(environ []string, needs Needs) (*Config, error) {
	vars := env.ToMap(environ)
	var c Config
	faults := unknown(vars)
	if err := env.ParseWithOptions(&c, env.Options{Prefix: Prefix, Environment: vars}); err != nil {
		faults = append(faults, parseFaults(err)...)
	}
	faults = append(faults, c.checkSettings()...)
	faults = append(faults, c.loadCatalogue()...)
	faults = append(faults, c.checkNeeds(needs)...)
	if len(faults) == 0 && needs.CheckVendors != nil {
		faults = split(needs.CheckVendors(&c))
	}
	if len(faults) > 0 {
		return nil, faultList(faults)
	}
	return &c, nil
}

// faultList prints faults one a line.
type faultList []error

func (l faultList) Unwrap() []error { return l }

func (l faultList) Error() string {
	var b strings.Builder
	b.WriteString("the configuration has faults:")
	for _, err := range l {
		b.WriteString("\n  - " + err.Error())
	}
	return b.String()
}

// unknown reports variables with our prefix that are no settings: a typo there
// would otherwise leave a default in force unseen. YANZHEN_TEST_* belong to the
// tests.
func unknown(vars map[string]string) []error {
	known := map[string]bool{}
	for _, s := range Settings() {
		known[s.Name] = true
	}
	var names []string
	for name := range vars {
		if strings.HasPrefix(name, Prefix) && !strings.HasPrefix(name, Prefix+"TEST_") && !known[name] {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var faults []error
	for _, name := range names {
		faults = append(faults, fmt.Errorf("%s is no setting; did you mean %s? Unset it", name, nearest(name)))
	}
	return faults
}

// nearest returns the setting whose name shares the most with a wrong one.
func nearest(name string) string {
	best, least := "", 1<<30
	for _, s := range Settings() {
		if d := distance(name, s.Name); d < least {
			best, least = s.Name, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// parseFaults names the variable instead of the Go field, and does not repeat
// the value: it may be a secret in the wrong place.
func parseFaults(err error) []error {
	var faults []error
	errs := []error{err}
	if all, ok := errors.AsType[env.AggregateError](err); ok {
		errs = all.Errors
	}
	for _, e := range errs {
		parse, ok := errors.AsType[env.ParseError](e)
		if !ok {
			faults = append(faults, e)
			continue
		}
		names := []string{}
		for _, s := range Settings() {
			if s.field == parse.Name && s.kind == parse.Type {
				names = append(names, s.Name)
			}
		}
		faults = append(faults, fmt.Errorf("%s is not a %s", strings.Join(names, " or "), kindName(parse.Type)))
	}
	return faults
}

func kindName(t reflect.Type) string {
	switch t.String() {
	case "time.Duration":
		return "duration such as 10s or 5m"
	case "slog.Level":
		return "level: debug, info, warn or error"
	case "bool":
		return "yes or no: write true or false"
	case "float64":
		return "number"
	case "config.Aliases":
		return "list such as name=fullName|xm,photo=pic"
	case "config.Forward":
		return "pair such as 127.0.0.1:8090=sandbox:8090, the first address on loopback"
	}
	return t.String()
}

func (c *Config) checkNeeds(n Needs) []error {
	var faults []error
	if n.Keys {
		switch info, err := readable(c.Keys); {
		case c.Keys == "":
			faults = append(faults, errors.New("YANZHEN_KEYS is not set: name the key file, or make one with `yanzhen setup --make-keys FILE`"))
		case err != nil:
			faults = append(faults, fmt.Errorf("YANZHEN_KEYS: %s cannot be read: %w", c.Keys, underlying(err)))
		case info.Mode().Perm()&0o077 != 0:
			faults = append(faults, fmt.Errorf("YANZHEN_KEYS: %s can be read by others than its owner: chmod 600", c.Keys))
		}
	}
	if n.Clients && len(c.Clients) == 0 && !c.older {
		faults = append(faults, errors.New("YANZHEN_CONFIG: no client is configured, so nobody could call the API: list one under clients"))
	}
	if n.CheckAccess != nil && !c.older {
		for _, err := range split(n.CheckAccess(c.Clients, c.Reviewers)) {
			faults = append(faults, fmt.Errorf("YANZHEN_CONFIG: %w", err))
		}
	}
	if n.Providers {
		faults = append(faults, c.checkProviders()...)
	}
	return faults
}

// remedies tell how each provider is configured.
var remedies = map[string]string{
	"tencent_eid":   "set YANZHEN_TENCENT_SECRET_ID, YANZHEN_TENCENT_SECRET_KEY and YANZHEN_TENCENT_MERCHANT_ID",
	"tencent_iai":   "set YANZHEN_TENCENT_IAI_ENABLED to true",
	"acedata":       "set YANZHEN_ACEDATA_TOKEN",
	"megvii_faceid": "set YANZHEN_MEGVII_API_KEY and YANZHEN_MEGVII_API_SECRET",
	"sino_connect":  "set YANZHEN_SINO_BASE_URL, YANZHEN_SINO_CLIENT_ID, YANZHEN_SINO_CLIENT_SECRET and YANZHEN_SINO_JWKS",
}

func (c *Config) enabled(provider string) bool {
	switch provider {
	case "tencent_eid":
		return c.Tencent.Enabled()
	case "tencent_iai":
		return c.TencentIAI.Enabled()
	case "acedata":
		return c.AceData.Enabled()
	case "sino_connect":
		return c.Sino.Enabled()
	case "megvii_faceid":
		return c.Megvii.Enabled()
	}
	return false
}

// checkProviders: a policy that names a provider without credentials could
// never be run. A built-in one is then not offered; one of the catalogue was
// meant, so it is a fault, and so is an installation that offers none.
func (c *Config) checkProviders() []error {
	var faults, unoffered []error
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		missing := c.missing(c.Policies[name])
		if len(missing) == 0 {
			continue
		}
		if c.written[name] {
			faults = append(faults, missing...)
			continue
		}
		unoffered = append(unoffered, missing...)
		delete(c.Policies, name)
	}
	if len(c.Policies) == 0 {
		faults = append(faults, errors.New("no policy could be run: configure the providers of one"))
		faults = append(faults, unoffered...)
	}
	return faults
}

// missing lists the providers that a policy names and nobody configured.
func (c *Config) missing(p verification.Policy) []error {
	var faults []error
	seen := map[string]bool{"": true}
	for _, name := range slices.Concat(p.FaceProviders, p.RecordsProviders, []string{p.ChipProvider, p.Comparer}) {
		if seen[name] {
			continue
		}
		seen[name] = true
		switch remedy, known := remedies[name]; {
		case !known:
			faults = append(faults, fmt.Errorf("policy %s names the provider %q, which is none of %s", p.Name, name, strings.Join(slices.Sorted(maps.Keys(remedies)), ", ")))
		case !c.enabled(name):
			faults = append(faults, fmt.Errorf("policy %s needs the provider %s, which is not configured: %s", p.Name, name, remedy))
		}
	}
	return faults
}

// readable describes a file that this process can open.
func readable(path string) (os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// underlying drops the path that the caller's sentence already holds, and adds
// the remedy where the system's words have none.
func underlying(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w: give it to the user as whom this runs, which is %d", os.ErrPermission, os.Getuid())
	}
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
