package tencent

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/yanzhen-id/yanzhen/internal/settings"
)

// How a person says that they mean it (Config.Intention).
const (
	IntentionReadAloud = "read_aloud"
	IntentionQuestions = "questions"
	IntentionNod       = "nod"
)

// mode is one way of the intention check.
type mode struct {
	asked string // IntentionMode of GetEidToken
	told  string // IntentionVerifyType of GetEidResult, which counts differently
	info  string // the digit of InfoType that brings its result
	codes map[int64]meaning
	// result reads its detail code, or the coarse one that may stand in for it.
	result func(a resultAnswer) (detail *int64, final *string)
}

var modes = map[string]mode{
	IntentionReadAloud: {asked: "1", told: "2", info: "5", codes: spokenIntentionCodes,
		result: func(a resultAnswer) (detail *int64, final *string) {
			if d := a.IntentionVerifyData; d != nil {
				detail = d.ErrorCode
			}
			return detail, nil
		}},
	IntentionQuestions: {asked: "2", told: "0", info: "6", codes: guidedIntentionCodes,
		result: func(a resultAnswer) (detail *int64, final *string) {
			if q := a.IntentionQuestionResult; q != nil {
				detail, final = q.FinalResultDetailCode, q.FinalResultCode
			}
			return detail, final
		}},
	IntentionNod: {asked: "3", told: "1", info: "6", codes: guidedIntentionCodes,
		result: func(a resultAnswer) (detail *int64, final *string) {
			if n := a.IntentionActionResult; n != nil {
				detail = n.FinalResultDetailCode
			}
			return detail, nil
		}},
}

// The lengths, in characters, and numbers that GetEidToken takes.
const (
	maxReadAloud = 120
	maxNodText   = 150
	maxQuestion  = 250
	maxAnswer    = 10
	maxRounds    = 10
	maxAnswers   = 50
)

// askIntention puts what the settings ask for into a request.
func (c Config) askIntention(into *tokenConfig) {
	if c.Intention == "" {
		return
	}
	into.UseIntentionVerify, into.IntentionMode = new(true), new(modes[c.Intention].asked)
	switch c.Intention {
	case IntentionReadAloud:
		into.IntentionVerifyText = &c.IntentionText
	case IntentionQuestions:
		into.IntentionQuestions, _ = parseQuestions(c.IntentionQuestions) // Validate has seen to it
	case IntentionNod:
		for _, text := range nodTexts(c.IntentionText) {
			into.IntentionActions = append(into.IntentionActions, intentionAction{Text: text})
		}
	}
}

// checkIntention reports what is wrong with the settings of the intention check.
func (c *Config) checkIntention(check *settings.Check) {
	m, known := modes[c.Intention]
	switch {
	case c.Intention == "":
		if c.IntentionText != "" || c.IntentionQuestions != "" {
			check.Bad(&c.Intention, "is not set, and what is to be read or asked is: set both or neither")
		}
		return
	case !known:
		check.OneOf(&c.Intention, IntentionReadAloud, IntentionQuestions, IntentionNod)
		return
	case !strings.ContainsAny(c.infoType(), "0"+m.info):
		check.Bad(&c.InfoType, "must hold %s (the proof of this %s) or 0 (everything)", m.info, check.Name(&c.Intention))
	}
	if c.Intention == IntentionQuestions {
		if _, err := parseQuestions(c.IntentionQuestions); err != nil {
			check.Bad(&c.IntentionQuestions, "%v", err)
		}
		return
	}
	texts, longest, most := []string{c.IntentionText}, maxReadAloud, 1
	if c.Intention == IntentionNod {
		texts, longest, most = nodTexts(c.IntentionText), maxNodText, maxRounds
	}
	if len(texts) > most || slices.ContainsFunc(texts, func(text string) bool { return !sized(text, longest) }) {
		check.Bad(&c.IntentionText, "must have 1 to %d characters with this %s, and with nod one to %d such texts with | between them", longest, check.Name(&c.Intention), maxRounds)
	}
}

func nodTexts(text string) []string {
	texts := strings.Split(text, "|")
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return texts
}

func sized(text string, longest int) bool {
	n := utf8.RuneCountInString(text)
	return n >= 1 && n <= longest
}

var errQuestions = errors.New(`must be one to ten rounds of the form "question=answer|answer; question=answer", a question of at most 250 characters and 50 answers, an answer of at most 10`)

func parseQuestions(text string) ([]intentionQuestion, error) {
	var rounds []intentionQuestion
	for round := range strings.SplitSeq(text, ";") {
		question, answers, ok := strings.Cut(round, "=")
		one := intentionQuestion{Question: strings.TrimSpace(question)}
		for answer := range strings.SplitSeq(answers, "|") {
			one.Answers = append(one.Answers, strings.TrimSpace(answer))
		}
		if !ok || !sized(one.Question, maxQuestion) || len(one.Answers) > maxAnswers ||
			slices.ContainsFunc(one.Answers, func(answer string) bool { return !sized(answer, maxAnswer) }) {
			return nil, errQuestions
		}
		rounds = append(rounds, one)
	}
	if len(rounds) > maxRounds {
		return nil, errQuestions
	}
	return rounds, nil
}

// usedIntention: the vendor says that the person's intention was checked.
func (a resultAnswer) usedIntention() bool { return a.IsVerifyIntention != nil && *a.IsVerifyIntention }

// intention reads the second half of a verdict; asked is the mode that we
// asked for, empty if the console did. It passes only on proof: the vendor says
// that the check was used, in the mode that was asked for, and that mode's own
// result is 0.
func (a resultAnswer) intention(asked string) (m meaning, code string, passed bool) {
	if !a.usedIntention() {
		return violated, "intention_not_used", false
	}
	told := ""
	if a.IntentionVerifyType != nil {
		told = *a.IntentionVerifyType
	}
	for _, one := range modes {
		if (asked == "" || asked == one.asked) && (told == one.told || told == "" && asked != "") {
			return one.read(a)
		}
	}
	return violated, "intention_type", false
}

// read reads the mode's result.
func (m mode) read(a resultAnswer) (means meaning, code string, passed bool) {
	detail, final := m.result(a)
	switch {
	case detail == nil && final == nil:
		return violated, "intention_null", false
	case detail == nil:
		return finalResult(*final)
	}
	code = "intention_" + shownCode(*detail)
	if *detail == 0 {
		// A 0 beside a word that says otherwise proves nothing.
		agrees := final == nil || *final == "" || *final == "0"
		return violated, code, agrees
	}
	if means, ok := m.codes[*detail]; ok {
		return means, code, false
	}
	return violated, code, false
}

// finalResult reads the coarse code that stands in for a missing detail code.
func finalResult(code string) (meaning, string, bool) {
	switch code {
	case "0":
		return meaning{}, "intention_0", true
	case "-1":
		return notLive, "intention_final_-1", false
	case "-2":
		return wrongBrowser, "intention_final_-2", false
	}
	return violated, "intention_unrecognized", false
}
