package sandbox

import (
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Token states of the vendor, as CheckEidTokenStatus spells them.
const (
	StatusInit     = "init"
	StatusDoing    = "doing"
	StatusFinished = "finished"
	StatusTimeout  = "timeout"
)

// Outcomes with which End ends a session, beside every result code as a number
// ("0", "2016", …).
const (
	// OutcomePassOtherHolder passes, but the identity that the vendor returns is
	// another person's.
	OutcomePassOtherHolder = "0-other-holder"
	// OutcomePassIntentionRefused passes the face; the intention step fails.
	OutcomePassIntentionRefused = "0-intention-refused"
	// OutcomePassIntentionUnused passes the face, and the intention step was never
	// shown; its result says 0 nevertheless, as in the vendor's own sample.
	OutcomePassIntentionUnused = "0-intention-unused"
	// OutcomeIntention and a code pass the face and end the intention step with
	// that code: "0-intention:-803".
	OutcomeIntention = "0-intention:"
	// OutcomeCancel leaves the page: the browser goes back, the token stays as it is.
	OutcomeCancel = "cancel"
	// OutcomeTimeout lets the token's clock run out now; the browser stays.
	OutcomeTimeout = "timeout"
	// OutcomeTimeoutBack is the same, and the browser goes back.
	OutcomeTimeoutBack = "timeout-back"
)

// Errors of Begin, End and Expire, and of their namesakes of other vendors.
var (
	ErrNoSession = errors.New("sandbox: no such session")
	ErrState     = errors.New("sandbox: the session is not in a state for that")
	ErrOutcome   = errors.New("sandbox: no such outcome")
	// ErrNobody: a face was to be captured, and no card was scanned nor a number
	// given that says whose.
	ErrNobody = errors.New("sandbox: nobody to capture")
)

// session is one EidToken.
type session struct {
	Token, Name, IdNumber string
	Extra, Redirect       string
	Intention             string // "", or IntentionMode "1", "2", "3"
	Created               time.Time
	Opened                bool // the page was fetched
	// Mini: it began in a mini program, which posts to Returned when its person is
	// back.
	Mini     bool
	Returned string
	Status   string // as stored; state() adds the clock
	// Set when finished.
	Code            int
	OtherHolder     bool
	IntentionFailed bool
	IntentionUnused bool
	// IntentionCode is what the intention step ended with; 0: passed.
	IntentionCode int
	Ended         time.Time
	Seq           string
}

func (s *session) state(now time.Time, ttl time.Duration) string {
	if s.Status != StatusFinished && !now.Before(s.Created.Add(ttl)) {
		return StatusTimeout
	}
	return s.Status
}

type sessionTable struct {
	mu       sync.Mutex
	by       map[string]*session
	tokenTTL time.Duration
	// keep is how long a token is remembered at all.
	keep  time.Duration
	swept time.Time
}

func newSessionTable(cfg TencentConfig) *sessionTable {
	return &sessionTable{by: map[string]*session{}, tokenTTL: cfg.TokenTTL, keep: 2 * cfg.ResultTTL}
}

func (t *sessionTable) open(s session, now time.Time) string {
	s.Token = strings.ToUpper(uuid.NewString())
	s.Created, s.Status, s.Seq = now, StatusInit, strings.ToLower(rand.Text())
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.swept) > time.Hour {
		for token, old := range t.by {
			if now.Sub(old.Created) > t.keep {
				delete(t.by, token)
			}
		}
		t.swept = now
	}
	t.by[s.Token] = &s
	return s.Token
}

// find returns a copy of a session with its state at a time.
func (t *sessionTable) find(token string, now time.Time) (session, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, known := t.by[token]
	if !known {
		return session{}, false
	}
	found := *s
	found.Status = s.state(now, t.tokenTTL)
	return found, true
}

func (t *sessionTable) idNumber(token string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, known := t.by[token]; known {
		return s.IdNumber
	}
	return ""
}

// tokens returns a person's tokens, oldest first.
func (t *sessionTable) tokens(idNumber string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var some []*session
	for _, s := range t.by {
		if s.IdNumber == idNumber {
			some = append(some, s)
		}
	}
	slices.SortFunc(some, func(a, b *session) int { return a.Created.Compare(b.Created) })
	tokens := make([]string, len(some))
	for i, s := range some {
		tokens[i] = s.Token
	}
	return tokens
}

// change applies an act to a session, which sees its state at that time. What
// the act leaves behind stays also if it returns an error.
func (t *sessionTable) change(token string, now time.Time, act func(*session) error) (session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, known := t.by[token]
	if !known {
		return session{}, ErrNoSession
	}
	s.Status = s.state(now, t.tokenTTL)
	err := act(s)
	return *s, err
}

// Begin takes a session from init to doing, as the person's first step does.
func (s *Sandbox) Begin(token string) error {
	_, err := s.begin(token)
	return err
}

func (s *Sandbox) begin(token string) (session, error) {
	return s.sessions.change(token, s.cfg.Clock(), func(one *session) error {
		if one.Status != StatusInit {
			return ErrState
		}
		one.Status = StatusDoing
		return nil
	})
}

// End ends a begun session with an outcome: a result code as a number or one of
// the Outcome constants. Cancel and the timeouts may also come before Begin.
func (s *Sandbox) End(token, outcome string) error {
	_, err := s.end(token, outcome)
	return err
}

// Expire lets a token's clock run out now. A finished session is refused with
// ErrState: its result stays.
func (s *Sandbox) Expire(token string) error { return s.End(token, OutcomeTimeout) }

func (s *Sandbox) end(token, outcome string) (session, error) {
	now := s.cfg.Clock()
	return s.sessions.change(token, now, func(one *session) error {
		open := one.Status == StatusInit || one.Status == StatusDoing
		switch outcome {
		case OutcomeCancel:
			if !open {
				return ErrState
			}
			return nil
		case OutcomeTimeout, OutcomeTimeoutBack:
			if one.Status == StatusFinished {
				return ErrState
			}
			one.Status = StatusTimeout
			return nil
		}
		if one.Status != StatusDoing {
			return ErrState
		}
		return s.finish(one, outcome, now)
	})
}

func (s *Sandbox) finish(one *session, outcome string, now time.Time) error {
	number := outcome
	switch outcome {
	case OutcomePassOtherHolder, OutcomePassIntentionRefused, OutcomePassIntentionUnused:
		number = "0"
	}
	said, isIntention := strings.CutPrefix(outcome, OutcomeIntention)
	if isIntention {
		var err error
		if one.IntentionCode, err = strconv.Atoi(said); err != nil || len(said) > 6 {
			return ErrOutcome
		}
		number = "0"
	}
	code, err := strconv.Atoi(number)
	if err != nil || len(number) > 6 {
		return ErrOutcome
	}
	if p, known := s.people.find(one.IdNumber); known && code == 0 {
		if p.Name != one.Name {
			code = 2006
		}
		if forced, err := strconv.Atoi(p.TencentOutcome); err == nil {
			code = forced
		}
	}
	one.Status, one.Ended, one.Code = StatusFinished, now, code
	one.OtherHolder = outcome == OutcomePassOtherHolder
	one.IntentionFailed = outcome == OutcomePassIntentionRefused || isIntention && one.IntentionCode != 0
	one.IntentionUnused = outcome == OutcomePassIntentionUnused
	s.book.session(Entry{Time: now, Vendor: Tencent, Operation: "session", Outcome: strconv.Itoa(code),
		Charged: tencentCharges(code), Subject: SubjectKey(one.IdNumber), Token: digest(one.Token)})
	return nil
}

// tencentCharges: a session that ends with one of these is billed; since July
// 2021 no other is.
func tencentCharges(code int) bool { return code == 0 || code == 2006 || code == 2016 }
