package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Needs says what a command cannot do without.
type Needs struct {
	Keys    bool // the key file
	Clients bool // at least one client
	// Providers: every provider that a policy names, and what each was told must
	// be right. Whoever calls no vendor does not care.
	Providers bool
	// CheckAccess, if not nil, tells what the API would not take.
	CheckAccess func([]Client, []Reviewer) error
	// StandIns are the settings that point at the stand-in vendors. Their secrets
	// are refused at real ones.
	StandIns []string
}

// Load reads the settings from an environment ("NAME=value", as os.Environ
// gives it), those of the listed vendors included, and the catalogue that they
// name. The error joins everything that is wrong.
func Load(environ []string, vendors []provider.Vendor, needs Needs) (*Config, error) {
	vars := toMap(environ)
	c := &Config{}
	for _, v := range vendors {
		c.Vendors = append(c.Vendors, Vendor{v, v.Settings()})
	}
	faults := c.unknown(vars)
	faults = append(faults, settings.Read(c, vars)...)
	for _, v := range c.Vendors {
		faults = append(faults, settings.Read(v.Settings, vars)...)
	}
	for _, err := range append(c.checkSettings(), c.checkVendors(needs)...) {
		if !slices.ContainsFunc(faults, func(unread error) bool { return sameSetting(unread, err) }) {
			faults = append(faults, err)
		}
	}
	faults = append(faults, c.loadCatalogue()...)
	faults = append(faults, c.checkMiniPrograms()...)
	faults = append(faults, c.checkNeeds(needs)...)
	if len(faults) > 0 {
		return nil, errorList(faults)
	}
	return c, nil
}

// sameSetting: what could not be read needs no second error for what was left.
func sameSetting(a, b error) bool {
	x, ok := errors.AsType[*settings.Error](a)
	y, ok2 := errors.AsType[*settings.Error](b)
	return ok && ok2 && x.Setting == y.Setting
}

func toMap(environ []string) map[string]string {
	vars := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		vars[name] = value
	}
	return vars
}

// errorList prints faults one a line.
type errorList []error

func (l errorList) Unwrap() []error { return l }

func (l errorList) Error() string {
	var b strings.Builder
	b.WriteString("the configuration has errors:")
	for _, err := range l {
		b.WriteString("\n  - " + err.Error())
	}
	return b.String()
}

// settings lists every variable.
func (c *Config) settings() []settings.Setting {
	all := settings.Of(c)
	for _, v := range c.Vendors {
		all = append(all, settings.Of(v.Settings)...)
	}
	return all
}

// unknown reports variables with our prefix that are no settings: a typo there
// would otherwise leave a default in force unseen. YANZHEN_TEST_* belong to the
// tests.
func (c *Config) unknown(vars map[string]string) []error {
	all := c.settings()
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		known := slices.ContainsFunc(all, func(s settings.Setting) bool { return s.Name == name })
		if strings.HasPrefix(name, settings.Prefix) && !strings.HasPrefix(name, settings.Prefix+"TEST_") && !known {
			nearest := slices.MinFunc(all, func(a, b settings.Setting) int { return distance(name, a.Name) - distance(name, b.Name) })
			faults = append(faults, &settings.Error{Setting: name, What: "is no setting; did you mean " + nearest.Name + "? Unset it"})
		}
	}
	return faults
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

func (c *Config) checkNeeds(n Needs) []error {
	var faults []error
	if n.Keys {
		switch info, err := readable(c.Keys); {
		case c.Keys == "":
			faults = append(faults, errors.New("YANZHEN_KEYS is not set: name the key file, or create one with `yanzhen setup --make-keys FILE`"))
		case err != nil:
			faults = append(faults, fmt.Errorf("YANZHEN_KEYS: %s cannot be read: %w", c.Keys, underlying(err)))
		case info.Mode().Perm()&0o007 != 0: // a group's right depends on the owner, and is looked at when it is read
			faults = append(faults, fmt.Errorf("YANZHEN_KEYS: %s is readable by others than its owner: run chmod 600 on it", c.Keys))
		}
	}
	if n.Clients && len(c.Clients) == 0 && !c.older {
		faults = append(faults, errors.New("YANZHEN_CONFIG: no client is configured, so the API has no callers: list one under clients"))
	}
	if n.CheckAccess != nil && !c.older {
		for _, err := range Errors(n.CheckAccess(c.Clients, c.Reviewers)) {
			faults = append(faults, fmt.Errorf("YANZHEN_CONFIG: %w", err))
		}
	}
	if n.Providers {
		faults = append(faults, c.checkProviders()...)
	}
	return faults
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
		at := c.vendor(name)
		switch {
		case at < 0:
			faults = append(faults, c.unknownProvider(p, name))
		case !c.Vendors[at].On():
			faults = append(faults, fmt.Errorf("policy %s needs the provider %s, which is not configured: set %s", p.Name, name, settings.Needed(c.Vendors[at].Settings)))
		}
	}
	return faults
}

// vendor is the place of a vendor in the list; below 0: there is none of the name.
func (c *Config) vendor(name string) int {
	return slices.IndexFunc(c.Vendors, func(v Vendor) bool { return v.Name == name })
}

// unknownProvider is the fault of a policy's provider that no vendor is; nil: it is
// one.
func (c *Config) unknownProvider(p verification.Policy, name string) error {
	if c.vendor(name) >= 0 {
		return nil
	}
	var names []string
	for _, v := range c.Vendors {
		names = append(names, v.Name)
	}
	return fmt.Errorf("policy %s: unknown provider %q, want one of %s", p.Name, name, strings.Join(names, ", "))
}

// checkMiniPrograms: a policy for mini programs has a face vendor whose sessions
// can be begun there.
func (c *Config) checkMiniPrograms() []error {
	var able []string
	for _, v := range c.Vendors {
		if v.MiniProgram {
			able = append(able, v.Name)
		}
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		p := c.Policies[name]
		none := !slices.ContainsFunc(p.FaceProviders, func(f string) bool { return slices.Contains(able, f) })
		if p.Presentation == verification.PresentationMiniProgram && none {
			faults = append(faults, fmt.Errorf("policy %s: presentation: mini_program needs one of %s among face_providers: no other can be begun there", name, strings.Join(able, ", ")))
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
		return fmt.Errorf("%w: make the user that this process runs as its owner, which is %d", os.ErrPermission, os.Getuid())
	}
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
