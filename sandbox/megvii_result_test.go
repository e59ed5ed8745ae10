package sandbox

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryOutcomeEndsAsItsWordSays(t *testing.T) {
	w := start(t, quiet)
	type end struct {
		status, live, errorMessage string
		charged                    bool
	}
	for outcome, want := range map[string]end{
		MegviiPass: {"OK", "PASS", "", true}, MegviiLowScore: {"OK", "PASS", "", true}, "score-71.5": {"OK", "PASS", "", true},
		MegviiLivenessFail: {"OK", "FAIL", "", false}, MegviiSpoof: {"OK", "PASS", "", true}, MegviiReplaced: {"OK", "PASS", "", true},
		MegviiMask: {"OK", "PASS", "", true}, MegviiReplay: {"OK", "PASS", "", true}, MegviiManyFaces: {"OK", "PASS", "", true},
		MegviiNoNumber:                {"OK", "PASS", "NO_SUCH_ID_NUMBER", true},
		MegviiNameDiffers:             {"OK", "PASS", "ID_NUMBER_NAME_NOT_MATCH", true},
		MegviiNoPhoto:                 {"OK", "PASS", "IMAGE_ERROR_UNSUPPORTED_FORMAT: data_source", true},
		MegviiNoFaceSource:            {"OK", "PASS", "NO_FACE_FOUND:data_source", true},
		MegviiNoFaceImage:             {"OK", "PASS", "NO_FACE_FOUND: image", false},
		MegviiSourceError:             {"OK", "PASS", "DATA_SOURCE_ERROR", false},
		MegviiVendorError:             {"OK", "PASS", "INTERNAL_ERROR", false},
		"error:MULTIPLE_FACES: image": {"OK", "PASS", "MULTIPLE_FACES: image", false}, "status:NEW": {"NEW", "", "", false},
		MegviiIDAttacked: {"OK", "PASS", "", true}, MegviiMonochrome: {"OK", "PASS", "", true},
		MegviiTechnical: {"FAILED", "", "", false}, OutcomeCancel: {"CANCELLED", "", "", false}, MegviiNoWebRTC: {"WEBRTC_UNSUPPORTED", "", "", false},
		MegviiNoCamera: {"WEBRTC_UNSUPPORTED", "", "", false}, MegviiStrange: {"SUSPENDED", "", "", false},
		OutcomeTimeout: {"TIMEOUT", "", "", false}, OutcomeTimeoutBack: {"TIMEOUT", "", "", false}, MegviiAbandon: {"PROCESSING", "", "", false},
	} {
		t.Run(outcome, func(t *testing.T) {
			token, bizID := w.played(outcome, nil)
			_, body := w.lookUp(bizID, nil)
			require.Equal(t, want.status, body["status"])
			live, _ := at(body, "liveness_result", "result").(string)
			require.Equal(t, want.live, live)
			text, _ := at(body, "verify_result", "error_message").(string)
			require.Equal(t, want.errorMessage, text)
			require.Equal(t, want.live == "PASS" && want.errorMessage == "", at(body, "verify_result", "result_faceid") != nil)
			require.Equal(t, want.charged, w.Ledger().Charged(Query{Token: TokenKey(token)}) == 1)
			require.NotContains(t, body, "fail_reason", "not asked for")
			if outcome != MegviiAbandon {
				_, err := w.MegviiEnd(token, MegviiPass)
				require.ErrorIs(t, err, ErrState, "a flow ends once")
				require.Len(t, w.Ledger().Select(Query{Token: TokenKey(token)}).Sessions, 1)
			}
		})
	}
}

func TestTheDetailsOfAResult(t *testing.T) {
	w := start(t, quiet)
	token, bizID := w.played(MegviiPass, map[string]string{"biz_no": "ord-1"})
	_, body := w.lookUp(bizID, map[string]string{"return_image": "1", "return_verify_time": "1"})
	require.Equal(t, map[string]any{"biz_id": bizID, "biz_no": "ord-1", "biz_extra_data": "att&<1>=订单"}, body["biz_info"])
	require.Equal(t, 83.412, at(body, "verify_result", "result_faceid", "confidence"))
	require.Equal(t, map[string]any{"id_attacked": 0.0, "id_photo_monochrome": 0.0}, at(body, "verify_result", "id_exceptions"))
	require.Equal(t, "video", at(body, "liveness_result", "procedure_type"))
	require.Equal(t, .02, at(body, "liveness_result", "face_genuineness", "synthetic_face_confidence"))
	require.Equal(t, float64(w.clock.Now().Unix()), at(body, "verify_result", "verify_time"))
	picture, is := strings.CutPrefix(at(body, "images", "image_best").(string), "data:image/jpeg;base64,")
	require.True(t, is)
	require.Equal(t, SubjectKey(person("A1").IDNumber), shownIn(decoded(t, picture)))
	require.NotContains(t, body, "idcard_info", "the caller gave it")
	require.NotContains(t, body, "multifaces_tag")
	require.NotEmpty(t, token)

	_, bizID = w.played(OutcomeCancel, nil)
	_, body = w.lookUp(bizID, map[string]string{"return_image": "4"})
	require.NotContains(t, body, "images", "only when the status is OK")
	_, bizID = w.played(MegviiIDAttacked, nil)
	_, body = w.lookUp(bizID, nil)
	require.Equal(t, 1.0, at(body, "verify_result", "id_exceptions", "id_attacked"))
	_, bizID = w.played(MegviiReplaced, nil)
	_, body = w.lookUp(bizID, nil)
	require.Equal(t, 1.0, at(body, "liveness_result", "face_genuineness", "face_replaced"))
	_, bizID = w.played(MegviiNoCamera, map[string]string{"get_fail_reason": "1", "return_multifaces_tag": "1"})
	_, body = w.lookUp(bizID, nil)
	require.Equal(t, "PERMISSIONS_ERROR", body["fail_reason"])
	require.NotContains(t, body, "multifaces_tag", "interrupted")
	_, bizID = w.played(MegviiManyFaces, map[string]string{"return_multifaces_tag": "1"})
	_, body = w.lookUp(bizID, nil)
	require.Equal(t, "1", body["multifaces_tag"])
	_, bizID = w.played(MegviiPass, map[string]string{"idcard_mode": "2"})
	_, body = w.lookUp(bizID, map[string]string{"return_image": "4"})
	require.Equal(t, person("A1").IDNumber, at(body, "idcard_info", "idcard_number"))
	require.Len(t, body["images"], 3)
}

func TestAttackScoresCountOnlyWhereAskedFor(t *testing.T) {
	w := start(t, quiet)
	for mode, want := range map[string]string{"": "PASS", "1": "PASS", "0": "FAIL"} {
		more := map[string]string{"fmp_mode": mode}
		if mode == "" {
			more = nil
		}
		_, bizID := w.played(MegviiReplay, more)
		_, body := w.lookUp(bizID, nil)
		require.Equal(t, want, at(body, "liveness_result", "result"))
		require.Greater(t, at(body, "liveness_result", "face_genuineness", "screen_replay_confidence"), at(body, "liveness_result", "face_genuineness", "screen_replay_threshold"))
	}
}

func TestIntentionHasItsOwnResult(t *testing.T) {
	w := start(t, func(c *Config) { c.Megvii.WillLicence = true; quiet(c) })
	for outcome, want := range map[string]map[string]any{
		MegviiPass:     {"result": "PASS", "will_error_message": ""},
		MegviiWillFail: {"result": "FAIL", "will_error_message": "ACTION_FAIL"},
	} {
		_, bizID := w.played(outcome, map[string]string{"procedure_type": "will"})
		_, body := w.lookUp(bizID, nil)
		require.Equal(t, []any{want}, body["will_result"])
		require.Equal(t, "PASS", at(body, "liveness_result", "result"))
	}
}

func TestThresholdsVaryWithEveryAnswerAndJudgeTheSame(t *testing.T) {
	w := start(t, quiet)
	seen := map[any]bool{}
	for outcome, passes := range map[string]bool{MegviiPass: true, MegviiLowScore: false} {
		for range 5 {
			_, bizID := w.played(outcome, nil)
			for range 3 {
				_, body := w.lookUp(bizID, nil)
				result := at(body, "verify_result", "result_faceid")
				seen[at(result, "thresholds", "1e-4")] = true
				for _, key := range []string{"1e-3", "1e-4", "1e-5", "1e-6"} {
					require.Equal(t, passes, at(result, "confidence").(float64) >= at(result, "thresholds", key).(float64))
				}
			}
		}
	}
	require.Greater(t, len(seen), 20)
}

func TestTheRecordsJudgeBeforeTheFaceDoes(t *testing.T) {
	w := start(t, quiet)
	require.NoError(t, w.AddPerson(Person{Name: "样例新", IDNumber: "310199200111300038", ValidFrom: "20220808", ValidTo: "20320808", MegviiOutcome: MegviiNoPhoto}))
	for _, c := range []struct{ name, number, outcome, want string }{
		{"测试甲", "110199199003070017", MegviiPass, ""},
		{"样例乙", "110199199003070017", MegviiPass, "ID_NUMBER_NAME_NOT_MATCH"},
		{"样例乙", "110199199003070017", MegviiLowScore, "ID_NUMBER_NAME_NOT_MATCH"},
		{"测试甲", "440524188001010014", MegviiPass, "NO_SUCH_ID_NUMBER"},
		{"测试甲", "440524188001010014", MegviiSourceError, "DATA_SOURCE_ERROR"},
		{"样例新", "310199200111300038", MegviiPass, "IMAGE_ERROR_UNSUPPORTED_FORMAT: data_source"},
	} {
		_, bizID := w.played(c.outcome, map[string]string{"idcard_name": c.name, "idcard_number": c.number})
		_, body := w.lookUp(bizID, nil)
		text, _ := at(body, "verify_result", "error_message").(string)
		require.Equal(t, c.want, text, c)
	}
	p := person("A2")
	p.MegviiOutcome = "INTERNAL_ERROR"
	require.NoError(t, w.AddPerson(p))
	status, _ := w.getToken(map[string]string{"idcard_name": p.Name, "idcard_number": p.IDNumber})
	require.Equal(t, 500, status)
	p.MegviiOutcome = "misspelt"
	require.Error(t, w.AddPerson(p))
}

func TestAFlowRunsOutByTheClock(t *testing.T) {
	w := start(t, quiet)
	token, bizID := w.flow(nil)
	w.clock.Add(time.Hour - 1)
	status, _ := w.MegviiStatus(token)
	require.Equal(t, "NOT_STARTED", status)
	w.clock.Add(1)
	_, body := w.lookUp(bizID, nil)
	require.Equal(t, "TIMEOUT", body["status"])
	require.ErrorIs(t, w.MegviiBegin(token), ErrState)
	require.ErrorIs(t, w.MegviiExpire(token), ErrState, "once")
	_, err := w.MegviiEnd(token, "approved")
	require.ErrorIs(t, err, ErrOutcome)
	_, err = w.MegviiEnd("nobody", MegviiPass)
	require.ErrorIs(t, err, ErrNoSession)
	require.Len(t, w.Ledger().Select(Query{Outcome: "TIMEOUT"}).Sessions, 1)
	token, _ = w.flow(nil)
	_, err = w.MegviiEnd(token, MegviiPass)
	require.ErrorIs(t, err, ErrState, "the page was never opened")
	require.NoError(t, w.MegviiExpire(token), "but its clock may run out")
}
