package sandbox

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed people.json
var fixtures []byte

// Person is somebody whom the authority's records know. Everybody here is
// invented: the division codes end in 99, which GB/T 2260 does not assign.
type Person struct {
	// ID is the fixture's name ("A1"); empty for people who were added.
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
	// CardName is the name in the code points of the person's card, where the
	// records hold it in others; empty: in the same. To a vendor they differ.
	CardName string `json:"card_name,omitempty"`
	IDNumber string `json:"id_number"`
	// ValidFrom and ValidTo are YYYYMMDD; ValidTo "00000000" is long-term.
	ValidFrom string `json:"valid_from"`
	ValidTo   string `json:"valid_to"`
	// Address is printed on the person's card and stands in its chip; empty: one
	// that all have.
	Address string `json:"address,omitempty"`
	// AceDataOutcome forces check-2e's answer for this number, in the words of
	// Outcome in acedata_forced.go ("-1", "500x2", "drop", …).
	AceDataOutcome string `json:"acedata_outcome,omitempty"`
	// TencentRecordsOutcome forces CheckIdNameDate's, in the words of
	// tencent_records.go ("-1", "-6x1", "InternalError", "drop", …).
	TencentRecordsOutcome string `json:"tencent_records_outcome,omitempty"`
	// TencentOutcome forces how this person's face session ends: a number takes
	// the place of 0 when the session ends with a pass; anything else is the API
	// error with which GetEidToken answers ("FailedOperation.UnregisteredEid").
	TencentOutcome string `json:"tencent_outcome,omitempty"`
	// MegviiOutcome does the same at Megvii: one of the outcomes of MegviiEnd
	// takes the place of a pass; an error in capitals ("INTERNAL_ERROR",
	// "CONCURRENCY_LIMIT_EXCEEDED") is what get_token answers.
	MegviiOutcome string `json:"megvii_outcome,omitempty"`
}

func (p Person) check() error {
	switch {
	case !plausibleName(p.Name):
		return errors.New("name is not a name")
	case p.CardName != "" && !plausibleName(p.CardName):
		return errors.New("card_name is not a name")
	case !wellFormedNumber(p.IDNumber):
		return errors.New("id_number is not an ID number")
	case !wellFormedDates(p.ValidFrom, p.ValidTo):
		return errors.New("valid_from, valid_to are not YYYYMMDD in order (or 00000000)")
	}
	if p.AceDataOutcome != "" {
		if _, err := parseForced(p.AceDataOutcome); err != nil {
			return fmt.Errorf("acedata_outcome: %w", err)
		}
	}
	if p.TencentRecordsOutcome != "" {
		if _, err := parseForcedRecords(p.TencentRecordsOutcome); err != nil {
			return fmt.Errorf("tencent_records_outcome: %w", err)
		}
	}
	if _, _, ok := verdictOf(p.MegviiOutcome, nil); !ok && p.MegviiOutcome != "" && !megviiLiteral(p.MegviiOutcome) {
		return errors.New("megvii_outcome: no such outcome")
	}
	return nil
}

// register is the authority's records.
type register struct {
	mu sync.RWMutex
	by map[string]Person // by ID number
}

func newRegister(more []Person) *register {
	r := &register{by: map[string]Person{}}
	for _, p := range append(Fixtures(), more...) {
		r.by[p.IDNumber] = p
	}
	return r
}

func (r *register) add(p Person) error {
	if err := p.check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.by[p.IDNumber] = p
	return nil
}

func (r *register) find(idNumber string) (Person, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p, known := r.by[idNumber]
	return p, known
}

// Fixtures returns the embedded people, A1 to A15, N1 to N4, whose names have two
// spellings, S1 and E1.
func Fixtures() []Person {
	var people []Person
	if err := json.Unmarshal(fixtures, &people); err != nil {
		panic("sandbox: people.json: " + err.Error())
	}
	return people
}

// checkCharacter computes the last character of an ID number from its first 17
// digits (GB 11643-1999, ISO 7064 MOD 11-2).
func checkCharacter(d17 string) byte {
	sum := 0
	for i, weight := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(d17[i]-'0') * weight
	}
	return "10X98765432"[sum%11]
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

func wellFormedNumber(n string) bool {
	if len(n) != 18 || !digits(n[:17]) || n[17] != checkCharacter(n[:17]) {
		return false
	}
	_, err := time.Parse("20060102", n[6:14])
	return err == nil
}

// plausibleName is the vendor's idea of a name, cruder than ours on purpose:
// Han characters (with the private-use ones of older systems) around single U+00B7.
func plausibleName(name string) bool {
	if n := utf8.RuneCountInString(name); n < 2 || n > 32 {
		return false
	}
	previous := '·'
	for _, c := range name {
		private := c >= 0xE000 && c <= 0xF8FF
		if c == '·' && previous == '·' || c != '·' && c != '〇' && !private && !unicode.Is(unicode.Han, c) {
			return false
		}
		previous = c
	}
	return previous != '·'
}

// longTerm is the end of a card without end.
const longTerm = "00000000"

func wellFormedDates(from, to string) bool {
	begin, err := time.Parse("20060102", from)
	if err != nil {
		return false
	}
	if to == longTerm {
		return true
	}
	end, err := time.Parse("20060102", to)
	return err == nil && end.After(begin)
}

var (
	freshDivisions = []string{"110199", "310199", "330199", "420199", "440399", "510199", "610199"}
	freshSurnames  = []string{"测", "样", "试", "例", "示", "仿"}
	freshGiven     = []string{"一鸣", "小雨", "子安", "文静", "思远", "雅宁", "明轩", "若溪", "嘉禾", "知夏", "景行", "念慈"}
)

// FreshPerson invents an adult for a demonstration: a division code ending in
// 99, a correct check character, a card that is valid today and whose term fits
// the age at its issue (Law on Resident Identity Cards, article 5). The name's
// first character is no surname, so that nobody is meant. Not yet known to a
// sandbox: AddPerson does that.
func FreshPerson(r *rand.Rand) Person { return freshPersonAt(r, time.Now()) }

func freshPersonAt(r *rand.Rand, now time.Time) Person {
	today := now.In(time.FixedZone("CST", 8*60*60))
	age := 20 + r.IntN(45)
	// The day of the month stays below 29, so that no date of this person meets
	// 29 February, where nobody knows what a card prints.
	birth := time.Date(today.Year()-age, time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC)
	issued := time.Date(today.Year()-1-r.IntN(3), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC)
	to := longTerm
	switch atIssue := completedYears(birth, issued); {
	case atIssue < 26:
		to = issued.AddDate(10, 0, 0).Format("20060102")
	case atIssue < 46:
		to = issued.AddDate(20, 0, 0).Format("20060102")
	}
	number := fmt.Sprintf("%s%s%03d", freshDivisions[r.IntN(len(freshDivisions))], birth.Format("20060102"), 1+r.IntN(899))
	return Person{
		Name:      freshSurnames[r.IntN(len(freshSurnames))] + freshGiven[r.IntN(len(freshGiven))],
		IDNumber:  number + string(checkCharacter(number)),
		ValidFrom: issued.Format("20060102"),
		ValidTo:   to,
	}
}

func completedYears(birth, on time.Time) int {
	years := on.Year() - birth.Year()
	if on.Month() < birth.Month() || on.Month() == birth.Month() && on.Day() < birth.Day() {
		years--
	}
	return years
}
