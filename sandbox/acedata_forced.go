package sandbox

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A forced outcome is asked for by the request header x-sim-outcome, by a
// person's AceDataOutcome, or by one of the reserved numbers. Its words:
//
//	0 … -8          that result code, in the active profile's words
//	429 500 504     that HTTP status with its documented error code
//	used_up, …      any documented error code
//	slow            agreement, after AceDataConfig.SlowDelay
//	slow:1500ms     agreement, after that long
//	drop            processed and charged as agreement, then the connection dies
//	<any>xN         N times for this number, then agreement ("500x2", "dropx1")
type forcedOutcome struct {
	word  string
	delay time.Duration
	times int // 0: always
}

var forcedTimes = regexp.MustCompile(`^(.+)x([1-9][0-9]{0,3})$`)

// parseForced reads the words above; an unknown one is an error.
func parseForced(text string) (forcedOutcome, error) {
	f := forcedOutcome{word: text}
	if m := forcedTimes.FindStringSubmatch(text); m != nil {
		f.word = m[1]
		f.times, _ = strconv.Atoi(m[2])
	}
	if after, isSlow := strings.CutPrefix(f.word, "slow:"); isSlow {
		d, err := time.ParseDuration(after)
		if err != nil || d <= 0 {
			return f, errors.New("slow: needs a duration behind it")
		}
		f.word, f.delay = "slow", d
	}
	_, isError := aceMessages[f.word]
	_, isCode := aceTexts[ProfileCheckIDNameDate][f.word]
	if isError || isCode {
		return f, nil
	}
	switch f.word {
	case "429", "500", "504", "drop", "slow":
		return f, nil
	}
	return f, errors.New("no such outcome")
}

// forcedAnswer gives a forced outcome, or false when it has run out for this
// number. An unknown word is refused loudly: a test that misspells it must not pass.
func (s *Sandbox) forcedAnswer(text, idNumber string) (answer, bool) {
	f, err := parseForced(text)
	if err != nil {
		return s.aceError(http.StatusBadRequest, "bad_request"), true
	}
	if f.times > 0 && s.counters.next("forced/"+text+"/"+SubjectKey(idNumber)) > f.times {
		return answer{}, false
	}
	switch f.word {
	case "429":
		return s.aceError(http.StatusTooManyRequests, "too_many_requests"), true
	case "500":
		return s.aceError(http.StatusInternalServerError, "api_error"), true
	case "504":
		return s.aceError(http.StatusGatewayTimeout, "timeout"), true
	case "drop":
		a := s.aceResult("0")
		a.drop = true
		return a, true
	case "slow":
		a := s.aceResult("0")
		a.delay = f.delay
		orElse(&a.delay, s.cfg.AceData.SlowDelay)
		return a, true
	}
	if _, isError := aceMessages[f.word]; isError {
		return s.aceError(s.aceStatus(f.word), f.word), true
	}
	return s.aceResult(f.word), true
}

// ReservedPeople are the people whose number alone forces an outcome, whatever name
// and dates come with it: division 120199, born 1985-01-01, and a sequence from 900
// up for the records, from 801 up for the face at Tencent and Megvii, whose pass
// ends so instead. They pass every local check. docs/test-people.md lists them.
//
// What AceData answers to 901 to 907, Tencent's records answer as well: it is the
// same source. What AceData cannot answer, they can, but for 980, for whom both
// have too many calls, and 981, of whom both lose the answer.
func ReservedPeople() []Person {
	var people []Person
	for _, r := range []struct{ sequence, records, tencent, megvii, second string }{
		{"801", "0", "2016", MegviiLowScore, "0"}, {"802", "0", "1002", MegviiSpoof, "0"}, {"803", "0", "2006", MegviiNameDiffers, "0"},
		{"804", "0", "2007", MegviiNoPhoto, "0"}, {"805", "0", "InternalError", "INTERNAL_ERROR", "0"},
		{sequence: "900", records: "0"}, {sequence: "901", records: "-1"}, {sequence: "902", records: "-2"}, {sequence: "903", records: "-3"},
		{sequence: "904", records: "-4"}, {sequence: "905", records: "-5"}, {sequence: "906", records: "-6"}, {sequence: "907", records: "-7"},
		{sequence: "908", records: "-8"}, {sequence: "929", records: "429x3"}, {sequence: "930", records: "429"}, {sequence: "940", records: "used_up"},
		{sequence: "950", records: "500x2"}, {sequence: "951", records: "500"}, {sequence: "954", records: "504"}, {sequence: "955", records: "504x1"},
		{sequence: "960", records: "slow"}, {sequence: "970", records: "drop"}, {sequence: "971", records: "dropx1"},
		{sequence: "980", records: "429", second: "RequestLimitExceeded"}, {sequence: "981", records: "drop", second: "drop"},
	} {
		switch r.records {
		case "-1", "-2", "-3", "-4", "-5", "-7":
			r.second = r.records
		}
		orElse(&r.second, "0")
		number := "12019919850101" + r.sequence
		people = append(people, Person{ID: "R" + r.sequence, Name: "测试强制", IDNumber: number + string(checkCharacter(number)),
			ValidFrom: "20200115", ValidTo: "20400115", AceDataOutcome: r.records, TencentRecordsOutcome: r.second, TencentOutcome: r.tencent, MegviiOutcome: r.megvii})
	}
	return people
}
