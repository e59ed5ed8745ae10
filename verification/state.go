package verification

import (
	"slices"
	"time"
)

// ActionType says what the person must do next.
type ActionType string

const (
	// ActionRedirect: open the link at the face vendor.
	ActionRedirect ActionType = "redirect"
	// ActionMiniProgram: begin the face session in the caller's WeChat mini program.
	ActionMiniProgram ActionType = "wechat_mini_program"
	// ActionRetry: the caller may open a new session with retry.
	ActionRetry ActionType = "retry"
	// ActionScanChip: scan the card again; retry takes a new nfc_reqid.
	ActionScanChip ActionType = "scan_chip"
)

// NextAction says how a verification in requires_input goes on. The link
// itself is personal and lives in the store.
type NextAction struct {
	Type ActionType `json:"type"`
	// OpenIn names the only app in which the link works, e.g. "wechat".
	OpenIn    string     `json:"open_in,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// MiniProgram is set with ActionMiniProgram.
	MiniProgram *MiniProgram `json:"mini_program,omitempty"`
}

// OpenSession is a session at a face vendor that is open for the person. Its link
// is personal and lives in the store.
type OpenSession struct {
	// OpenIn names the only app in which the vendor's link works, e.g. "wechat".
	OpenIn    string    `json:"open_in,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
	// MiniProgram is set where it begins in a mini program.
	MiniProgram *MiniProgram `json:"mini_program,omitempty"`
}

// Attempt counts judged attempts and sessions.
type Attempt struct {
	// Number of the running or, without one, the last attempt, from 1.
	Number int `json:"number"`
	Max    int `json:"max"`
	// Session is the number of the newest session, from 1; 0: none yet.
	Session int `json:"session"`
	// Judged counts the attempts so far: sessions that ended with a judgement.
	Judged int `json:"judged,omitempty"`
	// Settled: no further attempt follows.
	Settled bool `json:"settled,omitempty"`
}

// LastError says how the last session ended, judged or not.
type LastError struct {
	Code      ReasonCode `json:"code"`
	Retryable bool       `json:"retryable"`
}

// State is a verification without the person: what the engine knows and what
// the store keeps after the end.
type State struct {
	Status     Status      `json:"status"`
	Decision   Decision    `json:"decision,omitempty"`
	Policy     PolicyRef   `json:"policy"`
	NextAction *NextAction `json:"next_action,omitempty"`
	// Page: the person acts on our page, to which NextAction leads. Asks are the
	// purposes that they must agree to there before a vendor is called, and Open
	// is the vendor's session that is open, if any.
	Page bool         `json:"page,omitempty"`
	Asks []Purpose    `json:"asks,omitempty"`
	Open *OpenSession `json:"open,omitempty"`
	// LinkUntil is to when an operator has extended the page's link, if one has.
	LinkUntil *time.Time `json:"link_until,omitempty"`
	// MiniProgram: the person begins in the caller's mini program.
	MiniProgram bool    `json:"mini_program,omitempty"`
	Attempt     Attempt `json:"attempt"`
	// Provider of the newest face session.
	Provider  string     `json:"provider,omitempty"`
	LastError *LastError `json:"last_error,omitempty"`
	Checks    []Check    `json:"checks"`
	Verdict   *Verdict   `json:"verdict,omitempty"`
	// PreviousVerdicts are those of a reopened case that a later one replaced.
	PreviousVerdicts []Verdict `json:"previous_verdicts,omitempty"`
	// ReviewReasons say why a human must decide.
	ReviewReasons []Reason   `json:"review_reasons,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
	// Version rises with every change.
	Version int `json:"version"`

	// LinkedAt is when there first was a link for the person; nil: none was so far.
	LinkedAt *time.Time `json:"linked_at,omitempty"`
	// AwaitedSince is since when somebody must act, nil: nobody; Awaited is how long
	// somebody had to before.
	AwaitedSince *time.Time `json:"awaited_since,omitempty"`
	Awaited      Duration   `json:"awaited,omitempty"`
}

// Outcome is the state in one word, empty while it runs.
func (s State) Outcome() Outcome { return OutcomeOf(s.Status, s.Decision) }

// Bare is what is left of an ended state once the person is erased: where it
// ended, the verdicts, and the policy. What the checks found, down to vendors'
// codes, goes. A case that was reopened keeps the verdict that stood.
func (s State) Bare() State {
	bare := State{Status: s.Status, Decision: s.Decision, Policy: s.Policy, Checks: []Check{}, Verdict: s.Verdict,
		PreviousVerdicts: s.PreviousVerdicts, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Version: s.Version}
	if s.Verdict == nil && s.LastError != nil {
		bare.LastError = s.LastError
	}
	if s.Status == InReview && s.Verdict != nil {
		bare.Status, bare.Decision = Completed, s.Verdict.Decision
	}
	return bare
}

// Providers names, each once, the providers that were asked or tried.
func (s State) Providers() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(s.Provider)
	for _, c := range s.Checks {
		add(c.Provider)
		for _, t := range c.Tried {
			add(t.Provider)
		}
	}
	return names
}

// Reasons are the codes that explain the state: the verdict's, those for which
// a human must decide, or how the last session or the verification ended.
func (s State) Reasons() []Reason {
	switch {
	case s.Status == Completed && s.Verdict != nil:
		return s.Verdict.Reasons
	case s.Status == InReview:
		return s.ReviewReasons
	case s.LastError != nil:
		return []Reason{{Code: s.LastError.Code, Retryable: s.LastError.Retryable}}
	}
	return nil
}
