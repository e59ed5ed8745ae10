package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// open opens the next session at the first provider of the policy's list that
// can. When none can, the outage is waited out for the policy's start
// patience; then the verification ends in error, since the person was never
// judged. Time in which nobody could be asked uses no patience up: there was no
// worker, say, or the engine stood still.
func (r *run) open(ctx workflow.Context) (FaceRoute, faceOutcome) {
	if ctx.Err() != nil {
		return FaceRoute{}, faceSettled
	}
	r.opening = true
	defer func() { r.opening, r.prefer = false, "" }()
	r.nextSession(ctx)
	r.tried = nil
	r.resetFace(ctx)
	left := r.in.Policy.StartPatience.Std()
	if _, opens := r.linkEnds(); r.state.Page {
		left = min(left, opens.Sub(workflow.Now(ctx)))
	}
	deadline := workflow.Now(ctx).Add(left)
	r.awaitVendors(ctx, deadline)
	if r.recordsCapped() {
		r.cappedFace(ctx, verification.RecordsDailyCap)
		return FaceRoute{}, faceSettled
	}

	reason, refusal := verification.ProviderUnavailable, verification.ProviderHolderUnregistered
	for round := 0; ; round++ {
		routes := r.candidates()
		asked := false
		for i, route := range routes {
			budget := stepOpen.startToClose
			if round == 0 && i < len(routes)-1 {
				budget = openBudget / time.Duration(len(routes)-1)
			}
			limit := max(left, budget)
			if len(routes) > 1 {
				limit = min(limit, budget+queuePatience)
			}
			began := workflow.Now(ctx)
			capped, err := r.openAt(ctx, route, limit, budget)
			switch {
			case err == nil && capped == "":
				return route, faceOpened
			case err == nil:
				r.cappedFace(ctx, capped)
				return FaceRoute{}, faceSettled
			}
			if ctx.Err() != nil {
				return FaceRoute{}, faceSettled
			}
			class := r.noteTried(route, err)
			if !activities.WasAsked(err) {
				continue
			}
			asked = true
			left -= min(workflow.Now(ctx).Sub(began), budget)
			switch class {
			case provider.Refused:
				r.excluded[route.Provider] = true
				refusal = activities.ReasonOf(err, refusal)
			case provider.Misconfigured:
				reason = verification.ProviderMisconfigured
			default:
				reason = verification.ProviderUnavailable
			}
		}
		if r.allExcluded() {
			r.inconclusiveFace(ctx, refusal)
			return FaceRoute{}, faceSettled
		}
		pause := min(time.Second<<min(round, 6), time.Minute)
		if asked {
			left -= pause
		}
		if _, opens := r.linkEnds(); left < 0 || r.state.Page && !workflow.Now(ctx).Add(pause).Before(opens) {
			return FaceRoute{}, r.unopened(ctx, reason)
		}
		if r.state.Page && asked && r.state.LastError == nil { // the person waits, and is told
			r.opening = false
			r.fail(ctx, verification.Reason{Code: reason, Retryable: true})
		}
		timer := workflow.NewTimerWithOptions(ctx, pause, workflow.TimerOptions{Summary: "No face provider is available: wait and try again"})
		if timer.Get(ctx, nil) != nil {
			return FaceRoute{}, faceSettled
		}
		if until := workflow.Now(ctx).Add(left); until.Sub(deadline) > time.Second {
			deadline = until
			r.awaitVendors(ctx, deadline)
		}
	}
}

// unopened says what follows a session that no provider could open: on our page
// the person may try again later, while sessions are left.
func (r *run) unopened(ctx workflow.Context, reason verification.ReasonCode) faceOutcome {
	if r.state.Page && reason == verification.ProviderUnavailable && r.state.Attempt.Session < r.in.Policy.Sessions {
		r.fail(ctx, verification.Reason{Code: reason, Retryable: true})
		return faceRetry
	}
	r.endWith(verification.Error, reason)
	return faceSettled
}

// queuePatience is how long a session waits for a worker that opens it, where
// another provider may do so.
const queuePatience = time.Minute

// candidates are the providers that may open the next session, in the order in
// which they are tried.
func (r *run) candidates() []FaceRoute {
	first := max(0, slices.IndexFunc(r.in.Face, func(f FaceRoute) bool { return f.Provider == r.prefer }))
	if r.in.Policy.RotateProviders && r.prefer == "" {
		for i, route := range r.in.Face {
			if route.Provider == r.state.Provider {
				first = i + 1
			}
		}
	}
	var out []FaceRoute
	for i := range r.in.Face {
		if route := r.in.Face[(first+i)%len(r.in.Face)]; !r.excluded[route.Provider] {
			out = append(out, route)
		}
	}
	return out
}

// noteTried keeps, once a provider and class, who could not open the session.
func (r *run) noteTried(route FaceRoute, err error) provider.Class {
	class := activities.ClassOf(err)
	tried := verification.Tried{Provider: route.Provider, Class: string(class)}
	if !slices.Contains(r.tried, tried) {
		r.tried = append(r.tried, tried)
	}
	return class
}

// openAt opens the session at a provider, unless a daily cap of the person's
// number keeps it from that.
func (r *run) openAt(ctx workflow.Context, route FaceRoute, limit, budget time.Duration) (capped verification.ReasonCode, err error) {
	n := r.state.Attempt.Session
	in := activities.OpenInput{ID: r.in.ID, Session: n, Provider: route.Provider, MiniProgram: route.MiniProgram != nil, SessionsCap: r.in.Policy.SessionsDailyCap}
	if c, ok := r.neededRecords(); ok && c.Status == verification.Pending {
		in.RecordsCap = r.in.Policy.RecordsDailyCap
	}
	var out activities.OpenResult
	actx := stepOpen.within(budget).on(ctx, route.OpenQueue, fmt.Sprintf("-%d", n), " ("+route.Provider+")", limit)
	if err := workflow.ExecuteActivity(actx, acts.OpenSession, in).Get(ctx, &out); err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", ctx.Err() // opened, but the verification has ended meanwhile
	}
	if out.Capped != "" {
		return out.Capped, nil
	}
	r.change(ctx, func(s *verification.State, now time.Time) { s.OpenedAt(now, route.Provider) })
	if len(r.tried) > 0 {
		r.resetFace(ctx) // what was tried stands in the checks
	}
	r.showLink(ctx, verification.OpenSession{OpenIn: route.OpenIn, ExpiresAt: out.ExpiresAt, MiniProgram: route.MiniProgram})
	return "", nil
}

// neededRecords is the records check where there is no approval without it.
func (r *run) neededRecords() (verification.Check, bool) {
	if r.in.Policy.Requirement(verification.IdentityRecords) != verification.Required {
		return verification.Check{}, false
	}
	return verification.Find(r.state.Checks, verification.IdentityRecords)
}

// recordsCapped: the records will not be asked about this person today, without
// which no session can lead to approval.
func (r *run) recordsCapped() bool {
	c, ok := r.neededRecords()
	return ok && slices.ContainsFunc(c.Reasons, func(reason verification.Reason) bool { return reason.Code == verification.RecordsDailyCap })
}

// cappedFace settles the face side where a daily cap of the person's number is
// reached and no session is opened.
func (r *run) cappedFace(ctx workflow.Context, reason verification.ReasonCode) {
	status := verification.Unavailable
	if reason == verification.RecordsDailyCap {
		status = verification.Skipped // it could be had, and would help nobody
	}
	r.settleFace(ctx, status, reason)
}
