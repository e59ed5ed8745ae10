package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Player uses the stand-ins over HTTP: it makes people known, scans their
// cards and sets faults, as a test or a demonstration does before it begins.
// The pages that people meet are played by Page.
type Player struct {
	base string // http://host:port
	http *http.Client
}

// NewPlayer returns a player of the stand-ins at an address such as
// "http://127.0.0.1:8090".
func NewPlayer(address string) *Player {
	return &Player{strings.TrimRight(address, "/"), &http.Client{
		Timeout: 15 * time.Second,
		// The browser goes back to the caller's callback; the shop's page behind
		// it is not visited.
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if !strings.HasPrefix(r.URL.Path, "/callbacks/") {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// AddPerson makes a person known to the records, or replaces what they hold
// under the same number.
func (p *Player) AddPerson(ctx context.Context, who Person) error {
	return p.post(ctx, "/sandbox/people", who, nil)
}

// Scan reads a card's chip as the vendor's SDK on a phone would, and returns
// what the app hands over.
func (p *Player) Scan(ctx context.Context, o ScanOptions) (reqid string, err error) {
	var scan struct {
		ReqID string `json:"reqid"`
	}
	err = p.post(ctx, "/sandbox/sino/scans", o, &scan)
	return scan.ReqID, err
}

// AddFault adds a fault behind those that are there.
func (p *Player) AddFault(ctx context.Context, f Fault) error {
	return p.post(ctx, "/sandbox/faults", f, nil)
}

func (p *Player) get(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	return p.do(r, nil)
}

// press submits a form, as a button does.
func (p *Player) press(ctx context.Context, address string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(r, nil)
}

func (p *Player) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	return p.do(r, out)
}

// do sends a request and reads the answer into out, unless that is nil.
func (p *Player) do(r *http.Request, out any) error {
	res, err := p.http.Do(r)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address: a callback's holds a ticket
	}
	if err != nil {
		return fmt.Errorf("the stand-in at %s: %w", p.base, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if res.StatusCode >= 400 {
		return fmt.Errorf("the stand-in at %s refused with HTTP %d", p.base, res.StatusCode)
	}
	if out == nil {
		return nil
	}
	if err != nil || json.Unmarshal(text, out) != nil {
		return fmt.Errorf("the stand-in at %s gave no answer that can be read", p.base)
	}
	return nil
}
