package cmd

import (
	"context"
	"net/url"
	"time"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// deliverer sends what is due, as the settings say.
func (p *parts) deliverer() *activities.Deliverer {
	w := p.cfg.Webhooks
	o := webhook.Options{Allow: w.Allow, Agent: "yanzhen/" + version()}
	if w.Proxy != "" {
		o.Proxy, _ = url.Parse(w.Proxy) // the settings are checked
	}
	return &activities.Deliverer{
		Store: p.store, Send: webhook.NewSender(o).Send, Endpoints: p.endpoints, Schedule: w.Schedule, DisableAfter: w.DisableAfter,
		Now: time.Now, Log: p.log, Tried: func(c webhook.Class) { p.metrics.WebhookTried(string(c)) }, Off: p.metrics.WebhookOff,
		Over: func(s store.DeliveryState, took time.Duration) { p.metrics.WebhookOver(string(s), took) },
	}
}

// relayEvery is how often new events are looked for.
const relayEvery = 500 * time.Millisecond

// relay starts deliveries until ctx ends.
func (p *parts) relay(ctx context.Context) {
	tick := time.NewTicker(relayEvery)
	defer tick.Stop()
	for failing := false; ; {
		_, err := p.starter.Relay(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			p.log.Warn("relay events; trying again until it works", "error", err)
		}
		failing = err != nil
		if age, err := p.starter.RelayAge(ctx); err == nil {
			p.metrics.WebhookBacklog(age)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
