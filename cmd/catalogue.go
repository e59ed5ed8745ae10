package cmd

import (
	"context"
	"crypto/sha256"
	"os"
	"sync"
	"time"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/config"
)

// catalogue is the file of clients, reviewers and policies while the process
// runs.
type catalogue struct {
	// load reads the settings and the file anew; nil: never.
	load func() (*config.Config, error)
	// seen is the content that was read last, wrong what was wrong with it.
	seen  [sha256.Size]byte
	wrong string

	mu sync.Mutex
	// takers go by the file.
	takers []taker
	stale  bool
	// goneBy is the content that the process goes by; zero: there is no file.
	goneBy [sha256.Size]byte
}

// taker looks at a new file and returns how it takes it over.
type taker func(*config.Config) (take func(), err error)

func (c *catalogue) onChange(t taker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takers = append(c.takers, t)
}

// reload takes the file over, wholly or not at all.
func (c *catalogue) reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = true
	cfg, err := c.load()
	if err != nil {
		return err
	}
	var all []func()
	for _, t := range c.takers {
		take, err := t(cfg)
		if err != nil {
			return err
		}
		all = append(all, take)
	}
	for _, take := range all {
		take()
	}
	c.stale = false
	if cfg.File != "" {
		c.goneBy = sumOf(cfg.Files())
	}
	return nil
}

// inForce tells which content the process goes by; zero: there is no file.
func (c *catalogue) inForce() [sha256.Size]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goneBy
}

// fault tells whether the process goes by an older file than the one that is
// there.
func (c *catalogue) fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale {
		return api.Unready("old_one_kept")
	}
	return nil
}

// rereadEvery is how often the file is looked at. It is read and not watched: a
// mounted one is often replaced as a whole, by a link or a rename.
const rereadEvery = 2 * time.Second

// watchCatalogue takes the file over when it changes, and when it is told to,
// until ctx ends. A faulty file changes nothing, and its errors are logged, once.
// It is tried again all the same: a file that it names may be what is missing.
func (p *parts) watchCatalogue(ctx context.Context, told <-chan os.Signal) {
	if p.cfg.File == "" || p.catalogue.load == nil {
		return
	}
	files := p.cfg.Files()
	p.catalogue.onChange(func(cfg *config.Config) (take func(), err error) { return func() { files = cfg.Files() }, nil })
	tick := time.NewTicker(rereadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-told:
			p.catalogue.seen, p.catalogue.wrong = sumOf(files), ""
		case <-tick.C:
			now := sumOf(files)
			if now == p.catalogue.seen && p.catalogue.wrong == "" {
				continue
			}
			p.catalogue.seen = now
		}
		read := files
		err := p.catalogue.reload()
		p.metrics.CatalogueStale(err != nil)
		if err != nil {
			if known := p.catalogue.wrong; known == err.Error() {
				continue
			}
			p.catalogue.wrong = err.Error()
			p.log.Error("catalogue has errors; keeping the previous one", "file", p.cfg.File, "error", err)
			continue
		}
		if p.catalogue.wrong = ""; sumOf(read) == p.catalogue.seen {
			p.catalogue.seen = sumOf(files) // it may name others now
		} else {
			p.catalogue.seen = [sha256.Size]byte{} // changed while it was read: once more
		}
		p.log.Info("catalogue reloaded", "file", p.cfg.File)
	}
}

// sumOf tells one content of files from another; one that cannot be read is
// another one, too.
func sumOf(files []string) [sha256.Size]byte {
	all := sha256.New()
	for _, file := range files {
		text, _ := os.ReadFile(file)
		sum := sha256.Sum256(text)
		all.Write(sum[:])
	}
	return [sha256.Size]byte(all.Sum(nil))
}
