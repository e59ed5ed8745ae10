package config

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/yanzhen-id/yanzhen/verification"
)

//go:embed policies.yaml
var builtIn []byte

// catalogue is the file's form.
type catalogue struct {
	Clients  []Client     `yaml:"clients"`
	Policies []policyFile `yaml:"policies"`
}

// policyFile is a policy as written: what is not named keeps its default.
// Durations are strings such as 30m or 24h.
type policyFile struct {
	Name             string                                              `yaml:"name"`
	Version          int                                                 `yaml:"version"`
	Checks           map[verification.CheckType]verification.Requirement `yaml:"checks"`
	FaceProviders    []string                                            `yaml:"face_providers"`
	RecordsProvider  *string                                             `yaml:"records_provider"`
	RecordsWhen      *verification.When                                  `yaml:"records_when"`
	ChipProvider     *string                                             `yaml:"chip_provider"`
	Capture          *verification.CaptureRule                           `yaml:"capture"`
	Comparer         *string                                             `yaml:"comparer"`
	CompareThreshold *float64                                            `yaml:"compare_threshold"`
	AlwaysReview     *bool                                               `yaml:"always_review"`
	UnknownCharge    *verification.UnknownCharge                         `yaml:"unknown_charge"`
	Suspicion        *verification.SuspicionRule                         `yaml:"suspicion"`
	RotateProviders  *bool                                               `yaml:"rotate_providers"`
	Attempts         *int                                                `yaml:"attempts"`
	Sessions         *int                                                `yaml:"sessions"`
	RecordsDailyCap  *int                                                `yaml:"records_daily_cap"`
	StartPatience    *time.Duration                                      `yaml:"start_patience"`
	RecordsPatience  *time.Duration                                      `yaml:"records_patience"`
	LastLookPatience *time.Duration                                      `yaml:"last_look_patience"`
	RetryWindow      *time.Duration                                      `yaml:"retry_window"`
	ReviewDeadline   *time.Duration                                      `yaml:"review_deadline"`
}

// over lays what the file names over a base.
func (f policyFile) over(p verification.Policy) verification.Policy {
	p.Name, p.Version = f.Name, f.Version
	p.Checks = maps.Clone(p.Checks)
	if p.Checks == nil {
		p.Checks = map[verification.CheckType]verification.Requirement{}
	}
	maps.Copy(p.Checks, f.Checks)
	if f.FaceProviders != nil {
		p.FaceProviders = slices.Clone(f.FaceProviders)
	}
	set(&p.RecordsProvider, f.RecordsProvider)
	set(&p.RecordsWhen, f.RecordsWhen)
	set(&p.ChipProvider, f.ChipProvider)
	set(&p.Capture, f.Capture)
	set(&p.Comparer, f.Comparer)
	set(&p.CompareThreshold, f.CompareThreshold)
	set(&p.AlwaysReview, f.AlwaysReview)
	set(&p.UnknownCharge, f.UnknownCharge)
	set(&p.Suspicion, f.Suspicion)
	set(&p.RotateProviders, f.RotateProviders)
	set(&p.Attempts, f.Attempts)
	set(&p.Sessions, f.Sessions)
	set(&p.RecordsDailyCap, f.RecordsDailyCap)
	set(&p.StartPatience, f.StartPatience)
	set(&p.RecordsPatience, f.RecordsPatience)
	set(&p.LastLookPatience, f.LastLookPatience)
	set(&p.RetryWindow, f.RetryWindow)
	set(&p.ReviewDeadline, f.ReviewDeadline)
	return p
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// BuiltIn returns the built-in policies by name.
func BuiltIn() map[string]verification.Policy {
	file, err := parse(bytes.NewReader(builtIn))
	if err != nil {
		panic(fmt.Sprintf("config: the built-in policies: %v", err)) // a test loads them
	}
	out := map[string]verification.Policy{}
	for _, f := range file.Policies {
		out[f.Name] = f.over(verification.DefaultPolicy())
	}
	return out
}

// parse is strict: an unknown or repeated member is an error, for a misspelt
// one would leave a default in force unseen.
func parse(r io.Reader) (catalogue, error) {
	var c catalogue
	err := yaml.NewDecoder(r, yaml.Strict(), yaml.DisallowUnknownField()).Decode(&c)
	if errors.Is(err, io.EOF) { // an empty file says nothing, which is allowed
		err = nil
	}
	if err != nil {
		return c, errors.New(yaml.FormatError(err, false, false)) // without an excerpt of the file
	}
	return c, nil
}

// loadCatalogue reads the file that YANZHEN_CONFIG names over the built-in
// policies.
func (c *Config) loadCatalogue() []error {
	c.Policies = BuiltIn()
	if c.File == "" {
		return nil
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return []error{fmt.Errorf("YANZHEN_CONFIG: %s cannot be read: %w", c.File, underlying(err))}
	}
	file, err := parse(bytes.NewReader(text))
	if err != nil {
		return []error{fmt.Errorf("YANZHEN_CONFIG: %s: %w", c.File, err)}
	}
	c.Clients = file.Clients
	faults := append(CheckClients(file.Clients), c.mergePolicies(file.Policies)...)
	for i, err := range faults {
		faults[i] = fmt.Errorf("YANZHEN_CONFIG: %w", err)
	}
	return faults
}

func (c *Config) mergePolicies(files []policyFile) []error {
	var faults []error
	seen := map[string]bool{}
	c.written = seen
	for _, f := range files {
		base, ok := c.Policies[f.Name]
		if !ok {
			base = verification.DefaultPolicy()
		}
		switch {
		case seen[f.Name]:
			faults = append(faults, fmt.Errorf("policy %q is listed twice", f.Name))
		case f.Version == 0:
			faults = append(faults, fmt.Errorf("policy %q: state a version, and raise it with every change: running verifications keep theirs", f.Name))
		case ok && f.Version <= base.Version:
			faults = append(faults, fmt.Errorf("policy %q: it changes the built-in version %d, so its version must be higher", f.Name, base.Version))
		}
		seen[f.Name] = true
		p := f.over(base)
		if err := p.Validate(); err != nil {
			faults = append(faults, split(err)...)
		}
		c.Policies[f.Name] = p
	}
	return faults
}

// split takes a joined error apart, so that every fault gets its own line.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

var clientID = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// CheckClients holds what is a rule of the file; what the API asks of its
// clients is the API's to say (Needs.CheckClients).
func CheckClients(clients []Client) []error {
	var faults []error
	for i, cl := range clients {
		if !clientID.MatchString(cl.ID) {
			faults = append(faults, fmt.Errorf("clients[%d].id must be lower case letters, digits, - and _, at most 40", i))
		}
		if len(cl.KeyHashes) == 0 {
			faults = append(faults, fmt.Errorf("client %q: key_hashes is empty, so it could never call: printf %%s \"$KEY\" | sha256sum", cl.ID))
		}
		if len(cl.Scopes) == 0 {
			faults = append(faults, fmt.Errorf("client %q: scopes is empty, so it could do nothing", cl.ID))
		}
	}
	return faults
}
