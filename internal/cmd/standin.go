package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/sandbox"
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

// standInOf finds the stand-in behind a link to its page.
func standInOf(link string) (s *standIn, token string, err error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, "", errors.New("the link is no address")
	}
	token, ok := strings.CutPrefix(u.Path, "/page/tencent/")
	if !ok || token == "" {
		return nil, "", exit(exitUsage, "--outcome drives the stand-in's page only, and this link leads elsewhere")
	}
	return newStandIn(u.Scheme + "://" + u.Host), token, nil
}

// play does on the page what the outcome says, with a pause between the
// buttons as a person would make.
func (s *standIn) play(ctx context.Context, token, outcome string, pause time.Duration) error {
	act := actOf(outcome)
	page := s.base + "/page/tencent/" + url.PathEscape(token)
	if act.begin {
		if err := s.press(ctx, page+"/begin", nil); err != nil {
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
		return s.expire(ctx, token)
	}
	return s.press(ctx, page+"/end", url.Values{"outcome": {act.end}})
}

// noticeable is how long a state of the page must last to be surely seen by
// somebody who looks every second or two.
const noticeable = 4 * time.Second

// expire lets the session's clock run out now.
func (s *standIn) expire(ctx context.Context, token string) error {
	return s.press(ctx, s.base+"/sandbox/tencent/tokens/"+url.PathEscape(token)+"/expire", nil)
}

func (s *standIn) press(ctx context.Context, address string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r)
}

// register makes a person known to the stand-in's records.
func (s *standIn) register(ctx context.Context, p sandbox.Person) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/sandbox/people", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	return s.do(r)
}

func (s *standIn) do(r *http.Request) error {
	res, err := s.http.Do(r)
	if err != nil {
		return fmt.Errorf("the stand-in at %s: %w", s.base, unwrapURL(err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	if res.StatusCode >= 400 {
		return fmt.Errorf("the stand-in at %s refused with HTTP %d", s.base, res.StatusCode)
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

// stage is what the demonstration switches of start set up at the stand-ins.
type stage struct {
	records string // approved, mismatch, not-found, down, lost
	tencent string // up, down
	card    string // valid, expired
}

// recordsOutcomes are the words of --records in those of the stand-in.
var recordsOutcomes = map[string]string{"approved": "", "mismatch": "-1", "not-found": "-5", "down": "500", "lost": "drop"}

var tencentOutcomes = map[string]string{"up": "", "down": "InternalError"}

func (s stage) check() error {
	for _, c := range []struct {
		flag, value string
		known       []string
	}{
		{"records", s.records, slices.Sorted(maps.Keys(recordsOutcomes))},
		{"tencent", s.tencent, slices.Sorted(maps.Keys(tencentOutcomes))},
		{"card", s.card, []string{"expired", "valid"}},
	} {
		if !slices.Contains(c.known, c.value) {
			return exit(exitUsage, "--%s %q is none of %s", c.flag, c.value, strings.Join(c.known, ", "))
		}
	}
	return nil
}

// person invents somebody for the stage.
func (s stage) person(now time.Time) sandbox.Person {
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	p := sandbox.FreshPerson(r)
	for s.card == "expired" {
		if from, to, ok := expiredDates(p.IDNumber[6:14], now); ok {
			p.ValidFrom, p.ValidTo = from, to
			break
		}
		p = sandbox.FreshPerson(r)
	}
	p.AceDataOutcome = recordsOutcomes[s.records]
	p.TencentOutcome = tencentOutcomes[s.tencent]
	return p
}

// expiredDates are those of a card that ended yesterday, with the term that
// fits the holder's age when it began (Law on Resident Identity Cards,
// article 5); not ok for an age at which no term fits.
func expiredDates(birth string, now time.Time) (from, to string, ok bool) {
	born, err := time.Parse("20060102", birth)
	if err != nil {
		return "", "", false
	}
	end := now.AddDate(0, 0, -1)
	for _, term := range []struct{ years, fromAge, toAge int }{{20, 26, 45}, {10, 16, 25}} {
		begin := end.AddDate(-term.years, 0, 0)
		if !born.AddDate(term.fromAge, 0, 0).After(begin) && born.AddDate(term.toAge+1, 0, 0).After(begin) {
			return begin.Format("20060102"), end.Format("20060102"), true
		}
	}
	return "", "", false
}
