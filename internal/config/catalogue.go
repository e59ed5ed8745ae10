package config

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/verification"
)

//go:embed policies.yaml
var builtIn []byte

// catalogue is the file's form. A policy is decoded over the one that it
// changes, which its name tells.
type catalogue struct {
	Clients   []clientFile `yaml:"clients"`
	Reviewers []Reviewer   `yaml:"reviewers"`
	Policies  []ast.Node   `yaml:"policies"`

	ConsentTexts []consentText `yaml:"consent_texts"`
	Processors   []processor   `yaml:"processors"`
	Retention    []Retention   `yaml:"retention"`

	decoder *yaml.Decoder
}

// policy lays one of the file's policies over the base that it names: what is
// not named keeps its value. Clocks are strings such as 30m or 24h.
func (c catalogue) policy(node ast.Node, base func(name string) verification.Policy) (verification.Policy, error) {
	var said map[string]any
	if err := c.decoder.DecodeFromNode(node, &said); err != nil {
		return verification.Policy{}, plain(err)
	}
	name, _ := said["name"].(string)
	p := base(name)
	p.Name, p.Version = "", 0 // are the file's own
	checks := maps.Clone(p.Checks)
	if err := c.decoder.DecodeFromNode(node, &p); err != nil {
		return verification.Policy{}, plain(err)
	}
	if checks == nil {
		checks = map[verification.CheckType]verification.Requirement{}
	}
	maps.Copy(checks, p.Checks)
	p.Checks = checks
	return p, nil
}

// BuiltIn returns the built-in policies by name.
func BuiltIn() map[string]verification.Policy {
	file, err := parse(bytes.NewReader(builtIn))
	out := map[string]verification.Policy{}
	for _, node := range file.Policies {
		p, wrong := file.policy(node, func(string) verification.Policy { return verification.DefaultPolicy() })
		err = errors.Join(err, wrong)
		out[p.Name] = p
	}
	if err != nil {
		panic(fmt.Sprintf("config: the built-in policies: %v", err)) // a test loads them
	}
	return out
}

// parse is strict: an unknown or repeated property is an error, for a misspelt
// one would leave a default in force unseen.
func parse(r io.Reader) (catalogue, error) {
	c := catalogue{decoder: yaml.NewDecoder(r, yaml.Strict())}
	err := c.decoder.Decode(&c)
	if errors.Is(err, io.EOF) { // an empty file says nothing, which is allowed
		err = nil
	}
	return c, plain(err)
}

// plain words an error of the file without an excerpt of it.
func plain(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(yaml.FormatError(err, false, false))
}

// loadCatalogue reads the file that YANZHEN_CONFIG names over the built-in
// policies.
func (c *Config) loadCatalogue() []error {
	c.Policies = BuiltIn()
	c.consents = builtInTexts()
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
	faults := append(c.takeClients(file), c.mergePolicies(file)...)
	faults = append(faults, c.takeConsents(file)...)
	faults = append(faults, c.takeRetention(file)...)
	for _, cl := range c.Clients {
		for _, name := range cl.Policies {
			if _, ok := c.Policies[name]; !ok {
				faults = append(faults, fmt.Errorf("client %q: policies: there is no policy %q", cl.ID, name))
			}
		}
	}
	for i, err := range faults {
		faults[i] = fmt.Errorf("YANZHEN_CONFIG: %w", err)
	}
	return faults
}

// takeClients takes over the clients and reviewers. Of a client in the older
// form nothing else is said.
func (c *Config) takeClients(file catalogue) []error {
	var faults []error
	var current []Client
	for _, f := range file.Clients {
		if err := f.older(); err != nil {
			faults = append(faults, err)
			c.older = true
			continue
		}
		current = append(current, f.Client)
	}
	c.Clients, c.Reviewers = current, file.Reviewers
	c.Brands = map[string]brand.Brand{}
	for _, cl := range current {
		b, wrong := cl.brand(filepath.Dir(c.File))
		c.Brands[cl.ID] = b
		faults = append(faults, wrong...)
	}
	return append(faults, CheckClients(current)...)
}

func (c *Config) mergePolicies(file catalogue) []error {
	var faults []error
	c.written = map[string]bool{}
	for _, node := range file.Policies {
		version, known := 0, false
		p, err := file.policy(node, func(name string) verification.Policy {
			base, ok := c.Policies[name]
			if !ok {
				return verification.DefaultPolicy()
			}
			version, known = base.Version, true
			return base
		})
		switch {
		case err != nil:
			faults = append(faults, err)
			continue
		case c.written[p.Name]:
			faults = append(faults, fmt.Errorf("policy %q is listed twice", p.Name))
		case p.Version == 0:
			faults = append(faults, fmt.Errorf("policy %q: state a version, and raise it with every change: running verifications keep theirs", p.Name))
		case known && p.Version <= version:
			faults = append(faults, fmt.Errorf("policy %q: it changes the built-in version %d, so its version must be higher", p.Name, version))
		}
		c.written[p.Name] = true
		faults = append(faults, Errors(p.Validate())...)
		c.Policies[p.Name] = p
	}
	return faults
}

// Errors takes a joined error apart, so that every fault gets its own line.
func Errors(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, Errors(one)...)
		}
		return all
	}
	return []error{err}
}
