package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

// Entry is one line of the ledger: a vendor call, or the end of a face session.
// It names nobody: Subject and Token are digests.
type Entry struct {
	Time      time.Time `json:"time"`
	Vendor    string    `json:"vendor"`
	Operation string    `json:"operation"`
	// Outcome is the vendor's own code ("ok", "0", "-1", "used_up",
	// "AuthFailure.SignatureFailure"), or "fault:<kind>" where a fault took the
	// place of the answer.
	Outcome string `json:"outcome"`
	Charged bool   `json:"charged"`
	// Subject is SubjectKey of the ID number, empty where the call named none.
	Subject string `json:"subject,omitempty"`
	// Token is TokenKey of the EidToken, reqid or face token, or of the token in
	// the link to Megvii's page; empty where there is none.
	Token string `json:"token,omitempty"`
	// Flag names what a product must never do and did in this call: FlagURLSent;
	// or FlagSealed.
	// In a notification it is the kind, NotifyGood or another one.
	Flag string `json:"flag,omitempty"`
}

// FlagURLSent: a picture was sent to CompareFace as an address, so a face rests
// somewhere it can be fetched from.
const FlagURLSent = "url_sent"

// Ledger is a snapshot of what the vendors were asked and what they would have
// charged. Calls are requests that reached a vendor. Sessions are face sessions
// that came to an end, which is the moment at which vendors charge: they are no
// calls and are not counted as such.
//
// Notifications are the calls that a vendor made to the merchant, with the HTTP
// status of the answer, or "error", as their outcome.
type Ledger struct {
	Calls         []Entry `json:"calls"`
	Sessions      []Entry `json:"sessions"`
	Notifications []Entry `json:"notifications"`
}

// Query picks entries; an empty field picks all.
type Query struct{ Vendor, Operation, Subject, Outcome, Token, Flag string }

func (q Query) picks(e Entry) bool {
	return (q.Vendor == "" || q.Vendor == e.Vendor) &&
		(q.Operation == "" || q.Operation == e.Operation) &&
		(q.Subject == "" || q.Subject == e.Subject) &&
		(q.Outcome == "" || q.Outcome == e.Outcome) &&
		(q.Token == "" || q.Token == e.Token) &&
		(q.Flag == "" || q.Flag == e.Flag)
}

// Select returns the entries that a query picks, in order of time.
func (l Ledger) Select(q Query) Ledger {
	pick := func(all []Entry) []Entry {
		some := []Entry{}
		for _, e := range all {
			if q.picks(e) {
				some = append(some, e)
			}
		}
		return some
	}
	return Ledger{Calls: pick(l.Calls), Sessions: pick(l.Sessions), Notifications: pick(l.Notifications)}
}

// Count returns how many vendor calls a query picks.
func (l Ledger) Count(q Query) int { return len(l.Select(q).Calls) }

// Charged returns how many charges, of calls and of sessions, a query picks.
func (l Ledger) Charged(q Query) int {
	some, n := l.Select(q), 0
	for _, list := range [][]Entry{some.Calls, some.Sessions} {
		for _, e := range list {
			if e.Charged {
				n++
			}
		}
	}
	return n
}

// Counts returns the number of calls by operation.
func (l Ledger) Counts() map[string]int {
	counts := map[string]int{}
	for _, e := range l.Calls {
		counts[e.Operation]++
	}
	return counts
}

// SubjectKey is the digest by which the ledger knows a person: the first 12 hex
// digits of the SHA-256 of the ID number, as it was sent.
func SubjectKey(idNumber string) string { return digest(idNumber) }

// TokenKey is the digest by which the ledger knows an EidToken, a reqid or
// another token, made as SubjectKey is.
func TokenKey(token string) string { return digest(token) }

func digest(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:12]
}

// ledgerSize bounds each list: a sandbox under a load test for days must not eat
// the machine. The oldest half goes first.
const ledgerSize = 200_000

type book struct {
	mu     sync.Mutex
	ledger Ledger
}

func appendBounded(list []Entry, e Entry) []Entry {
	if len(list) >= ledgerSize {
		list = append([]Entry(nil), list[len(list)/2:]...)
	}
	return append(list, e)
}

func (b *book) call(e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger.Calls = appendBounded(b.ledger.Calls, e)
}

func (b *book) session(e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger.Sessions = appendBounded(b.ledger.Sessions, e)
}

func (b *book) notification(e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger.Notifications = appendBounded(b.ledger.Notifications, e)
}

func (b *book) snapshot() Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Select(Query{})
}

func (b *book) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger = Ledger{}
}
