package megvii

import (
	"bytes"
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// The vectors were computed with two tools that are not ours.
func TestASignIsSHA1OfSecretAndTheExactData(t *testing.T) {
	c := newClient(t)
	for data, sign := range map[string]string{
		`{"status":"OK"}`: "01857132411293c7c5b93d6e14109cde9d353cbb",
		`{"status":"OK","biz_info":{"biz_id":"1751328000,0f8fad5b-d9cb-469f-a165-70867728950e","biz_no":"ord-0001","biz_extra_data":""},"liveness_result":{"result":"PASS"}}`: "ad5aebfa7c158dbafa7a2b3928e60668b32135c1",
		`{"status":"CANCELLED","biz_info":{"biz_id":"1751328000,0f8fad5b-d9cb-469f-a165-70867728950e","biz_no":"订单-2","biz_extra_data":"a+b&c"}}`:                             "3c2a51aa21f1e2dd21f6adbfabcd8fc2b504e25b",
	} {
		require.True(t, c.signed(data, sign))
		require.False(t, c.signed(data+" ", sign))
		require.False(t, c.signed(data, sign[:39]+"0"))
		require.False(t, c.signed(data, strings.ToUpper(sign)))
		require.False(t, c.signed(data, sign+"00"))
		require.False(t, c.signed(data, ""))
	}
	const body = "data=%7B%22status%22%3A%22CANCELLED%22%2C%22biz_info%22%3A%7B%22biz_id%22%3A%221751328000%2C0f8fad5b-d9cb-469f-a165-70867728950e%22%2C%22biz_no%22%3A%22%E8%AE%A2%E5%8D%95-2%22%2C%22biz_extra_data%22%3A%22a%2Bb%26c%22%7D%7D&sign=3c2a51aa21f1e2dd21f6adbfabcd8fc2b504e25b"
	form, err := url.ParseQuery(body)
	require.NoError(t, err)
	require.True(t, c.signed(form.Get("data"), form.Get("sign")))
}

func TestASignedCallbackIsTheResult(t *testing.T) {
	c := newClient(t)
	data, err := c.Verify(session(), signed(passed))
	require.NoError(t, err)
	require.Equal(t, passed, string(data), "sealed as it was signed")
	result, err := c.Judge(session(), data)
	require.NoError(t, err)
	require.Equal(t, verification.EndedPassed, result.Ending())

	again, err := c.Verify(session(), signed(passed))
	require.NoError(t, err, "a repeated one is genuine")
	require.Equal(t, data, again)
	form := signed(passed)
	form.Set("another", "member")
	_, err = c.Verify(session(), form)
	require.NoError(t, err, "the vendor may add fields")
}

func TestAForgedCallbackIsRefused(t *testing.T) {
	c := newClient(t)
	for name, form := range map[string]url.Values{
		"no sign": {"data": {passed}}, "no data": {"sign": {sign(secret, passed)}}, "nothing": {}, "empty sign": {"data": {passed}, "sign": {""}},
		"unsigned":           {"data": {passed}, "sign": {sign("", passed)}},
		"another secret":     {"data": {passed}, "sign": {sign("sandbox-api-secret2", passed)}},
		"the key as secret":  {"data": {passed}, "sign": {sign(key, passed)}},
		"data changed":       {"data": {with(t, "83.412", "93.412")}, "sign": {sign(secret, passed)}},
		"data re-serialised": {"data": {strings.ReplaceAll(passed, "\n", "")}, "sign": {sign(secret, passed)}},
		"two datas":          {"data": {passed, passed}, "sign": {sign(secret, passed)}},
		"two signs":          {"data": {passed}, "sign": {sign(secret, passed), sign(secret, passed)}},
	} {
		data, err := c.Verify(session(), form)
		require.Error(t, err, name)
		require.Nil(t, data, name)
		require.NotContains(t, err.Error(), bizNo)
	}
}

// extend continues a SHA-1 over secret‖data, of which only the secret's length
// is known, by more: the padding that the hash added is data now.
func extend(t testing.TB, secretLen int, data, sign, more string) (extended, extendedSign string) {
	t.Helper()
	state, err := hex.DecodeString(sign)
	require.NoError(t, err)
	n := secretLen + len(data)
	padding := append([]byte{0x80}, make([]byte, (119-n%64)%64)...)
	padding = binary.BigEndian.AppendUint64(padding, uint64(n)*8)
	require.Zero(t, (n+len(padding))%64)

	h := sha1.New()
	marshalled := append([]byte("sha\x01"), state...)
	marshalled = append(marshalled, make([]byte, 64)...)
	marshalled = binary.BigEndian.AppendUint64(marshalled, uint64(n+len(padding)))
	require.NoError(t, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(marshalled))
	h.Write([]byte(more))
	return data + string(padding) + more, hex.EncodeToString(h.Sum(nil))
}

func TestAnExtendedCallbackIsRefusedThoughItsSignIsRight(t *testing.T) {
	c := newClient(t)
	canceled := answerOf("CANCELLED", "")
	for _, more := range []string{passed, "," + passed[1:], " ", "\n" + passed, "x"} {
		data, sign := extend(t, len(secret), canceled, sign(secret, canceled), more)
		require.True(t, c.signed(data, sign), "the extension must be a real one, or nothing is tested")
		got, err := c.Verify(session(), url.Values{"data": {data}, "sign": {sign}})
		require.ErrorIs(t, err, errMalformed)
		require.Nil(t, got)
	}
}

func TestSignedDataThatIsNoContractIsRefused(t *testing.T) {
	c := newClient(t)
	for name, data := range map[string]string{
		"trailing garbage": passed + "x", "two values": passed + passed, "a nul": passed + "\x00", "cut short": passed[:len(passed)-1],
		"a list": "[" + passed + "]", "empty": "", "null": "null", "a string": `"OK"`,
		"not UTF-8":        strings.Replace(passed, "订单", "\xff", 1),
		"two statuses":     strings.Replace(passed, `"status":"OK"`, `"status":"FAILED","status":"OK"`, 1),
		"two spellings":    strings.Replace(passed, `"status":"OK"`, `"status":"FAILED","Status":"OK"`, 1),
		"two foldings":     strings.Replace(passed, `"status":"OK"`, `"status":"FAILED","ſtatus":"OK"`, 1),
		"two results":      strings.Replace(passed, `"result":"PASS"`, `"result":"FAIL","result":"PASS"`, 1),
		"two biz_nos":      strings.Replace(passed, `"biz_no":`, `"biz_no":"x","biz_no":`, 1),
		"an odd biz_info":  `{"status":"OK","biz_info":"` + bizNo + `"}`,
		"trailing newline": passed + "\n{}",
	} {
		got, err := c.Verify(session(), signed(data))
		require.Error(t, err, name)
		require.Nil(t, got, name)
		_, err = c.Judge(session(), []byte(data))
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, name)
	}
}

func TestACallbackOfAnotherSessionIsRefused(t *testing.T) {
	c := newClient(t)
	random := bizNo[len(bizNo)-26:]
	for name, b := range map[string][2]string{
		"another verification": {"ver_bbbbbbbbbbbbbbbbbbbbbbbbbb-1-" + random, bizID},
		"another session":      {id + "-2-" + random, bizID},
		"a longer session":     {id + "-11-" + random, bizID},
		"a longer id":          {id + "-1-1-" + random, bizID},
		"nothing random":       {id + "-1-", bizID},
		"no biz_no":            {"", bizID},
		"a stranger's":         {"ord-0001", bizID},
		"no biz_id":            {bizNo, ""},
		"another biz_id":       {bizNo, "1751328000,other"},
		"our biz_id, lost no":  {lostNo, bizID},
		"a longer id, unseen":  {id + "-1-1-" + random, "1751328000,unseen"},
		"not random, unseen":   {id + "-1-", "1751328000,unseen"},
		"more behind, unseen":  {id + "-1-" + random + "A", "1751328000,unseen"},
	} {
		data := answerFor(b[0], b[1], "OK", passedRest)
		got, err := c.Verify(session(), signed(data))
		require.ErrorIs(t, err, errForeign, name)
		require.Nil(t, got, name)
		_, err = c.Judge(session(), []byte(data))
		require.Equal(t, provider.ContractViolation, failureOf(t, err).Class, name)
	}
	s := session()
	s.Session = 2
	_, err := c.Verify(s, signed(passed))
	require.ErrorIs(t, err, errForeign)
	s = session()
	s.VerificationID = "ver_bbbbbbbbbbbbbbbbbbbbbbbbbb"
	_, err = c.Verify(s, signed(passed))
	require.ErrorIs(t, err, errForeign)
	s = session()
	s.Handle = []byte("{")
	_, err = c.Verify(s, signed(passed))
	require.ErrorIs(t, err, errHandle)
}

func TestWhileASecretIsChangedBothAreHeard(t *testing.T) {
	rotating := newClient(t, func(c *Config) { c.APISecret, c.PreviousSecret = "new-secret", secret })
	after := newClient(t, func(c *Config) { c.APISecret = "new-secret" })
	for _, s := range []string{secret, "new-secret"} {
		_, err := rotating.Verify(session(), url.Values{"data": {passed}, "sign": {sign(s, passed)}})
		require.NoError(t, err)
	}
	for _, s := range []string{"", "new-secret" + secret, "other"} {
		_, err := rotating.Verify(session(), url.Values{"data": {passed}, "sign": {sign(s, passed)}})
		require.ErrorIs(t, err, errForged)
	}
	_, err := after.Verify(session(), signed(passed))
	require.ErrorIs(t, err, errForged, "the old secret ends with the change")
}

func TestAReturnByGetTellsNothingButThatThePersonIsBack(t *testing.T) {
	c := newClient(t)
	data, err := c.Verify(session(), url.Values{"biz_id": {bizID}})
	require.NoError(t, err)
	require.Nil(t, data)
	for name, form := range map[string]url.Values{
		"another": {"biz_id": {"1751328000,other"}}, "empty": {"biz_id": {""}}, "two": {"biz_id": {bizID, bizID}}, "none": {"biz": {bizID}},
		"with a sign": {"biz_id": {bizID}, "sign": {"x"}},
	} {
		_, err := c.Verify(session(), form)
		require.Error(t, err, name)
	}
	_, err = c.Verify(lostSession(), url.Values{"biz_id": {""}})
	require.Error(t, err, "a session whose biz_id is unknown")
	s := session()
	s.Handle = []byte("{")
	_, err = c.Verify(s, url.Values{"biz_id": {bizID}})
	require.ErrorIs(t, err, errHandle)
}

func TestAFlowThatIsNotOverIsGenuineAndNoResult(t *testing.T) {
	c := newClient(t)
	for _, status := range []string{"NOT_STARTED", "PROCESSING"} {
		data, err := c.Verify(session(), signed(answerOf(status, "")))
		require.NoError(t, err)
		require.Nil(t, data)
		_, err = c.Judge(session(), []byte(answerOf(status, "")))
		require.ErrorIs(t, err, provider.ErrNoResult)
	}
}

func TestACallWhoseAnswerWasLostMayBringAJudgementAndNothingElse(t *testing.T) {
	c := newClient(t)
	for name, s := range map[string]provider.FaceSession{"another call was answered": session(), "none was": lostSession()} {
		judge := func(status, rest string) (verification.FaceResult, error) {
			text := answerFor(lostNo, "1751328000,unseen", status, rest)
			data, err := c.Verify(s, signed(text))
			require.NoError(t, err, name)
			result, err := c.Judge(s, []byte(text))
			// What is no result must not be kept: only the first of a session is.
			require.Equal(t, err == nil, data != nil, name)
			return result, err
		}
		result, err := judge("OK", passedRest)
		require.NoError(t, err, name)
		require.Equal(t, verification.EndedPassed, result.Ending(), name)
		result, err = judge("OK", `"liveness_result":{"result":"PASS"},"verify_result":{"error_message":"ID_NUMBER_NAME_NOT_MATCH"}`)
		require.NoError(t, err, name)
		require.Equal(t, verification.EndedFinally, result.Ending(), name)

		for _, status := range []string{"FAILED", "CANCELLED", "TIMEOUT", "WEBRTC_UNSUPPORTED", "NEW"} {
			_, err = judge(status, "")
			require.ErrorIs(t, err, provider.ErrNoResult, "%s %s", name, status)
		}
		_, err = judge("OK", `"liveness_result":{"result":"PASS"},"verify_result":{"error_message":"INTERNAL_ERROR"}`)
		require.ErrorIs(t, err, provider.ErrNoResult, name)
	}
}

func TestALostCallIsHeldToWhatIsAskedForNow(t *testing.T) {
	c := newClient(t, func(c *Config) { c.ProcedureType = "will" })
	for rest, want := range map[string]verification.Ending{
		passedRest: verification.EndedInconclusive, passedRest + `,"will_result":[{"result":"PASS"}]`: verification.EndedPassed,
	} {
		result, err := c.Judge(lostSession(), []byte(answerFor(lostNo, "1751328000,unseen", "OK", rest)))
		require.NoError(t, err)
		require.Equal(t, want, result.Ending())
	}
}

func TestEveryEndingOfTheOwnSessionCounts(t *testing.T) {
	c := newClient(t)
	for _, status := range []string{"FAILED", "CANCELLED", "TIMEOUT", "WEBRTC_UNSUPPORTED", "NEW"} {
		data, err := c.Verify(session(), signed(answerOf(status, "")))
		require.NoError(t, err)
		result, err := c.Judge(session(), data)
		require.NoError(t, err)
		require.Equal(t, status, result.ProviderCode)
		require.Equal(t, status == "NEW", result.Judged)
	}
}

// FuzzVerify: whatever a stranger sends, only what was signed with our secret
// and is of the session comes through. resign signs it first, or nothing new
// would ever get past the sign.
func FuzzVerify(f *testing.F) {
	canceled := answerOf("CANCELLED", "")
	extended, extendedSign := extend(f, len(secret), canceled, sign(secret, canceled), passed)
	for _, form := range []url.Values{
		signed(passed), signed(canceled), signed(answerOf("PROCESSING", "")), {"biz_id": {bizID}}, {"data": {passed}, "sign": {"x"}},
		{"data": {extended}, "sign": {extendedSign}}, {"data": {passed}, "sign": {sign("previous-secret", passed)}},
		signed(answerFor(lostNo, "1751328000,unseen", "OK", passedRest)), signed(passed + "x"), {},
	} {
		f.Add(form.Encode(), false)
		f.Add(form.Encode(), true)
	}
	f.Add("data=%7B%22status%22%3A%22CANCELLED%22%2C%22biz_info%22%3A%7B%22biz_id%22%3A%221751328000%2C0f8fad5b-d9cb-469f-a165-70867728950e%22%2C%22biz_no%22%3A%22%E8%AE%A2%E5%8D%95-2%22%2C%22biz_extra_data%22%3A%22a%2Bb%26c%22%7D%7D&sign=3c2a51aa21f1e2dd21f6adbfabcd8fc2b504e25b", false)
	c := newClient(f, func(c *Config) { c.PreviousSecret = "previous-secret" })
	f.Fuzz(func(t *testing.T, body string, resign bool) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		if resign && form.Has("data") {
			form.Set("sign", sign(secret, form.Get("data")))
		}
		data, err := c.Verify(session(), form)
		if err != nil {
			if data != nil || strings.Contains(err.Error(), "ver_") {
				t.Fatal("an error that tells something")
			}
			return
		}
		if data == nil {
			return
		}
		text := form["data"][0]
		if s := form["sign"][0]; s != sign(secret, text) && s != sign("previous-secret", text) {
			t.Fatal("unsigned data came through")
		}
		var told struct {
			BizInfo struct {
				BizNo string `json:"biz_no"`
			} `json:"biz_info"`
		}
		if !bytes.Equal(data, []byte(text)) || json.Unmarshal(data, &told) != nil || !strings.HasPrefix(told.BizInfo.BizNo, id+"-1-") {
			t.Fatalf("%q came through", data)
		}
		if _, err := c.Judge(session(), data); err != nil {
			t.Fatalf("verified, and cannot be judged: %v", err)
		}
	})
}
