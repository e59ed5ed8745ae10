package starter

import (
	"context"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
)

// Provider is a configured provider with its switch.
type Provider struct {
	Name string
	// Kinds are face, records, chip, comparer.
	Kinds []string
	// Jurisdiction is where it processes what it is told, as a code of ISO 3166-1;
	// empty: unconfirmed. Abroad: that is not the Chinese mainland.
	Jurisdiction string
	Abroad       bool
	State        store.SwitchState
	// Reason and Since are of the operator who threw the switch; empty where the
	// configuration is what holds, or nothing was ever thrown.
	Reason string
	Since  time.Time
}

// Providers lists every provider that is configured, by name. Of its
// configured switch and the one that was thrown the stricter one counts.
// Errors are *Error: Internal, EngineUnavailable.
func (s *Starter) Providers(ctx context.Context) ([]Provider, error) {
	var out []Provider
	for _, name := range s.registry.Names() {
		thrown, err := s.store.Switch(ctx, name)
		if err != nil {
			return nil, storeError("read a switch", err)
		}
		where := s.registry.Jurisdiction(name)
		p := Provider{Name: name, Kinds: s.registry.Kinds(name), State: store.SwitchOn, Jurisdiction: where, Abroad: provider.Vendor{Jurisdiction: where}.Abroad()}
		if configured := s.switches[name]; configured.Stricter(p.State) {
			p.State = configured
		}
		if thrown.State != "" && !p.State.Stricter(thrown.State) {
			p.State, p.Reason, p.Since = thrown.State, thrown.Reason, thrown.At
		}
		out = append(out, p)
	}
	return out, nil
}
