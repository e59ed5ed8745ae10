package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/starter"
)

const (
	// unsealedWarns is how long a line of the audit log may wait for its place in the
	// chain: workers see to it every two seconds.
	unsealedWarns = 5 * time.Minute
	// anchorWarns is how old the newest anchor may be: workers log one each day.
	anchorWarns = 2 * anchorEvery
	// unsignedWarns is how long an erasure may be without its receipt: a vendor that
	// does not confirm is waited for a week.
	unsignedWarns = 8 * 24 * time.Hour
	// dueWarns is how long what is kept may be beyond its time: the schedule runs each
	// hour.
	dueWarns = 3 * time.Hour
)

// diagnoseAudit tells whether the audit log is chained, and, where anchors were
// kept, whether it is still the one that they are of.
func diagnoseAudit(ctx context.Context, st store.Store, files []string, public []byte, now time.Time) []finding {
	const check = "audit log"
	var found []finding
	switch at, err := st.AuditWaits(ctx); {
	case err != nil:
		return []finding{wrong(check, "Look at the store.", "%v", err)}
	case !at.IsZero() && now.Sub(at) > unsealedWarns:
		found = append(found, warning(check, "No worker chains it: start one, or look at its log.", "a line waits for the sealer since %s", now.Sub(at).Round(time.Second)))
	default:
		found = append(found, ok(check, "its lines are chained"))
	}
	if len(files) == 0 {
		return found
	}
	anchors, bad, err := readAnchors(files, public)
	if err != nil {
		return append(found, wrong("audit anchor", "Give a file with what `yanzhen audit anchor` printed, or the workers' log lines with an anchor.", "%v", err))
	}
	var newest time.Time
	for _, a := range anchors {
		if a.At.After(newest) {
			newest = a.At
		}
	}
	report, err := st.VerifyAudit(ctx, anchors)
	report.Findings = append(bad, report.Findings...)
	switch {
	case err != nil:
		return append(found, unknown("audit anchor", "%v", err))
	case len(report.Findings) > 0:
		return append(found, wrong("audit anchor", "Somebody changed the store, or restored an older one: compare with a backup; `yanzhen audit verify` prints all of it.",
			"%d findings, the first: %s", len(report.Findings), report.Findings[0]))
	case now.Sub(newest) > anchorWarns:
		return append(found, warning("audit anchor", "Keep one a day elsewhere than the store: `yanzhen audit anchor`, or the workers' log.", "the newest is %s old: a tail that was cut off since is not found", now.Sub(newest).Round(time.Hour)))
	}
	return append(found, ok("audit anchor", "the log is the one of %d anchors", len(anchors)))
}

// diagnoseKept tells what should have been erased by now.
func diagnoseKept(ctx context.Context, st store.Store, cfg *config.Config, now time.Time) []finding {
	var found []finding
	if ids, err := st.Unsigned(ctx, now.Add(-unsignedWarns), examples); err == nil && len(ids) > 0 {
		found = append(found, warning("erasures without a receipt", "Look at the runs ver_…:erase in the Temporal UI: the pending activity tells what fails; a worker must run.",
			"asked for over %d days ago: %s", int(unsignedWarns.Hours()/24), listText(ids)))
	}
	due, err := starter.New(starter.Deps{Store: st, Now: func() time.Time { return now.Add(-dueWarns) }}).Due(ctx, keepingOf(cfg))
	switch {
	case err != nil:
		found = append(found, unknown("retention of data", "%v", err))
	case due.Personal+due.Verdicts+due.Events > 0:
		found = append(found, warning("retention of data", "Is the schedule `yanzhen-retention` paused in the Temporal UI, or no worker there? `yanzhen retention --run` erases it now.",
			"kept beyond its time for over %s: %d personal parts, %d verdicts, %d events", dueWarns, due.Personal, due.Verdicts, due.Events))
	default:
		found = append(found, ok("retention of data", "nothing is kept beyond its time"))
	}
	return found
}

func listText(ids []string) string {
	text := strings.Join(ids, ", ")
	if len(ids) == examples {
		text += " …"
	}
	return text
}
