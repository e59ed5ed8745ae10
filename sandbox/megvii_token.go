package sandbox

import (
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// megviiPorts are the ports that the vendor calls.
var megviiPorts = []string{"443", "5000", "16003", "8883", "8028"}

// allowedValues of the fields of get_token that are switches; a field that is
// left out is always fine here.
var allowedValues = map[string][]string{
	"comparison_type":          {"0", "1"},
	"idcard_mode":              {"0", "1", "2", "3", "4"},
	"procedure_type":           {"will", "video", "still", "flash", "meglive_flash", "selfie"},
	"procedure_priority":       {"video", "still", "keep"},
	"liveness_preferences":     {"none", "video_strict", "still_strict", "selfie_no_metadata_check"},
	"multi_oriented_detection": {"0", "1"},
	"fmp_mode":                 {"0", "1"},
	"get_fail_reason":          {"0", "1"},
	"get_shooting_error":       {"0", "1"},
	"update_rtc":               {"0", "1"},
	"return_multifaces_tag":    {"0", "1"},
	"action_http_method":       {"POST", "GET"},
	"redirect_type":            {"0", "1"},
	"encryption_type":          {"0"}, // the others are not documented well enough to imitate
}

// longest in bytes, not characters.
var longest = map[string]int{"biz_no": 128, "biz_extra_data": 4096, "web_title": 32, "uuid": 512}

// fault names the first thing that is wrong with a get_token request.
func (f megviiForm) fault(cfg MegviiConfig) string {
	for _, name := range f.required() {
		if f.Get(name) == "" && f.files[name] == nil {
			return "MISSING_ARGUMENTS: " + name
		}
	}
	for _, name := range sortedNames(allowedValues) {
		if f.Has(name) && !slices.Contains(allowedValues[name], f.Get(name)) {
			return "BAD_ARGUMENTS:" + name
		}
	}
	for _, name := range sortedNames(longest) {
		if len(f.Get(name)) > longest[name] {
			return "BAD_ARGUMENTS:" + name
		}
	}
	seconds, err := strconv.Atoi(f.Get("maximum_shooting_time"))
	switch {
	case !webAddress(f.Get("return_url")):
		return "BAD_ARGUMENTS:return_url"
	case !webAddress(f.Get("notify_url")) || !cfg.SilentPorts && !cfg.calls(f.Get("notify_url")):
		return "BAD_ARGUMENTS:notify_url"
	case f.Has("scene_id") && !slices.Contains(cfg.Scenes, f.Get("scene_id")):
		return "BAD_ARGUMENTS:scene_id"
	case f.Get("procedure_type") == "will" && !cfg.WillLicence:
		return "BAD_ARGUMENTS:procedure_type"
	case f.Get("idcard_mode") == "4" && !cfg.Lite2:
		return "BAD_ARGUMENTS:idcard_mode"
	case f.Has("maximum_shooting_time") && (err != nil || seconds < 10 || seconds > 60):
		return "BAD_ARGUMENTS:maximum_shooting_time"
	}
	return f.personFault()
}

// required lists the fields that must be there, depending on the others.
func (f megviiForm) required() []string {
	names := []string{"return_url", "notify_url", "biz_no", "comparison_type"}
	switch {
	case f.Get("comparison_type") == "0":
		names = append(names, "uuid", "image_ref1")
	case f.Get("comparison_type") == "1" && f.Get("idcard_mode") == "0":
		names = append(names, "idcard_mode", "idcard_name", "idcard_number")
	case f.Get("comparison_type") == "1":
		names = append(names, "idcard_mode")
	}
	return names
}

// personFault checks name, number and pictures. The codes for malformed ones are
// those of a sibling product.
func (f megviiForm) personFault() string {
	for _, name := range sortedNames(f.files) {
		if format, _, _ := dimensions(f.files[name]); format == "" {
			return "IMAGE_ERROR_UNSUPPORTED_FORMAT: " + name
		}
	}
	if f.Get("comparison_type") != "1" || f.Get("idcard_mode") != "0" {
		return ""
	}
	switch name, number := f.Get("idcard_name"), f.Get("idcard_number"); {
	case !utf8.ValidString(name) || utf8.RuneCountInString(name) > 32:
		return "BAD_ARGUMENTS:idcard_name"
	case len(number) != 18:
		return "BAD_ARGUMENTS:idcard_number"
	case !plausibleName(name):
		return "INVALID_NAME_FORMAT"
	case !wellFormedNumber(number):
		return "INVALID_IDCARD_NUMBER"
	}
	return ""
}

func sortedNames[V any](by map[string]V) []string {
	names := make([]string, 0, len(by))
	for name := range by {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// calls tells whether the vendor calls an address: its port must be on the list,
// on this machine only if Ports says so.
func (c MegviiConfig) calls(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	port := u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return c.Ports == PortsAny || c.Ports == PortsLocal && local || slices.Contains(megviiPorts, port)
}

func (s *Sandbox) getMegviiToken(c *call, f megviiForm) answer {
	if fault := f.fault(s.cfg.Megvii); fault != "" {
		return s.megviiError(c, fault, 0)
	}
	if p, known := s.people.find(f.Get("idcard_number")); known && megviiLiteral(p.MegviiOutcome) {
		return s.megviiError(c, p.MegviiOutcome, 0)
	}
	one := &megviiSession{
		Token: hex.EncodeToString(random(16)), BizID: megviiID(c.now), BizNo: f.Get("biz_no"), Extra: f.Get("biz_extra_data"),
		ApiKey: f.Get("api_key"), ReturnURL: f.Get("return_url"), NotifyURL: f.Get("notify_url"), Fields: f.Values,
		Name: f.Get("idcard_name"), Number: f.Get("idcard_number"), Created: c.now, Status: MegviiNotStarted,
	}
	for _, name := range []string{"image_ref1", "image_ref2", "image_ref3"} {
		if f.files[name] != nil {
			one.References = append(one.References, strings.TrimPrefix(name, "image_"))
		}
	}
	if f.Get("idcard_mode") != "0" {
		// The person would photograph or type the card; here it is the first fixture's.
		typed := Fixtures()[0]
		one.Name, one.Number = typed.Name, typed.IDNumber
	}
	if !s.megvii.open(one, s.cfg.Megvii) {
		return s.megviiError(c, "BAD_ARGUMENTS:biz_no", 0)
	}
	c.idNumber, c.token = one.Number, one.Token
	s.watchMegvii(*one)
	return megviiAnswer(c, http.StatusOK, map[string]any{"token": one.Token, "biz_id": one.BizID, "biz_no": one.BizNo,
		"expired_time": one.Created.Add(s.cfg.Megvii.FlowTTL).Unix()}, "ok")
}

// timeoutTold is how long after its expiry a flow is found to have run out, if
// nobody asks before.
const timeoutTold = 4 * time.Second

// watchMegvii ends a flow when its clock has run out: the vendor's runs whether
// or not anybody asks. With an injected clock the next look at the flow finds it
// out instead.
func (s *Sandbox) watchMegvii(one megviiSession) {
	left := one.Created.Add(s.cfg.Megvii.FlowTTL).Sub(s.cfg.Clock())
	time.AfterFunc(left+timeoutTold, func() { _, _ = s.megviiFind(one.Token) })
}

// open keeps a session; false if its biz_no was used before.
func (m *megvii) open(one *megviiSession, cfg MegviiConfig) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bizNos[one.ApiKey+"/"+one.BizNo] && !cfg.AcceptDuplicateBizNo {
		return false
	}
	if one.Created.Sub(m.swept) > time.Hour {
		m.swept = one.Created
		for token, old := range m.byToken {
			if one.Created.Sub(old.Created) > 2*cfg.LookupWindow+cfg.FlowTTL {
				delete(m.byToken, token)
				delete(m.byBizID, old.BizID)
				delete(m.bizNos, old.ApiKey+"/"+old.BizNo)
			}
		}
	}
	m.bizNos[one.ApiKey+"/"+one.BizNo] = true
	m.byToken[one.Token], m.byBizID[one.BizID] = one, one
	return true
}
