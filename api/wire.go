package api

import (
	"maps"
	"time"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// requestOf turns the contract's start request into the domain's.
func requestOf(b contract.StartRequest) verification.Request {
	req := verification.Request{
		Policy:            b.Policy,
		Presentation:      verification.Presentation(deref(b.Presentation)),
		Language:          string(deref(b.Lang)),
		NFCReqID:          deref(b.NfcReqid),
		ReturnURL:         deref(b.ReturnUrl),
		ClientReferenceID: deref(b.ClientReferenceId),
		Metadata:          deref(b.Metadata),
	}
	if b.Subject != nil {
		req.Subject = &verification.Subject{
			Name:       b.Subject.Name,
			IDNumber:   b.Subject.IdNumber,
			IDValidity: verification.Validity{From: b.Subject.IdValidity.From, To: b.Subject.IdValidity.To},
		}
	}
	req.Consents = consentsOf(deref(b.Consents))
	return req
}

// answerOf turns a view into the contract's verification.
func answerOf(v starter.View) contract.Verification {
	out := contract.Verification{
		Id:                v.ID,
		Status:            contract.Status(v.Status),
		Decision:          nonEmpty(string(v.Decision)),
		Outcome:           nonEmpty(string(v.Outcome())),
		Policy:            policyOf(v.Policy),
		ClientReferenceId: nonEmpty(v.ClientReferenceID),
		Metadata:          maps.Clone(v.Metadata),
		Attempt:           contract.Attempt{Number: v.Attempt.Number, Max: v.Attempt.Max, Session: v.Attempt.Session},
		Checks:            make([]contract.Check, 0, len(v.Checks)),
		ReviewReasons:     reasonsOf(v.ReviewReasons),
		PreviousVerdicts:  []*contract.Verdict{},
		CreatedAt:         shown(v.CreatedAt),
		UpdatedAt:         shown(v.UpdatedAt),
		ExpiresAt:         utc(v.ExpiresAt),
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	if v.Subject != nil {
		out.Subject = &contract.MaskedSubject{Name: v.Subject.Name, IdNumber: v.Subject.IDNumber}
	}
	if a := v.NextAction; a != nil {
		out.NextAction = &contract.NextAction{
			Type: contract.NextActionType(a.Type), Url: nonEmpty(v.Link), OpenIn: nonEmpty(a.OpenIn), ExpiresAt: utc(a.ExpiresAt),
			MiniProgram: miniProgramOf(a.MiniProgram, v.MiniProgram),
		}
	}
	if e := v.LastError; e != nil {
		entry, _ := e.Code.Describe()
		out.LastError = &contract.LastError{Code: string(e.Code), Retryable: e.Retryable, Message: entry.User}
	}
	for _, c := range v.Checks {
		out.Checks = append(out.Checks, checkOf(c))
	}
	for _, d := range v.PreviousVerdicts {
		out.PreviousVerdicts = append(out.PreviousVerdicts, verdictOf(d, v.Deciders[d.Version]))
	}
	if v.Verdict != nil {
		out.Verdict = verdictOf(*v.Verdict, v.Deciders[v.Verdict.Version])
	}
	return out
}

// miniProgramOf is with what a mini program begins; secret is nil for who must not
// see it.
func miniProgramOf(m *verification.MiniProgram, secret *starter.MiniProgram) *contract.MiniProgram {
	if m == nil {
		return nil
	}
	out := &contract.MiniProgram{Provider: m.Provider, Sdk: m.SDK, MinSdkVersion: m.MinSDKVersion}
	if secret != nil {
		out.Token, out.ReturnedUrl = nonEmpty(secret.Token), nonEmpty(secret.ReturnedURL)
	}
	return out
}

func checkOf(c verification.Check) contract.Check {
	out := contract.Check{
		Type: contract.CheckType(c.Type), Status: contract.CheckStatus(c.Status), Reasons: reasonsOf(c.Reasons),
		Provider: nonEmpty(c.Provider), ProviderCode: nonEmpty(c.ProviderCode), Retryable: c.Retryable,
		CompletedAt: utc(c.CompletedAt),
	}
	if c.Billable != "" {
		b := contract.Billable(c.Billable)
		out.Billable = &b
	}
	if len(c.Tried) > 0 {
		tried := make([]contract.Tried, 0, len(c.Tried))
		for _, t := range c.Tried {
			tried = append(tried, contract.Tried{Provider: t.Provider, Class: t.Class})
		}
		out.Tried = &tried
	}
	return out
}

func verdictOf(d verification.Verdict, decider string) *contract.Verdict {
	return &contract.Verdict{
		Version: d.Version, Decision: contract.VerdictDecision(d.Decision), DecidedBy: contract.VerdictDecidedBy(d.DecidedBy),
		DecidedByName: nonEmpty(decider),
		Policy:        policyOf(d.Policy), Reasons: reasonsOf(d.Reasons), DecidedAt: shown(d.DecidedAt),
	}
}

func policyOf(p verification.PolicyRef) contract.PolicyRef {
	return contract.PolicyRef{Name: p.Name, Version: p.Version}
}

func reasonsOf(list []verification.Reason) []contract.Reason {
	out := make([]contract.Reason, 0, len(list))
	for _, r := range list {
		out = append(out, contract.Reason{Code: string(r.Code), Retryable: r.Retryable})
	}
	return out
}

// shown is a time as every answer gives it: in UTC, and no finer than the store
// keeps it, so that two answers tell the same time of the same thing.
func shown(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := shown(*t)
	return &u
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
