package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// CheckIdNameDate, https://cloud.tencent.com/document/api/1007/60075: name,
// number and validity dates against the records, in the list of codes of this
// action alone.

type idNameDateRequest struct {
	Name, IdCard, ValidityBegin, ValidityEnd *string
	Encryption                               *encryption
}

func (s *Sandbox) checkIDNameDate(c *call) answer {
	var q idNameDateRequest
	if json.Unmarshal(c.body, &q) != nil {
		return (&apiError{"InvalidParameter", "The body is not JSON of the right types."}).answer()
	}
	for name, value := range map[string]*string{"Name": q.Name, "IdCard": q.IdCard, "ValidityBegin": q.ValidityBegin, "ValidityEnd": q.ValidityEnd} {
		if value == nil {
			return (&apiError{"MissingParameter", name + " is required."}).answer()
		}
	}
	if fault := s.unseal(c, q.Encryption, map[string]*string{"Name": q.Name, "IdCard": q.IdCard}); fault != nil {
		return fault.answer()
	}
	person, known := s.people.find(*q.IdCard)
	if person.TencentRecordsOutcome != "" {
		if a, forced := s.forcedRecords(person.TencentRecordsOutcome, *q.IdCard); forced {
			return a
		}
	}
	return s.idNameDate(idNameDateCode(person, known, *q.Name, *q.IdCard, *q.ValidityBegin, *q.ValidityEnd))
}

// idNameDateCode is the authority's verdict.
func idNameDateCode(p Person, known bool, name, id, begin, end string) string {
	switch {
	case !wellFormedNumber(id):
		return "-2"
	case !plausibleName(name):
		return "-3"
	case !wellFormedDates(begin, end):
		return "-4"
	case !known:
		return "-7"
	case p.TencentRecordsOutcome == "" && (p.Name != name || p.ValidFrom != begin || p.ValidTo != end):
		return "-1"
	}
	return "0" // a forced outcome that has run out agrees with whatever is held
}

// idNameDateTexts are what the vendor prints beside its codes.
var idNameDateTexts = map[string]string{
	"0": "一致", "-1": "不一致", "-2": "非法身份证号（长度、校验位等不正确）", "-3": "非法姓名（长度、格式等不正确）",
	"-4": "非法有效期（长度、格式等不正确）", "-5": "身份信息无效", "-6": "证件库服务异常", "-7": "证件库中无此身份证记录",
	"-8": "认证次数超过当日限制，请次日重试",
}

// idNameDate answers with a result code. 0 and -1 are charged, no other.
func (s *Sandbox) idNameDate(code string) answer {
	text, known := idNameDateTexts[code]
	switch {
	case s.cfg.Tencent.RecordsSilent:
		text = ""
	case !known:
		text = "未知"
	}
	result := any(code)
	if n, err := strconv.Atoi(code); err == nil && s.cfg.Tencent.RecordsNumeric {
		result = n
	}
	a := tencentEnvelope(map[string]any{"Result": result, "Description": text}, code)
	a.charged = code == "0" || code == "-1"
	return a
}

// The words of Person.TencentRecordsOutcome:
//
//	0 … -8, other numbers    that result code
//	InternalError, …         that API error
//	slow:1500ms              agreement, after that long
//	drop                     processed and charged as agreement, then the connection dies
//	<any>xN                  N times for this number, then agreement ("-6x1", "dropx1")
var recordsAPIError = regexp.MustCompile(`^[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]+)?$`)

type forcedRecords struct {
	word  string
	delay time.Duration
	times int // 0: always
}

func parseForcedRecords(text string) (forcedRecords, error) {
	f := forcedRecords{word: text}
	if m := forcedTimes.FindStringSubmatch(text); m != nil {
		f.word = m[1]
		f.times, _ = strconv.Atoi(m[2])
	}
	if len(f.word) > 5 && f.word[:5] == "slow:" {
		d, err := time.ParseDuration(f.word[5:])
		if err != nil || d <= 0 {
			return f, errors.New("slow: needs a duration behind it")
		}
		f.word, f.delay = "slow", d
		return f, nil
	}
	if _, err := strconv.Atoi(f.word); err == nil || f.word == "drop" || recordsAPIError.MatchString(f.word) {
		return f, nil
	}
	return f, errors.New("no such outcome")
}

// forcedRecords gives a forced outcome, or false when it has run out for this
// number.
func (s *Sandbox) forcedRecords(text, idNumber string) (answer, bool) {
	f, err := parseForcedRecords(text)
	if err != nil {
		return jsonAnswer(http.StatusInternalServerError, map[string]string{"error": err.Error()}, "no such outcome"), true
	}
	if f.times > 0 && s.counters.next("records/"+text+"/"+SubjectKey(idNumber)) > f.times {
		return answer{}, false
	}
	switch {
	case f.word == "drop":
		a := s.idNameDate("0")
		a.drop = true
		return a, true
	case f.word == "slow":
		a := s.idNameDate("0")
		a.delay = f.delay
		return a, true
	case recordsAPIError.MatchString(f.word):
		return (&apiError{f.word, "Forced for this person."}).answer(), true
	}
	return s.idNameDate(f.word), true
}
