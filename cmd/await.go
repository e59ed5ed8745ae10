package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/workflows"
)

const (
	// tryEach bounds one try to reach something, and lookEvery is the pause
	// between two rounds of them.
	tryEach   = 10 * time.Second
	lookEvery = 3 * time.Second
)

// dependency is something that a start needs and waits for.
type dependency struct {
	try func(context.Context) error
	// notYet tells an error that waiting may mend from one that it does not.
	notYet func(error) bool
	done   bool
}

// await tries everything until all is there. What is not there yet is told and
// tried again until the patience is over; what is wrong ends the waiting at
// once. The error joins every fault of the last round.
func await(ctx context.Context, patience time.Duration, log *slog.Logger, all ...*dependency) error {
	until := time.Now().Add(patience)
	for {
		var faults, waiting []error
		for _, a := range all {
			if a.done {
				continue
			}
			one, cancel := context.WithTimeout(ctx, tryEach)
			err := a.try(one)
			cancel()
			switch {
			case err == nil:
				a.done = true
			case a.notYet(err):
				waiting = append(waiting, err)
			default:
				faults = append(faults, err)
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case len(faults)+len(waiting) == 0:
			return nil
		case len(faults) > 0 || !time.Now().Before(until):
			return errors.Join(append(faults, waiting...)...)
		}
		for _, err := range waiting {
			log.Warn("waiting", "for", err.Error(), "at_most", time.Until(until).Round(time.Second).String())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func (p *parts) openStore() *dependency {
	return &dependency{notYet: store.NotYet, try: func(ctx context.Context) error {
		st, err := store.Open(ctx, p.cfg.Store, p.keys)
		if err != nil {
			return storeError(p.cfg.Keys, err)
		}
		p.store = st
		return nil
	}}
}

// storeError names the setting, and the remedy where the error has none. keys is the
// key file's path.
func storeError(keys string, err error) error {
	if errors.Is(err, store.ErrOtherKeys) {
		return fmt.Errorf("YANZHEN_KEYS: %s is not the key file of the store that YANZHEN_STORE names: restore that one, or name another store: %w", keys, err)
	}
	if remedy := store.Remedy(err); remedy != "" {
		return fmt.Errorf("YANZHEN_STORE: %s: %w", remedy, inOneLine{err})
	}
	return fmt.Errorf("YANZHEN_STORE: %w", inOneLine{err})
}

// inOneLine is an error whose text may have several, such as the driver's, a line for
// each address that it tried.
type inOneLine struct{ error }

func (e inOneLine) Error() string { return oneLine(e.error.Error()) }
func (e inOneLine) Unwrap() error { return e.error }

func (p *parts) openEngine(o client.Options) *dependency {
	return dial(o, func(c client.Client) { p.temporal = c })
}

// dial connects to a server that is new enough.
func dial(o client.Options, keep func(client.Client)) *dependency {
	return &dependency{notYet: engine.NotYet, try: func(ctx context.Context) error {
		c, err := engine.Dial(ctx, o)
		if err != nil {
			return err
		}
		if err := engine.CheckVersion(ctx, c); err != nil {
			c.Close()
			return err
		}
		keep(c)
		return nil
	}}
}

// attributes waits for the namespace that `yanzhen setup` prepares.
func (p *parts) attributes() *dependency {
	return &dependency{
		notYet: engine.NotYet,
		try: func(ctx context.Context) error {
			return engine.CheckSearchAttributes(ctx, p.temporal, p.namespace, workflows.SearchAttributes())
		},
	}
}

// connect waits for the store, the engine and what setup makes in both.
func (p *parts) connect(ctx context.Context, o client.Options) error {
	if err := await(ctx, p.cfg.StartPatience, p.log, p.openStore(), p.openEngine(o)); err != nil {
		return err
	}
	if err := await(ctx, p.cfg.StartPatience, p.log, p.attributes()); err != nil {
		return err
	}
	p.connected()
	return nil
}
