package verification_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

var today = time.Date(2026, 11, 22, 12, 0, 0, 0, residentid.Shanghai)

// subject is invented: no division has a code that ends in 99.
func subject() Subject {
	return Subject{Name: "测试甲", IDNumber: "110199199003070017", IDValidity: Validity{From: "20200115", To: "20400115"}}
}

func with(change func(*Subject)) Subject {
	s := subject()
	change(&s)
	return s
}

func TestCheckSubjectNormalisesWhatIsWellFormed(t *testing.T) {
	got, faults := CheckSubject(Subject{
		Name: " 阿测•买样例\u3000", IDNumber: "１１０１９９１９９００３０７００５ｘ",
		IDValidity: Validity{From: " 20200115", To: "２０４００１１５"},
	}, today)
	require.Empty(t, faults)
	require.Equal(t, Subject{Name: "阿测·买样例", IDNumber: "11019919900307005X", IDValidity: Validity{From: "20200115", To: "20400115"}}, got)

	got, faults = CheckSubject(with(func(s *Subject) {
		s.IDNumber, s.IDValidity = "420199197806150145", Validity{From: "20240615", To: "长期"}
	}), today)
	require.Empty(t, faults)
	require.Equal(t, LongTerm, got.IDValidity.To)
	require.Equal(t, LongTerm, residentid.LongTerm, "both packages mean the same")
}

func TestCheckSubjectNamesEveryFieldAtFault(t *testing.T) {
	_, faults := CheckSubject(Subject{}, today)
	require.Equal(t, []FieldError{
		{Field: "subject.id_number", Code: residentid.IDLength},
		{Field: "subject.name", Code: residentid.NameEmpty},
		{Field: "subject.id_validity.from", Code: residentid.ValidityMalformed},
		{Field: "subject.id_validity.to", Code: residentid.ValidityMalformed},
	}, faults)
}

func TestAnExpiredCardIsNotMalformed(t *testing.T) {
	expired := with(func(s *Subject) {
		s.IDNumber, s.IDValidity = "330199199801010140", Validity{From: "20160901", To: "20260901"}
	})
	_, faults := CheckSubject(expired, today)
	require.Empty(t, faults)

	c := DocumentCheck(expired, today)
	require.Equal(t, NewCheck(DocumentValidity, Failed, DocumentExpired), c)
	require.True(t, c.FailedFinally())
	j := Judge(Policy{Checks: map[CheckType]Requirement{DocumentValidity: Required, Liveness: Required}}, []Check{c})
	require.Equal(t, OutcomeDeclined, j.Outcome)
}

func TestDocumentCheckSaysWhatTheRulesFound(t *testing.T) {
	for _, c := range []struct {
		what    string
		subject Subject
		want    Check
	}{
		{"good", subject(), NewCheck(DocumentValidity, Passed)},
		{"expires in 18 days", with(func(s *Subject) {
			s.IDNumber, s.IDValidity = "510199200010100173", Validity{From: "20161210", To: "20261210"}
		}), NewCheck(DocumentValidity, Passed, DocumentExpiring)},
		{"sequence 000", with(func(s *Subject) { s.IDNumber = "110199199003070009" }), NewCheck(DocumentValidity, Passed, DocumentSequenceZero)},
		{"private-use character", with(func(s *Subject) { s.Name = "测\uE000" }), NewCheck(DocumentValidity, Passed, DocumentNamePrivateUse)},
		{"one character", with(func(s *Subject) { s.Name = "测" }), NewCheck(DocumentValidity, Passed)},
		{"long-term at 30", with(func(s *Subject) {
			s.IDNumber, s.IDValidity = "650199198509180310", Validity{From: "20150918", To: LongTerm}
		}), NewCheck(DocumentValidity, Inconclusive, DocumentValidityAge)},
		{"age table and notes", with(func(s *Subject) {
			s.IDNumber, s.Name, s.IDValidity = "110199199003070009", "\uE000", Validity{From: "20161210", To: "20261210"}
		}), NewCheck(DocumentValidity, Inconclusive, DocumentValidityAge, DocumentExpiring, DocumentSequenceZero, DocumentNamePrivateUse)},
		{"expired and outside the age table", with(func(s *Subject) { s.IDValidity = Validity{From: "20150101", To: "20250101"} }), NewCheck(DocumentValidity, Failed, DocumentExpired)},
		{"wrong check character", with(func(s *Subject) { s.IDNumber = "110199199003070011" }), NewCheck(DocumentValidity, Inconclusive, DocumentImplausible)},
		{"impossible date", with(func(s *Subject) { s.IDValidity.From = "20200230" }), NewCheck(DocumentValidity, Inconclusive, DocumentImplausible)},
		{"an end that is not understood", with(func(s *Subject) { s.IDValidity.To = "" }), NewCheck(DocumentValidity, Inconclusive, DocumentValidityUnclear)},
		{"a begin that is not understood", with(func(s *Subject) { s.IDValidity.From = "春" }), NewCheck(DocumentValidity, Inconclusive, DocumentValidityUnclear)},
		{"neither, and a note", with(func(s *Subject) { s.IDNumber, s.IDValidity = "110199199003070009", Validity{} }),
			NewCheck(DocumentValidity, Inconclusive, DocumentValidityUnclear, DocumentSequenceZero)},
		{"an end that is not understood, on an impossible number", with(func(s *Subject) { s.IDNumber, s.IDValidity.To = "110199199003070011", "" }),
			NewCheck(DocumentValidity, Inconclusive, DocumentImplausible)},
		{"a begin that is not understood, on a card that has expired", with(func(s *Subject) { s.IDValidity = Validity{To: "20250101"} }),
			NewCheck(DocumentValidity, Failed, DocumentExpired)},
		{"bad name", with(func(s *Subject) { s.Name = "样 例" }), NewCheck(DocumentValidity, Inconclusive, DocumentImplausible)},
		{"malformed and expired", with(func(s *Subject) {
			s.IDNumber, s.IDValidity = "110199199003070011", Validity{From: "20160901", To: "20260901"}
		}), NewCheck(DocumentValidity, Inconclusive, DocumentImplausible)},
		{"permit", with(func(s *Subject) {
			s.IDNumber, s.IDValidity = "810000198808080013", Validity{From: "20230401", To: "20280401"}
		}), NewCheck(DocumentValidity, Inconclusive, DocumentTypeUnsupported)},
		{"nothing", Subject{}, NewCheck(DocumentValidity, Inconclusive, DocumentImplausible)},
	} {
		require.Equal(t, c.want, DocumentCheck(c.subject, today), c.what)
	}
}

func TestMaskedShowsThreeAndTwoOfTheNumberAndOneOfTheName(t *testing.T) {
	for _, c := range []struct{ name, number, maskedName, maskedNumber string }{
		{"测试甲", "110199199003070017", "测**", "110*************17"},
		{"测试", "11019919900307005X", "测*", "110*************5X"},
		{"测", "12345", "*", ""},
		{"𠮷样", "123456", "𠮷*", "123*56"},
		{"", "", "", ""},
		{"测试甲", "１１０１９９", "测**", "１１０*９９"},
	} {
		name, number := Subject{Name: c.name, IDNumber: c.number}.Masked()
		require.Equal(t, c.maskedName, name)
		require.Equal(t, c.maskedNumber, number)
	}
}

func TestSubjectsAndRequestsNeverPrintThemselves(t *testing.T) {
	s := subject()
	r := Request{Policy: "p", Subject: &s, ReturnURL: "https://shop.example"}
	told := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %s %v", s, s, s, s, r, r, r, r, &s)
	// A JSON handler would marshal what has no LogValue.
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "subject", s, "request", r, "pointer", &r)
	told += log.String()
	for _, value := range []string{"测试甲", "110199", "20200115", "shop.example"} {
		require.NotContains(t, told, value)
	}
}
