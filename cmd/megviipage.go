package cmd

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// providerPolicies are the built-in policies that have one face vendor only.
var providerPolicies = map[string]string{
	"tencent_eid": "cn-resident", "megvii_faceid": "cn-resident-megvii", "sino_connect": "cn-chip-capture",
}

// megviiPagePath is where the stand-in serves Megvii's page.
const megviiPagePath = "/megvii/faceid/lite/do"

// notifications are the ways of --notify in which Megvii's stand-in tells of a
// session's end.
var notifications = map[string]sandbox.NotifyOptions{
	"both":         {},
	"return-first": {AfterReturn: true},
	"notify-only":  {NoReturn: true},
	"return-only":  {Never: true},
	"neither":      {Never: true, NoReturn: true},
	"twice":        {Send: []string{sandbox.NotifyGood, sandbox.NotifyGood}},
	"forged": {NoReturn: true, Send: []string{sandbox.NotifyBadSign, sandbox.NotifyOtherSecret, sandbox.NotifyFlipped,
		sandbox.NotifyForeign, sandbox.NotifyTrailing, sandbox.NotifyLengthExtended}},
}

// playMegvii opens Megvii's page, ends it, and goes back as the browser would:
// by the form that the page submits.
func (p page) playMegvii(ctx context.Context, act pageAct, pause time.Duration) error {
	if o, ok := notifications[p.notify]; ok {
		body := struct {
			Token string `json:"token"`
			sandbox.NotifyOptions
		}{p.session, o}
		if err := p.post(ctx, "/sandbox/megvii/notify", body, nil); err != nil {
			return err
		}
	}
	if act.begin {
		if err := p.get(ctx, p.base+megviiPagePath+"?token="+url.QueryEscape(p.session)); err != nil {
			return err
		}
		sleep(ctx, pause)
	}
	flow := "/sandbox/megvii/tokens/" + url.PathEscape(p.session)
	switch act.end {
	case "":
		return nil
	case "timeout":
		return p.press(ctx, p.base+flow+"/expire", nil)
	}
	var ended struct {
		Return sandbox.MegviiReturn `json:"return"`
	}
	if err := p.post(ctx, flow+"/end", map[string]string{"outcome": act.end}, &ended); err != nil {
		return err
	}
	switch ended.Return.Method {
	case http.MethodPost:
		return p.press(ctx, ended.Return.URL, ended.Return.Form)
	case http.MethodGet:
		return p.get(ctx, ended.Return.URL)
	}
	return nil
}

func (s *standIn) get(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	return s.do(r, nil)
}
