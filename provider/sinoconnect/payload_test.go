package sinoconnect

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

// jpegBase64 is the first bytes of a JPEG.
const jpegBase64 = "/9j/4AAQSkZJRgABAQAAAQ=="

// chipJSON is the plaintext of the contract's stand-in, with changes; a nil
// value removes a member.
func chipJSON(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	members := map[string]any{
		"idType": "01", "name": "测试甲", "idNum": "110199199003070017", "sex": "男", "nation": "汉", "birthDate": "19900307",
		"address": "某省某市测试路1号", "signingOrganization": "某市公安局测试分局", "beginTime": "20200115", "endTime": "20400115",
		"picture": jpegBase64,
	}
	maps.Copy(members, changes)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return text
}

func defaultNames(t testing.TB) aliases {
	t.Helper()
	names, faults := newAliases(nil)
	require.Empty(t, faults)
	return names
}

func cardOf(t *testing.T, changes map[string]any) verification.Card {
	t.Helper()
	got, err := defaultNames(t).card(chipJSON(t, changes))
	require.NoError(t, err, "%v", changes)
	return got.card
}

func TestEveryNameOfAMemberIsUnderstoodWhateverItsCase(t *testing.T) {
	standard := map[string]string{
		memberName: "name", memberIDNumber: "idNum", memberValidFrom: "beginTime", memberValidTo: "endTime",
		memberSex: "sex", memberBirthDate: "birthDate", memberPhoto: "picture",
	}
	var members map[string]any
	require.NoError(t, json.Unmarshal(chipJSON(t, nil), &members))
	want := cardOf(t, nil)
	for ours, theirs := range defaultAliases {
		for _, name := range theirs {
			for _, spelled := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
				value := members[standard[ours]]
				got := cardOf(t, map[string]any{standard[ours]: nil, spelled: value})
				if spelled == standard[ours] {
					got = cardOf(t, nil)
				}
				require.Equal(t, want, got, spelled)
			}
		}
	}
}

func TestACardHoldsNothingThatAVerificationDoesNotNeed(t *testing.T) {
	card := cardOf(t, map[string]any{"otherIdNum": "C12345678", "phone": "13800000000"})
	text, err := json.Marshal(card)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"测试甲","id_number":"110199199003070017","validity":{"from":"20200115","to":"20400115"},"sex":"m","birth_date":"19900307"}`, string(text))
}

func TestMembersComeInTheFormsThatVendorsUse(t *testing.T) {
	require.Equal(t, "11010119900307001X", cardOf(t, map[string]any{"idNum": " 11010119900307001x "}).IDNumber)
	require.Equal(t, "测试甲", cardOf(t, map[string]any{"name": "测试甲　  \x00\x00"}).Name)
	for _, text := range []any{"20400115", "2040-01-15", "2040.01.15", "2040/01/15", "2040年01月15日", "２０４０．０１．１５", "2040/1/15", "2040-01-15 00:00:00", 20400115} {
		require.Equal(t, "20400115", cardOf(t, map[string]any{"endTime": text}).Validity.To, "%v", text)
	}
	for _, text := range []any{"长期", "长期有效", "長期", "永久", "00000000", "0000.00.00", "99991231", "9999-12-31", "9999.12.31", 99991231} {
		require.Equal(t, "00000000", cardOf(t, map[string]any{"endTime": text}).Validity.To, "%v", text)
	}
	for said, want := range map[any]string{"男": "m", "女": "f", "1": "m", "2": "f", "m": "m", "F": "f", 1: "m", 2: "f", "0": "", "9": "", "?": "", "": ""} {
		require.Equal(t, want, cardOf(t, map[string]any{"sex": said}).Sex, "%v", said)
	}
	require.Equal(t, "19900307", cardOf(t, map[string]any{"birthDate": "1990-03-07"}).BirthDate)
	require.Empty(t, cardOf(t, map[string]any{"birthDate": nil}).BirthDate)
}

func TestImpossibleDataIsReadSoThatAHumanSeesIt(t *testing.T) {
	card := cardOf(t, map[string]any{"idNum": "110199199013070010", "beginTime": "20201399", "birthDate": "19001301"})
	require.Equal(t, "20201399", card.Validity.From)
	require.Equal(t, "110199199013070010", card.IDNumber)
}

func TestAPlaintextThatIsNotUnderstoodIsRefused(t *testing.T) {
	names := defaultNames(t)
	for name, text := range map[string]string{
		"empty": "", "no JSON": "name=测试甲", "a list": `[{}]`, "null": "null", "a string": `"x"`, "half": `{"name":"测试甲"`, "two": `{}{}`,
		"a member twice": `{"name":"测试甲","name":"测试乙"}`, "twice by case": `{"name":"测试甲","NAME":"测试乙"}`, "not UTF-8": "{\"name\":\"\xff\"}",
	} {
		_, err := names.card([]byte(text))
		require.Equal(t, badPayload, err, name)
	}
	for required, ours := range map[string]string{"name": memberName, "idNum": memberIDNumber} {
		for _, missing := range []any{nil, "", "   "} {
			_, err := names.card(chipJSON(t, map[string]any{required: missing}))
			require.Equal(t, incomplete+refusal(ours), err, required)
		}
		_, err := names.card([]byte(strings.Replace(string(chipJSON(t, map[string]any{required: 0})), `"`+required+`":0`, `"`+required+`":null`, 1)))
		require.Equal(t, incomplete+refusal(ours), err, required)
	}
	for _, c := range []struct {
		change map[string]any
		ours   refusal
	}{
		{map[string]any{"name": strings.Repeat("阿", 5000)}, memberName}, {map[string]any{"name": strings.Repeat("a", 201)}, memberName},
		{map[string]any{"name": []string{"测试甲"}}, memberName}, {map[string]any{"chName": "测试乙"}, memberName},
		{map[string]any{"idNum": strings.Repeat("1", 33)}, memberIDNumber}, {map[string]any{"idNum": map[string]any{"v": 1}}, memberIDNumber},
		{map[string]any{"idCard": "110199199003070025"}, memberIDNumber},
	} {
		_, err := names.card(chipJSON(t, c.change))
		require.Equal(t, unintelligible+c.ours, err, "%v", c.change)
	}
}

// A card says the same in every scan, so one whose dates are missing or not
// understood is read all the same, with empty ones: a human looks. What is told
// of them is their shape.
func TestDatesThatAreNotUnderstoodStayEmptyAndAreTold(t *testing.T) {
	for _, c := range []struct {
		change   map[string]any
		from, to string
		unclear  []string
	}{
		{map[string]any{"endTime": "无"}, "20200115", "", []string{`valid_to "a"`}},
		{map[string]any{"endTime": "2040-01.15"}, "20200115", "", []string{`valid_to "9999-99.99"`}},
		{map[string]any{"endTime": "2040"}, "20200115", "", []string{`valid_to "9999"`}},
		{map[string]any{"endTime": true}, "20200115", "", []string{`valid_to "aaaa"`}},
		{map[string]any{"endTime": []string{"20400115"}}, "20200115", "", []string{`valid_to "[\"99999999\"]"`}},
		{map[string]any{"endTime": strings.Repeat("2", 5000)}, "20200115", "", []string{"valid_to too long"}},
		{map[string]any{"endTime": "2040-01-15" + strings.Repeat(" ", 60) + "x"}, "20200115", "", []string{"valid_to too long"}},
		{map[string]any{"endTime": nil}, "20200115", "", []string{"valid_to missing"}},
		{map[string]any{"endTime": "  "}, "20200115", "", []string{"valid_to missing"}},
		{map[string]any{"validTo": "20300115"}, "20200115", "", []string{"valid_to contradictory"}},
		{map[string]any{"validTo": "9999.12.31", "endTime": "长期"}, "20200115", "00000000", nil},
		{map[string]any{"beginTime": 2020.5}, "", "20400115", []string{`valid_from "9999.9"`}},
		{map[string]any{"beginTime": "长期"}, "", "20400115", []string{`valid_from "aa"`}},
		{map[string]any{"beginTime": nil, "endTime": "yesterday"}, "", "", []string{"valid_from missing", `valid_to "aaaaaaaaa"`}},
		{map[string]any{"birthDate": "1990年3月"}, "20200115", "20400115", []string{`birth_date "9999a9a"`}},
	} {
		got, err := defaultNames(t).card(chipJSON(t, c.change))
		require.NoError(t, err, "%v", c.change)
		require.Equal(t, verification.Validity{From: c.from, To: c.to}, got.card.Validity, "%v", c.change)
		require.Equal(t, c.unclear, got.unclear, "%v", c.change)
	}
}

func TestTwoNamesOfAMemberThatAgreeAreOne(t *testing.T) {
	card := cardOf(t, map[string]any{"chName": "测试甲 ", "gender": "1", "birthday": "1990-03-07", "validTo": "", "validFrom": "2020-01-15"})
	require.Equal(t, "测试甲", card.Name)
	require.Equal(t, "20400115", card.Validity.To)
}

func TestAPortraitIsAPictureOrNothing(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	jpegBytes, err := base64.StdEncoding.DecodeString(jpegBase64)
	require.NoError(t, err)
	pngBytes := []byte("\x89PNG\r\n\x1a\n and more")
	bmpBytes := []byte("BM and more")
	for name, one := range map[string]struct {
		text string
		want []byte
	}{
		"JPEG": {jpegBase64, jpegBytes}, "PNG": {encode(pngBytes), pngBytes}, "BMP": {encode(bmpBytes), bmpBytes},
		"a data URL": {"data:image/jpeg;base64," + jpegBase64, jpegBytes}, "a data URL in capitals": {"DATA:IMAGE/PNG;BASE64," + encode(pngBytes), pngBytes},
		"unpadded":  {strings.TrimRight(jpegBase64, "="), jpegBytes},
		"URL-safe":  {base64.RawURLEncoding.EncodeToString(append(jpegBytes, 0xfb, 0xff)), append(jpegBytes, 0xfb, 0xff)},
		"in lines":  {jpegBase64[:8] + "\r\n" + jpegBase64[8:], jpegBytes},
		"a GIF":     {encode([]byte("GIF89a")), nil},
		"raw chip":  {encode([]byte("WLf\x00 coded")), nil},
		"a URL":     {"https://evil.example/face.jpg", nil},
		"no base64": {"####", nil}, "text": {"data:text/plain,abc", nil}, "a data URL without base64": {"data:image/jpeg," + jpegBase64, nil},
		"too long": {encode(append([]byte("\xff\xd8\xff"), make([]byte, maxPortrait)...)), nil},
		"a head":   {"data:", nil}, "a long head": {"data:" + strings.Repeat("x", 200) + ";base64," + jpegBase64, nil},
	} {
		require.Equal(t, one.want, cardOf(t, map[string]any{"picture": one.text}).Portrait, name)
	}
}

func TestConfiguredNamesReplaceTheDefaultsOfTheirMember(t *testing.T) {
	names, faults := newAliases(map[string][]string{memberName: {"Holder"}})
	require.Empty(t, faults)
	got, err := names.card(chipJSON(t, map[string]any{"name": "OTHER", "holder": "测试乙"}))
	require.NoError(t, err)
	require.Equal(t, "测试乙", got.card.Name)
	for name, bad := range map[string]map[string][]string{
		"unknown member": {"address": {"addr"}}, "no name": {memberName: {}}, "empty name": {memberName: {""}},
		"one name for two": {memberName: {"idNum"}}, "one name for two by case": {memberName: {"IDNUM"}},
	} {
		_, faults := newAliases(bad)
		require.NotEmpty(t, faults, name)
	}
}
