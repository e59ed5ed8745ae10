package store

import (
	"slices"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// Row is one verification as the store knows it.
type Row struct {
	ID     string
	Client string
	// Fingerprint is a keyed hash of the parsed request.
	Fingerprint []byte
	Policy      verification.PolicyRef
	CreatedAt   time.Time
	// StartCalledAt is when a start call last came in.
	StartCalledAt time.Time
	// StartedAt is when the run's first activity marked the row; zero before.
	StartedAt time.Time
	// State is the newest state that was published; at the end the last one.
	State verification.State
	// Revision rises with every write that changes the public state: the ETag.
	Revision int
	Ended    bool
	// OverdueAt is when all clocks of the policy are over: a run that has not
	// written its end by then has no more to write.
	OverdueAt time.Time
	// Request is the sealed personal part, opened. Its NFCReqID goes into Insert
	// and does not come back: it rests with scan 0 only.
	Request verification.Request
	// ReqIDHash is a keyed hash of Request.NFCReqID; Insert writes it as scan 0.
	ReqIDHash []byte
	// ReferenceHash and NumberHash are keyed hashes of the caller's reference and
	// of the claimed number, by which rows are found. Insert writes them.
	ReferenceHash, NumberHash []byte
	// OneOpen: Insert refuses the row while the client has an open one with the
	// same NumberHash (ErrAlreadyOpen).
	OneOpen bool
	// PageCode opens the person's page; it rests sealed while the verification
	// runs, and PageHash, a keyed hash by which it is found, stays.
	PageCode string
	PageHash []byte
	// Scanned: the start brought a scan, which is scan 0.
	Scanned bool
	// Withdrawn: the person withdrew a consent, after which no vendor is asked.
	Withdrawn bool
	// Card is what was read from the chip, without its portrait; nil: nothing.
	Card *verification.Card
}

// Subject returns the person that vendors are asked about: the claimed one, or else
// the chip's holder; nil before a chip was read. A chip's dates take precedence over
// claimed ones, unless they were not understood.
func (r Row) Subject() *verification.Subject {
	if r.Card == nil {
		return r.Request.Subject
	}
	s := r.Card.Subject()
	if claimed := r.Request.Subject; claimed != nil {
		s.Name, s.IDNumber = claimed.Name, claimed.IDNumber
		if s.IDValidity.From == "" || s.IDValidity.To == "" {
			s.IDValidity = claimed.IDValidity
		}
	}
	return &s
}

// Scan is one scan of a card's chip.
type Scan struct {
	VerificationID string
	// Number counts scans like the sessions that they stand beside, from 0.
	Number int
	// ReqID rests sealed while the verification runs.
	ReqID string
	// Hash is a keyed hash of ReqID, which stays.
	Hash      []byte
	ScannedAt time.Time
}

// Session is one session at a face vendor.
type Session struct {
	VerificationID string
	Number         int
	Provider       string
	// Link and Handle rest sealed, and only while the session may need them.
	Link string
	// Returned is the URL that a mini program calls when its person has returned; it
	// is stored with the token, which is the Link there.
	Returned  string
	Handle    []byte
	OpenedAt  time.Time // zero: intended, not known to be open
	ExpiresAt time.Time
	// Begun: the vendor has reported that the person had begun.
	Begun bool
	// Captured: the vendor handed out the pictures, which it does only once.
	Captured bool
	// Outcome is the session's outcome if its vendor returns it only once; nil: not
	// known, or not needed any more. Encrypted.
	Outcome *verification.FaceResult
	Hints   int
	// RequestID is the vendor's id of the call that opened it; OpenSession writes it.
	RequestID string
}

// Notice is signed data that a vendor sent about a session.
type Notice struct {
	VerificationID string
	Number         int
	Provider       string
	// Data rests sealed while the verification runs.
	Data []byte
	At   time.Time
	// Judged: it holds a judgement of the person.
	Judged bool
	// Quiet: the run is not notified.
	Quiet bool
}

// Caps bound what is opened for one number on a day, over all verifications.
type Caps struct {
	// NumberHash is a keyed hash; Day is YYYYMMDD in Asia/Shanghai.
	NumberHash []byte
	Day        string
	// Sessions that are open or were, and those that are being opened; 0: no cap.
	Sessions int
	// Records that are charged, or possibly: once another verification cannot ask
	// any more, it needs no session either. 0: that does not matter to it.
	Records int
}

// Decision is what a human did with a verification: approved or declined its
// version, or reopened it.
type Decision struct {
	VerificationID string
	// Version is the verdict's that the decision makes, or reopens.
	Version int
	Act     string
	Reason  verification.ReasonCode
	// Note is for other reviewers; it rests sealed, and no person and no engine
	// sees it.
	Note string
	// By is the name of the key with which it was said.
	By string
	At time.Time
}

// SwitchState says whether a provider may be used.
type SwitchState string

const (
	// SwitchOn: as usual.
	SwitchOn SwitchState = "on"
	// SwitchDrain: no new sessions; open ones finish.
	SwitchDrain SwitchState = "drain"
	// SwitchOff: the provider is not called at all.
	SwitchOff SwitchState = "off"
)

// switchStates from the loosest to the strictest.
var switchStates = []SwitchState{SwitchOn, SwitchDrain, SwitchOff}

// Stricter reports whether the switch closes further than another one.
func (s SwitchState) Stricter(than SwitchState) bool {
	return slices.Index(switchStates, s) > slices.Index(switchStates, than)
}

// Switch is one setting of a provider's switch; the newest one counts.
type Switch struct {
	Provider string
	State    SwitchState
	Reason   string
	By       string
	At       time.Time
}

// Call is one question to a records vendor: its intent is written before it
// is asked.
type Call struct {
	ID             int64
	VerificationID string
	Provider       string
	IntendedAt     time.Time
	// AnsweredAt is zero for an answer that never came. Its charge is unknown
	// from the intent on, with nobody left to write that down.
	AnsweredAt time.Time
	Code       string
	// RequestID is the vendor's own id of the question, if it gave one.
	RequestID string
	Billable  verification.Billable
	// Check is the vendor's answer, once known.
	Check *verification.Check
}
