package cmd

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// pageAct is what is done on the stand-in's page.
type pageAct struct {
	begin bool   // press the first button
	end   string // the outcome of the second; empty: press none
}

// Vendors with a page, as their pages' addresses call them.
const (
	pageTencent = "tencent"
	pageSino    = "sino"
	pageMegvii  = "megvii"
)

// pageActs are the endings of a session that --outcome knows by name, by the
// vendor whose page it is. At Tencent a bare number is one of its own result
// codes.
var pageActs = map[string]map[string]pageAct{
	pageTencent: {
		"approved":           {true, "0"},
		"not-alike":          {true, "2016"},
		"not-live":           {true, "1004"},
		"spoof":              {true, "1002"},
		"poor-picture":       {true, "2004"},
		"name-mismatch-face": {true, "2006"},
		"not-found":          {true, "2005"},
		"no-photo":           {true, "2007"},
		"other-holder":       {true, "0-other-holder"},
		"vendor-fault":       {true, "4"},
		"vendor-limit":       {true, "16"},
		"cancel":             {true, "cancel"},
		"expire":             {false, "timeout"},
		"expire-begun":       {true, "timeout"},
		"abandon":            {},
	},
	pageMegvii: {
		"approved":       {true, sandbox.MegviiPass},
		"low-score":      {true, sandbox.MegviiLowScore},
		"not-alike":      {true, sandbox.MegviiLowScore},
		"not-live":       {true, sandbox.MegviiLivenessFail},
		"attack":         {true, sandbox.MegviiSpoof},
		"mask":           {true, sandbox.MegviiMask},
		"screen":         {true, sandbox.MegviiReplay},
		"face-replaced":  {true, sandbox.MegviiReplaced},
		"id-attacked":    {true, sandbox.MegviiIDAttacked},
		"name-mismatch":  {true, sandbox.MegviiNameDiffers},
		"no-such-number": {true, sandbox.MegviiNoNumber},
		"no-photo":       {true, sandbox.MegviiNoPhoto},
		"no-face":        {true, sandbox.MegviiNoFaceImage},
		"unsupported":    {true, sandbox.MegviiNoWebRTC},
		"no-camera":      {true, sandbox.MegviiNoCamera},
		"vendor-fault":   {true, sandbox.MegviiVendorError},
		"broken-off":     {true, sandbox.MegviiTechnical},
		"cancel":         {true, sandbox.OutcomeCancel},
		"expire":         {false, "timeout"},
		"expire-begun":   {true, "timeout"},
		"abandon":        {true, ""},
	},
	pageSino: {
		"approved":       {true, "same"},
		"same-face":      {true, "same"},
		"other-face":     {true, "other"},
		"no-face":        {true, "no-face"},
		"broken-picture": {true, "broken"},
		"cancel":         {true, "cancel"},
		"fail":           {true, "fail"},
		"expire":         {false, "timeout"},
		"expire-begun":   {true, "timeout-back"},
		"abandon":        {},
	},
}

var vendorCode = regexp.MustCompile(`^[0-9]{1,6}$`)

func outcomeNames(vendor string) []string { return slices.Sorted(maps.Keys(pageActs[vendor])) }

// outcomeLines are the names in lines that fit a narrow terminal.
func outcomeLines(vendor string) string {
	var lines []string
	for some := range slices.Chunk(outcomeNames(vendor), 5) {
		lines = append(lines, "  "+strings.Join(some, ", "))
	}
	return strings.Join(lines, ",\n")
}

// parseOutcomes reads the values of --outcome, comma lists among them. Which
// vendor's page they are for is known when the link is.
func parseOutcomes(values []string) ([]string, error) {
	known := map[string]bool{}
	for vendor := range pageActs {
		for name := range pageActs[vendor] {
			known[name] = true
		}
	}
	var out []string
	for _, v := range values {
		for _, name := range strings.Split(v, ",") {
			name = strings.TrimSpace(name)
			if !known[name] && !vendorCode.MatchString(name) {
				return nil, exit(exitUsage, "--outcome %q is none of %s, nor a code of the vendor", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			}
			out = append(out, name)
		}
	}
	return out, nil
}

func actOf(vendor, outcome string) (pageAct, error) {
	if a, ok := pageActs[vendor][outcome]; ok {
		return a, nil
	}
	if vendor == pageTencent && vendorCode.MatchString(outcome) {
		return pageAct{true, outcome}, nil
	}
	return pageAct{}, exit(exitUsage, "this link leads to %s's page, where --outcome %q is none of %s", vendor, outcome, strings.Join(outcomeNames(vendor), ", "))
}
