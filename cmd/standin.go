package cmd

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

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// standIn speaks with the stand-in vendors as a person's browser and as
// somebody who sets their stage; nothing of the product does.
type standIn struct {
	base string // http://host:port
	http *http.Client
}

func newStandIn(base string) *standIn {
	return &standIn{strings.TrimRight(base, "/"), &http.Client{
		Timeout: 15 * time.Second,
		// The browser goes back to our callback; the shop's page behind it is
		// not visited.
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if !strings.HasPrefix(r.URL.Path, "/callbacks/") {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// page is a session's page at a stand-in.
type page struct {
	*standIn
	vendor  string // pageTencent, pageSino, pageMegvii
	session string // by which its address names it
	notify  string // how Megvii tells of its end; see notifications
}

// pageOf finds the stand-in's page behind a link.
func pageOf(link string) (page, error) {
	u, err := url.Parse(link)
	if err != nil {
		return page{}, errors.New("the link is no address")
	}
	rest, ok := strings.CutPrefix(u.Path, "/page/")
	vendor, session, _ := strings.Cut(rest, "/")
	if u.Path == megviiPagePath {
		ok, vendor, session = true, pageMegvii, u.Query().Get("token")
	}
	if !ok || session == "" || pageActs[vendor] == nil {
		return page{}, exit(exitUsage, "--outcome drives the stand-in's page only, and this link leads elsewhere")
	}
	return page{standIn: newStandIn(u.Scheme + "://" + u.Host), vendor: vendor, session: session}, nil
}

// play does on the page what the outcome says, with a pause between the
// buttons as a person would make. The number says whose face a camera sees.
func (p page) play(ctx context.Context, outcome, number string, pause time.Duration) error {
	act, err := actOf(p.vendor, outcome)
	if err != nil {
		return err
	}
	if p.vendor == pageMegvii {
		return p.playMegvii(ctx, act, pause)
	}
	address := p.base + "/page/" + p.vendor + "/" + url.PathEscape(p.session)
	if act.begin {
		if err := p.press(ctx, address+"/begin", nil); err != nil {
			return err
		}
		if act.end == "timeout" {
			pause = max(pause, noticeable)
		}
		sleep(ctx, pause)
	}
	switch {
	case act.end == "":
		return nil
	case act.end == "timeout":
		return p.expire(ctx)
	}
	return p.press(ctx, address+"/end", url.Values{"outcome": {act.end}, "number": {number}})
}

// expire lets the session's clock run out now.
func (p page) expire(ctx context.Context) error {
	table := map[string]string{pageTencent: "/sandbox/tencent/tokens/", pageSino: "/sandbox/sino/sessions/"}
	return p.press(ctx, p.base+table[p.vendor]+url.PathEscape(p.session)+"/expire", nil)
}

// noticeable is how long a state of the page must last to be surely seen by
// somebody who looks every second or two.
const noticeable = 4 * time.Second

func (s *standIn) press(ctx context.Context, address string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r, nil)
}

// register makes a person known to the stand-in's records.
func (s *standIn) register(ctx context.Context, p sandbox.Person) error {
	return s.post(ctx, "/sandbox/people", p, nil)
}

// scan reads a card's chip as the vendor's SDK on the person's phone would,
// and returns what the app hands over.
func (s *standIn) scan(ctx context.Context, o sandbox.ScanOptions) (reqid string, err error) {
	var made struct {
		ReqID string `json:"reqid"`
	}
	err = s.post(ctx, "/sandbox/sino/scans", o, &made)
	return made.ReqID, err
}

// fail sets a fault at the stand-ins.
func (s *standIn) fail(ctx context.Context, f sandbox.Fault) error {
	return s.post(ctx, "/sandbox/faults", f, nil)
}

func (s *standIn) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	return s.do(r, out)
}

// do sends a request and reads the answer into out, unless that is nil.
func (s *standIn) do(r *http.Request, out any) error {
	res, err := s.http.Do(r)
	if err != nil {
		return fmt.Errorf("the stand-in at %s: %w", s.base, unwrapURL(err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if res.StatusCode >= 400 {
		return fmt.Errorf("the stand-in at %s refused with HTTP %d", s.base, res.StatusCode)
	}
	if out == nil {
		return nil
	}
	if err != nil || json.Unmarshal(text, out) != nil {
		return fmt.Errorf("the stand-in at %s gave no answer that can be read", s.base)
	}
	return nil
}

// unwrapURL drops the address from an error of net/http: ours holds tickets.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
