package cmd

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/page"
	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/verification"
)

// pagePath is what lies in front of everything of the person's page.
const pagePath = "/p/"

// withPage answers what lies below /p/ with the person's page, and all else with
// the API. The page goes by the catalogue as it is now.
func (p *parts) withPage(rest http.Handler) http.Handler {
	var now atomic.Pointer[config.Config]
	now.Store(p.cfg)
	p.catalogue.onChange(func(cfg *config.Config) (take func(), err error) { return func() { now.Store(cfg) }, nil })
	h := page.New(page.Deps{
		Verifications: p.starter, Visits: p.store, Keys: p.keys, PublicURL: p.cfg.PublicURL, Logger: p.log, Metrics: p.metrics, Traces: p.traces,
		Brand: func(client string) brand.Brand { return now.Load().Brands[client] },
		Consent: func(policy verification.Policy, client string, purpose verification.Purpose, lang string) verification.ConsentText {
			return now.Load().ConsentText(policy, client, purpose, lang)
		},
		WayHome: func(client, returnURL, id string) string {
			clients := now.Load().Clients
			at := slices.IndexFunc(clients, func(c config.Client) bool { return c.ID == client })
			if at < 0 {
				return ""
			}
			return api.WayHome(clients[at].ReturnURLs, returnURL, id)
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, pagePath) {
			h.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
