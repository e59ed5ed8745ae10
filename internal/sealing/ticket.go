package sealing

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Kinds of tickets.
const (
	// KindReturn: a person's browser comes back from the vendor's page.
	KindReturn = "return"
	// KindNotify: the vendor itself calls.
	KindNotify = "notify"
)

// TicketLife is how long a callback's ticket opens the way back for a browser: it
// outlives every session, since a late browser still wants to go home. A ticket key
// is needed for as long after its last ticket.
const TicketLife = 24 * time.Hour

// ErrBadTicket is the only error for an invalid ticket: it does not say why.
var ErrBadTicket = errors.New("sealing: bad ticket")

// Ticket is what a callback's path carries: which session it speaks for. It is
// encrypted, since vendors and browsers see it.
type Ticket struct {
	Provider string
	Kind     string
	// ID is the verification's.
	ID string
	// Session is our number of the session, from 1.
	Session int
	// Expires has a precision of one second.
	Expires time.Time
}

// Expired reports whether the ticket's time is over. An expired ticket is
// genuine: what it still allows is for the caller to say.
func (t Ticket) Expired(now time.Time) bool { return !now.Before(t.Expires) }

const (
	// ticketType is the "typ" of a ticket, so that no other token under the
	// same keys passes for one (RFC 8725 section 3.11).
	ticketType = "yz-ticket+jwe"
	// maxTicket is the longest ticket in bytes that is looked at. One of ours
	// has about 300.
	maxTicket = 2 << 10
)

// ticketBody is the encrypted part, with short names: the ticket is part of a
// URL, whose length vendors limit.
type ticketBody struct {
	Provider string `json:"p"`
	Kind     string `json:"k"`
	ID       string `json:"i"`
	Session  int    `json:"s"`
	Expires  int64  `json:"e"`
}

// ticketHeader is all that a ticket's header may hold: no "zip", no "crit", no
// key from outside.
type ticketHeader struct {
	Alg string `json:"alg"`
	Enc string `json:"enc"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

// IssueTicket makes a ticket as a compact JWE (RFC 7516; dir, A256GCM) under
// the active ticket key. Its characters need no escaping in a URL's path.
func (k *Keys) IssueTicket(t Ticket) (string, error) {
	body := ticketBody{t.Provider, t.Kind, t.ID, t.Session, t.Expires.Unix()}
	if !body.plausible() {
		return "", errors.New("sealing: a ticket needs a provider, a kind, an id, a session and an expiry")
	}
	plain, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("sealing: issue ticket: %w", err)
	}
	newest := active(k.set().ticket, time.Now())
	encrypter, err := jose.NewEncrypter(jose.A256GCM,
		jose.Recipient{Algorithm: jose.DIRECT, Key: newest.bytes, KeyID: newest.id},
		new(jose.EncrypterOptions).WithType(ticketType))
	if err != nil {
		return "", fmt.Errorf("sealing: issue ticket: %w", err)
	}
	sealed, err := encrypter.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("sealing: issue ticket: %w", err)
	}
	text, err := sealed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("sealing: issue ticket: %w", err)
	}
	if len(text) > maxTicket {
		return "", fmt.Errorf("sealing: issue ticket: longer than %d bytes", maxTicket)
	}
	return text, nil
}

// OpenTicket opens a ticket of IssueTicket, expired or not. Every error is
// ErrBadTicket.
func (k *Keys) OpenTicket(text string) (Ticket, error) {
	from, ok := k.ticketKey(text)
	if !ok {
		return Ticket{}, ErrBadTicket
	}
	sealed, err := jose.ParseEncryptedCompact(text,
		[]jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return Ticket{}, ErrBadTicket
	}
	plain, err := sealed.Decrypt(from.bytes)
	if err != nil {
		return Ticket{}, ErrBadTicket
	}
	var body ticketBody
	if strictJSON(plain, &body) != nil || !body.plausible() {
		return Ticket{}, ErrBadTicket
	}
	return Ticket{body.Provider, body.Kind, body.ID, body.Session, time.Unix(body.Expires, 0).UTC()}, nil
}

// ticketKey looks at a ticket's form before anything is decrypted, and returns
// the key that its header names.
func (k *Keys) ticketKey(text string) (key, bool) {
	if len(text) > maxTicket {
		return key{}, false
	}
	parts := strings.Split(text, ".")
	if len(parts) != 5 || parts[1] != "" {
		return key{}, false
	}
	var protected []byte
	for i, p := range parts {
		// Strict, so that a ticket has one spelling only.
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || strings.ContainsAny(p, "\r\n") {
			return key{}, false
		}
		if i == 0 {
			protected = b
		}
	}
	var h ticketHeader
	if strictJSON(protected, &h) != nil || h.Typ != ticketType ||
		h.Alg != string(jose.DIRECT) || h.Enc != string(jose.A256GCM) {
		return key{}, false
	}
	return find(k.set().ticket, h.Kid)
}

func (b ticketBody) plausible() bool {
	return b.Provider != "" && b.ID != "" && b.Session >= 1 && b.Expires > 0 &&
		(b.Kind == KindReturn || b.Kind == KindNotify)
}

// strictJSON decodes one object and refuses members that it does not know.
func strictJSON(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("sealing: more than one value")
	}
	return nil
}
