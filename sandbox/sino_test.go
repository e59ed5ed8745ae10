package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// sino calls one of the three paths with good headers.
func (w *world) sino(operation string, body any, edit func(*http.Request)) (int, map[string]any) {
	w.t.Helper()
	text, is := body.(string)
	if !is {
		text = mustJSON(body)
	}
	req, err := http.NewRequest(http.MethodPost, w.url+"/sino/sino-connect/"+operation, strings.NewReader(text))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Client-Id", DefaultSinoClientID)
	req.Header.Set("X-Client-Secret", DefaultSinoClientSecret)
	if edit != nil {
		edit(req)
	}
	status, answer, err := w.do(req)
	require.NoError(w.t, err)
	var decoded map[string]any
	_ = json.Unmarshal(answer, &decoded)
	return status, decoded
}

func (w *world) chip(reqid string) (int, map[string]any) {
	w.t.Helper()
	return w.sino("nfc/callback", map[string]string{"reqid": reqid}, nil)
}

func (w *world) scan(o ScanOptions) string {
	w.t.Helper()
	reqid, err := w.AddScan(o)
	require.NoError(w.t, err)
	return reqid
}

var jweAlgorithms = []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES_A256KW, jose.DIRECT}

// opened decrypts a token with a library that the sandbox does not use.
func opened(t *testing.T, token string, key any) ([]byte, error) {
	t.Helper()
	jwe, err := jose.ParseEncryptedCompact(token, jweAlgorithms, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, err
	}
	if set, is := key.([]byte); is && len(set) > 32 {
		var keys jose.JSONWebKeySet
		require.NoError(t, json.Unmarshal(set, &keys))
		fits := keys.Keys[0]
		if strings.HasPrefix(string(jwe.Header.Algorithm), "ECDH") {
			fits = keys.Keys[1]
		}
		if jwe.Header.KeyID != "" {
			require.Equal(t, fits.KeyID, jwe.Header.KeyID)
		}
		key = fits.Key
	}
	return jwe.Decrypt(key)
}

func (w *world) card(reqid string) map[string]string {
	w.t.Helper()
	status, body := w.chip(reqid)
	require.Equal(w.t, http.StatusOK, status)
	plain, err := opened(w.t, body["token"].(string), w.ChipKeys())
	require.NoError(w.t, err)
	var card map[string]string
	require.NoError(w.t, json.Unmarshal(plain, &card))
	return card
}

func TestAScanOfAPersonsCardOpensWithTheMerchantsKeyInEveryKeyMode(t *testing.T) {
	private, public := NewChipKeys()
	shared := random(32)
	for _, mode := range []string{KeyRSA, KeyECDH, KeyDir} {
		for _, omitKid := range []bool{false, true} {
			w := start(t, func(c *Config) {
				c.Sino.MerchantJWKS, c.Sino.SharedKey, c.Sino.KeyMode, c.Sino.OmitKid = public, shared, mode, omitKid
			})
			require.Nil(t, w.ChipKeys(), "the merchant's private half is the merchant's")
			status, body := w.chip(w.scan(ScanOptions{IDNumber: person("A2").IDNumber}))
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, "Success", body["message"])
			token := body["token"].(string)
			var header map[string]any
			raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(raw, &header))
			require.Equal(t, mode, header["alg"])
			require.Equal(t, "A256GCM", header["enc"])
			require.Equal(t, omitKid, header["kid"] == nil)
			key := any(private)
			if mode == KeyDir {
				key = shared
			}
			plain, err := opened(t, token, key)
			require.NoError(t, err)
			var card map[string]string
			require.NoError(t, json.Unmarshal(plain, &card))
			require.Equal(t, map[string]string{"idType": "01", "name": "样例乙", "idNum": "110199199003070025", "sex": "女", "nation": "汉",
				"birthDate": "19900307", "address": "某省某市测试路1号", "signingOrganization": "某市公安局测试分局",
				"beginTime": "20190601", "endTime": "20390601", "picture": base64.StdEncoding.EncodeToString(Portrait(person("A2")))}, card)
		}
	}
}

func TestAScanMayChooseItsOwnKeyMode(t *testing.T) {
	w := start(t, nil)
	status, body := w.chip(w.scan(ScanOptions{KeyMode: KeyECDH}))
	require.Equal(t, http.StatusOK, status)
	_, err := opened(t, body["token"].(string), w.ChipKeys())
	require.NoError(t, err)
	_, err = w.AddScan(ScanOptions{KeyMode: KeyDir})
	require.ErrorContains(t, err, "shared key")
	_, err = w.AddScan(ScanOptions{KeyMode: "RSA1_5"})
	require.Error(t, err)
}

func TestANestedTokenHoldsASignedOne(t *testing.T) {
	secret := []byte(strings.Repeat("n", 32))
	w := start(t, func(c *Config) { c.Sino.NestedSecret = secret })
	_, body := w.chip("sim-ok-1")
	jwe, err := jose.ParseEncryptedCompact(body["token"].(string), jweAlgorithms, []jose.ContentEncryption{jose.A256GCM})
	require.NoError(t, err)
	require.Equal(t, "JWT", jwe.Header.ExtraHeaders[jose.HeaderContentType])
	plain, err := opened(t, body["token"].(string), w.ChipKeys())
	require.NoError(t, err)
	jws, err := jose.ParseSignedCompact(string(plain), []jose.SignatureAlgorithm{jose.HS256})
	require.NoError(t, err)
	inner, err := jws.Verify(secret)
	require.NoError(t, err)
	require.Contains(t, string(inner), "测试甲")
}

func TestEveryScenarioOfAReqidDoesWhatItsPrefixSays(t *testing.T) {
	w := start(t, nil)
	require.Equal(t, "测试甲", w.card("sim-ok-7c1f0b92")["name"], "nobody scanned it; the prefix is enough")

	statuses := func(reqid string, n int) (got []int) {
		for range n {
			status, _ := w.chip(reqid)
			got = append(got, status)
		}
		return got
	}
	require.Equal(t, []int{202, 202, 200}, statuses("sim-pending-2-a", 3))
	require.Equal(t, []int{500, 200}, statuses("sim-500-1-a", 2))
	require.Equal(t, []int{502, 502}, statuses("sim-502-a", 2))
	require.Equal(t, []int{400}, statuses("sim-expired-a", 1))
	_, body := w.chip("sim-pending-1-b")
	require.Equal(t, map[string]any{"message": "Pending"}, body)
	status, body := w.chip("sim-notoken-1-a")
	require.Equal(t, 200, status)
	require.NotContains(t, body, "token")
	require.NotEmpty(t, w.card("sim-notoken-1-a"))
	_, body = w.chip("sim-expired-a")
	require.Equal(t, map[string]any{"error": "reqid expired"}, body)

	begin := time.Now()
	require.Equal(t, []int{200}, statuses("sim-slow-40-a", 1))
	require.GreaterOrEqual(t, time.Since(begin), 40*time.Millisecond)

	require.NotContains(t, w.card("sim-incomplete-a"), "idNum")
	require.Equal(t, "02", w.card("sim-permit-a")["idType"])
	require.Equal(t, "810000198808080013", w.card("sim-permit-a")["idNum"])
	pr := w.card("sim-pr-a")
	require.Equal(t, "03", pr["idType"])
	require.Equal(t, "931999198304170014", pr["idNum"])
	require.NotEmpty(t, pr["enName"])
	require.Equal(t, "长期", w.card("sim-longterm-a")["endTime"])
	expired := w.card("sim-expiredcard-a")
	require.Equal(t, "20261121", expired["endTime"], "yesterday by the sandbox's clock")
	require.Equal(t, "20161121", expired["beginTime"], "ten years, which fits a holder of 26 at the issue no more")
	require.Equal(t, "19900308", w.card("sim-chipmismatch-a")["birthDate"])
}

func TestUnknownReqidsAreRefused(t *testing.T) {
	w := start(t, nil)
	for _, reqid := range []string{"nobody-scanned-this", "sim-ok", "sim-nonsense-a", "sim-pending-a", "sim-pending-2", "sim-pending--1-a", "SIM-ok-a"} {
		status, body := w.chip(reqid)
		require.Equal(t, 400, status, reqid)
		require.Equal(t, "reqid not found", body["error"])
	}
}

func TestTokensThatMustBeRefusedAreNotOpenable(t *testing.T) {
	w := start(t, nil)
	token := func(how string) string {
		t.Helper()
		status, body := w.chip(w.scan(ScanOptions{Prefix: "sim-badjwe-" + how}))
		require.Equal(t, 200, status)
		require.Equal(t, "Success", body["message"])
		return body["token"].(string)
	}
	for _, how := range []string{"", "cut-", "header-", "dots-"} {
		_, err := opened(t, token(how), w.ChipKeys())
		require.Error(t, err, how)
	}
	require.Len(t, strings.Split(token(""), "."), 5)
	require.Greater(t, strings.Count(token("dots-"), "."), 10_000)
	require.Greater(t, len(token("huge-")), 2<<20)
	zipped := token("zip-")
	require.Less(t, len(zipped), 1<<20, "small as it comes, and large when opened")
	plain, err := opened(t, token("text-"), w.ChipKeys())
	require.NoError(t, err)
	require.False(t, json.Valid(plain))
	plain, err = opened(t, token("longname-"), w.ChipKeys())
	require.NoError(t, err)
	require.Contains(t, string(plain), strings.Repeat("测", 5000))
}

func TestAReqidLivesFiveMinutesAndTenReadsAndIsChargedOnce(t *testing.T) {
	w := start(t, nil)
	p := person("A3")
	reqid := w.scan(ScanOptions{IDNumber: p.IDNumber})
	for range 10 {
		status, _ := w.chip(reqid)
		require.Equal(t, 200, status)
	}
	status, body := w.chip(reqid)
	require.Equal(t, 400, status)
	require.Equal(t, "reqid was read too often", body["error"])
	of := Query{Vendor: SinoConnect, Operation: "nfc/callback", Token: TokenKey(reqid)}
	require.Equal(t, 11, w.Ledger().Count(of))
	require.Equal(t, 1, w.Ledger().Charged(of))
	require.Equal(t, 11, w.Ledger().Count(Query{Subject: SubjectKey(p.IDNumber)}), "found by the person as well")

	reqid = w.scan(ScanOptions{})
	w.clock.Add(300*time.Second - 1)
	status, _ = w.chip(reqid)
	require.Equal(t, 200, status)
	w.clock.Add(1)
	status, body = w.chip(reqid)
	require.Equal(t, 400, status)
	require.Equal(t, "reqid expired", body["error"])
}

func TestEveryCallNeedsBothHeaders(t *testing.T) {
	for _, status := range []int{0, 403, 400} {
		w := start(t, func(c *Config) { c.Sino.AuthStatus = status })
		for _, edit := range []func(*http.Request){
			func(r *http.Request) { r.Header.Del("X-Client-Id") },
			func(r *http.Request) { r.Header.Del("X-Client-Secret") },
			func(r *http.Request) { r.Header.Set("X-Client-Secret", "x") },
			func(r *http.Request) { r.Header.Set("X-Client-Id", "x") },
		} {
			for _, operation := range operations[SinoConnect] {
				got, body := w.sino(operation, map[string]string{"reqid": "sim-ok-1"}, edit)
				want := status
				orElse(&want, 401)
				require.Equal(t, want, got)
				require.Equal(t, map[string]any{"error": "Unauthorized"}, body)
			}
		}
		require.Zero(t, w.Ledger().Charged(Query{}))
	}
}

func TestBodiesAreValidated(t *testing.T) {
	w := start(t, nil)
	for operation, member := range map[string]string{"nfc/callback": "reqid", "face-rec/request": "redirect", "face-rec/callback": "token"} {
		for _, body := range []string{"", "null-", "[]", "{", `{"` + member + `":7}`} {
			status, got := w.sino(operation, body, nil)
			require.Equal(t, 400, status, body)
			require.Equal(t, "the body must be a JSON object", got["error"], body)
		}
		for _, body := range []string{"{}", `{"` + member + `":""}`, `{"` + member + `":null}`} {
			status, got := w.sino(operation, body, nil)
			require.Equal(t, 400, status)
			require.Equal(t, member+" is required", got["error"])
		}
		status, _ := w.sino(operation, "{}", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
		require.Equal(t, 400, status)
		status, _ = w.sino(operation, "{}", func(r *http.Request) { r.Method = http.MethodGet })
		require.Equal(t, 404, status)
	}
	status, _ := w.sino("nfc/result", "{}", nil)
	require.Equal(t, 404, status)
	require.Equal(t, 1, w.Ledger().Count(Query{Operation: "unknown"}))
}

func TestTheRateLimitOfSinoConnectHolds(t *testing.T) {
	w := start(t, func(c *Config) { c.Sino.Rate = 2 })
	var got []int
	for range 3 {
		status, _ := w.chip("sim-ok-1")
		got = append(got, status)
	}
	require.Equal(t, []int{200, 200, 429}, got)
}

func TestScansOverHTTP(t *testing.T) {
	w := start(t, nil)
	status, body := w.admin(http.MethodPost, "/sandbox/sino/scans", map[string]any{"id_number": person("A4").IDNumber, "prefix": "sim-pending-1-"})
	require.Equal(t, http.StatusCreated, status)
	reqid := body["reqid"].(string)
	require.Equal(t, SubjectKey(person("A4").IDNumber), body["subject"])
	status, _ = w.chip(reqid)
	require.Equal(t, 202, status)
	require.Equal(t, "00000000", w.card(reqid)["endTime"])

	stranger := map[string]any{"name": "样例外", "id_number": "not a number", "valid_from": "x", "valid_to": "y"}
	status, body = w.admin(http.MethodPost, "/sandbox/sino/scans", map[string]any{"person": stranger})
	require.Equal(t, http.StatusCreated, status, "a chip may hold anything")
	require.Equal(t, "not a number", w.card(body["reqid"].(string))["idNum"])

	for _, bad := range []map[string]any{{"id_number": "110199199003070099"}, {"prefix": "ok-"}, {"prefix": "sim-ok"}, {"prefix": "sim-pending-"},
		{"person": map[string]any{}}, {"person": stranger, "id_number": person("A1").IDNumber}, {"key_mode": "none"}} {
		status, _ = w.admin(http.MethodPost, "/sandbox/sino/scans", bad)
		require.Equal(t, http.StatusUnprocessableEntity, status, bad)
	}
	status, body = w.admin(http.MethodGet, "/sandbox/sino/keys", nil)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, body["keys"], 2)
}

func TestTheMerchantsKeysAreChecked(t *testing.T) {
	private, public := NewChipKeys()
	cfg := DefaultConfig()
	cfg.Sino.MerchantJWKS = public
	require.NoError(t, cfg.Validate())
	for what, set := range map[string][]byte{"private": private, "JWK set": []byte("x"), "no key": []byte(`{"keys":[]}`),
		"base64url": []byte(`{"keys":[{"kty":"RSA","n":"***","e":"AQAB"}]}`), "2048": []byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`),
		"curve": []byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}`)} {
		cfg.Sino.MerchantJWKS = set
		require.ErrorContains(t, cfg.Validate(), what)
	}
	cfg.Sino = SinoConfig{AuthStatus: 500, KeyMode: "x", Pending: "x", Pictures: "x", SharedKey: []byte("short")}
	for _, setting := range []string{"AuthStatus", "KeyMode", "Pending", "Pictures", "SharedKey"} {
		require.ErrorContains(t, cfg.Validate(), setting)
	}
}
