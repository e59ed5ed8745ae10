package sandbox

import "strconv"

// endingGroup is a heading with the endings under it, as the page shows them.
type endingGroup struct {
	ID, ZH, EN, Tone string
	Endings          []endingButton
}

// endingButton ends a session. Its element id is "end-" and the outcome.
type endingButton struct {
	Outcome, ZH, EN, Detail string
	// Needs is what the session must have for the button to make sense: "eid" (a
	// merchant that gets identities) or "intention"; empty: nothing.
	Needs string
}

// endingsFor leaves out the buttons that make no sense for a session.
func endingsFor(groups []endingGroup, has map[string]bool) []endingGroup {
	var some []endingGroup
	for _, g := range groups {
		all := g.Endings
		g.Endings = nil
		for _, e := range all {
			if e.Needs == "" || has[e.Needs] {
				g.Endings = append(g.Endings, e)
			}
		}
		some = append(some, g)
	}
	return some
}

var tencentGroups = []endingGroup{
	{"pass", "通过", "Passed", "good", []endingButton{
		{Outcome: "0", ZH: "核验通过", EN: "Pass", Detail: "0 · Sim 91.07"},
		{Outcome: OutcomePassOtherHolder, ZH: "通过，但返回他人身份", EN: "Pass, but as somebody else", Detail: "0 · EidInfo", Needs: "eid"},
		{Outcome: OutcomePassIntentionRefused, ZH: "人脸通过，意愿未通过", EN: "Face passes, intention does not", Detail: "0", Needs: "intention"},
		{Outcome: OutcomePassIntentionUnused, ZH: "人脸通过，未做意愿核身", EN: "Face passes, intention never asked", Detail: "0", Needs: "intention"},
	}},
	{"retry", "未通过，可再试", "Not passed, may try again", "warn", []endingButton{
		{Outcome: "2016", ZH: "相似度不足", EN: "Not alike enough", Detail: "2016 · Sim 41.20"},
		{Outcome: "1003", ZH: "活体检测未通过", EN: "Liveness not passed", Detail: "1003"},
		{Outcome: "2004", ZH: "照片不合格", EN: "Poor picture", Detail: "2004"},
	}},
	{"final", "不符或可疑", "Differs, or suspicious", "bad", []endingButton{
		{Outcome: "2006", ZH: "姓名与号码不符", EN: "Name and number differ", Detail: "2006"},
		{Outcome: "1002", ZH: "疑似翻拍或攻击", EN: "Spoof suspected", Detail: "1002"},
	}},
	{"none", "无法判断", "Cannot be judged", "calm", []endingButton{
		{Outcome: "2005", ZH: "查无此人", EN: "Not found", Detail: "2005"},
		{Outcome: "2007", ZH: "库中无照片", EN: "No reference photo", Detail: "2007"},
	}},
	{"fault", "系统与网络", "System and network", "calm", []endingButton{
		{Outcome: "1001", ZH: "服务故障", EN: "Vendor fault", Detail: "1001"},
		{Outcome: "16", ZH: "超过次数上限", EN: "Vendor limit", Detail: "16"},
		{Outcome: "1008", ZH: "网络不稳定", EN: "Network unstable", Detail: "1008"},
	}},
	{"leave", "离开或超时", "Leave, or run out", "calm", []endingButton{
		{Outcome: OutcomeCancel, ZH: "取消 / 无摄像头", EN: "Cancel, no camera", Detail: "doing"},
		{Outcome: OutcomeTimeout, ZH: "立即超时，留在此页", EN: "Time out now, stay here", Detail: "timeout"},
		{Outcome: OutcomeTimeoutBack, ZH: "立即超时，返回", EN: "Time out now, go back", Detail: "timeout"},
	}},
}

// knownEnding is a suggestion for the form that takes any code.
type knownEnding struct{ Code, ZH, EN string }

func knownEndings() []knownEnding {
	var known []knownEnding
	for _, e := range tencentEndings {
		known = append(known, knownEnding{strconv.Itoa(e.code), e.zh, e.en})
	}
	return known
}
