package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/webhook"
)

func clientWith(webhooks string) string {
	return "clients:\n  - id: shop\n    keys: [{name: k, hash: " + strings.Repeat("a", 64) + ", scopes: [\"events:read\"]}]\n    webhooks:\n" + webhooks
}

// An endpoint is read with what it takes; neither its path nor its secrets are
// printed.
func TestWebhooks(t *testing.T) {
	one, two := webhook.NewSecret(), webhook.NewSecret()
	c, err := load([]string{file(t, clientWith(
		"      - {id: main, url: \"https://shop.example/hooks/path-secret\", secrets: ["+one+", "+two+"]}\n"+
			"      - {id: ends, url: \"https://shop.example/ends\", secrets: ["+one+"], events: [verification.completed], disabled: true}\n")),
		"YANZHEN_WEBHOOK_ALLOW=10.0.0.0/8", "YANZHEN_WEBHOOK_SCHEDULE=0s,1s"}, config.Needs{})
	require.NoError(t, err)
	endpoints := &webhook.Endpoints{}
	endpoints.Set(config.Endpoints(c.Clients))
	main, ok := endpoints.Find("shop", "main")
	require.True(t, ok)
	require.Len(t, main.Secrets, 2)
	require.Equal(t, []string{"main"}, endpoints.Taking("shop", "verification.completed"), "the other is disabled")
	require.Empty(t, endpoints.Taking("other", "verification.completed"))
	require.True(t, webhook.Endpoint{Types: []string{"a"}}.Takes("a"))
	require.False(t, webhook.Endpoint{Types: []string{"a"}}.Takes("b"))
	require.Equal(t, config.Schedule{0, time.Second}, c.Webhooks.Schedule)
	printed := c.String()
	require.Contains(t, printed, "webhook ends: https://shop.example, verification.completed, disabled")
	for _, secret := range []string{"path-secret", one, two} {
		require.NotContains(t, printed, secret)
	}
}

// Every fault of an endpoint is told at once, without its URL and secrets.
func TestWebhookFaults(t *testing.T) {
	good := webhook.NewSecret()
	_, err := load([]string{file(t, clientWith(
		"      - {id: Main, url: \"ftp://shop.example/path-secret\", secrets: [], events: [verification.everything]}\n"+
			"      - {id: a, url: \"https://u:password-secret@shop.example\", secrets: ["+good+"]}\n"+
			"      - {id: a, url: \"https://shop.example\", secrets: [whsec_short-secret]}\n")),
		"YANZHEN_WEBHOOK_PROXY=proxy.internal:3128", "YANZHEN_WEBHOOK_DISABLE_AFTER=0s"}, config.Needs{})
	for _, want := range []string{
		`webhooks[0].id must be`, `webhooks[0].url must be an https URL`, `webhooks[0].secrets must be one`, `webhooks[0].events[0] is none of`,
		`webhooks[1].url must have no user part`, `webhooks[2].id is given twice`, `webhooks[2].secrets[0] must be whsec_`,
		"YANZHEN_WEBHOOK_PROXY", "YANZHEN_WEBHOOK_DISABLE_AFTER",
	} {
		require.ErrorContains(t, err, want)
	}
	for _, secret := range []string{"path-secret", "password-secret", "short-secret", good} {
		require.NotContains(t, err.Error(), secret)
	}
	for _, bad := range []string{"ALLOW=10.0.0.1/8", "ALLOW=everywhere", "SCHEDULE=now", "SCHEDULE=-1s", "SCHEDULE=200h"} {
		_, err := load([]string{"YANZHEN_WEBHOOK_" + bad}, config.Needs{})
		require.ErrorContains(t, err, "YANZHEN_WEBHOOK_"+bad[:strings.Index(bad, "=")])
	}
}
