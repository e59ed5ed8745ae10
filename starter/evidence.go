package starter

import (
	"context"
	"encoding/json"

	"github.com/yanzhen-id/yanzhen/internal/statement"
	"github.com/yanzhen-id/yanzhen/internal/store"
)

// Signer signs statements.
type Signer interface {
	Sign(typ string, statement []byte) (string, error)
}

// Evidence returns a signed statement of how an ended verification of the caller's
// client came to its end, made from the store. That it was given out is on record
// before. Errors are *Error: NotFound, Redacted,
// InvalidState (it is open), EngineUnavailable (the store), Internal.
func (s *Starter) Evidence(ctx context.Context, c Caller, id string) (string, error) {
	line := s.line(c)
	line.VerificationID = id
	row, err := s.store.ReadEvidence(ctx, line)
	if err != nil {
		return "", s.storeError(ctx, "read evidence", id, err)
	}
	if !row.Ended || !row.State.Status.Ended() {
		return "", invalidState(row.State.Status, erasable...)
	}
	steps, err := s.store.Steps(ctx, id)
	if err != nil {
		return "", s.storeError(ctx, "read steps", id, err)
	}
	said := s.evidenceOf(row, steps)
	text, err := json.Marshal(said)
	if err != nil {
		return "", internal("encode evidence", err)
	}
	signed, err := s.signer.Sign(statement.TypeEvidence, text)
	if err != nil {
		return "", internal("sign evidence", err)
	}
	return signed, nil
}

func (s *Starter) evidenceOf(row store.Row, steps []store.Step) statement.Evidence {
	st := row.State
	e := statement.Evidence{
		Issuer: s.issuer, VerificationID: row.ID, IssuedAt: s.now().Unix(), Client: row.Client,
		Status: st.Status, Decision: st.Decision, Policy: st.Policy, Verdict: st.Verdict, PreviousVerdicts: st.PreviousVerdicts,
		Checks: st.Checks, Asked: []statement.Asked{}, CreatedAt: st.CreatedAt.UTC(), EndedAt: st.UpdatedAt.UTC(), Revision: row.Revision,
	}
	if st.Verdict == nil && st.LastError != nil {
		e.Reason = st.LastError.Code
	}
	for _, v := range steps {
		if v.Provider != "" {
			e.Asked = append(e.Asked, statement.Asked{At: v.At, Step: v.Kind, Provider: v.Provider, Session: v.Number, Code: v.Code, RequestID: v.RequestID, Billable: v.Billable})
		}
	}
	return e
}
