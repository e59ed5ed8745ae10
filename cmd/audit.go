package cmd

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
			p.log.Warn("chain the audit log; trying again until it works", "error", err)
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

func (p *auditor) seal(ctx context.Context) error {
	if now := p.catalogue.inForce(); now != p.noted {
		if err := p.store.AuditConfiguration(ctx, store.Audit{By: "worker", Purpose: "sha256:" + hex.EncodeToString(now[:])}); err != nil {
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
	anchor, err := p.store.AuditAnchor(ctx)
	if err != nil {
		return err
	}
	p.anchored = time.Now()
	p.log.Info("audit anchor", "anchor", anchor)
	return nil
}

func auditCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "audit",
		Short: "Verify the audit log, print it, or tell where it stands",
		Long: `The audit log tells who read, decided and switched what, when and why. Its lines are
chained: what was altered, cut out, reordered, copied or made up past yanzhen is
found. That the end was cut off shows only an anchor that was kept elsewhere:
run "yanzhen audit anchor" daily, and keep what it prints where the store is not.
A worker logs one a day.

Like the worker it reads YANZHEN_STORE and YANZHEN_KEYS.`,
		Example: `  yanzhen audit anchor >> /elsewhere/anchors.jsonl
  yanzhen audit verify --anchor /elsewhere/anchors.jsonl
  yanzhen audit export > audit.jsonl`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&data, "data", "", `the data folder of "yanzhen dev", for its store`)
	sub := func(use, short string, do func(context.Context, store.Store, io.Writer) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c.Context(), data, func(_ *config.Config, st store.Store) error { return do(c.Context(), st, c.OutOrStdout()) })
		}}
	}
	var anchors []string
	verify := sub("verify", "Look for whatever is not as it was written", func(ctx context.Context, st store.Store, out io.Writer) error {
		return verifyAudit(ctx, st, anchors, out)
	})
	verify.Flags().StringArrayVar(&anchors, "anchor", nil, "a file with anchors, one a line; may be given more than once")
	c.AddCommand(verify, sub("anchor", "Print where the log stands, to be kept elsewhere", func(ctx context.Context, st store.Store, out io.Writer) error {
		a, err := st.AuditAnchor(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(a)
	}), sub("export", "Print the log, a JSON object a line", exportAudit))
	return c
}

// verifyAudit prints each finding and ends with an error if there is one.
func verifyAudit(ctx context.Context, st store.Store, files []string, out io.Writer) error {
	var anchors []store.Anchor
	for _, file := range files {
		some, err := readAnchors(file)
		if err != nil {
			return exit(exitUsage, "--anchor %s: %w", file, err)
		}
		anchors = append(anchors, some...)
	}
	report, err := st.VerifyAudit(ctx, anchors)
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		at := fmt.Sprint("line ", f.Position)
		if f.Position == 0 {
			at = "a line that waits"
		}
		fmt.Fprintf(out, "%s: %s\n", at, f.What)
	}
	fmt.Fprintf(out, "%d lines, %d wait for the sealer, %d notes are erased; held against %d anchors\n", report.Chained, report.Waiting, report.Erased, len(anchors))
	if len(report.Findings) > 0 {
		return fmt.Errorf("the audit log is not as it was written: %d findings", len(report.Findings))
	}
	return nil
}

// readAnchors reads anchors, one a line; a worker's log lines with an anchor in
// them do, too.
func readAnchors(file string) ([]store.Anchor, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []store.Anchor
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var line struct {
			store.Anchor
			Logged *store.Anchor `json:"anchor"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.MAC == "" && line.Logged == nil {
			return nil, fmt.Errorf("line %d is no anchor", len(out)+1)
		}
		if line.Logged != nil {
			line.Anchor = *line.Logged
		}
		out = append(out, line.Anchor)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New("there is no anchor in it")
	}
	return out, nil
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
