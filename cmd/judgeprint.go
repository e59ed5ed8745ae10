package cmd

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// cannotTell is how it is told that a record does not answer a policy.
const cannotTell = "cannot tell"

// judgeWriter tells of each case as it is judged, if it is asked to, and of the
// counts at the end.
type judgeWriter interface {
	tell(judgedCase) error
	end() error
}

func (f *judgeFlags) writer(out io.Writer, t *tally) judgeWriter {
	switch {
	case f.asCSV:
		return &judgeCSV{w: csv.NewWriter(out), t: t, ids: f.ids}
	case f.asJSON:
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return &judgeJSON{e: e, t: t, ids: f.ids}
	}
	return &judgeTable{out: out, t: t, ids: f.ids}
}

// before says how the cases came out: what their policy said, and what followed.
func (g group) before() string {
	said, ended := string(g.Said), string(g.Ended)
	switch {
	case said == "":
		return ended + ", not judged"
	case g.By == verification.ByReviewer:
		return said + ", then " + ended + " by a reviewer"
	case said != ended:
		return said + ", then " + ended
	}
	return said
}

// sorted are the groups in the order in which they are told.
func (t *tally) sorted() []group {
	return slices.SortedFunc(maps.Keys(t.groups), func(a, b group) int {
		return cmp.Or(cmp.Compare(rank(a.Said), rank(b.Said)), cmp.Compare(a.before(), b.before()), cmp.Compare(rank(a.Would), rank(b.Would)))
	})
}

// woulds are what a policy may say, in the order of the columns.
var woulds = []verification.Outcome{verification.OutcomeApproved, verification.OutcomeDeclined, verification.OutcomeReview, ""}

func rank(o verification.Outcome) int { return slices.Index(woulds, o) }

// judgeTable prints how the cases came out against what the policy would have said.
type judgeTable struct {
	out io.Writer
	t   *tally
	ids bool
}

func (j *judgeTable) tell(c judgedCase) error {
	if !j.ids || c.Would != "" && !c.changed() {
		return nil
	}
	would, why := string(c.Would), joined(c.reasons)
	if would == "" {
		would, why = cannotTell, joined(c.missing)
	}
	if why != "" {
		would += " (" + why + ")"
	}
	_, err := fmt.Fprintf(j.out, "%s  %s  %s → %s\n", c.ID, c.EndedAt.Local().Format(time.DateTime), c.before(), would)
	return err
}

func (j *judgeTable) end() error {
	t := j.t
	w := tabwriter.NewWriter(j.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(j.out, "%s version %d on %d ended verifications\n\n", t.policy.Name, t.policy.Version, t.judged)
	row := func(name string, cells ...string) { fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(cells, "\t")) }
	row("it was", "approved", "declined", "review", cannotTell)
	counts := map[string][]int{}
	var order []string
	for _, g := range t.sorted() {
		if counts[g.before()] == nil {
			counts[g.before()], order = make([]int, len(woulds)), append(order, g.before())
		}
		counts[g.before()][rank(g.Would)] += t.groups[g]
	}
	for _, name := range order {
		var cells []string
		for _, n := range counts[name] {
			cells = append(cells, strconv.Itoa(n))
		}
		row(name, cells...)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(j.out, "\n%d would have come out differently, %d cannot be told. Erased, and not judged: %d.\n", t.changed, t.cannotTell, t.erased)
	return err
}

func joined[T ~string](list []T) string {
	var words []string
	for _, one := range list {
		words = append(words, string(one))
	}
	return strings.Join(words, " ")
}

// wouldWord is an outcome as CSV and JSON have it.
func wouldWord(o verification.Outcome) string {
	if o == "" {
		return "cannot_tell"
	}
	return string(o)
}

type judgeCSV struct {
	w     *csv.Writer
	t     *tally
	ids   bool
	begun bool
}

func (j *judgeCSV) head(columns ...string) error {
	if j.begun {
		return nil
	}
	j.begun = true
	return j.w.Write(columns)
}

var caseColumns = []string{"id", "client", "policy", "version", "ended_at", "said", "ended", "decided_by", "would", "changed", "reasons", "missing"}

func (j *judgeCSV) tell(c judgedCase) error {
	if !j.ids {
		return nil
	}
	if err := j.head(caseColumns...); err != nil {
		return err
	}
	return j.w.Write([]string{c.ID, c.Client, c.State.Policy.Name, strconv.Itoa(c.State.Policy.Version), c.EndedAt.Format(time.RFC3339), string(c.Said),
		string(c.Ended), string(c.By), wouldWord(c.Would), strconv.FormatBool(c.changed()), joined(c.reasons), joined(c.missing)})
}

func (j *judgeCSV) end() error {
	if j.ids {
		if err := j.head(caseColumns...); err != nil {
			return err
		}
		j.w.Flush()
		return j.w.Error()
	}
	if err := j.head("said", "ended", "decided_by", "would", "count"); err != nil {
		return err
	}
	for _, g := range j.t.sorted() {
		if err := j.w.Write([]string{string(g.Said), string(g.Ended), string(g.By), wouldWord(g.Would), strconv.Itoa(j.t.groups[g])}); err != nil {
			return err
		}
	}
	if err := j.w.Write([]string{"", "", "", "erased", strconv.Itoa(j.t.erased)}); err != nil {
		return err
	}
	j.w.Flush()
	return j.w.Error()
}

type judgeJSON struct {
	e   *json.Encoder
	t   *tally
	ids bool
}

func (j *judgeJSON) tell(c judgedCase) error {
	if !j.ids {
		return nil
	}
	g := c.group
	g.Would = verification.Outcome(wouldWord(g.Would))
	return j.e.Encode(struct {
		ID      string                 `json:"id"`
		Client  string                 `json:"client"`
		Policy  verification.PolicyRef `json:"policy"`
		EndedAt time.Time              `json:"ended_at"`
		group
		Changed bool                      `json:"changed"`
		Reasons []verification.ReasonCode `json:"reasons,omitempty"`
		Missing []verification.CheckType  `json:"missing,omitempty"`
	}{c.ID, c.Client, c.State.Policy, c.EndedAt, g, c.changed(), c.reasons, c.missing})
}

func (j *judgeJSON) end() error {
	type counted struct {
		group
		Count int `json:"count"`
	}
	t := j.t
	counts := []counted{}
	for _, g := range t.sorted() {
		n := t.groups[g]
		g.Would = verification.Outcome(wouldWord(g.Would))
		counts = append(counts, counted{g, n})
	}
	return j.e.Encode(struct {
		Policy     verification.PolicyRef `json:"policy"`
		Judged     int                    `json:"judged"`
		Changed    int                    `json:"changed"`
		CannotTell int                    `json:"cannot_tell"`
		Erased     int                    `json:"erased"`
		Altered    int                    `json:"altered"`
		Counts     []counted              `json:"counts"`
	}{verification.PolicyRef{Name: t.policy.Name, Version: t.policy.Version}, t.judged, t.changed, t.cannotTell, t.erased, t.altered, counts})
}
