package store

import (
	"fmt"
	"strings"
)

// Personal is a column in which something of a person rests, or by which somebody
// with the keys could find them.
type Personal struct {
	// Column is empty where whole rows rest, which are deleted.
	Table, Column string
	// What it is, and Until when it rests there at the longest.
	What, Until string
	// Sealed, or open; in the open there are keyed hashes and codes only.
	Sealed bool
	// empty is what an erased column that cannot be NULL holds.
	empty any
}

// Name names the place in a receipt.
func (p Personal) Name() string {
	if p.Column == "" {
		return p.Table
	}
	return p.Table + "." + p.Column
}

// Until when something rests at the longest. All of it goes by an erasure too.
const (
	UntilOver    = "the end of the session"
	UntilEnd     = "the end of the verification"
	UntilErasure = "retention of the personal part"
)

var noBytes = []byte{}

// Places are all of them, the whole of what is personal. An erasure empties them, docs/privacy.md tells of them,
// and a test compares both with the schema. Of a verification's state an erasure
// leaves what State.Bare does.
var Places = []Personal{
	{"verifications", "request", "name, number and dates as claimed, return URL, reference, metadata, consents", UntilErasure, true, nil},
	{"verifications", "card", "what the card's chip told", UntilErasure, true, nil},
	{"verifications", "portrait", "the chip's portrait, where the policy compares it", UntilEnd, true, nil},
	{"verifications", "fingerprint", "keyed hash of the request", UntilErasure, false, noBytes},
	{"verifications", "reference_hash", "keyed hash of the caller's reference", UntilErasure, false, nil},
	{"verifications", "number_hash", "keyed hash of the number", UntilErasure, false, nil},
	{"verifications", "page_code", "the code of the person's page", UntilEnd, true, nil},
	{"visits", "", "which browsers go on with the person's page, by the hash of a cookie", UntilEnd, false, nil},
	{"handovers", "", "the code that hands the page over to a phone, as its hash", UntilEnd, false, nil},
	{"scans", "reqid", "the id of a chip scan", UntilEnd, true, nil},
	{"sessions", "link", "the person's link", UntilOver, true, nil},
	{"sessions", "handle", "the vendor's token", UntilOver, true, nil},
	{"sessions", "notice", "what a vendor sent about the session", UntilEnd, true, nil},
	{"sessions", "outcome", "what a vendor tells only once", UntilEnd, true, nil},
	{"sessions", "number_hash", "keyed hash of the number", UntilErasure, false, nil},
	{"calls", "number_hash", "keyed hash of the number", UntilErasure, false, noBytes},
	{"calls", "code", "the records vendor's code", UntilErasure, false, ""},
	{"calls", "result", "what the records vendor found", UntilErasure, false, nil},
	{"calls", "request_id", "the records vendor's id of the question", UntilErasure, false, nil},
	{"sessions", "open_request_id", "the face vendor's id of the call that opened the session", UntilErasure, false, nil},
	{"sessions", "result_request_id", "the vendor's id of the call that told how it ended", UntilErasure, false, nil},
	{"decisions", "note", "a reviewer's note", UntilErasure, true, nil},
	{"audit", "note", "free text in the audit log, such as a reviewer's note", UntilErasure, true, nil},
}

// ErasedPlaces names all places, as a receipt does.
func ErasedPlaces() []string {
	names := []string{"verifications.state"} // but for what Bare leaves
	for _, p := range Places {
		names = append(names, p.Name())
	}
	return names
}

// statement empties or deletes a table's places in the rows of one verification.
type statement struct {
	text string
	args []any
}

// erasing makes the statements that empty all places of a verification.
func erasing(id string) (out []statement) {
	var tables []string
	sets, args := map[string][]string{}, map[string][]any{}
	for _, p := range Places {
		if _, seen := sets[p.Table]; !seen {
			tables, args[p.Table] = append(tables, p.Table), []any{id}
		}
		set := ""
		switch {
		case p.Column == "":
		case p.empty == nil:
			set = p.Column + " = NULL"
		default:
			args[p.Table] = append(args[p.Table], p.empty)
			set = fmt.Sprintf("%s = $%d", p.Column, len(args[p.Table]))
		}
		sets[p.Table] = append(sets[p.Table], set)
	}
	for _, table := range tables {
		key := "verification_id"
		if table == "verifications" {
			key = "id"
		}
		text := "DELETE FROM " + table
		if sets[table][0] != "" {
			text = "UPDATE " + table + " SET " + strings.Join(sets[table], ", ")
		}
		text += " WHERE " + key + " = $1"
		if column, alone := strings.CutSuffix(strings.Join(sets[table], ", "), " = NULL"); alone && len(sets[table]) == 1 {
			// Lines of the audit log that hold nothing of the person are not touched:
			// whoever chains them has them locked, one after the other.
			text += " AND " + column + " IS NOT NULL"
		}
		out = append(out, statement{text, args[table]})
	}
	return out
}
