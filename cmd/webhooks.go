package cmd

import (
	"context"
	"net/url"
	"time"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
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
		Store: p.store, Send: p.traced(webhook.NewSender(o).Send), About: telemetry.About, Endpoints: p.endpoints, Schedule: w.Schedule, DisableAfter: w.DisableAfter,
		Now: time.Now, Log: p.log, Tried: func(c webhook.Class) { p.metrics.WebhookTried(string(c)) }, Off: p.metrics.WebhookOff,
		Over: func(s store.DeliveryState, took time.Duration) { p.metrics.WebhookOver(string(s), took) },
	}
}

// traced makes a span of each attempt to deliver an event.
func (p *parts) traced(send func(context.Context, webhook.Endpoint, string, []byte) webhook.Answer) func(context.Context, webhook.Endpoint, string, []byte) webhook.Answer {
	return func(ctx context.Context, to webhook.Endpoint, event string, body []byte) webhook.Answer {
		began := time.Now()
		answer := send(ctx, to, event, body)
		sent := telemetry.Sent{Name: "webhook", Class: string(answer.Class), OK: answer.Class == webhook.OK, Began: began, Took: time.Since(began),
			Attrs: map[string]string{"event.id": event, "endpoint": to.ID}}
		if u, err := url.Parse(to.URL); err == nil {
			sent.Host = u.Host
		}
		p.traces.Sent(ctx, sent)
		return answer
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
			p.log.Warn("failed to relay events; retrying", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
