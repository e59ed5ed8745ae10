package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Client is an onboarding service that may call the API.
type Client struct {
	ID   string `yaml:"id"`
	Keys []Key  `yaml:"keys"`
	// SelfReview lets one key both start and decide.
	SelfReview bool `yaml:"self_review,omitempty"`
	// Policies are those under which the client may start; empty: all.
	Policies []string `yaml:"policies,omitempty"`
	// Purposes are the words for which the client reads outputs.
	Purposes []string `yaml:"purposes,omitempty"`
	// ReturnURLs are what a request's return_url may begin with.
	ReturnURLs []string `yaml:"return_urls,omitempty"`
	// Webhooks are where its events are sent.
	Webhooks []Webhook `yaml:"webhooks,omitempty"`

	// DisplayName is what the person's page calls the client; without it the id.
	DisplayName Words `yaml:"display_name,omitempty"`
	// Logo is a PNG or JPEG file, Accent a colour as #rrggbb.
	Logo   string `yaml:"logo,omitempty"`
	Accent string `yaml:"accent,omitempty"`
	// Keeps is what consent texts say it keeps, and for how long.
	Keeps Words `yaml:"keeps,omitempty"`
}

// Key is an API key of a client; two while one is rotated.
type Key struct {
	// Name tells the key from others, and who decided with it.
	Name string `yaml:"name"`
	// Hash is the key's SHA-256 in hex.
	Hash    string   `yaml:"hash"`
	Scopes  []string `yaml:"scopes"`
	Expires Expiry   `yaml:"expires,omitempty"`
	// RateLimit is how many requests a second the key may send; 0: any number.
	RateLimit int `yaml:"rate_limit,omitempty"`
}

// Reviewer is somebody who decides the verifications of the clients named.
type Reviewer struct {
	Name    string   `yaml:"name"`
	Hash    string   `yaml:"hash"`
	Clients []string `yaml:"clients"`
	Expires Expiry   `yaml:"expires,omitempty"`
}

// Expiry is the moment from which a key is not taken any more; its zero value:
// never.
type Expiry struct{ time.Time }

// UnmarshalYAML takes a time with its offset only: a bare date would end in
// another hour than whoever wrote it thinks.
func (e *Expiry) UnmarshalYAML(text []byte) error {
	t, err := time.Parse(time.RFC3339, strings.Trim(strings.TrimSpace(string(text)), `"'`))
	if err != nil {
		return errors.New("expires must be a time with its offset, such as 2027-01-31T18:00:00+08:00")
	}
	e.Time = t
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (e Expiry) MarshalYAML() ([]byte, error) { return []byte(e.Format(time.RFC3339)), nil }

// text is how an expiry is printed behind a key.
func (e Expiry) text() string {
	if e.IsZero() {
		return ""
	}
	return ", until " + e.Format(time.RFC3339)
}

// clientFile is a client as the file may write it. The older form is known only
// to tell what stands in its place.
type clientFile struct {
	Client    `yaml:",inline"`
	KeyHashes []string `yaml:"key_hashes"`
	Scopes    []string `yaml:"scopes"`
}

var sha256Hex = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// older tells what to write in place of the older form; nil if it was not used.
func (f clientFile) older() error {
	if f.KeyHashes == nil && f.Scopes == nil {
		return nil
	}
	hash, scopes := "the key's SHA-256 in hex", `"verifications:read", "verifications:write"`
	// What is no hash may be the key itself.
	if len(f.KeyHashes) > 0 && sha256Hex.MatchString(f.KeyHashes[0]) {
		hash = f.KeyHashes[0]
	}
	if len(f.Scopes) > 0 && !strings.ContainsAny(strings.Join(f.Scopes, ""), "\"\\\n") {
		scopes = `"` + strings.Join(f.Scopes, `", "`) + `"`
	}
	return fmt.Errorf("client %q: key_hashes and scopes are no longer read; write for each key: keys: [{name: %s-1, hash: %q, scopes: [%s]}]",
		f.ID, f.ID, hash, scopes)
}

var clientID = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// CheckClients holds what is a rule of the file; what the API asks of its
// clients and keys is the API's to say (Needs.CheckAccess).
func CheckClients(clients []Client) []error {
	var faults []error
	for i, cl := range clients {
		if !clientID.MatchString(cl.ID) {
			faults = append(faults, fmt.Errorf("clients[%d].id must be lower case letters, digits, - and _, at most 40", i))
		}
		if len(cl.Keys) == 0 {
			faults = append(faults, fmt.Errorf("client %q: keys is empty, so it could never call", cl.ID))
		}
		faults = append(faults, checkWebhooks(cl)...)
	}
	return faults
}
