package starter

import (
	"context"
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// Act is what a reviewer did with a verification.
type Act struct {
	// Version of the verdict that it made, would have made, or reopened.
	Version int
	// Act is approved, declined or reopened.
	Act    string
	Reason verification.ReasonCode
	// By is the name of the key with which it was said.
	By   string
	At   time.Time
	Note string
	// Held: the verdict of this version rests on it; false for a word that came
	// too late, and for a reopening.
	Held bool
}

// Decisions lists what reviewers did with a verification of the client, with
// their notes: it is for those who may decide. Errors are *Error, as for Read.
func (s *Starter) Decisions(ctx context.Context, clientID, id string) ([]Act, error) {
	v, err := s.Read(ctx, clientID, id)
	if err != nil {
		return nil, err
	}
	kept, err := s.store.Decisions(ctx, id)
	if err != nil {
		return nil, storeError("read the decisions", err)
	}
	held := map[int]int{} // the decision's place, by the verdict's version
	for _, verdict := range verdicts(v.State) {
		if i := holding(verdict, kept); i >= 0 {
			held[verdict.Version] = i + 1
		}
	}
	var out []Act
	for i, d := range kept {
		out = append(out, Act{Version: d.Version, Act: d.Act, Reason: d.Reason, By: d.By, At: d.At, Note: d.Note, Held: held[d.Version] == i+1})
	}
	return out, nil
}

// deciders names the keys behind the verdicts that reviewers gave.
func (s *Starter) deciders(ctx context.Context, id string, st verification.State) (map[int]string, error) {
	given := slices.DeleteFunc(verdicts(st), func(v verification.Verdict) bool { return v.DecidedBy != verification.ByReviewer })
	if len(given) == 0 {
		return nil, nil
	}
	kept, err := s.store.Decisions(ctx, id)
	if err != nil {
		return nil, storeError("read the decisions", err)
	}
	names := map[int]string{}
	for _, v := range given {
		if i := holding(v, kept); i >= 0 {
			names[v.Version] = kept[i].By
		}
	}
	return names, nil
}

// verdicts are the present one and those that it replaced.
func verdicts(st verification.State) []verification.Verdict {
	list := slices.Clone(st.PreviousVerdicts)
	if st.Verdict != nil {
		list = append(list, *st.Verdict)
	}
	return list
}

// holding finds the decision that a reviewer's verdict rests on: of several
// reviewers who said the same, the first; -1 for none.
func holding(v verification.Verdict, kept []store.Decision) int {
	return slices.IndexFunc(kept, func(d store.Decision) bool {
		return v.DecidedBy == verification.ByReviewer && d.Version == v.Version && d.Act == string(v.Decision) &&
			len(v.Reasons) == 1 && v.Reasons[0].Code == d.Reason
	})
}
