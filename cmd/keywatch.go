package cmd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
)

const (
	// holdEvery is how often a process says which keys it uses.
	holdEvery = 10 * time.Second
	// rereadPause bounds the time between two tries to take over a key file with
	// errors: a KMS may have to be asked for each.
	rereadPause = time.Minute
)

// role is what the process is, for the audit log.
func (p *parts) role() string {
	if p.works {
		return "worker"
	}
	return "api"
}

// name tells this process from all others.
func (p *parts) name() string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return fmt.Sprintf("%s %s/%d", p.role(), host, os.Getpid())
}

// keyWatch takes a key file over when it changes, and tells the store which keys
// the process uses.
type keyWatch struct {
	*parts
	process string
	// seen is the file's content that was looked at last, wrong what was wrong with
	// it, and again when it is looked at all the same.
	seen  [sha256.Size]byte
	wrong string
	again time.Time
	pause time.Duration
	// active are the keys that the store knows of as active, held when it was told
	// that this process uses them.
	active []string
	held   time.Time
	deaf   bool // the store could not be told
}

// watchKeys does so until ctx ends. A faulty file, or one that lacks a key that is
// needed, changes nothing, and its errors are logged, once.
func (p *parts) watchKeys(ctx context.Context) {
	w := keyWatch{parts: p, process: p.name(), seen: p.keysSeen}
	tick := time.NewTicker(rereadEvery)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = p.store.ReleaseKeys(late, w.process) // else it counts as running for a minute
			return
		case <-tick.C:
		}
	}
}

func (w *keyWatch) look(ctx context.Context) {
	now := sumOf([]string{w.cfg.Keys})
	if now != w.seen || w.wrong != "" && time.Now().After(w.again) {
		if now != w.seen {
			w.pause = rereadEvery
		}
		w.seen = now
		w.reload(ctx)
	}
	err := w.tell(ctx)
	if err != nil && !w.deaf && ctx.Err() == nil {
		w.log.Warn("failed to report the keys in use; retrying", "error", err)
	}
	w.deaf = err != nil
}

// reload takes the file over, wholly or not at all.
func (w *keyWatch) reload(ctx context.Context) {
	err := w.take(ctx)
	w.keysStale.Store(err != nil)
	w.metrics.KeysStale(err != nil)
	if err == nil {
		w.wrong = ""
		w.log.Info("key file reloaded", "file", w.cfg.Keys)
		return
	}
	w.again, w.pause = time.Now().Add(w.pause), min(2*w.pause, rereadPause)
	if known := w.wrong; known == err.Error() || ctx.Err() != nil {
		return
	}
	w.wrong = err.Error()
	w.log.Error("key file has errors; keeping the previous keys", "file", w.cfg.Keys, "error", err)
}

func (w *keyWatch) take(ctx context.Context) error {
	next, err := loadKeys(ctx, w.cfg)
	if err == nil {
		err = next.CanSign()
	}
	if err == nil && next.HashCheck() != w.keys.HashCheck() {
		err = fmt.Errorf("%w: another hash key", store.ErrOtherKeys)
	}
	if err == nil {
		err = w.store.AdoptKeys(ctx, next.List(), store.Adopter{Process: w.process, By: w.role()})
	}
	if err != nil {
		return err
	}
	w.keys.Replace(next)
	w.active, w.held = activeOf(next), time.Time{}
	return nil
}

// tell notes that a key's time has come, and which keys are used.
func (w *keyWatch) tell(ctx context.Context) error {
	if now := activeOf(w.keys); !slices.Equal(now, w.active) {
		if err := w.store.AdoptKeys(ctx, w.keys.List(), store.Adopter{Process: w.process, By: w.role()}); err != nil {
			return err
		}
		w.active, w.held = now, time.Time{}
	}
	if time.Since(w.held) < holdEvery {
		return nil
	}
	if err := w.store.HoldKeys(ctx, w.process); err != nil {
		return err
	}
	w.held = time.Now()
	return nil
}

func activeOf(keys *sealing.Keys) (ids []string) {
	for _, k := range keys.List() {
		if k.Active {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// keyFault tells whether the process goes by older keys than those that are there.
func (p *parts) keyFault() error {
	if p.keysStale.Load() {
		return api.Unready("old_one_kept")
	}
	return nil
}

const (
	// resealEvery is how soon rows are looked for that are under a retired key.
	resealEvery = 2 * time.Second
	// resealSeldom bounds how seldom, while some cannot be sealed anew.
	resealSeldom = 5 * time.Minute
)

// reseal seals anew what retired keys sealed, until ctx ends.
func (p *parts) reseal(ctx context.Context) {
	for pause, failing := resealEvery, false; ; {
		did, err := p.store.Reseal(ctx, p.name())
		switch {
		case err != nil && !failing && ctx.Err() == nil:
			p.log.Warn("failed to re-encrypt rows under the active key; retrying", "error", err)
		case did.Rows > 0 || len(did.Clear) > 0 || did.Broken > 0 && pause == resealEvery:
			p.log.Info("re-encrypted rows under the active key", "rows", did.Rows, "left_as_they_are", did.Broken, "no_longer_needed", did.Clear)
		}
		failing = err != nil
		p.metrics.Resealed(did.Rows)
		if did.Looked && did.Rows == 0 && len(did.Clear) == 0 {
			pause = min(2*pause, resealSeldom)
		} else {
			pause = resealEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
