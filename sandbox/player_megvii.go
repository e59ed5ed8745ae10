package sandbox

import (
	"context"
	"net/http"
	"net/url"
)

// megviiPagePath is where Megvii's page is served.
const megviiPagePath = "/megvii/faceid/lite/do"

// Notifications are ways in which Megvii's stand-in reports a session's end, by
// name: by its own call and by the person's browser ("both"), in the other order
// ("return-first"), by one of them, by neither, by two calls ("twice"), or by
// forged calls only ("forged").
var Notifications = map[string]NotifyOptions{
	"both":         {},
	"return-first": {AfterReturn: true},
	"notify-only":  {NoReturn: true},
	"return-only":  {Never: true},
	"neither":      {Never: true, NoReturn: true},
	"twice":        {Send: []string{NotifyGood, NotifyGood}},
	"forged": {NoReturn: true, Send: []string{NotifyBadSign, NotifyOtherSecret, NotifyFlipped,
		NotifyForeign, NotifyTrailing, NotifyLengthExtended}},
}

// playMegvii opens Megvii's page, ends it, and goes back as the browser would:
// by the form that the page submits.
func (p *Page) playMegvii(ctx context.Context, act pageAct, o Playing) error {
	if o.Notify != nil {
		body := struct {
			Token string `json:"token"`
			NotifyOptions
		}{p.session, *o.Notify}
		if err := p.player.post(ctx, "/sandbox/megvii/notify", body, nil); err != nil {
			return err
		}
	}
	if act.begin {
		if err := p.player.get(ctx, p.player.base+megviiPagePath+"?token="+url.QueryEscape(p.session)); err != nil {
			return err
		}
		pause(ctx, o.Pause)
	}
	switch act.end {
	case "":
		return nil
	case OutcomeTimeout:
		return p.Expire(ctx)
	}
	var ended struct {
		Return MegviiReturn `json:"return"`
	}
	if err := p.player.post(ctx, "/sandbox/megvii/tokens/"+url.PathEscape(p.session)+"/end", map[string]string{"outcome": act.end}, &ended); err != nil {
		return err
	}
	switch ended.Return.Method {
	case http.MethodPost:
		return p.player.press(ctx, ended.Return.URL, ended.Return.Form)
	case http.MethodGet:
		return p.player.get(ctx, ended.Return.URL)
	}
	return nil
}
