package residentid

import (
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// Card is what is printed on a card, or on its chip. It is personal data.
type Card struct {
	Number string
	Name   string
	From   string // YYYYMMDD
	To     string // YYYYMMDD, or LongTerm
}

// String, GoString and LogValue keep a card that strays into a log from
// telling whose it is.
func (Card) String() string       { return "[card]" }
func (Card) GoString() string     { return "[card]" }
func (Card) LogValue() slog.Value { return slog.StringValue("[card]") }

// Rules are the switches for what is not confirmed by any source. The zero
// value is the safe choice: resident cards only.
type Rules struct {
	// Permits accepts residence permits for Hong Kong, Macau and Taiwan.
	// Whether a vendor's records know them is unconfirmed.
	Permits bool
	// PermanentResidents accepts foreign permanent residents' cards, whose
	// inner layout is unconfirmed.
	PermanentResidents bool
	// LeapDayEnd accepts an end of 29 February in a year that has none, on a
	// card issued on a 29 February.
	LeapDayEnd bool
}

// accepts reports whether cards of the kind are taken at all.
func (r Rules) accepts(k Kind) bool {
	switch k {
	case ResidentCard:
		return true
	case PermitHongKong, PermitMacau, PermitTaiwan:
		return r.Permits
	case PermanentResident, PermanentResidentOld:
		return r.PermanentResidents
	}
	return false
}

// Check normalises a card and applies every rule to it. The day that today
// falls on in China is what "expired" and "future" are measured against.
func (r Rules) Check(c Card, today time.Time) (Card, Findings) {
	day := dateIn(today)
	kind := KindOf(c.Number)
	c = Card{
		Number: NormaliseNumber(c.Number),
		Name:   normaliseNameOn(kind, c.Name),
		From:   NormaliseDate(c.From),
		To:     NormaliseDate(c.To),
	}
	var f Findings
	fault := func(field Field, code Code) {
		if code != OK {
			f.Malformed = append(f.Malformed, FieldError{field, code})
		}
	}

	number := r.checkNumber(c.Number, day)
	fault(FieldNumber, number)
	if number == OK && kind.hasSequence() && c.Number[14:17] == "000" {
		f.Soft = append(f.Soft, SequenceZero)
	}

	fault(FieldName, checkName(kind, c.Name))
	if strings.ContainsFunc(c.Name, privateUse) {
		f.Soft = append(f.Soft, NamePrivateUse)
	}
	if utf8.RuneCountInString(c.Name) == 1 {
		f.Soft = append(f.Soft, NameShort)
	}

	p := period{kind: kind, leapDayEnd: r.LeapDayEnd}
	if number == OK {
		p.birth, p.hasBirth = BirthDate(c.Number)
	} else {
		// What a wrong number says of its card is not to be believed.
		p.kind = UnknownKind
	}
	from, to := p.parse(c.From, c.To, day)
	fault(FieldFrom, from)
	fault(FieldTo, to)
	f.Expired = p.expired(day)
	if p.expiring(day) {
		f.Soft = append(f.Soft, CardExpiring)
	}
	if from == OK && to == OK && p.ageMismatch() {
		f.Soft = append(f.Soft, ValidityAgeMismatch)
	}
	return c, f
}
