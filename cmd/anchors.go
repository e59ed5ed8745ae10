package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/starter"
)

// newAnchor signs where the audit log stands.
func newAnchor(ctx context.Context, st store.Store, keys starter.Signer, issuer string) (signed string, position int64, err error) {
	a, err := st.AuditAnchor(ctx)
	if err != nil {
		return "", 0, err
	}
	text, err := json.Marshal(statement.Anchor{Issuer: issuer, IssuedAt: a.At.Unix(), Position: a.Position, Link: a.Link})
	if err != nil {
		return "", 0, fmt.Errorf("encode an anchor: %w", err)
	}
	signed, err = keys.Sign(statement.TypeAnchor, text)
	return signed, a.Position, err
}

func printAnchor(ctx context.Context, cfg *config.Config, st store.Store, out io.Writer) error {
	keys, err := sealing.Load(cfg.Keys)
	if err != nil {
		return err
	}
	signed, _, err := newAnchor(ctx, st, keys, cfg.PublicURL)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, signed)
	return nil
}

func auditVerifyCommand(data *string) *cobra.Command {
	var files []string
	var keys, exported string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Verify the audit log",
		Long: `Verify every line of the log and print those that are not as they were written;
the exit code is 1 if there are any. With --anchor the log is also compared with
anchors that were kept elsewhere, which detects a log that was cut off or
replaced by an older copy.

With --keys neither the store nor its keys are needed: the signatures of the
anchors are verified with the public keys in that file (/.well-known/jwks.json),
the anchors are compared with each other and, with --export, with the output of
"yanzhen audit export": no line before an anchor may be missing, and the
anchor's own line must be the same. Altered content of a line can only be
detected with the store's hash key, that is, without --keys.`,
		Example: `  yanzhen audit verify --anchor /elsewhere/anchors.jws
  yanzhen audit verify --anchor anchors.jws --keys keys.json --export audit.jsonl`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, out := c.Context(), c.OutOrStdout()
			switch {
			case keys == "" && exported != "":
				return exit(exitUsage, "--export requires --keys: without --keys the store itself is verified")
			case keys != "" && len(files) == 0:
				return exit(exitUsage, "--keys requires --anchor: it verifies the signatures of anchors")
			case keys != "":
				return verifyOffline(files, keys, exported, out)
			}
			return withStore(ctx, *data, func(cfg *config.Config, st store.Store) error { return verifyAudit(ctx, cfg, st, files, out) })
		},
	}
	c.Flags().StringArrayVar(&files, "anchor", nil, "a file of anchors, one per line, or of a worker's log lines; may be repeated")
	c.Flags().StringVar(&keys, "keys", "", "verify only the anchors, with the public keys in this file, a JWK set")
	c.Flags().StringVar(&exported, "export", "", `with --keys: compare the anchors with this output of "yanzhen audit export"`)
	return c
}

// verifyAudit prints each finding and ends with an error if there is one.
func verifyAudit(ctx context.Context, cfg *config.Config, st store.Store, files []string, out io.Writer) error {
	own, err := sealing.Load(cfg.Keys)
	if err != nil {
		return err
	}
	public, err := own.PublicKeys()
	if err != nil {
		return err
	}
	anchors, findings, err := readAnchors(files, public)
	if err != nil {
		return err
	}
	report, err := st.VerifyAudit(ctx, anchors)
	if err != nil {
		return err
	}
	findings = append(findings, report.Findings...)
	for _, f := range findings {
		fmt.Fprintln(out, f)
	}
	fmt.Fprintf(out, "%d lines, %d wait for the sealer, %d notes are erased; held against %d anchors\n", report.Chained, report.Waiting, report.Erased, len(anchors))
	return asWritten(findings)
}

func asWritten(findings []store.AuditFinding) error {
	if len(findings) == 0 {
		return nil
	}
	return fmt.Errorf("the audit log was changed: %d findings", len(findings))
}

// readAnchors reads anchors, one a line; a worker's log lines with an anchor in
// them do, too. One whose signature is not good is a finding.
func readAnchors(files []string, public []byte) (anchors []store.Anchor, findings []store.AuditFinding, err error) {
	for _, file := range files {
		signed, err := anchorsIn(file)
		if err != nil {
			return nil, nil, exit(exitUsage, "--anchor %s: %w", file, err)
		}
		for i, one := range signed {
			a, err := statement.OpenAnchor(one, public)
			switch {
			case errors.Is(err, statement.ErrKeys):
				return nil, nil, err
			case errors.Is(err, statement.ErrForm):
				return nil, nil, exit(exitUsage, "--anchor %s: entry %d is not an anchor: %w", file, i+1, err)
			case err != nil:
				findings = append(findings, store.AuditFinding{What: fmt.Sprintf("anchor %d of %s does not count: %s", i+1, file, err)})
			default:
				anchors = append(anchors, store.Anchor{Position: a.Position, Link: a.Link, At: a.At()})
			}
		}
	}
	return anchors, findings, nil
}

// maxLine of a file with anchors, or of an exported log.
const maxLine = 1 << 20

func anchorsIn(file string) (signed []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		text := lines.Text()
		if text == "" {
			continue
		}
		var logged struct {
			Anchor string `json:"anchor"`
		}
		if json.Unmarshal(lines.Bytes(), &logged) == nil && logged.Anchor != "" {
			text = logged.Anchor
		}
		signed = append(signed, text)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(signed) == 0 {
		return nil, errors.New("there is no anchor in it")
	}
	return signed, nil
}

// verifyOffline checks anchors by their signatures, each other, and an exported
// log.
func verifyOffline(files []string, keys, exported string, out io.Writer) error {
	public, err := os.ReadFile(keys)
	if err != nil {
		return err
	}
	anchors, findings, err := readAnchors(files, public)
	if errors.Is(err, statement.ErrKeys) {
		return exit(exitUsage, "--keys %s: %w", keys, err)
	}
	if err != nil {
		return err
	}
	findings = append(findings, againstEachOther(anchors)...)
	said := ""
	if exported != "" {
		lines, wrong, err := againstExport(exported, anchors)
		if err != nil {
			return exit(exitUsage, "--export %s: %w", exported, err)
		}
		findings = append(findings, wrong...)
		said = fmt.Sprintf(", held against %d exported lines", lines)
	}
	for _, f := range findings {
		fmt.Fprintln(out, f)
	}
	fmt.Fprintf(out, "%d anchors are signed and agree%s\n", len(anchors), said)
	return asWritten(findings)
}

// clocksApart is how far the clocks of two workers may differ.
const clocksApart = time.Minute

// againstEachOther holds anchors against each other: a log only grows, and a line
// has one link.
func againstEachOther(anchors []store.Anchor) (found []store.AuditFinding) {
	byTime := slices.Clone(anchors)
	slices.SortStableFunc(byTime, func(a, b store.Anchor) int { return a.At.Compare(b.At) })
	for i, a := range byTime {
		wrong := slices.IndexFunc(byTime[:i], func(b store.Anchor) bool {
			return a.Position < b.Position && a.At.Sub(b.At) > clocksApart || a.Position == b.Position && a.Link != b.Link
		})
		if wrong < 0 {
			continue
		}
		before := byTime[wrong]
		what := fmt.Sprintf("the log ended here at %s, and at line %d at %s before that", a.At.Format(time.RFC3339), before.Position, before.At.Format(time.RFC3339))
		if a.Position == before.Position {
			what = fmt.Sprintf("the anchors of %s and %s name different lines here", before.At.Format(time.RFC3339), a.At.Format(time.RFC3339))
		}
		found = append(found, store.AuditFinding{Position: a.Position, What: what})
	}
	return found
}

// againstExport holds anchors against an exported log.
func againstExport(file string, anchors []store.Anchor) (lines int64, found []store.AuditFinding, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	left := map[int64][]store.Anchor{}
	for _, a := range anchors {
		left[a.Position] = append(left[a.Position], a)
	}
	delete(left, 0) // of an empty log
	text := bufio.NewScanner(f)
	text.Buffer(nil, maxLine)
	for last := int64(0); text.Scan(); lines++ {
		var l store.Audit
		if json.Unmarshal(text.Bytes(), &l) != nil || l.Position == 0 {
			return lines, nil, fmt.Errorf("line %d is not a line of an audit log", lines+1)
		}
		if l.Position != last+1 {
			found = append(found, store.AuditFinding{Position: l.Position, What: fmt.Sprintf("it follows line %d", last)})
		}
		last = l.Position
		for _, a := range left[last] {
			if a.Link != l.Link {
				found = append(found, store.AuditFinding{Position: last, What: "the anchor of " + a.At.Format(time.RFC3339) + " names another line here"})
			}
		}
		delete(left, last)
	}
	for position, list := range left {
		found = append(found, store.AuditFinding{Position: position, What: "it is not there, and the anchor of " + list[0].At.Format(time.RFC3339) + " names it"})
	}
	slices.SortStableFunc(found, func(a, b store.AuditFinding) int { return int(a.Position - b.Position) })
	return lines, found, text.Err()
}
