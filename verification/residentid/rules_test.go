package residentid_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// today is the day that every expectation here is measured against.
var today = time.Date(2026, 11, 22, 12, 0, 0, 0, residentid.Shanghai)

// everything accepts all kinds of cards.
var everything = residentid.Rules{Permits: true, PermanentResidents: true}

// name is invented, like every number here: their division codes end in 99.
const name = "测试甲"

// cards are valid numbers with the periods of their cards.
var cards = []struct {
	id, number string
	sex        residentid.Sex
	birth      string
	from, to   string
	expired    bool
	soft       []residentid.Code
}{
	{id: "A1", number: "110199199003070017", sex: residentid.Male, birth: "19900307", from: "20200115", to: "20400115"},
	{id: "A2", number: "110199199003070025", sex: residentid.Female, birth: "19900307", from: "20190601", to: "20390601"},
	{id: "A3", number: "310199200111300038", sex: residentid.Male, birth: "20011130", from: "20220808", to: "20320808"},
	{id: "A4 leap birth, long-term", number: "440399197202290045", sex: residentid.Female, birth: "19720229", from: "20180301", to: "00000000"},
	{id: "A5 minor", number: "510199201306050114", sex: residentid.Male, birth: "20130605", from: "20230710", to: "20280710"},
	{id: "A6 last day of the 10-year row", number: "330199199801010124", sex: residentid.Female, birth: "19980101", from: "20231231", to: "20331231"},
	{id: "A7 first day of the 20-year row", number: "330199199801010132", sex: residentid.Male, birth: "19980101", from: "20240101", to: "20440101"},
	{id: "A8 last day before long-term", number: "420199197806150153", sex: residentid.Male, birth: "19780615", from: "20240614", to: "20440614"},
	{id: "A9 first day of long-term", number: "420199197806150145", sex: residentid.Female, birth: "19780615", from: "20240615", to: "00000000"},
	{id: "A10 last day of the 5-year row", number: "610199200805200219", sex: residentid.Male, birth: "20080520", from: "20240519", to: "20290519"},
	{id: "A11 first day of the 10-year row", number: "610199200805200227", sex: residentid.Female, birth: "20080520", from: "20240520", to: "20340520"},
	{id: "A12 issued on 29 February, ends on the 28th", number: "230199199612240242", sex: residentid.Female, birth: "19961224", from: "20160229", to: "20260228", expired: true},
	{id: "A12 issued on 29 February, ends on 1 March", number: "230199199612240242", sex: residentid.Female, birth: "19961224", from: "20160229", to: "20260301", expired: true},
	{id: "A13 ends in X", number: "11019919900307005X", sex: residentid.Male, birth: "19900307", from: "20200115", to: "20400115"},
	{id: "A14 ends in X, long-term", number: "21019919600909006X", sex: residentid.Female, birth: "19600909", from: "20100101", to: "00000000"},
	{id: "A15 expires in 18 days", number: "510199200010100173", sex: residentid.Male, birth: "20001010", from: "20161210", to: "20261210", soft: []residentid.Code{residentid.CardExpiring}},
	{id: "E1 expired", number: "330199199801010140", sex: residentid.Female, birth: "19980101", from: "20160901", to: "20260901", expired: true},
	{id: "S1 long-term at 30", number: "650199198509180310", sex: residentid.Male, birth: "19850918", from: "20150918", to: "00000000", soft: []residentid.Code{residentid.ValidityAgeMismatch}},
	{id: "HK", number: "810000198808080013", sex: residentid.Male, birth: "19880808", from: "20230401", to: "20280401"},
	{id: "MO", number: "820000199512120027", sex: residentid.Female, birth: "19951212", from: "20220120", to: "20270120"},
	{id: "TW expired", number: "830000197910050039", sex: residentid.Male, birth: "19791005", from: "20210630", to: "20260630", expired: true},
	{id: "PR", number: "931999198304170014", birth: "19830417", from: "20240110", to: "20340110"},
	{id: "PR2", number: "944888199102280025", birth: "19910228", from: "20240110", to: "20340110"},
	{id: "sequence 000", number: "110199199003070009", sex: residentid.Female, birth: "19900307", from: "20200115", to: "20400115", soft: []residentid.Code{residentid.SequenceZero}},
}

func TestEveryTestCardMeetsItsExpectation(t *testing.T) {
	for _, c := range cards {
		t.Run(c.id, func(t *testing.T) {
			card, f := everything.Check(residentid.Card{Number: c.number, Name: name, From: c.from, To: c.to}, today)
			require.Empty(t, f.Malformed)
			require.Equal(t, c.expired, f.Expired)
			require.Equal(t, c.soft, f.Soft)
			require.Equal(t, residentid.Card{Number: c.number, Name: name, From: c.from, To: c.to}, card)
			if c.expired {
				require.Equal(t, residentid.CardExpired, f.Code())
			} else {
				require.Equal(t, residentid.OK, f.Code())
			}
			birth, ok := residentid.BirthDate(c.number)
			require.True(t, ok)
			require.Equal(t, c.birth, birth.Format("20060102"))
			require.Equal(t, c.sex, residentid.SexOf(c.number))
		})
	}
}

func TestEveryFieldAtFaultIsReportedOnce(t *testing.T) {
	_, f := residentid.Rules{}.Check(residentid.Card{Number: "110199199003070011", Name: "样 例", From: "2020-01-15", To: "soon"}, today)
	require.Equal(t, []residentid.FieldError{
		{Field: residentid.FieldNumber, Code: residentid.IDChecksum},
		{Field: residentid.FieldName, Code: residentid.NameCharset},
		{Field: residentid.FieldFrom, Code: residentid.ValidityMalformed},
		{Field: residentid.FieldTo, Code: residentid.ValidityMalformed},
	}, f.Malformed)
	require.Equal(t, residentid.IDChecksum, f.Code())
	require.False(t, f.Expired)
}

func TestAMalformedCardStaysMalformedWhenItIsExpiredToo(t *testing.T) {
	_, f := residentid.Rules{}.Check(residentid.Card{Number: "330199199801010140", Name: "", From: "20160901", To: "20260901"}, today)
	require.Equal(t, []residentid.FieldError{{Field: residentid.FieldName, Code: residentid.NameEmpty}}, f.Malformed)
	require.True(t, f.Expired)
	require.Equal(t, residentid.NameEmpty, f.Code())
}

func TestOnlyResidentCardsAreTakenByDefault(t *testing.T) {
	for _, number := range []string{
		"810000198808080013", "820000199512120027", "830000197910050039",
		"931999198304170014", "944888199102280025", "CHN110199900307",
	} {
		require.Equal(t, residentid.UnsupportedDocument, residentid.Rules{}.CheckNumber(number, today))
		require.Equal(t, residentid.OK, everything.CheckNumber(number, today))
	}
	require.Equal(t, residentid.UnsupportedDocument, residentid.Rules{PermanentResidents: true}.CheckNumber("810000198808080013", today))
	require.Equal(t, residentid.UnsupportedDocument, residentid.Rules{Permits: true}.CheckNumber("931999198304170014", today))
}

func TestSoftFindingsStandTogether(t *testing.T) {
	_, f := residentid.Rules{}.Check(residentid.Card{Number: "110199199003070009", Name: "\uE123", From: "20161210", To: "20261210"}, today)
	require.Empty(t, f.Malformed)
	require.ElementsMatch(t, []residentid.Code{
		residentid.SequenceZero, residentid.NamePrivateUse, residentid.NameShort,
		residentid.CardExpiring, residentid.ValidityAgeMismatch,
	}, f.Soft)
}

func TestFindingsAndCardsNeverRepeatTheirValues(t *testing.T) {
	c := residentid.Card{Number: "110199199003070011", Name: "样 例", From: "2020-01-15", To: "20400199"}
	normal, f := residentid.Rules{}.Check(c, today)
	told := fmt.Sprintf("%v %+v %#v %v %+v %#v %s", f, f, f, normal, normal, normal, c)
	for _, value := range []string{"110199", "19900307", "样", "例", "2020-01-15", "20400199"} {
		require.False(t, strings.Contains(told, value), "a value was repeated")
	}
}
