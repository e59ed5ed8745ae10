package sandbox

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func person(id string) Person {
	for _, p := range append(Fixtures(), ReservedPeople()...) {
		if p.ID == id {
			return p
		}
	}
	panic("no fixture " + id)
}

func TestEveryFixtureAgreesWithItself(t *testing.T) {
	w := start(t, nil)
	for _, p := range Fixtures() {
		status, body, err := w.check2e(p, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, map[string]any{"result": "0", "description": "一致"}, body, p.ID)
	}
	require.Equal(t, len(Fixtures()), w.Ledger().Charged(Query{Vendor: AceData}))
}

func TestTheVerdictComesFromTheRecordsInTheProfilesWords(t *testing.T) {
	for name, c := range map[string]struct {
		edit        func(*Person)
		doc, tc     string
		docText, tx string
		charged     bool
	}{
		"other name":       {func(p *Person) { p.Name = "样例乙" }, "-1", "-1", "不一致", "不一致", true},
		"other begin":      {func(p *Person) { p.ValidFrom = "20200116" }, "-1", "-1", "不一致", "不一致", true},
		"other end":        {func(p *Person) { p.ValidTo = "00000000" }, "-1", "-1", "不一致", "不一致", true},
		"unknown":          {func(p *Person) { p.IDNumber = "110199198001010013"; fix(p) }, "-5", "-7", "证件库中无此身份证记录", "证件库中无此身份证记录", false},
		"wrong check":      {func(p *Person) { p.IDNumber = "110199199003070011" }, "-2", "-2", "非法身份证号", "非法身份证号", false},
		"lower-case x":     {func(p *Person) { p.IDNumber = "11019919900307005x" }, "-2", "-2", "非法身份证号", "非法身份证号", false},
		"too short":        {func(p *Person) { p.IDNumber = "110199900307001" }, "-2", "-2", "非法身份证号", "非法身份证号", false},
		"bad name":         {func(p *Person) { p.Name = "样··例" }, "-3", "-3", "非法姓名", "非法姓名", false},
		"impossible date":  {func(p *Person) { p.ValidTo = "20400230" }, "-1", "-4", "不一致", "非法有效期", false},
		"end before begin": {func(p *Person) { p.ValidTo = "20190101" }, "-1", "-4", "不一致", "非法有效期", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := person("A1")
			c.edit(&p)
			for profile, want := range map[string][2]string{ProfileAceDataDoc: {c.doc, c.docText}, ProfileCheckIDNameDate: {c.tc, c.tx}} {
				w := start(t, func(cfg *Config) { cfg.AceData.Profile = profile })
				status, body, err := w.check2e(p, nil)
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
				require.Equal(t, want[0], body["result"], profile)
				require.Equal(t, want[1], body["description"], profile)
				require.Equal(t, c.charged || want[0] == "-1", w.Ledger().Charged(Query{}) == 1, profile)
			}
		})
	}
}

func fix(p *Person) { p.IDNumber = p.IDNumber[:17] + string(checkCharacter(p.IDNumber[:17])) }

func TestAnAddedPersonIsKnown(t *testing.T) {
	w := start(t, nil)
	p := Person{Name: "样小雨", IDNumber: "310199198606060018", ValidFrom: "20240101", ValidTo: "20440101"}
	fix(&p)
	_, body, err := w.check2e(p, nil)
	require.NoError(t, err)
	require.Equal(t, "-7", body["result"])
	status, added := w.admin(http.MethodPost, "/sandbox/people", p)
	require.Equal(t, http.StatusCreated, status)
	require.Equal(t, SubjectKey(p.IDNumber), added["subject"])
	_, body, err = w.check2e(p, nil)
	require.NoError(t, err)
	require.Equal(t, "0", body["result"])

	p.IDNumber = "310199198606060019"
	status, refused := w.admin(http.MethodPost, "/sandbox/people", p)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.NotContains(t, refused["error"], p.IDNumber, "what was refused is not repeated")
	status, _ = w.admin(http.MethodPost, "/sandbox/people", map[string]string{"nome": "x"})
	require.Equal(t, http.StatusBadRequest, status)
}

func TestResultAsNumberAndDescriptionInEnglish(t *testing.T) {
	w := start(t, func(c *Config) { c.AceData.NumericResult, c.AceData.English = true, true })
	_, body, err := w.check2e(person("A1"), nil)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"result": float64(0), "description": "consistent"}, body)
}

func TestTheGatewayRefusesByToken(t *testing.T) {
	header := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	for name, c := range map[string]struct {
		edit   func(*http.Request)
		status int
		code   string
	}{
		"none":             {func(r *http.Request) { r.Header.Del("Authorization") }, 400, "no_token"},
		"unknown":          {header("Bearer nobody"), 401, "invalid_token"},
		"no bearer":        {header(DefaultAceDataToken), 401, "invalid_token"},
		"expired":          {header("Bearer " + DefaultAceDataToken + "-expired"), 401, "token_expired"},
		"another service":  {header("Bearer " + DefaultAceDataToken + "-other-service"), 400, "token_mismatched"},
		"other path":       {func(r *http.Request) { r.URL.Path += "/" }, 404, "no_api"},
		"other operation":  {func(r *http.Request) { r.URL.Path = "/acedata/identity/idcard/check-1e" }, 404, "no_api"},
		"GET":              {func(r *http.Request) { r.Method = http.MethodGet }, 404, "no_api"},
		"no JSON":          {withBody(`{"name":`), 400, "bad_request"},
		"a field missing":  {withBody(`{"name":"测试甲","id_card":"110199199003070017","validity_begin":"20200115"}`), 400, "bad_request"},
		"a field mistyped": {withBody(`{"name":"测试甲","id_card":110199199003070017,"validity_begin":"20200115","validity_end":"20400115"}`), 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			status, body, err := w.check2e(person("A1"), c.edit)
			require.NoError(t, err)
			require.Equal(t, c.status, status)
			require.Equal(t, c.code, body["error"].(map[string]any)["code"])
			require.NotEmpty(t, body["trace_id"])
			require.NotContains(t, body, "success")
			require.Zero(t, w.Ledger().Charged(Query{}))
		})
	}
}

func withBody(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}

func TestTheErrorStyleIsSwitchable(t *testing.T) {
	w := start(t, func(c *Config) {
		c.AceData.ErrorStyle, c.AceData.MismatchStatus, c.AceData.OmitTraceIDWhenLimited = ErrorSuccessFalse, 401, true
	})
	status, body, err := w.check2e(person("A1"), func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+DefaultAceDataToken+"-other-service")
	})
	require.NoError(t, err)
	require.Equal(t, 401, status)
	require.Equal(t, false, body["success"])
	_, body, err = w.check2e(person("A1"), outcome("rate_limited"))
	require.NoError(t, err)
	require.NotContains(t, body, "trace_id")
}

func outcome(words string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("x-sim-outcome", words) }
}

func TestAnOutcomeCanBeForcedByHeaderNumberOrPerson(t *testing.T) {
	w := start(t, func(c *Config) { c.AceData.SlowDelay = 30 * time.Millisecond })
	for words, want := range map[string]struct {
		status int
		code   string
	}{
		"0": {200, "0"}, "-1": {200, "-1"}, "-2": {200, "-2"}, "-3": {200, "-3"}, "-4": {200, "-4"}, "-5": {200, "-5"},
		"-6": {200, "-6"}, "-7": {200, "-7"}, "-8": {200, "-8"},
		"429": {429, "too_many_requests"}, "500": {500, "api_error"}, "504": {504, "timeout"}, "used_up": {403, "used_up"},
		"disabled": {403, "disabled"}, "slow": {200, "0"}, "slow:20ms": {200, "0"}, "misspelt": {400, "bad_request"},
	} {
		byPerson := person("A2")
		byPerson.AceDataOutcome = words
		if words != "misspelt" {
			require.NoError(t, w.AddPerson(byPerson))
		} else {
			require.Error(t, w.AddPerson(byPerson))
		}
		for i, ask := range []func() (int, map[string]any, error){
			func() (int, map[string]any, error) { return w.check2e(person("A1"), outcome(words)) },
			func() (int, map[string]any, error) { return w.check2e(person("A2"), nil) },
		} {
			if i == 1 && words == "misspelt" {
				continue
			}
			status, body, err := ask()
			require.NoError(t, err, words)
			require.Equal(t, want.status, status, words)
			if want.status == 200 {
				require.Equal(t, want.code, body["result"], words)
			} else {
				require.Equal(t, want.code, body["error"].(map[string]any)["code"], words)
			}
		}
	}
}

func TestReservedNumbersForceTheirOutcomeWhateverNameComesWithThem(t *testing.T) {
	w := start(t, func(c *Config) { c.AceData.SlowDelay = time.Millisecond })
	for id, want := range map[string][]int{
		"R900": {200}, "R929": {429, 429, 429, 200}, "R930": {429, 429, 429, 429}, "R940": {403}, "R950": {500, 500, 200, 200},
		"R951": {500, 500, 500}, "R954": {504, 504}, "R955": {504, 200}, "R960": {200},
	} {
		p := person(id)
		p.Name = "样例乙"
		for i, status := range want {
			got, body, err := w.check2e(p, nil)
			require.NoError(t, err)
			require.Equal(t, status, got, "%s, call %d", id, i+1)
			if got == 200 {
				require.Equal(t, "0", body["result"])
			}
		}
	}
	_, body, err := w.check2e(person("R906"), nil)
	require.NoError(t, err)
	require.Equal(t, "-6", body["result"])
}

func TestAForcedDropIsStillCharged(t *testing.T) {
	w := start(t, nil)
	p := person("R971")
	_, _, err := w.check2e(p, nil)
	require.Error(t, err)
	require.True(t, errors.Is(err, io.EOF) || strings.Contains(err.Error(), "reset"), "%v", err)
	require.Equal(t, 1, w.Ledger().Charged(Query{Subject: SubjectKey(p.IDNumber)}))
	status, _, err := w.check2e(p, nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, 2, w.Ledger().Charged(Query{Subject: SubjectKey(p.IDNumber)}))
}

func TestTheGatewaysRateLimitAndBalanceHold(t *testing.T) {
	w := start(t, func(c *Config) { c.AceData.Rate = 2; c.AceData.UsedUpAfter = 3 })
	statuses := func(n int) (got []int) {
		for range n {
			status, _, err := w.check2e(person("A1"), nil)
			require.NoError(t, err)
			got = append(got, status)
		}
		return got
	}
	require.Equal(t, []int{200, 200, 429}, statuses(3))
	w.clock.Add(time.Second)
	require.Equal(t, []int{200, 403, 429}, statuses(3), "the fourth call that passed the limit finds the balance used up")
	require.Equal(t, 3, w.Ledger().Charged(Query{}))
	require.Equal(t, 1, w.Ledger().Count(Query{Outcome: "used_up"}))
}
