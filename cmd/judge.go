package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// judgeFlags are what judge is told.
type judgeFlags struct {
	policy, since, until string
	of                   store.RecordedQuery
	ids, asCSV, asJSON   bool
}

func judgeCommand() *cobra.Command {
	var f judgeFlags
	var data string
	c := &cobra.Command{
		Use:   "judge",
		Short: "Compare the verdicts of ended verifications with another policy's",
		Long: `Apply another policy to the recorded checks of ended verifications, and show which
verdicts would differ. It calls no vendor, changes nothing and does not need the
engine.

The file contains one policy, with the properties of an entry under policies: in
the configuration, or a whole configuration with that list. As there, its
properties replace those of the policy of the same name. The store is that of
YANZHEN_STORE and YANZHEN_KEYS, or else of "yanzhen dev".

A case counts as "cannot tell" if the policy needs something that the record does
not have: a check that was not made, or a face session that would have been
followed by another or would not have been opened. If a reviewer decided, the
policy's own verdict, "review", is compared. Consents, timeouts, prices and the
choice of vendors are taken as they were. Erased verifications are counted
separately.`,
		Example: `  yanzhen judge --policy new.yaml --since 720h
  yanzhen judge --policy new.yaml --since 2026-11-01 --until 2026-12-01 --policy-name cn-resident --ids
  yanzhen judge --policy new.yaml --client shop --csv > judged.csv`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(time.Now()); err != nil {
				return err
			}
			return withStore(c.Context(), data, func(cfg *config.Config, st store.Store) error {
				return f.run(c.Context(), cfg, st, c.OutOrStdout(), c.ErrOrStderr())
			})
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.policy, "policy", "", "the file with the policy")
	fl.StringVar(&f.since, "since", "", "of those that ended since then, such as 2026-11-23, 2026-11-23T00:00:00Z or 120h (default: all)")
	fl.StringVar(&f.until, "until", "", "of those that ended before then")
	fl.StringVar(&f.of.Client, "client", "", "of this client only")
	fl.StringVar(&f.of.Policy, "policy-name", "", "of those that ran under a policy of this name only; it also names the one that is meant in a file with several")
	fl.BoolVar(&f.ids, "ids", false, "tell the verifications' ids")
	fl.BoolVar(&f.asCSV, "csv", false, "print CSV instead of a table; with --ids a row for each verification")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON instead of a table; with --ids an object a line for each verification, and the counts in the last one")
	fl.StringVar(&data, "data", "", `the data folder of "yanzhen dev", for its store`)
	return c
}

func (f *judgeFlags) check(now time.Time) (err error) {
	switch {
	case f.policy == "":
		return exit(exitUsage, "give the policy's file: --policy FILE")
	case f.asCSV && f.asJSON:
		return exit(exitUsage, "--csv and --json exclude each other")
	}
	if f.of.Since, err = moment(f.since, now); err != nil {
		return exit(exitUsage, "--since: %w", err)
	}
	if f.of.Until, err = moment(f.until, now); err != nil {
		return exit(exitUsage, "--until: %w", err)
	}
	if !f.of.Until.IsZero() && !f.of.Since.Before(f.of.Until) {
		return exit(exitUsage, "--until must be later than --since")
	}
	return nil
}

// moment reads a day, a time, or how long ago it was; empty: the zero time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day, nil
	}
	return parseSince(text, now)
}

func (f *judgeFlags) run(ctx context.Context, cfg *config.Config, st store.Store, out, progress io.Writer) error {
	text, err := os.ReadFile(f.policy)
	if err != nil {
		return err
	}
	p, err := cfg.PolicyIn(text, f.of.Policy)
	if err != nil {
		return exit(exitUsage, "--policy %s: %w", f.policy, err)
	}
	total, erased, err := st.CountRecorded(ctx, f.of)
	if err != nil {
		return err
	}
	t := newTally(p, cfg.Policies, erased)
	w := f.writer(out, t)
	shown := showProgress(progress, total)
	err = st.Recorded(ctx, f.of, func(r store.Recorded) error {
		shown(t.judged + t.altered)
		if r.Changed {
			t.altered++
			return nil
		}
		return w.tell(t.judge(r))
	})
	shown(-1)
	if err = errors.Join(err, w.end()); err != nil {
		return err
	}
	if t.altered > 0 {
		return fmt.Errorf("%d verifications were changed outside of yanzhen, and are not counted", t.altered)
	}
	return nil
}

// progressEvery is how often a terminal is told how far it is.
const progressEvery = time.Second

// showProgress tells a terminal how many are done; below 0: all are.
func showProgress(to io.Writer, total int) func(done int) {
	if f, ok := to.(io.Reader); !ok || terminal(f) == nil {
		return func(int) {}
	}
	told, written := time.Now(), false
	return func(done int) {
		switch {
		case done < 0 && written:
			fmt.Fprint(to, "\r\x1b[K")
		case done >= 0 && time.Since(told) > progressEvery:
			told, written = time.Now(), true
			fmt.Fprintf(to, "\r%d of %d", done, total)
		}
	}
}

// judgedCase is a verification as it was judged again.
type judgedCase struct {
	store.Recorded
	group
	reasons []verification.ReasonCode
	missing []verification.CheckType
}

// group are the cases that came out alike, before and now.
type group struct {
	// Said is what their own policy said: approved, declined or review; empty: it was
	// not asked.
	Said verification.Outcome `json:"said"`
	// Ended is what stands, and By who decided it.
	Ended verification.Outcome   `json:"ended"`
	By    verification.DecidedBy `json:"decided_by"`
	// Would is what the other policy would have said; empty: the record does not tell.
	Would verification.Outcome `json:"would"`
}

// changed: the policy would have said something else.
func (g group) changed() bool { return g.Would != "" && g.Would != g.Said }

// tally judges and counts.
type tally struct {
	policy verification.Policy
	// known are the policies of the configuration.
	known                                        map[string]verification.Policy
	groups                                       map[group]int
	judged, changed, cannotTell, erased, altered int
}

func newTally(p verification.Policy, known map[string]verification.Policy, erased int) *tally {
	return &tally{policy: p, known: known, groups: map[group]int{}, erased: erased}
}

func (t *tally) judge(r store.Recorded) judgedCase {
	var was *verification.Policy
	if p, ok := t.known[r.State.Policy.Name]; ok && p.Version == r.State.Policy.Version {
		was = &p
	}
	again := verification.Rejudge(t.policy, was, r.State)
	c := judgedCase{Recorded: r, missing: again.Missing, group: group{
		Said: verification.Said(r.State), Ended: r.State.Outcome(), Would: again.Outcome,
	}}
	for _, reason := range again.Reasons {
		c.reasons = append(c.reasons, reason.Code)
	}
	if v := r.State.Verdict; v != nil {
		c.By, c.Ended = v.DecidedBy, verification.Outcome(v.Decision) // it stands while a reopened case is reviewed
	}
	t.judged++
	t.groups[c.group]++
	switch {
	case c.Would == "":
		t.cannotTell++
	case c.changed():
		t.changed++
	}
	return c
}
