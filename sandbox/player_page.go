package sandbox

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
)

// ErrNotAPage: a link leads to no page of the stand-ins.
var ErrNotAPage = errors.New("the link does not lead to a stand-in's page")

// A Page is one session's page at a stand-in, used as a person's browser would.
type Page struct {
	// Vendor is Tencent, SinoConnect or Megvii.
	Vendor  string
	session string // by which its address names it
	player  *Player
}

// Playing is what is done on a page.
type Playing struct {
	// Outcome is one of Outcomes for the page's vendor; at Tencent also one of
	// the vendor's result codes, such as "2016".
	Outcome string
	// Number is the ID number of the person whose face Sino Connect's camera sees.
	// Empty: the holder of the card that was scanned.
	Number string
	// Pause is the time between two buttons.
	Pause time.Duration
	// Notify is how Megvii's stand-in reports the session's end; nil: as it was
	// set before.
	Notify *NotifyOptions
}

// pagePaths are the beginnings of the pages' addresses, but for Megvii's.
var pagePaths = map[string]string{Tencent: "/page/tencent/", SinoConnect: "/page/sino/"}

// expirePaths are those of the sessions whose clock can be run out.
var expirePaths = map[string]string{
	Tencent: "/sandbox/tencent/tokens/", SinoConnect: "/sandbox/sino/sessions/", Megvii: "/sandbox/megvii/tokens/",
}

// noticeable is how long a state of a page must last to be surely seen by
// somebody who looks every second or two.
const noticeable = 4 * time.Second

// OpenPage returns the page behind a link that a verification handed out. If
// the link leads elsewhere, the error is ErrNotAPage.
func OpenPage(link string) (*Page, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, ErrNotAPage
	}
	p := &Page{player: NewPlayer(u.Scheme + "://" + u.Host)}
	for vendor, path := range pagePaths {
		if session, ok := strings.CutPrefix(u.Path, path); ok {
			p.Vendor, p.session = vendor, session
		}
	}
	if u.Path == megviiPagePath {
		p.Vendor, p.session = Megvii, u.Query().Get("token")
	}
	if p.session == "" {
		return nil, ErrNotAPage
	}
	return p, nil
}

// Play ends the session as the outcome says, and goes back as the browser
// would. If this page has no such outcome, the error wraps ErrOutcome.
func (p *Page) Play(ctx context.Context, o Playing) error {
	act, err := actOf(p.Vendor, o.Outcome)
	if err != nil {
		return err
	}
	if p.Vendor == Megvii {
		return p.playMegvii(ctx, act, o)
	}
	address := p.player.base + pagePaths[p.Vendor] + url.PathEscape(p.session)
	if act.begin {
		if err := p.player.press(ctx, address+"/begin", nil); err != nil {
			return err
		}
		if act.end == OutcomeTimeout {
			o.Pause = max(o.Pause, noticeable)
		}
		pause(ctx, o.Pause)
	}
	switch act.end {
	case "":
		return nil
	case OutcomeTimeout:
		return p.Expire(ctx)
	}
	return p.player.press(ctx, address+"/end", url.Values{"outcome": {act.end}, "number": {o.Number}})
}

// Expire lets the session's clock run out now.
func (p *Page) Expire(ctx context.Context) error {
	return p.player.press(ctx, p.player.base+expirePaths[p.Vendor]+url.PathEscape(p.session)+"/expire", nil)
}
