package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/internal/store/storetest"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// Values that a refusal must not repeat.
const (
	plantedName   = "鑿齉龘"
	plantedNumber = "110199199003070017"
	plantedWord   = "planted-4711"
)

// refused is a bad start request and what the answer must say.
type refused struct {
	// body is sent as it is; nil: the good request with set applied.
	body any
	// set replaces members of a good request; a dotted name goes deeper.
	set map[string]any
	// header replaces headers; an empty value removes one.
	header map[string]string
	client string // empty: shop; "-": none

	status      int
	code        string
	field, rule string
}

func invalid(set map[string]any, field, rule string) refused {
	return refused{set: set, status: http.StatusUnprocessableEntity, code: "invalid_request", field: field, rule: rule}
}

func number(n, rule string) refused {
	return invalid(map[string]any{"subject.id_number": n}, "subject.id_number", rule)
}
func name(n, rule string) refused {
	return invalid(map[string]any{"subject.name": n}, "subject.name", rule)
}
func dates(from, to, field, rule string) refused {
	return invalid(map[string]any{"subject.id_validity": map[string]any{"from": from, "to": to}}, "subject.id_validity."+field, rule)
}
func malformed(body string) refused {
	return refused{body: body, status: http.StatusBadRequest, code: "malformed_json"}
}
func back(url, rule string) refused {
	return invalid(map[string]any{"return_url": url}, "return_url", rule)
}
func key(k string, status int, code string) refused {
	return refused{header: map[string]string{"Idempotency-Key": k}, status: status, code: code}
}

// residentRules are the rules whose breach is refused. An expired card breaks
// none: its verification ends at once.
var residentRules = []residentid.Code{
	residentid.IDLength, residentid.IDCharset, residentid.Legacy15Digit, residentid.IDProvinceUnknown, residentid.IDBirthInvalid,
	residentid.IDBirthFuture, residentid.IDChecksum, residentid.UnsupportedDocument,
	residentid.NameEmpty, residentid.NameCharset, residentid.NameSeparator, residentid.NameLength,
	residentid.ValidityMalformed, residentid.ValidityImpossible, residentid.ValidityTermUnknown,
}

// badStarts are bad requests by what is wrong with them.
func badStarts(s *stack) map[string]refused {
	half := `{"policy":"cn-resident","subject":{"name":"` + plantedName
	shop := strings.TrimPrefix(s.vendorsURL, "http://")
	return map[string]refused{
		"half JSON":          malformed(half),
		"no JSON":            malformed(plantedName),
		"two values":         malformed(`{"policy":"` + plantedWord + `"} {}`),
		"a member twice":     malformed(`{"policy":"cn-resident","policy":"` + plantedWord + `"}`),
		"invalid UTF-8":      malformed("{\"policy\":\"\xff" + plantedName + "\"}"),
		"no body":            {body: "", status: http.StatusBadRequest, code: "malformed_json"},
		"another media type": {header: map[string]string{"Content-Type": "text/plain"}, status: http.StatusUnsupportedMediaType, code: "unsupported_media_type"},
		"oversized body":     {set: map[string]any{"metadata": map[string]string{"a": plantedName + strings.Repeat("x", 70<<10)}}, status: http.StatusRequestEntityTooLarge, code: "body_too_large"},

		"unknown property":           invalid(map[string]any{"no_such_property": 1}, "no_such_property", "property.unknown"),
		"unknown property, a number": invalid(map[string]any{plantedNumber: 1}, "", "property.unknown"),
		"unknown property, deeper":   invalid(map[string]any{"subject.no_such_property": plantedName}, "subject.no_such_property", "property.unknown"),
		"an array":                   {body: `["` + plantedName + `"]`, status: http.StatusUnprocessableEntity, code: "invalid_request", rule: "value.type"},
		"a number for a string":      invalid(map[string]any{"policy": 17}, "policy", "value.type"),
		"a number for the number":    invalid(map[string]any{"subject.id_number": 110199199003070017}, "subject.id_number", "value.type"),
		"a string for the person":    invalid(map[string]any{"subject": plantedName}, "subject", "value.type"),
		"no person":                  invalid(map[string]any{"subject": nil}, "subject", "value.type"),
		"no dates":                   invalid(map[string]any{"subject": map[string]any{"name": plantedName, "id_number": plantedNumber}}, "subject.id_validity", "value.required"),
		"unknown policy":             invalid(map[string]any{"policy": plantedWord}, "policy", "policy.unknown"),
		"policy of no form":          invalid(map[string]any{"policy": plantedName}, "policy", "value.pattern"),
		"a chip that none reads":     invalid(map[string]any{"nfc_reqid": plantedWord}, "nfc_reqid", "policy.no_chip"),

		"number, short":           number("1101991990030700", "id_number.length"),
		"number, 19 characters":   number("1101991990030700177", "id_number.length"),
		"number with letters":     number("11019919900307OO17", "id_number.charset"),
		"number with look-alike":  number("11019919900307005Х", "id_number.charset"),
		"number of 15 digits":     number("110199900307001", "id_number.legacy_15_digits"),
		"number, province":        number("190199199003070011", "id_number.province_unknown"),
		"number, no such day":     number("110199202302290014", "id_number.birth_date_invalid"),
		"number, month 13":        number("110199199013010018", "id_number.birth_date_invalid"),
		"number, born 1654":       number("110199165412200016", "id_number.birth_date_invalid"),
		"number, born tomorrow":   number("110199209912310010", "id_number.birth_date_future"),
		"number, check character": number("110199199003070011", "id_number.check_digit"),
		"number, swapped digits":  number("310199201011300038", "id_number.check_digit"),
		"number of a foreigner":   number("931999198304170014", "id_number.document_unsupported"),

		"name, empty":           name("", "value.too_short"),
		"name, white space":     name("　 ", "name.empty"),
		"name in letters":       name("John", "name.charset"),
		"name with inner space": name("样 例", "name.charset"),
		"name, separator first": name("·样例", "name.separator"),
		"name, two separators":  name("样··例", "name.separator"),
		"name, too long":        name(strings.Repeat("龘", 51), "name.length"),
		"name, far too long":    name(strings.Repeat("龘", 200), "value.too_long"),

		"date with dashes":        dates("2020-01-15", "20400115", "from", "id_validity.malformed"),
		"date that is none":       dates("20200230", "20400115", "from", "id_validity.malformed"),
		"end that is no date":     dates("20200115", "never-ends", "to", "id_validity.malformed"),
		"end before begin":        dates("20200115", "20190115", "to", ""),
		"begin in the future":     dates("20990115", "21190115", "from", "id_validity.impossible"),
		"begin before the birth":  dates("19800115", "20000115", "from", "id_validity.impossible"),
		"a term that is none":     dates("20200115", "20270115", "to", "id_validity.term_unknown"),
		"date of another type":    invalid(map[string]any{"subject.id_validity": map[string]any{"from": 20200115, "to": "20400115"}}, "subject.id_validity.from", "value.type"),
		"dates with a stray word": invalid(map[string]any{"subject.id_validity": map[string]any{"from": "20200115", "to": "20400115", "till": plantedWord}}, "subject.id_validity.till", "property.unknown"),

		"foreign return URL":           back("https://shop.example.evil/"+plantedWord, "return_url.not_allowed"),
		"return URL behind a user":     back("https://"+shop+"@evil.example/"+plantedWord, "return_url.user_info"),
		"return URL with a prefix":     back(s.vendorsURL+"/shopping/"+plantedWord, "return_url.not_allowed"),
		"return URL up and away":       back(s.vendorsURL+"/shop/../"+plantedWord, "return_url.path"),
		"return URL, encoded slash":    back(s.vendorsURL+"/shop/..%2f"+plantedWord, "return_url.path"),
		"return URL with a fragment":   back(s.vendorsURL+"/shop/back#"+plantedWord, "return_url.fragment"),
		"return URL with a backslash":  back(`https://evil.example\@`+shop+`/shop/`+plantedWord, "return_url.malformed"),
		"return URL without a scheme":  back("//"+shop+"/shop/"+plantedWord, ""),
		"return URL that runs":         back("javascript:alert('"+plantedWord+"')", ""),
		"return URL of a longer host":  back("http://"+shop+".evil.example/shop/"+plantedWord, ""),
		"return URL of another port":   back("http://127.0.0.1:1/shop/"+plantedWord, "return_url.not_allowed"),
		"return URL of 1,001 bytes":    back(s.vendorsURL+"/shop/"+strings.Repeat("a", 1000), "value.too_long"),
		"return URL in plain over net": back("http://shop.example/shop/"+plantedWord, "return_url.scheme"),

		"number in metadata":        invalid(map[string]any{"metadata": map[string]string{"note": "card " + plantedNumber}}, "metadata", "value.personal_data"),
		"number as metadata's name": invalid(map[string]any{"metadata": map[string]string{plantedNumber: "x"}}, "metadata", "value.personal_data"),
		"number in the reference":   invalid(map[string]any{"client_reference_id": "o-" + plantedNumber}, "client_reference_id", "value.personal_data"),
		"metadata of other types":   invalid(map[string]any{"metadata": map[string]any{plantedWord: 1}}, "metadata", "value.type"),
		"long reference":            invalid(map[string]any{"client_reference_id": plantedWord + strings.Repeat("r", 100)}, "client_reference_id", "value.too_long"),

		"no Idempotency-Key":     key("", http.StatusBadRequest, "idempotency_key_missing"),
		"Idempotency-Key, space": key(plantedWord+" b", http.StatusBadRequest, "idempotency_key_invalid"),
		"no API key":             {client: "-", status: http.StatusUnauthorized, code: "unauthenticated"},
		"wrong API key":          {header: map[string]string{"Authorization": "Bearer yz_" + plantedWord}, status: http.StatusUnauthorized, code: "unauthenticated"},
		"the key's hash":         {header: map[string]string{"Authorization": "Bearer " + api.HashKey(s.keys["shop"])}, status: http.StatusUnauthorized, code: "unauthenticated"},
	}
}

func TestBadInputIsNamedAndNeverRepeatedAndLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	for what, r := range badStarts(s) {
		t.Run(what, func(t *testing.T) { s.refuses(t, r) })
	}
	s.refusesWhatIsNoHTTP(t)
	told := map[string]bool{}
	for _, r := range badStarts(s) {
		told[r.rule] = true
	}
	for _, rule := range residentRules {
		require.True(t, told[string(rule)], "no bad number, name or date breaks %s", rule)
	}
	require.Zero(t, s.rows(), "no row")
	require.Empty(t, s.vendors.Ledger().Calls, "no vendor call")
	// The list of runs follows by a moment: one good start, and it is alone.
	a := s.begin(s.person())
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, []string{a.view.ID}, s.runs(1), "no workflow")
	require.Equal(t, 1, s.rows())
	for _, text := range []string{plantedName, plantedWord, plantedNumber} {
		require.Empty(t, storetest.Find(s.logs(), text), "logs repeat what was sent")
	}
}

// refuses sends a bad request and looks at the answer.
func (s *stack) refuses(t *testing.T, r refused) {
	body, header := s.badRequest(r)
	a := s.call("", "POST", "/v1/verifications", header, body)
	require.Equal(t, r.status, a.status, "%s", a.body)
	require.Equal(t, r.code, a.Code)
	require.Contains(t, a.header.Get("Content-Type"), "application/problem+json")
	if r.code == "invalid_request" {
		require.NotEmpty(t, a.Errors)
		require.Equal(t, r.field, a.Errors[0].Field, "%s", a.body)
		require.NotEmpty(t, a.Errors[0].Code)
		if r.rule != "" {
			require.Equal(t, r.rule, a.Errors[0].Code, "%s", a.body)
		}
	} else {
		require.Empty(t, a.Errors)
	}
	var headers strings.Builder
	require.NoError(t, a.header.Write(&headers))
	for text := range repeatable(t, r) {
		require.Empty(t, storetest.Find(append([]byte(headers.String()), a.body...), text), "the answer repeats what was sent: %s", a.body)
	}
}

// badRequest makes the body and the headers of a bad request.
func (s *stack) badRequest(r refused) (body any, header map[string]string) {
	header = map[string]string{"Idempotency-Key": freshKey(), "Content-Type": "application/json", "Authorization": "Bearer " + s.keys["shop"]}
	if r.client == "-" {
		delete(header, "Authorization")
	}
	for k, v := range r.header {
		header[k] = v
		if v == "" {
			delete(header, k)
		}
	}
	if r.body != nil {
		return r.body, header
	}
	good := s.request(sandbox.Person{Name: plantedName, IDNumber: plantedNumber, ValidFrom: "20200115", ValidTo: "20400115"})
	for path, value := range r.set {
		at, member := good, path
		if parent, child, deep := strings.Cut(path, "."); deep {
			at, member = good[parent].(map[string]any), child
		}
		at[member] = value
	}
	return good, header
}

// repeatable are the texts of a bad request that are long enough to be known
// again: its values, and names that are not the contract's.
func repeatable(t *testing.T, r refused) map[string]bool {
	t.Helper()
	texts := map[string]bool{plantedName: true, plantedWord: true, plantedNumber: true}
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) >= 8 {
				texts[v] = true
			}
		case map[string]any:
			for _, member := range v {
				collect(member)
			}
		}
	}
	raw, err := json.Marshal(r.set)
	require.NoError(t, err)
	var set map[string]any
	require.NoError(t, json.Unmarshal(raw, &set))
	collect(set)
	maps.DeleteFunc(texts, func(text string, _ bool) bool { return len(text) > 2000 })
	return texts
}

func TestAnOversizedBodyOfUnknownLengthIsCutOff(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	endless := io.MultiReader(strings.NewReader(`{"policy":"`), io.LimitReader(zeros{}, 1<<20))
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.apiURL+"/v1/verifications", endless)
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {"Bearer " + s.keys["shop"]}, "Idempotency-Key": {freshKey()}, "Content-Type": {"application/json"}}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
	require.Zero(t, s.rows())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// refusesWhatIsNoHTTP: what net/http refuses by itself gets a problem document
// from the process too, a broken return link a page, and HEAD an answer.
func (s *stack) refusesWhatIsNoHTTP(t *testing.T) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.apiURL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /v1/verifications/%% HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", s.keys["shop"])
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))

	page := s.call("", "GET", "/callbacks/tencent_eid/return/x", nil, nil)
	require.Equal(t, http.StatusNotFound, page.status)
	require.Contains(t, string(page.body), "此链接无法打开")
	head, err := http.Head(s.apiURL + "/openapi.yaml")
	require.NoError(t, err)
	defer head.Body.Close()
	require.Equal(t, http.StatusOK, head.StatusCode)
}
