package cmd

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
)

const (
	// sealEvery is how long a line of the audit log waits for its place in the
	// chain at most.
	sealEvery = 2 * time.Second
	// anchorEvery is how often a worker logs where the chain stands: logs are kept
	// elsewhere than the store.
	anchorEvery = 24 * time.Hour
)

// audit chains the audit log, and notes in it which catalogue is gone by, until
// ctx ends.
func (p *parts) audit(ctx context.Context) {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	a := auditor{parts: p}
	for failing := false; ; {
		err := a.seal(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			p.log.Warn("failed to chain the audit log; retrying", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// auditor knows what it noted last.
type auditor struct {
	*parts
	noted    [sha256.Size]byte
	anchored time.Time
}

// configuredAs is how the audit log names a catalogue.
func configuredAs(sum [sha256.Size]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }

func (p *auditor) seal(ctx context.Context) error {
	if now := p.catalogue.inForce(); now != p.noted {
		if err := p.store.AuditConfiguration(ctx, store.Audit{By: "worker", Purpose: configuredAs(now)}); err != nil {
			return err
		}
		p.noted = now
	}
	for n := 1; n > 0; {
		var err error
		if n, err = p.store.SealAudit(ctx); err != nil {
			return err
		}
	}
	if time.Since(p.anchored) < anchorEvery {
		return nil
	}
	signed, position, err := newAnchor(ctx, p.store, p.keys, p.cfg.PublicURL)
	if err != nil {
		return err
	}
	p.anchored = time.Now()
	p.log.Info("audit anchor", "position", position, "anchor", signed)
	return nil
}

func auditCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "audit",
		Short: "Verify, export and anchor the audit log",
		Long: `Verify, export and anchor the audit log, which records who read, decided, switched
and erased what, when and why. Its lines are chained, so altered, removed,
reordered, copied and forged lines are detected. To detect that the end of the
log was cut off, keep anchors elsewhere: run "yanzhen audit anchor" daily and
store its output away from the store. A worker also logs one a day. An anchor
is a signed statement (JWS, EdDSA) that anyone with a copy of
/.well-known/jwks.json can verify.

It reads YANZHEN_STORE and YANZHEN_KEYS, like the worker.`,
		Example: `  yanzhen audit anchor >> /elsewhere/anchors.jws
  yanzhen audit verify --anchor /elsewhere/anchors.jws
  yanzhen audit export > audit.jsonl
  yanzhen audit verify --anchor anchors.jws --keys keys.json --export audit.jsonl`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&data, "data", "", `use the store in this data folder of "yanzhen dev"`)
	sub := func(use, short string, do func(context.Context, *config.Config, store.Store, io.Writer) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c.Context(), data, func(cfg *config.Config, st store.Store) error {
				return do(c.Context(), cfg, st, c.OutOrStdout())
			})
		}}
	}
	c.AddCommand(auditVerifyCommand(&data), sub("anchor", "Print a signed anchor of the log, to be stored elsewhere", printAnchor),
		sub("export", "Print the log, one JSON object per line", func(ctx context.Context, _ *config.Config, st store.Store, out io.Writer) error {
			return exportAudit(ctx, st, out)
		}))
	return c
}

// exportPage is how many lines are read at a time.
const exportPage = 500

func exportAudit(ctx context.Context, st store.Store, out io.Writer) error {
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for after := int64(0); ; {
		lines, err := st.AuditLines(ctx, after, exportPage)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return err
			}
			after = l.Position
		}
		if len(lines) < exportPage {
			return w.Flush()
		}
	}
}
