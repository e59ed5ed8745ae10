package megvii

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

const (
	live  = verification.Liveness
	match = verification.FaceMatch
)

func check(t verification.CheckType, s verification.CheckStatus, charge verification.Billable, code string, reasons ...verification.ReasonCode) verification.Check {
	c := verification.NewCheck(t, s, reasons...)
	c.Provider, c.ProviderCode, c.Billable = "megvii_faceid", code, charge
	return c
}

// judged reads an answer as a callback of the session brings it.
func judged(t testing.TB, q asked, data string, change ...func(*Config)) verification.FaceResult {
	t.Helper()
	s := session(func(h *handle) { h.asked = q })
	c := newClient(t, change...)
	got, err := c.Verify(s, signed(data))
	require.NoError(t, err, data)
	result, err := c.Judge(s, got)
	require.NoError(t, err, data)
	return result
}

func TestAPassIsBothChecksPassedAndCharged(t *testing.T) {
	require.Equal(t, verification.FaceResult{
		Judged: true, Begun: true, ProviderCode: "OK",
		Checks: []verification.Check{check(live, verification.Passed, charged, "OK"), check(match, verification.Passed, charged, "OK")},
	}, judged(t, asked{}, passed))
}

func TestEndingsWithoutAJudgementSayWhy(t *testing.T) {
	for rest, want := range map[string]verification.FaceResult{
		"FAILED":             {Reason: verification.SessionInterrupted, Begun: true},
		"CANCELLED":          {Reason: verification.SessionCanceled, Begun: true},
		"TIMEOUT":            {Reason: verification.SessionExpired},
		"WEBRTC_UNSUPPORTED": {Reason: verification.DeviceUnsupported, Begun: true},
	} {
		want.ProviderCode = rest
		require.Equal(t, want, judged(t, asked{}, answerOf(rest, "")))
	}
	for why, want := range map[string]verification.ReasonCode{
		"SUPPORT_ERROR": verification.DeviceUnsupported, "PERMISSIONS_ERROR": verification.DeviceCameraDenied, "NETWORK_ERROR": verification.SessionInterrupted, "NEW_ERROR": verification.DeviceUnsupported,
	} {
		require.Equal(t, verification.FaceResult{Reason: want, Begun: true, ProviderCode: "WEBRTC_UNSUPPORTED:" + why},
			judged(t, asked{}, answerOf("WEBRTC_UNSUPPORTED", `"fail_reason":"`+why+`"`)))
	}
}

func TestAnUnknownStatusIsForAHuman(t *testing.T) {
	for status, code := range map[string]string{"EXPIRED": "EXPIRED", "ok": "unrecognized", "": "unrecognized", "OK ": "unrecognized"} {
		result := judged(t, asked{}, answerOf(status, passedRest))
		require.Equal(t, verification.FaceResult{
			Judged: true, Begun: true, ProviderCode: code, Reason: verification.ProviderContractViolation,
			Checks: []verification.Check{
				check(live, verification.Inconclusive, unstated, code, verification.ProviderContractViolation),
				check(match, verification.Inconclusive, unstated, code, verification.ProviderContractViolation),
			},
		}, result, status)
	}
	odd := judged(t, asked{}, strings.Replace(passed, `"status":"OK"`, `"status":{"OK":1}`, 1))
	require.Equal(t, verification.EndedInconclusive, odd.Ending())
}

func TestErrorsOfTheComparisonMeanWhatTheirTableSays(t *testing.T) {
	for message, want := range map[string]verification.Check{
		"NO_SUCH_ID_NUMBER":                           check(match, verification.Inconclusive, charged, "NO_SUCH_ID_NUMBER", verification.RecordsNotFound),
		"ID_NUMBER_NAME_NOT_MATCH":                    check(match, verification.Failed, charged, "ID_NUMBER_NAME_NOT_MATCH", verification.IdentityMismatch),
		"IMAGE_ERROR_UNSUPPORTED_FORMAT: data_source": check(match, verification.Inconclusive, charged, "IMAGE_ERROR_UNSUPPORTED_FORMAT:data_source", verification.FaceNoReferencePhoto),
		"IMAGE_ERROR_UNSUPPORTED_FORMAT:data_source":  check(match, verification.Inconclusive, charged, "IMAGE_ERROR_UNSUPPORTED_FORMAT:data_source", verification.FaceNoReferencePhoto),
		"IMAGE_ERROR_UNSUPPORTED_FORMAT: image_ref1":  check(match, verification.Inconclusive, free, "IMAGE_ERROR_UNSUPPORTED_FORMAT:image_ref", verification.FaceNoReferencePhoto),
		"NO_FACE_FOUND: data_source":                  check(match, verification.Inconclusive, charged, "NO_FACE_FOUND:data_source", verification.FaceNoReferencePhoto),
		"NO_FACE_FOUND:image":                         check(match, verification.Failed, free, "NO_FACE_FOUND:image", verification.FacePoorCapture),
		" NO_FACE_FOUND : image_best ":                check(match, verification.Failed, free, "NO_FACE_FOUND:image", verification.FacePoorCapture),
		"NO_FACE_FOUND: image_ref2":                   check(match, verification.Inconclusive, free, "NO_FACE_FOUND:image_ref", verification.FaceNoReferencePhoto),
		"NO_FACE_FOUND":                               check(match, verification.Inconclusive, unstated, "NO_FACE_FOUND", verification.FaceNotCompared),
		"MULTIPLE_FACES: image":                       check(match, verification.Failed, unstated, "MULTIPLE_FACES:image", verification.FacePoorCapture),
		"INVALID_NAME_FORMAT":                         check(match, verification.Inconclusive, unstated, "INVALID_NAME_FORMAT", verification.IdentityNameMalformed),
		"INVALID_IDCARD_NUMBER":                       check(match, verification.Inconclusive, unstated, "INVALID_IDCARD_NUMBER", verification.IdentityNumberMalformed),
		"SOMETHING_NEW":                               check(match, verification.Inconclusive, unstated, "SOMETHING_NEW", verification.ProviderContractViolation),
		"IMAGE_ERROR_UNSUPPORTED_FORMAT":              check(match, verification.Inconclusive, unstated, "IMAGE_ERROR_UNSUPPORTED_FORMAT", verification.ProviderContractViolation),
		"测试甲 110199199003070017":                      check(match, verification.Inconclusive, unstated, "unrecognized", verification.ProviderContractViolation),
		"id_number_name_not_match":                    check(match, verification.Inconclusive, unstated, "unrecognized", verification.ProviderContractViolation),
	} {
		// Whether anything stands beside an error is not known; it decides alone.
		for _, beside := range []string{"", `,"result_faceid":{"confidence":99,"thresholds":{"1e-4":69.3}}`} {
			result := judged(t, asked{}, answerOf("OK", `"liveness_result":{"result":"PASS","procedure_type":"video"},"verify_result":{"error_message":"`+message+`"`+beside+`}`))
			require.Equal(t, verification.FaceResult{
				Judged: true, Begun: true, ProviderCode: want.ProviderCode, Reason: want.Reasons[0].Code,
				Checks: []verification.Check{check(live, verification.Passed, want.Billable, want.ProviderCode), want},
			}, result, message)
		}
	}
}

func TestAFaultOfTheVendorIsNoJudgement(t *testing.T) {
	fault := func(message string) verification.FaceResult {
		return judged(t, asked{}, answerOf("OK", `"liveness_result":{"result":"PASS"},"verify_result":{"error_message":"`+message+`"}`))
	}
	require.Equal(t, verification.FaceResult{Begun: true, Reason: verification.SessionInterrupted, ProviderCode: "INTERNAL_ERROR"}, fault("INTERNAL_ERROR"))
	require.Equal(t, verification.FaceResult{Begun: true, Reason: verification.ProviderUnavailable, NextProvider: true, ProviderCode: "DATA_SOURCE_ERROR"}, fault("DATA_SOURCE_ERROR: x"))
}

func TestNoErrorMessageIsNoError(t *testing.T) {
	for _, none := range []string{`null`, `""`} {
		result := judged(t, asked{}, with(t, `"verify_time":1751328290`, `"error_message":`+none))
		require.Equal(t, verification.EndedPassed, result.Ending(), none)
	}
	for _, odd := range []string{`{}`, `["ID_NUMBER_NAME_NOT_MATCH"]`, `0`, `false`} {
		result := judged(t, asked{}, with(t, `"verify_time":1751328290`, `"error_message":`+odd))
		require.Equal(t, verification.EndedInconclusive, result.Ending(), odd)
	}
}

func TestLivenessPassesByPASSAlone(t *testing.T) {
	for result, want := range map[string]verification.CheckStatus{
		`"FAIL"`: verification.Failed, `"TIMEOUT"`: verification.Failed,
		`"pass"`: verification.Inconclusive, `"success"`: verification.Inconclusive, `null`: verification.Inconclusive, `""`: verification.Inconclusive,
		`true`: verification.Inconclusive, `1`: verification.Inconclusive, `["PASS"]`: verification.Inconclusive, `{"PASS":1}`: verification.Inconclusive,
	} {
		got := judged(t, asked{}, with(t, `"result":"PASS"`, `"result":`+result))
		require.Len(t, got.Checks, 1, result)
		require.Equal(t, want, got.Checks[0].Status, result)
		require.Equal(t, want == verification.Failed, got.Reason == verification.FaceNotLive)
	}
	for _, missing := range []string{``, `"liveness_result":null`, `"liveness_result":"PASS"`, `"liveness_result":["PASS"]`} {
		require.Equal(t, verification.EndedInconclusive, judged(t, asked{}, answerOf("OK", missing)).Ending(), missing)
	}
}

func TestASuspicionOfAnAttackWinsOverEverything(t *testing.T) {
	spoof, injection := verification.FaceSpoofSuspected, verification.FaceInjectionSuspected
	for scores, want := range map[string][]verification.ReasonCode{
		`"mask_confidence":0.9,"mask_threshold":0.5`:                      {spoof},
		`"mask_confidence":0.5,"mask_threshold":0.5`:                      {spoof},
		`"mask_confidence":"0.9","mask_threshold":"0.5"`:                  {spoof},
		`"mask_confidence":1,"mask_threshold":1`:                          {spoof},
		`"screen_replay_confidence":0.51,"screen_replay_threshold":0.5`:   {spoof},
		`"synthetic_face_confidence":0.51,"synthetic_face_threshold":0.5`: {injection},
		`"face_replaced":1`:    {injection},
		`"face_replaced":"1"`:  {injection},
		`"face_replaced":true`: {injection},
		`"face_replaced":1,"mask_confidence":0.9,"mask_threshold":0.5`:                                         {injection, spoof},
		`"screen_replay_confidence":0.9,"screen_replay_threshold":0.1,"mask_confidence":{},"mask_threshold":1`: {spoof},
	} {
		for name, rest := range map[string]string{
			"liveness passed":    `"liveness_result":{"result":"PASS","face_genuineness":{` + scores + `}},"verify_result":{}`,
			"liveness failed":    `"liveness_result":{"result":"FAIL","face_genuineness":{` + scores + `}}`,
			"liveness is odd":    `"liveness_result":{"result":{},"face_genuineness":{` + scores + `}}`,
			"intention failed":   `"liveness_result":{"result":"PASS","face_genuineness":{` + scores + `}},"will_result":[{"result":"FAIL"}]`,
			"the names mismatch": `"liveness_result":{"result":"PASS","face_genuineness":{` + scores + `}},"verify_result":{"error_message":"ID_NUMBER_NAME_NOT_MATCH"}`,
		} {
			result := judged(t, asked{}, answerOf("OK", rest))
			require.Equal(t, verification.EndedSuspicious, result.Ending(), "%s %s", name, scores)
			require.Len(t, result.Checks, 1)
			require.Equal(t, check(live, verification.Failed, result.Checks[0].Billable, result.ProviderCode, want...), result.Checks[0], "%s %s", name, scores)
			require.Equal(t, want[0], result.Reason)
		}
	}
}

func TestScoresThatAreMissingAreNoAttackAndOddOnesNoPass(t *testing.T) {
	scores := `{"synthetic_face_confidence":0.02,"synthetic_face_threshold":0.5,"mask_confidence":0.01,"mask_threshold":0.5,"screen_replay_confidence":0.0,"screen_replay_threshold":0.5}`
	for genuineness, want := range map[string]verification.Ending{
		`null`: verification.EndedPassed, `{}`: verification.EndedPassed, `{"mask_threshold":0.5}`: verification.EndedPassed,
		`{"mask_confidence":0,"mask_threshold":0}`: verification.EndedPassed, `{"screen_replay_confidence":0.0}`: verification.EndedPassed,
		`{"face_replaced":0,"selfie_inconsistent":"0"}`: verification.EndedPassed, `{"mask_confidence":0.1,"mask_threshold":0.5,"Temporary ":[1]}`: verification.EndedPassed,
		`{"mask_confidence":0.1}`: verification.EndedInconclusive, `{"mask_confidence":0.1,"mask_threshold":0}`: verification.EndedInconclusive,
		`{"mask_confidence":"low","mask_threshold":0.5}`: verification.EndedInconclusive, `{"mask_confidence":-0.1,"mask_threshold":0.5}`: verification.EndedInconclusive,
		`{"mask_confidence":7,"mask_threshold":50}`: verification.EndedInconclusive, `{"mask_confidence":0.1,"mask_threshold":"NaN"}`: verification.EndedInconclusive,
		`{"mask_confidence":[],"mask_threshold":0.5}`: verification.EndedInconclusive, `{"face_replaced":2}`: verification.EndedInconclusive,
		`{"face_replaced":"no"}`: verification.EndedInconclusive, `{"face_replaced":{}}`: verification.EndedInconclusive,
		`{"selfie_inconsistent":1}`: verification.EndedInconclusive, `{"selfie_metadata_inconsistent":true}`: verification.EndedInconclusive,
		`"none"`: verification.EndedInconclusive, `[]`: verification.EndedInconclusive,
	} {
		result := judged(t, asked{}, with(t, scores, genuineness))
		require.Equal(t, want, result.Ending(), genuineness)
		for _, c := range result.Checks {
			require.False(t, c.Suspicious(), genuineness)
		}
	}
	// With fmp_mode 1 nobody else looked for an attack.
	require.Equal(t, verification.EndedPassed, judged(t, asked{ScoresOnly: true}, passed).Ending())
	for _, genuineness := range []string{`null`, `{}`, `{"mask_confidence":0.01,"mask_threshold":0.5}`} {
		require.Equal(t, verification.EndedInconclusive, judged(t, asked{ScoresOnly: true}, with(t, scores, genuineness)).Ending(), genuineness)
	}
}

func TestTheIntentionMustBePassedInEveryPart(t *testing.T) {
	for will, want := range map[string][2]verification.Ending{ // asked for, not asked for
		``:     {verification.EndedInconclusive, verification.EndedPassed},
		`null`: {verification.EndedInconclusive, verification.EndedPassed},
		`[]`:   {verification.EndedInconclusive, verification.EndedPassed},
		`[{"result":"PASS","will_error_message":""}]`:            {verification.EndedPassed, verification.EndedPassed},
		`[{"result":"PASS"},{"result":"PASS"}]`:                  {verification.EndedPassed, verification.EndedPassed},
		`[{"result":"FAIL","will_error_message":"ACTION_FAIL"}]`: {verification.EndedRetryable, verification.EndedRetryable},
		`[{"result":"PASS"},{"result":"FAIL"}]`:                  {verification.EndedRetryable, verification.EndedRetryable},
		`[{"result":"NEW"},{"result":"FAIL"}]`:                   {verification.EndedRetryable, verification.EndedRetryable},
		`[{"result":"PASS"},{}]`:                                 {verification.EndedInconclusive, verification.EndedInconclusive},
		`[{"result":"PASS"},null]`:                               {verification.EndedInconclusive, verification.EndedInconclusive},
		`{"result":"PASS"}`:                                      {verification.EndedInconclusive, verification.EndedInconclusive},
		`"PASS"`:                                                 {verification.EndedInconclusive, verification.EndedInconclusive},
	} {
		rest := passedRest
		if will != "" {
			rest += `,"will_result":` + will
		}
		for i, q := range []asked{{Will: true}, {}} {
			require.Equal(t, want[i], judged(t, q, answerOf("OK", rest)).Ending(), "%s %v", will, q)
		}
	}
}

func TestAPersonWhoFailedLivenessIsNotHeldForAnswersThatNeverCame(t *testing.T) {
	result := judged(t, asked{Will: true, ScoresOnly: true}, answerOf("OK", `"liveness_result":{"result":"FAIL"}`))
	require.Equal(t, verification.EndedRetryable, result.Ending())
	require.Equal(t, verification.FaceNotLive, result.Reason)
	require.Equal(t, unstated, result.Checks[0].Billable)
}

const faceID = `"result_faceid":{"confidence":83.412,"thresholds":{"1e-3":62.169,"1e-4":69.315,"1e-5":74.399,"1e-6":78.038}}`

func TestALikenessIsHeldAgainstTheThresholdOfItsOwnAnswer(t *testing.T) {
	for _, c := range []struct{ confidence, thresholds, key, want string }{
		{`69.315`, `{"1e-3":62.169,"1e-4":69.315,"1e-5":74.399}`, "1e-4", "passed"},
		{`69.314`, `{"1e-3":62.169,"1e-4":69.315,"1e-5":74.399}`, "1e-4", "retryable"},
		{`70`, `{"1e-4":71}`, "1e-4", "retryable"},
		{`70`, `{"1e-4":69}`, "1e-4", "passed"},
		{`"70.5"`, `{"1e-4":"69.315"}`, "1e-4", "passed"},
		{`74.4`, `{"1e-4":69.315,"1e-5":74.399,"1e-6":78.038}`, "1e-5", "passed"},
		{`74.3`, `{"1e-4":69.315,"1e-5":74.399,"1e-6":78.038}`, "1e-5", "retryable"},
		{`78`, `{"1e-5":74.399,"1e-6":78.038}`, "1e-6", "retryable"},
		{`63`, `{"1e-3":62.169,"1e-4":69.315}`, "1e-3", "passed"},
		{`100`, `{"1e-4":100}`, "1e-4", "passed"},
		{`0`, `{"1e-4":69.3}`, "1e-4", "retryable"},
		// Nothing odd passes, and nothing odd fails.
		{`99`, `{"1e-3":62.169}`, "1e-4", "inconclusive"},
		{`99`, `{"le-4":62.169}`, "1e-4", "inconclusive"},
		{`99`, `{}`, "1e-4", "inconclusive"},
		{`99`, `null`, "1e-4", "inconclusive"},
		{`99`, `69.3`, "1e-4", "inconclusive"},
		{`99`, `{"1e-4":0}`, "1e-4", "inconclusive"},
		{`99`, `{"1e-4":-1}`, "1e-4", "inconclusive"},
		{`99`, `{"1e-4":null}`, "1e-4", "inconclusive"},
		{`99`, `{"1e-4":101}`, "1e-4", "inconclusive"},
		{`1`, `{"1e-4":0x1}`, "1e-4", ""},
		{`99`, `{"1e-4":"0x10"}`, "1e-4", "inconclusive"},
		{`99`, `{"1e-3":78,"1e-4":62}`, "1e-4", "inconclusive"},
		{`50`, `{"1e-4":69,"1e-5":60}`, "1e-4", "inconclusive"},
		{`null`, `{"1e-4":69.3}`, "1e-4", "inconclusive"},
		{`"high"`, `{"1e-4":69.3}`, "1e-4", "inconclusive"},
		{`100.1`, `{"1e-4":69.3}`, "1e-4", "inconclusive"},
		{`-1`, `{"1e-4":69.3}`, "1e-4", "inconclusive"},
		{`"Infinity"`, `{"1e-4":69.3}`, "1e-4", "inconclusive"},
		{`1e99`, `{"1e-4":69.3}`, "1e-4", "inconclusive"},
		{`[99]`, `{"1e-4":69.3}`, "1e-4", "inconclusive"},
	} {
		data := with(t, faceID, `"result_faceid":{"confidence":`+c.confidence+`,"thresholds":`+c.thresholds+`}`)
		if c.want == "" {
			_, err := parseAnswer([]byte(data))
			require.Error(t, err)
			continue
		}
		result := judged(t, asked{}, data, func(cfg *Config) { cfg.ThresholdKey, cfg.AllowLowThreshold = c.key, true })
		require.Equal(t, c.want, string(result.Ending()), "%+v", c)
		if c.want == "retryable" {
			require.Equal(t, check(match, verification.Failed, charged, "below_"+c.key, verification.FaceNoMatch), result.Checks[1])
			require.Equal(t, verification.Passed, result.Checks[0].Status)
		}
	}
	for _, missing := range []string{`"verify_result":{}`, `"verify_result":null`, `"verify_result":"OK"`, `"verify_result":{"result_faceid":null}`, `"verify_result":{"result_faceid":99}`, `"verify_time":1`} {
		result := judged(t, asked{}, answerOf("OK", `"liveness_result":{"result":"PASS"},`+missing))
		require.Equal(t, verification.EndedInconclusive, result.Ending(), missing)
		require.Equal(t, verification.Passed, result.Checks[0].Status)
	}
}

func TestEveryPhotoThatWeGaveMustBeLikeThePerson(t *testing.T) {
	high, low := `{"confidence":80,"thresholds":{"1e-4":69.3}}`, `{"confidence":60,"thresholds":{"1e-4":69.3}}`
	for refs, want := range map[string][3]verification.Ending{ // one, two, three photos given
		`"result_ref1":` + high:                                                       {verification.EndedPassed, verification.EndedInconclusive, verification.EndedInconclusive},
		`"result_ref1":` + high + `,"result_ref2":` + low:                             {verification.EndedPassed, verification.EndedRetryable, verification.EndedInconclusive},
		`"result_ref1":` + high + `,"result_ref2":` + high + `,"result_ref3":` + high: {verification.EndedPassed, verification.EndedPassed, verification.EndedPassed},
		`"result_ref1":` + low + `,"result_ref2":` + high + `,"result_ref3":` + high:  {verification.EndedRetryable, verification.EndedRetryable, verification.EndedRetryable},
		`"result_faceid":` + high:                                                     {verification.EndedInconclusive, verification.EndedInconclusive, verification.EndedInconclusive},
	} {
		for i, ending := range want {
			result := judged(t, asked{Refs: i + 1}, answerOf("OK", `"liveness_result":{"result":"PASS"},"verify_result":{`+refs+`}`))
			require.Equal(t, ending, result.Ending(), "%d %s", i+1, refs)
		}
		attacked := judged(t, asked{Refs: 1}, answerOf("OK", `"liveness_result":{"result":"PASS"},"verify_result":{`+refs+`,"id_exceptions":{"id_attacked":1}}`))
		require.Equal(t, want[0], attacked.Ending(), "no number was asked about")
		// A photo of ours stands in for the authority's nowhere.
		if !strings.Contains(refs, "result_faceid") {
			result := judged(t, asked{}, answerOf("OK", `"liveness_result":{"result":"PASS"},"verify_result":{`+refs+`}`))
			require.Equal(t, verification.EndedInconclusive, result.Ending())
		}
	}
}

func TestANumberThatOthersAttackedWithIsReviewedWhateverThePolicySaysOfSuspicions(t *testing.T) {
	for _, flag := range []string{`1`, `"1"`, `true`, `1.0`} {
		result := judged(t, asked{}, with(t, `"id_attacked":0`, `"id_attacked":`+flag))
		require.Equal(t, verification.EndedInconclusive, result.Ending(), flag)
		require.Equal(t, check(match, verification.Inconclusive, charged, "id_attacked", verification.IdentityNumberAttacked), result.Checks[1])
		for _, rule := range []verification.SuspicionRule{verification.SuspicionReview, verification.SuspicionDecline} {
			policy := verification.DefaultPolicy()
			policy.Suspicion = rule
			policy.Checks = map[verification.CheckType]verification.Requirement{live: verification.Required, match: verification.Required}
			require.Equal(t, verification.OutcomeReview, verification.Judge(policy, result.Checks).Outcome)
		}
	}
	for _, odd := range []string{`2`, `{}`, `"maybe"`} {
		result := judged(t, asked{}, with(t, `"id_attacked":0`, `"id_attacked":`+odd))
		require.Equal(t, verification.EndedInconclusive, result.Ending(), odd)
		require.Equal(t, verification.ProviderContractViolation, result.Reason)
	}
	for _, fine := range []string{`"id_attacked":null`, `"id_attacked":"0"`, `"id_attacked":false`, `"other":1`, `"id_attacked":0,"x":1`} {
		require.Equal(t, verification.EndedPassed, judged(t, asked{}, with(t, `"id_attacked":0`, fine)).Ending(), fine)
	}
	require.Equal(t, verification.EndedPassed, judged(t, asked{}, with(t, `"id_photo_monochrome":0`, `"id_photo_monochrome":1`)).Ending(), "a black-and-white photo is no fault")
	require.Equal(t, verification.EndedInconclusive, judged(t, asked{}, with(t, `{"id_attacked":0,"id_photo_monochrome":0}`, `"none"`)).Ending())
	require.Equal(t, verification.EndedRetryable, judged(t, asked{}, strings.Replace(with(t, "83.412", "50"), `"id_attacked":0`, `"id_attacked":1`, 1)).Ending(),
		"who is not alike may try again before a human looks")
}

func TestUnknownMembersAndMisspelledOnesChangeNothing(t *testing.T) {
	extra := `"multifaces_tag":"0","images":{"Temporary ID Photo ":"x"},"idcard_info":{"idcard_uneditable_feild":""},"new":[{}]`
	require.Equal(t, judged(t, asked{}, passed), judged(t, asked{}, answerOf("OK", passedRest+","+extra)))
}
