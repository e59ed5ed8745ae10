package cmd

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// stage is what the switches of demo set up at the stand-ins.
type stage struct {
	records string // approved, mismatch, not-found, down, lost
	tencent string // up, down
	megvii  string // up, down
	card    string // valid, expired; with a chip also implausible, unreadable, other-holder
	// comparer: up, down.
	comparer string
}

// defaultStage is a stage on which everything works.
var defaultStage = stage{records: "approved", tencent: "up", megvii: "up", card: "valid", comparer: "up"}

// recordsOutcomes are the words of --records in those of the stand-in.
var recordsOutcomes = map[string]string{"approved": "", "mismatch": "-1", "not-found": "-5", "down": "500", "lost": "drop"}

var tencentOutcomes = map[string]string{"up": "", "down": "InternalError"}

var megviiOutcomes = map[string]string{"up": "", "down": "INTERNAL_ERROR"}

func (s stage) check(chip bool) error {
	cards := []string{"expired", "valid"}
	if chip {
		cards = append(cards, "implausible", "other-holder", "unreadable")
	}
	for _, c := range []struct {
		flag, value string
		known       []string
	}{
		{"records", s.records, slices.Sorted(maps.Keys(recordsOutcomes))},
		{"tencent", s.tencent, slices.Sorted(maps.Keys(tencentOutcomes))},
		{"megvii", s.megvii, slices.Sorted(maps.Keys(megviiOutcomes))},
		{"card", s.card, cards},
		{"comparer", s.comparer, []string{"down", "up"}},
	} {
		if !slices.Contains(c.known, c.value) {
			return exit(exitUsage, "--%s %q: want one of %s", c.flag, c.value, strings.Join(c.known, ", "))
		}
	}
	return nil
}

// person invents somebody for the stage.
func (s stage) person(now time.Time) sandbox.Person {
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	p := sandbox.FreshPerson(r)
	for s.card == "expired" {
		if from, to, ok := expiredDates(p.IDNumber[6:14], now); ok {
			p.ValidFrom, p.ValidTo = from, to
			break
		}
		p = sandbox.FreshPerson(r)
	}
	if s.card == "implausible" {
		p.IDNumber = p.IDNumber[:17] + otherCharacter(p.IDNumber[17])
	}
	p.AceDataOutcome = recordsOutcomes[s.records]
	p.TencentOutcome, p.MegviiOutcome = tencentOutcomes[s.tencent], megviiOutcomes[s.megvii]
	return p
}

// otherCharacter is a check character that the number's own is not.
func otherCharacter(c byte) string {
	if c == '1' {
		return "2"
	}
	return "1"
}

// set makes what the stage says true at the stand-ins, for this person.
func (s stage) set(ctx context.Context, at *sandbox.Player, p sandbox.Person) error {
	if s.card != "implausible" { // no records know such a number
		if err := at.AddPerson(ctx, p); err != nil {
			return err
		}
	}
	if s.comparer == "down" {
		return at.AddFault(ctx, sandbox.Fault{Vendor: sandbox.TencentIAI, Kind: sandbox.FaultHTML502, Subject: sandbox.SubjectKey(p.IDNumber)})
	}
	return nil
}

// scan scans the person's card; the first scan may be of another one, or not
// to be read.
func (s stage) scan(ctx context.Context, at *sandbox.Player, p sandbox.Person, first bool) (reqid string, err error) {
	o := sandbox.ScanOptions{Person: &p}
	if first && s.card == "unreadable" {
		o.Prefix = "sim-badjwe-"
	}
	if s.card == "other-holder" {
		other := defaultStage.person(time.Now())
		o.Person = &other
	}
	return at.Scan(ctx, o)
}

// expiredDates are those of a card that ended yesterday, with the term that
// fits the holder's age when it began (Law on Resident Identity Cards,
// article 5); not ok for an age at which no term fits.
func expiredDates(birth string, now time.Time) (from, to string, ok bool) {
	born, err := time.Parse("20060102", birth)
	if err != nil {
		return "", "", false
	}
	end := now.AddDate(0, 0, -1)
	for _, term := range []struct{ years, fromAge, toAge int }{{20, 26, 45}, {10, 16, 25}} {
		begin := end.AddDate(-term.years, 0, 0)
		if !born.AddDate(term.fromAge, 0, 0).After(begin) && born.AddDate(term.toAge+1, 0, 0).After(begin) {
			return begin.Format("20060102"), end.Format("20060102"), true
		}
	}
	return "", "", false
}
