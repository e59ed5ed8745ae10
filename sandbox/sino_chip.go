package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ScanOptions describe the scan of a card by the vendor's SDK.
type ScanOptions struct {
	// Person is the card's holder. A chip may hold anything, so nothing but the
	// number is asked of it, and the records need not know the person.
	Person *Person `json:"person,omitempty"`
	// IDNumber names a holder who is known, instead of Person.
	IDNumber string `json:"id_number,omitempty"`
	// Prefix is the scenario, see scenarios; empty means "sim-ok-".
	Prefix string `json:"prefix,omitempty"`
	// KeyMode encrypts this scan's token in another way than SinoConfig says.
	KeyMode string `json:"key_mode,omitempty"`
}

// A reqid's prefix is its scenario:
//
//	sim-ok-               the holder's card
//	sim-pending-<n>-      n reads of "not yet" (202), then the card
//	sim-notoken-<n>-      n reads of 200 without a token, then the card
//	sim-expired-          400, the reqid has expired
//	sim-500-<n>-          n reads of 500, then the card
//	sim-502-              502 with a gateway's page, always
//	sim-slow-<ms>-        the card, that late
//	sim-incomplete-       the token lacks the number
//	sim-permit-           a residence permit (81, 82, 83)
//	sim-pr-               a permanent resident's card (9)
//	sim-longterm-         a card without end
//	sim-expiredcard-      a card that ended yesterday
//	sim-chipmismatch-     the chip's birth date differs from the number's
//	sim-badjwe-           the token is sealed to a stranger's key
//	sim-badjwe-<how>-     cut, header, zip, huge, dots, text, longname: see spoilToken
//
// A reqid with such a prefix that nobody scanned is taken as a scan at its first
// read, of the fixture that fits; any other unknown one has expired.
type scenario struct {
	Kind string
	N    int    // <n>, <ms>
	How  string // of badjwe
}

var scenarioKinds = map[string]bool{"ok": false, "pending": true, "notoken": true, "expired": false, "500": true, "502": false,
	"slow": true, "incomplete": false, "permit": false, "pr": false, "longterm": false, "expiredcard": false, "chipmismatch": false,
	"badjwe": false} // true: takes a number

var spoiledTokens = map[string]bool{"cut": true, "header": true, "zip": true, "huge": true, "dots": true, "text": true, "longname": true}

func parseScenario(reqid string) (scenario, bool) {
	rest, is := strings.CutPrefix(reqid, "sim-")
	parts := strings.Split(rest, "-")
	counted, known := scenarioKinds[parts[0]]
	if !is || !known || len(parts) < 2 {
		return scenario{}, false
	}
	found := scenario{Kind: parts[0]}
	if counted {
		n, err := strconv.Atoi(parts[1])
		if err != nil || n < 0 || len(parts) < 3 {
			return scenario{}, false
		}
		found.N = n
	}
	if found.Kind == "badjwe" && spoiledTokens[parts[1]] && len(parts) > 2 {
		found.How = parts[1]
	}
	return found, true
}

// SpecialCards are holders of other cards with numbers of 18 characters: permits
// of residents of Hong Kong, Macau and Taiwan (the last has expired), and a
// permanent resident.
func SpecialCards() []Person {
	return []Person{
		{ID: "HK", Name: "样港生", IDNumber: "810000198808080013", ValidFrom: "20230401", ValidTo: "20280401"},
		{ID: "MO", Name: "样澳生", IDNumber: "820000199512120027", ValidFrom: "20220120", ValidTo: "20270120"},
		{ID: "TW", Name: "样台生", IDNumber: "830000197910050039", ValidFrom: "20210630", ValidTo: "20260630"},
		{ID: "PR", Name: "样外生", IDNumber: "931999198304170014", ValidFrom: "20240110", ValidTo: "20340110"},
	}
}

// scan is one read of a card by the SDK.
type scan struct {
	scenario
	Holder  Person
	KeyMode string
	Made    time.Time
	Reads   int
	Charged bool
}

// AddScan scans a card and returns the reqid, as the SDK would. The holder is a
// fixture that fits the scenario if the options name none.
func (s *Sandbox) AddScan(o ScanOptions) (reqid string, err error) {
	orElse(&o.Prefix, "sim-ok-")
	reqid = o.Prefix + strings.ToLower(rand.Text()[:12])
	found, ok := parseScenario(reqid)
	if !ok || !strings.HasSuffix(o.Prefix, "-") {
		return "", errors.New("prefix is no scenario")
	}
	if o.KeyMode != "" {
		if err := mustBeOneOf("key_mode", o.KeyMode, KeyRSA, KeyECDH, KeyDir); err != nil {
			return "", err
		}
		if o.KeyMode == KeyDir && len(s.cfg.Sino.SharedKey) == 0 {
			return "", errors.New("there is no shared key for dir")
		}
	}
	holder := found.fixture()
	switch {
	case o.Person != nil && o.IDNumber != "":
		return "", errors.New("person and id_number exclude each other")
	case o.Person != nil && o.Person.IDNumber == "":
		return "", errors.New("the person has no number")
	case o.Person != nil:
		holder = *o.Person
	case o.IDNumber != "":
		known := false
		if holder, known = s.people.find(o.IDNumber); !known {
			return "", errors.New("no person with this number")
		}
	}
	s.sino.keep(reqid, &scan{scenario: found, Holder: holder, KeyMode: o.KeyMode, Made: s.cfg.Clock()})
	return reqid, nil
}

// fixture is the holder of a scenario's card, if nobody else is named.
func (o scenario) fixture() Person {
	switch o.Kind {
	case "permit":
		return SpecialCards()[0]
	case "pr":
		return SpecialCards()[3]
	case "longterm":
		return Fixtures()[3]
	}
	return Fixtures()[0]
}

func (n *sino) keep(reqid string, one *scan) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sweep(one.Made)
	n.scans[reqid], n.lastScan = one, one.Holder
}

// sweep forgets what is over for a day.
func (n *sino) sweep(now time.Time) {
	if now.Sub(n.swept) < time.Hour {
		return
	}
	n.swept = now
	for reqid, one := range n.scans {
		if now.Sub(one.Made) > 24*time.Hour {
			delete(n.scans, reqid)
		}
	}
	for id, one := range n.sessions {
		if now.Sub(one.Created) > 24*time.Hour {
			delete(n.sessions, id)
		}
	}
}

func (n *sino) holderOf(reqid string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if one := n.scans[reqid]; one != nil {
		return one.Holder.IDNumber
	}
	return ""
}

// read counts a read of a scan and returns it; nil: there is none.
func (n *sino) read(reqid string, now time.Time) *scan {
	n.mu.Lock()
	defer n.mu.Unlock()
	one := n.scans[reqid]
	if one == nil {
		found, ok := parseScenario(reqid)
		if !ok {
			return nil
		}
		one = &scan{scenario: found, Holder: found.fixture(), Made: now}
		n.sweep(now)
		n.scans[reqid], n.lastScan = one, one.Holder
	}
	one.Reads++
	read := *one
	return &read
}

// readChip answers a read of a scan. A scan is charged once, with the first
// token that is handed out.
func (s *Sandbox) readChip(c *call, reqid string) answer {
	one := s.sino.read(reqid, c.now)
	if one == nil {
		return sinoError(http.StatusBadRequest, "reqid not found")
	}
	c.idNumber = one.Holder.IDNumber
	switch {
	case one.Kind == "expired" || !c.now.Before(one.Made.Add(s.cfg.Sino.ReqidTTL)):
		return sinoError(http.StatusBadRequest, "reqid expired")
	case one.Reads > s.cfg.Sino.MaxReads:
		return sinoError(http.StatusBadRequest, "reqid was read too often")
	case one.Kind == "pending" && one.Reads <= one.N:
		return jsonAnswer(http.StatusAccepted, map[string]string{"message": "Pending"}, "pending")
	case one.Kind == "notoken" && one.Reads <= one.N:
		return jsonAnswer(http.StatusOK, map[string]string{"message": "Processing"}, "pending")
	case one.Kind == "500" && one.Reads <= one.N:
		return sinoError(http.StatusInternalServerError, "Internal Server Error")
	case one.Kind == "502":
		return answer{status: http.StatusBadGateway, outcome: "502", body: []byte("<html><body><h1>502 Bad Gateway</h1></body></html>")}
	}
	a := jsonAnswer(http.StatusOK, map[string]string{"message": "Success", "token": s.chipToken(*one, c.now)}, "ok")
	a.charged = s.sino.charge(reqid)
	if one.Kind == "slow" {
		a.delay = time.Duration(one.N) * time.Millisecond
	}
	return a
}

// charge tells whether a scan's charge is due, once.
func (n *sino) charge(reqid string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	one := n.scans[reqid]
	due := one != nil && !one.Charged
	if due {
		one.Charged = true
	}
	return due
}

// chipToken seals what was read from the card, as the scenario says.
func (s *Sandbox) chipToken(one scan, now time.Time) string {
	how := sealing{mode: one.KeyMode, omitKid: s.cfg.Sino.OmitKid}
	orElse(&how.mode, s.cfg.Sino.KeyMode)
	keys, data := s.sino.keys(), chipData(one, now)
	if one.Kind == "badjwe" {
		return spoilToken(one.How, keys, data, how)
	}
	return keys.seal(mustMarshal(data), how)
}

// spoilToken makes a token that must be refused: sealed to a stranger's key, or
// as the word says.
func spoilToken(word string, keys chipKeys, data map[string]string, how sealing) string {
	switch word {
	case "cut": // in the middle
		token := keys.seal(mustMarshal(data), how)
		return token[:len(token)/2]
	case "header": // another token's header
		parts := strings.Split(keys.seal(mustMarshal(data), how), ".")
		parts[0], _, _ = strings.Cut(keys.seal([]byte("{}"), sealing{mode: how.mode, omitKid: how.omitKid, extra: map[string]any{"typ": "JWT"}}), ".")
		return strings.Join(parts, ".")
	case "zip": // compressed: 8 MiB of it
		data["address"] = strings.Repeat("某", 8<<20/3)
		how.compress = true
		return keys.seal(mustMarshal(data), how)
	case "huge": // 2 MiB
		data["address"] = strings.Repeat("某", 3<<19/3)
		return keys.seal(mustMarshal(data), how)
	case "dots": // as if for ten thousand recipients
		return keys.seal(mustMarshal(data), how) + strings.Repeat(".", 10_000)
	case "text": // opens, and is no JSON
		return keys.seal([]byte("读卡成功"), how)
	case "longname": // a name of 5,000 characters
		data["name"] = strings.Repeat("测", 5000)
		return keys.seal(mustMarshal(data), how)
	}
	stranger := strangerKeys()
	stranger.rsaID, stranger.ecID, stranger.nestedSecret = keys.rsaID, keys.ecID, keys.nestedSecret
	return stranger.seal(mustMarshal(data), how)
}

// chipData is the plain text of a token.
func chipData(one scan, now time.Time) map[string]string {
	p := one.Holder
	orElse(&p.Address, "某省某市测试路1号")
	data := map[string]string{"idType": "01", "name": p.Name, "idNum": p.IDNumber, "nation": "汉",
		"address": p.Address, "signingOrganization": "某市公安局测试分局",
		"beginTime": p.ValidFrom, "endTime": p.ValidTo, "picture": base64.StdEncoding.EncodeToString(Portrait(p))}
	if len(p.IDNumber) == 18 && digits(p.IDNumber[:17]) {
		data["birthDate"], data["sex"] = p.IDNumber[6:14], "女"
		if (p.IDNumber[16]-'0')%2 == 1 {
			data["sex"] = "男"
		}
	}
	switch one.Kind {
	case "permit":
		data["idType"], data["nation"] = "02", ""
	case "pr":
		data["idType"], data["nation"], data["enName"] = "03", "", "SPECIMEN, ALEX"
	case "longterm":
		data["endTime"] = "长期"
	case "incomplete":
		delete(data, "idNum")
	case "expiredcard":
		data["beginTime"], data["endTime"] = endedYesterday(p.IDNumber, now)
	case "chipmismatch":
		data["birthDate"] = dayAfter(data["birthDate"])
	}
	return data
}

// endedYesterday are the dates of a card that ended yesterday, with the term that
// fits the holder's age at its issue, where one does (Law on Resident Identity
// Cards, article 5).
func endedYesterday(number string, now time.Time) (from, to string) {
	end := now.In(time.FixedZone("CST", 8*60*60)).AddDate(0, 0, -1)
	term := 10
	if len(number) == 18 {
		if birth, err := time.Parse("20060102", number[6:14]); err == nil {
			for _, t := range []struct{ years, least, most int }{{20, 26, 45}, {10, 16, 25}, {5, 0, 15}} {
				if age := completedYears(birth, end.AddDate(-t.years, 0, 0)); age >= t.least && age <= t.most {
					term = t.years
					break
				}
			}
		}
	}
	return end.AddDate(-term, 0, 0).Format("20060102"), end.Format("20060102")
}

func dayAfter(date string) string {
	d, err := time.Parse("20060102", date)
	if err != nil {
		return "19700101"
	}
	return d.AddDate(0, 0, 1).Format("20060102")
}

func (s *Sandbox) postScan(w http.ResponseWriter, r *http.Request) {
	var o ScanOptions
	if !readJSON(w, r, &o) {
		return
	}
	reqid, err := s.AddScan(o)
	if err != nil {
		writeProblem(w, http.StatusUnprocessableEntity, fmt.Sprintf("no scan: %v", err))
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"reqid": reqid, "token": TokenKey(reqid), "subject": SubjectKey(s.sino.holderOf(reqid))})
}
