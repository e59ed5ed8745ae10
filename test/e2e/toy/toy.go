// Package toy is a face vendor that exists nowhere: its sessions end as a test
// says. It shows what a new vendor costs: a package, and a line in the list of
// vendors.
package toy

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Name is how policies and callbacks call the vendor.
const Name = "toy"

// The task queues of the vendor.
const (
	OpenQueue  = "toy"
	WatchQueue = "toy-status"
)

// life is how long a session lives.
const life = time.Minute

// Vendor judges whoever it is told to. It is safe for concurrent use.
type Vendor struct {
	// Where it is, as a code of ISO 3166-1; empty: nobody knows.
	Where string

	mu       sync.Mutex
	sessions map[string]*session
	// opened and looked count the calls.
	opened, looked, fetched int
	// deaf is how many calls of Erase fail yet.
	deaf int
}

type session struct {
	returnURL string
	verdict   verification.ReasonCode
	over      bool
}

// Describe describes the vendor.
func (v *Vendor) Describe() provider.Vendor {
	return provider.Vendor{
		Name: Name, Kinds: []string{provider.KindFace},
		Settings:     func() provider.Settings { return &Config{vendor: v} },
		Remedies:     map[provider.Class]string{provider.Misconfigured: "Wind it up."},
		Jurisdiction: v.Where,
	}
}

// Config is the vendor's configuration.
type Config struct {
	_ struct{} `prefix:"TOY_"`

	Key  string        `env:"KEY" needed:"true" secret:"all" help:"Enables toy."`
	Host string        `env:"HOST" envDefault:"toy.example" address:"true" help:"Where it is."`
	Poll time.Duration `env:"POLL" envDefault:"200ms" help:"Between two looks, at most 1s."`

	provider.Switch

	vendor *Vendor
}

// Validate implements provider.Settings.
func (c *Config) Validate() error {
	check := settings.NewCheck(c)
	check.Needed()
	check.Span(&c.Poll, time.Second)
	return check.Err()
}

// Register implements provider.Settings.
func (c *Config) Register(r *provider.Registry, _ *slog.Logger) error {
	r.AddFace(provider.FaceVendor{
		Name: Name, Provider: c.vendor,
		Open:      provider.Queue{Name: OpenQueue, PerSecond: 50},
		Watch:     provider.Queue{Name: WatchQueue, PerSecond: 50},
		PollFirst: c.Poll, PollMax: time.Second,
	})
	r.AddEraser(provider.EraserVendor{Name: Name, Provider: c.vendor, Queue: provider.Queue{Name: OpenQueue, PerSecond: 50}})
	return nil
}

// Open opens a session.
func (v *Vendor) Open(_ context.Context, o provider.Opening) (provider.Opened, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.opened++
	if v.sessions == nil {
		v.sessions = map[string]*session{}
	}
	token := fmt.Sprintf("%s-%d-%d", o.VerificationID, o.Session, v.opened)
	v.sessions[token] = &session{returnURL: o.ReturnURL}
	return provider.Opened{Link: "https://toy.example/" + token, Handle: []byte(token), ExpiresAt: time.Now().Add(life)}, nil
}

// End ends the session behind a link: passed, or failed for a reason. It
// returns the address to which the person's browser goes back. Who asks the
// vendor waits until it is told to tell, so that a poll is no faster than that.
func (v *Vendor) End(link string, verdict verification.ReasonCode) (callback string, tell func()) {
	v.mu.Lock()
	one, ok := v.sessions[strings.TrimPrefix(link, "https://toy.example/")]
	if !ok {
		return "", v.mu.Unlock
	}
	one.over, one.verdict = true, verdict
	return one.returnURL, v.mu.Unlock
}

// Look reports whether the session is over.
func (v *Vendor) Look(_ context.Context, s provider.FaceSession) (provider.Look, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked++
	one, ok := v.sessions[string(s.Handle)]
	switch {
	case !ok:
		return provider.Look{}, &provider.Error{Op: "toy.Look", Class: provider.Gone, Code: "unknown"}
	case one.over:
		return provider.Look{Phase: provider.Finished}, nil
	}
	return provider.Look{Phase: provider.Untouched}, nil
}

// Result returns how the session ended.
func (v *Vendor) Result(_ context.Context, s provider.FaceSession) (verification.FaceResult, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fetched++
	one, ok := v.sessions[string(s.Handle)]
	if !ok {
		return verification.FaceResult{}, &provider.Error{Op: "toy.Result", Class: provider.Gone, Code: "unknown"}
	}
	live := verification.NewCheck(verification.Liveness, verification.Passed)
	match := verification.NewCheck(verification.FaceMatch, verification.Passed)
	if one.verdict != "" {
		match = verification.NewCheck(verification.FaceMatch, verification.Failed, one.verdict)
	}
	live.Provider, match.Provider = Name, Name
	return verification.FaceResult{Judged: true, Begun: true, Reason: one.verdict, Checks: []verification.Check{live, match}}, nil
}

// Deafen has the next calls of Erase fail.
func (v *Vendor) Deafen(calls int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.deaf = calls
}

// Erase deletes a verification's sessions.
func (v *Vendor) Erase(_ context.Context, e provider.Erasing) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deaf > 0 {
		v.deaf--
		return &provider.Error{Op: "toy.Erase", Class: provider.Unavailable, Code: "deaf"}
	}
	for _, number := range e.Sessions {
		for token := range v.sessions {
			if strings.HasPrefix(token, fmt.Sprintf("%s-%d-", e.VerificationID, number)) {
				delete(v.sessions, token)
			}
		}
	}
	return nil
}

// Holds are how many sessions of a verification the vendor holds.
func (v *Vendor) Holds(verificationID string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for token := range v.sessions {
		if strings.HasPrefix(token, verificationID+"-") {
			n++
		}
	}
	return n
}

// Calls are how often each operation was asked for.
func (v *Vendor) Calls() (opened, looked, fetched int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.opened, v.looked, v.fetched
}
