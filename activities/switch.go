package activities

import (
	"context"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
)

// switchPause is how long a session of a provider that is off waits for the
// next look at its switch.
const switchPause = 15 * time.Second

// switched returns an *provider.Error where a switch, configured or thrown by
// an operator, keeps the provider from being called. Opening, or asking the
// records, needs it on; looking at an open session only needs it not to be off.
func (a *Activities) switched(ctx context.Context, name string, opening bool) error {
	state := a.Switches[name]
	thrown, err := a.Store.Switch(ctx, name)
	if err != nil {
		return storeError(err)
	}
	for _, s := range []store.SwitchState{state, thrown.State} {
		if s == store.SwitchOff || s == store.SwitchDrain && opening {
			return &provider.Error{Op: name + ".switch", Class: provider.SwitchedOff, Code: string(s)}
		}
	}
	return nil
}
