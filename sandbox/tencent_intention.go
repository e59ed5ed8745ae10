package sandbox

import (
	"unicode/utf8"
)

// intentionConfig is the part of GetEidToken's Config that is about the intention
// step.
type intentionConfig struct {
	UseIntentionVerify  bool
	IntentionMode       string
	IntentionVerifyText string
	IntentionQuestions  []struct {
		Question string
		Answers  []string
	}
	IntentionActions []struct{ Text string }
}

// fault finds what the vendor would refuse of it; empty: nothing.
func (c intentionConfig) fault() string {
	long := func(text string, most int) bool { return text == "" || utf8.RuneCountInString(text) > most }
	switch c.IntentionMode {
	case "", "1", "2", "3":
	default:
		return "IntentionMode must be 1, 2 or 3."
	}
	if utf8.RuneCountInString(c.IntentionVerifyText) > 120 {
		return "IntentionVerifyText is longer than 120 characters."
	}
	if n := len(c.IntentionQuestions); n > 10 || c.UseIntentionVerify && c.IntentionMode == "2" && n == 0 {
		return "IntentionQuestions must hold 1 to 10 rounds."
	}
	for _, q := range c.IntentionQuestions {
		if long(q.Question, 250) || len(q.Answers) == 0 || len(q.Answers) > 50 {
			return "A question must have 1 to 250 characters and 1 to 50 answers."
		}
		for _, answer := range q.Answers {
			if long(answer, 10) {
				return "An answer must have 1 to 10 characters."
			}
		}
	}
	if n := len(c.IntentionActions); n > 10 || c.UseIntentionVerify && c.IntentionMode == "3" && n == 0 {
		return "IntentionActions must hold 1 to 10 texts."
	}
	for _, a := range c.IntentionActions {
		if long(a.Text, 150) { // the stricter of the two lengths in the papers
			return "A text to nod to must have 1 to 150 characters."
		}
	}
	return ""
}

// intentionResult is the verdict of the intention step, which Text.ErrCode does
// not include. IntentionVerifyType has another numbering than IntentionMode.
// Where the step was not used, the members may hold a 0 nevertheless, as in the
// vendor's own sample: only IsVerifyIntention tells.
func intentionResult(one session, asked func(string) bool) map[string]any {
	used := one.Intention != "" && !one.IntentionUnused
	message := "通过"
	if one.IntentionFailed {
		message = "意愿校验未通过"
	}
	result := map[string]any{"IntentionVerifyType": ""}
	set := func(kind, info, member string, value map[string]any) map[string]any {
		if used {
			result["IntentionVerifyType"] = kind
		}
		if asked(info) {
			result[member] = value
		}
		return result
	}
	switch one.Intention {
	case "2":
		detail, final := 0, "0"
		if one.IntentionFailed {
			detail, final = -301, "-1"
			if one.IntentionCode != 0 {
				detail = one.IntentionCode
			}
		}
		return set("0", "6", "IntentionQuestionResult", map[string]any{
			"FinalResultDetailCode": detail, "FinalResultMessage": message, "FinalResultCode": final, "ResultCode": []string{final},
			"AsrResult": []string{"是"}, "Audios": nil, "ScreenShot": nil, "Video": nil})
	case "3":
		detail := 0
		if one.IntentionFailed {
			detail = -301
			if one.IntentionCode != 0 {
				detail = one.IntentionCode
			}
		}
		return set("1", "6", "IntentionActionResult", map[string]any{
			"FinalResultDetailCode": detail, "FinalResultMessage": message, "Details": []any{}})
	}
	code := 0
	if one.IntentionFailed {
		code, message = -15, "重试次数过多"
		if one.IntentionCode != 0 {
			code = one.IntentionCode
		}
	}
	return set("2", "5", "IntentionVerifyData", map[string]any{"ErrorCode": code, "ErrorMessage": message,
		"AsrResult": "我同意", "IntentionVerifyVideo": "", "IntentionVerifyBestFrame": "", "IntentionVerifyAudio": "", "AsrResultSimilarity": nil})
}
