package cmd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/webhook"
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
		found = append(found, warning("erasures without a receipt", "Look at the runs ver_…:erase in the Temporal UI: the pending activity shows what fails; a worker must be running.",
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

// failingWarns is how long an endpoint may only have failed.
const failingWarns = time.Hour

// diagnoseSwitches tells of vendors that are configured and not used: somebody may
// have forgotten that they switched one off.
func diagnoseSwitches(ctx context.Context, st store.Store, cfg *config.Config, now time.Time) []finding {
	all, err := st.Switches(ctx)
	if err != nil {
		return []finding{unknown("vendors' switches", "%v", err)}
	}
	newest := map[string]store.Switch{}
	for _, s := range all {
		newest[s.Provider] = s
	}
	configured := cfg.Switches()
	var found []finding
	for _, v := range cfg.Vendors {
		if !v.On() {
			continue
		}
		check, own, thrown := v.Name+" switch", store.SwitchState(configured[v.Name]), newest[v.Name]
		if thrown.State != "" && thrown.State != store.SwitchOn {
			found = append(found, warning(check, "`yanzhen provider on "+v.Name+"` once what it was switched for is over.", "%s since %s, by %s: %s",
				thrown.State, now.Sub(thrown.At).Round(time.Minute), thrown.By, thrown.Reason))
		}
		if own != "" && own != store.SwitchOn {
			found = append(found, warning(check, "Its …_SWITCH in the settings says so: set it to on once what it was switched for is over.", "%s by the settings", own))
		}
	}
	return found
}

// failing says what to do about an endpoint's answers, by their class.
var failing = map[string]string{
	string(webhook.Redirect): "It answers with another address, which is not followed: let the catalogue's URL be that one.",
	string(webhook.BadTLS):   "Its owner's certificate is not good: let them renew it.",
}

// diagnoseReceivers tells of endpoints that get nothing, by what their deliveries met.
func diagnoseReceivers(ctx context.Context, st store.Store, cfg *config.Config, now time.Time) []finding {
	var found []finding
	for _, c := range cfg.Clients {
		states, err := st.Endpoints(ctx, c.ID)
		if err != nil {
			return append(found, unknown("webhooks of "+c.ID, "%v", err))
		}
		for _, w := range c.Webhooks {
			check, s := "webhook "+c.ID+"/"+w.ID, states[w.ID]
			since := func(at time.Time) time.Duration { return now.Sub(at).Round(time.Minute) }
			switch {
			case s.State == store.EndpointOff:
				found = append(found, warning(check, "Ask its owner; once it works again: `yanzhen webhook recover`, with the client's key.", "switched off since %s: %s", since(s.ChangedAt), s.Reason))
			case s.State == store.EndpointPaused:
				found = append(found, warning(check, "`yanzhen webhook resume`, with the client's key, sends what is held back.", "paused since %s", since(s.ChangedAt)))
			case !s.FailingSince.IsZero() && now.Sub(s.FailingSince) > failingWarns:
				class := ""
				if last, err := st.Deliveries(ctx, store.DeliveryQuery{Client: c.ID, Endpoint: w.ID, Limit: 1}); err == nil && len(last) > 0 {
					class = last[0].LastClass
				}
				found = append(found, warning(check, first(failing[class], "Tell its owner: `yanzhen webhook list`, with the client's key, has each try."),
					"it only fails since %s: %s", since(s.FailingSince), first(class, "no try has ended")))
			}
		}
	}
	return found
}

// diagnoseSameFiles tells of processes that go by other files than these.
func diagnoseSameFiles(ctx context.Context, st store.Store, cfg *config.Config, keys *sealing.Keys) []finding {
	var found []finding
	mine := activeOf(keys)
	holders, err := st.Holders(ctx)
	if err != nil {
		return []finding{unknown("keys in use", "%v", err)}
	}
	for _, h := range holders {
		if !slices.Equal(slices.Sorted(slices.Values(h.Active)), slices.Sorted(slices.Values(mine))) {
			found = append(found, warning("keys in use", "Give every process the same key file; `yanzhen keys check` shows what each key is needed for.",
				"%s goes by the keys %s, and %s has %s", h.Process, strings.Join(h.Active, ", "), cfg.Keys, strings.Join(mine, ", ")))
		}
	}
	if cfg.File == "" {
		return found
	}
	hash, at, err := st.Configured(ctx)
	if err != nil {
		return append(found, unknown("catalogue in use", "%v", err))
	}
	if hash != "" && hash != configuredAs(sumOf(cfg.Files())) {
		found = append(found, warning("catalogue in use", "Bring the same file to worker and api; one with errors is not taken over, and their log says why.",
			"the workers go by another file of clients and policies than %s, since %s", cfg.File, at.UTC().Format(time.DateTime)+" UTC"))
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
