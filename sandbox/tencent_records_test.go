package sandbox

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// idNameDateOf asks about somebody as they say they are.
func (w *world) idNameDateOf(p Person) response {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"Name": p.Name, "IdCard": p.IDNumber, "ValidityBegin": p.ValidFrom, "ValidityEnd": p.ValidTo})
	require.NoError(w.t, err)
	return w.send(w.tencentRequest(w.signer("CheckIdNameDate"), string(body), nil))
}

// The verdict comes from the people that are known, in the action's own list,
// and only 0 and -1 are charged.
func TestCheckIDNameDateAnswersFromTheRecords(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Person)
		code string
	}{
		"as held":          {func(*Person) {}, "0"},
		"other name":       {func(p *Person) { p.Name = "样例乙" }, "-1"},
		"other begin":      {func(p *Person) { p.ValidFrom = "20200116" }, "-1"},
		"other end":        {func(p *Person) { p.ValidTo = "00000000" }, "-1"},
		"unknown":          {func(p *Person) { p.IDNumber = "110199198001010013"; fix(p) }, "-7"},
		"wrong check":      {func(p *Person) { p.IDNumber = "110199199003070011" }, "-2"},
		"one character":    {func(p *Person) { p.Name = "样" }, "-3"},
		"ASCII":            {func(p *Person) { p.Name = "Anna" }, "-3"},
		"long-term, words": {func(p *Person) { p.ValidTo = "长期" }, "-4"},
		"impossible date":  {func(p *Person) { p.ValidTo = "20400230" }, "-4"},
		"end before begin": {func(p *Person) { p.ValidTo = "20190101" }, "-4"},
	} {
		w := start(t, nil)
		p := person("A1")
		c.edit(&p)
		a := w.idNameDateOf(p)
		require.Equal(t, c.code, a.text("Result"), name)
		require.Equal(t, idNameDateTexts[c.code], a.text("Description"), name)
		require.Equal(t, c.code == "0" || c.code == "-1", w.Ledger().Charged(Query{Operation: "CheckIdNameDate", Outcome: c.code, Subject: SubjectKey(p.IDNumber)}) == 1, name)
	}
}

// It is the vendor's endpoint: its signature, its 20 requests a second, and what
// a request must hold.
func TestCheckIDNameDateIsHeldToTheVendorsRules(t *testing.T) {
	w := start(t, nil)
	s := w.signer("CheckIdNameDate")
	s.key = "another"
	require.Equal(t, "AuthFailure.SignatureFailure", w.send(w.tencentRequest(s, `{}`, nil)).errorCode())
	send := func(body string) string {
		return w.send(w.tencentRequest(w.signer("CheckIdNameDate"), body, nil)).errorCode()
	}
	require.Equal(t, "MissingParameter", send(`{"Name":"测试甲","IdCard":"110199199003070017","ValidityBegin":"20200115"}`))
	require.Equal(t, "InvalidParameter", send(`{"Name":7}`))
	require.Equal(t, "FailedOperation.DecryptSystemError",
		send(`{"Name":"x","IdCard":"x","ValidityBegin":"x","ValidityEnd":"x","Encryption":{"EncryptList":["Name"]}}`))
	for range 17 {
		require.Equal(t, "0", w.idNameDateOf(person("A1")).text("Result"))
	}
	require.Equal(t, "RequestLimitExceeded", w.idNameDateOf(person("A1")).errorCode())
	require.Equal(t, 17, w.Ledger().Charged(Query{}))
}

// Switches for what the papers leave open, and what people and faults force.
func TestForcedAnswersOfCheckIDNameDate(t *testing.T) {
	w := start(t, func(c *Config) { c.Tencent.RecordsSilent, c.Tencent.RecordsNumeric = true, true })
	require.Equal(t, "0", string(w.idNameDateOf(person("A1"))["Result"]))
	require.Equal(t, `""`, string(w.idNameDateOf(person("A1"))["Description"]))

	w = start(t, nil)
	p := person("A1")
	for _, words := range []string{"-6x1", "-8", "-9", "InternalError", "UnauthorizedOperation.Arrears"} {
		p.TencentRecordsOutcome = words
		require.NoError(t, w.AddPerson(p))
		a := w.idNameDateOf(p)
		require.Contains(t, words, a.text("Result")+a.errorCode())
	}
	p.TencentRecordsOutcome = "-6x1"
	require.NoError(t, w.AddPerson(p))
	require.Equal(t, "0", w.idNameDateOf(p).text("Result"), "it has run out")
	p.TencentRecordsOutcome = "nonsense"
	require.Error(t, w.AddPerson(p))
	require.NoError(t, w.Fault(Fault{Vendor: Tencent, Operation: "CheckIdNameDate", Kind: FaultErrorCode, Code: "-5", Times: 1}))
	require.Equal(t, "-5", w.idNameDateOf(person("A2")).text("Result"))
	require.NoError(t, w.Fault(Fault{Vendor: Tencent, Operation: "CheckIdNameDate", Kind: FaultDropAfter, Times: 1}))
	w.ClearLedger()
	_, _, err := w.do(w.tencentRequest(w.signer("CheckIdNameDate"), `{"Name":"测试甲","IdCard":"110199199003070017","ValidityBegin":"20200115","ValidityEnd":"20400115"}`, nil))
	require.Error(t, err)
	require.Equal(t, 1, w.Ledger().Charged(Query{}), "processed, and charged")
}

// The reserved people lead to the same answer at both records vendors, but where
// AceData is to fail: there the other one answers.
func TestReservedPeopleAtTheSecondRecords(t *testing.T) {
	w := start(t, func(c *Config) { c.Tencent.RecordsRate = 1000 })
	for id, want := range map[string]string{
		"R801": "0", "R900": "0", "R901": "-1", "R902": "-2", "R904": "-4", "R905": "-5", "R906": "0", "R907": "-7", "R908": "0", "R951": "0", "R980": "RequestLimitExceeded",
	} {
		a := w.idNameDateOf(person(id))
		require.Equal(t, want, a.text("Result")+a.errorCode(), id)
	}
}
