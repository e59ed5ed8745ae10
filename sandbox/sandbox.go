package sandbox

import (
	"crypto/ecdsa"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Sandbox is the stand-in vendors with everything they remember. It is safe for
// concurrent use. A restart forgets everything, unless Keep says where sessions,
// scans and people are remembered.
type Sandbox struct {
	cfg         Config
	people      *register
	sessions    *sessionTable
	sino        *sino
	megvii      *megvii
	faults      faultList
	book        book
	limits      limiters
	counters    counters
	merchantKey *ecdsa.PublicKey // nil: identities are not returned
	handler     http.Handler
	// remembers writes down what has changed; it does nothing without Keep.
	remembers func()
}

// New builds the stand-ins. A configuration that Validate refuses is a mistake
// of the program and panics.
func New(cfg Config) *Sandbox {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	cfg = cfg.withDefaults()
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	people := slices.Concat(ReservedPeople(), SpecialCards(), cfg.People)
	s := &Sandbox{cfg: cfg, people: newRegister(people), sessions: newSessionTable(cfg.Tencent), sino: newSino(cfg.Sino), megvii: newMegvii(cfg.Megvii), remembers: func() {}}
	if cfg.Tencent.MerchantPublicKey != "" {
		s.merchantKey, _ = parseSM2PublicKey(cfg.Tencent.MerchantPublicKey) // Validate has parsed it
	}
	s.handler = s.routes()
	return s
}

// Handler serves the vendors, the pages and the admin paths.
func (s *Sandbox) Handler() http.Handler { return s.handler }

func (s *Sandbox) routes() http.Handler {
	mux := http.NewServeMux()
	// Both, because a redirect from one to the other would lose the POST's body,
	// and Tencent's SDK sends an endpoint's path as it is configured.
	mux.HandleFunc("/tencent", s.handleTencent)
	mux.HandleFunc("/tencent/{$}", s.handleTencent)
	mux.HandleFunc("/iai", s.handleIAI)
	mux.HandleFunc("/iai/{$}", s.handleIAI)
	mux.HandleFunc("/acedata/", s.handleAceData)
	mux.HandleFunc("/sino/", s.handleSino)
	mux.HandleFunc("/megvii/", s.handleMegvii)
	s.pageRoutes(mux)
	s.miniRoutes(mux)
	s.sinoPageRoutes(mux)
	s.megviiPageRoutes(mux)
	s.adminRoutes(mux)
	return mux
}

// AddPerson makes somebody known to the records, or replaces what is held under
// the same number. The person's number, name and dates must be well-formed.
func (s *Sandbox) AddPerson(p Person) error { return s.people.add(p) }

// Fault adds a fault behind those that are there.
func (s *Sandbox) Fault(f Fault) error { return s.faults.add(f) }

// Faults returns the faults that are set, with how often each has struck.
func (s *Sandbox) Faults() []Fault { return s.faults.snapshot() }

// ClearFaults ends all faults.
func (s *Sandbox) ClearFaults() { s.faults.clear() }

// Ledger returns a snapshot of the calls and charges so far.
func (s *Sandbox) Ledger() Ledger { return s.book.snapshot() }

// ClearLedger empties the ledger.
func (s *Sandbox) ClearLedger() { s.book.clear() }

// TokenStatus returns the state of an EidToken without a vendor call.
func (s *Sandbox) TokenStatus(token string) (status string, known bool) {
	one, known := s.sessions.find(token, s.cfg.Clock())
	return one.Status, known
}

// Tokens lists the EidTokens that were made for an ID number, oldest first: also
// those whose answer the caller never got.
func (s *Sandbox) Tokens(idNumber string) []string { return s.sessions.tokens(idNumber) }

// limiters holds one token bucket an account and operation. The bucket is as
// deep as one second's worth.
type limiters struct {
	mu sync.Mutex
	by map[string]*rate.Limiter
}

func (l *limiters) allow(key string, perSecond float64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[string]*rate.Limiter{}
	}
	if l.by[key] == nil {
		l.by[key] = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return l.by[key].AllowN(now, 1)
}

// counters counts by key, from 1.
type counters struct {
	mu sync.Mutex
	by map[string]int
}

func (c *counters) next(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]int{}
	}
	c.by[key]++
	return c.by[key]
}

// back is the address to which a person's browser returns: the caller's
// RedirectUrl with the query key `token`, other keys and the fragment kept.
func back(redirect, token string) string {
	u, err := url.Parse(redirect)
	if err != nil {
		return "" // checked when the token was made
	}
	switch q := u.Query(); {
	case q.Has("token"):
		q.Set("token", token)
		u.RawQuery = q.Encode()
	case u.RawQuery == "":
		u.RawQuery = "token=" + url.QueryEscape(token)
	default:
		u.RawQuery += "&token=" + url.QueryEscape(token)
	}
	return u.String()
}
