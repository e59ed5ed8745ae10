package sandbox

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// pageAct is what is done on the stand-in's page.
type pageAct struct {
	begin bool   // press the first button
	end   string // the outcome of the second; empty: press none
}

// pageActs are the endings of a session that a player knows by name, by the
// vendor whose page it is.
var pageActs = map[string]map[string]pageAct{
	Tencent: {
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
	Megvii: {
		"approved":       {true, MegviiPass},
		"low-score":      {true, MegviiLowScore},
		"not-alike":      {true, MegviiLowScore},
		"not-live":       {true, MegviiLivenessFail},
		"attack":         {true, MegviiSpoof},
		"mask":           {true, MegviiMask},
		"screen":         {true, MegviiReplay},
		"face-replaced":  {true, MegviiReplaced},
		"id-attacked":    {true, MegviiIDAttacked},
		"name-mismatch":  {true, MegviiNameDiffers},
		"no-such-number": {true, MegviiNoNumber},
		"no-photo":       {true, MegviiNoPhoto},
		"no-face":        {true, MegviiNoFaceImage},
		"unsupported":    {true, MegviiNoWebRTC},
		"no-camera":      {true, MegviiNoCamera},
		"vendor-fault":   {true, MegviiVendorError},
		"broken-off":     {true, MegviiTechnical},
		"cancel":         {true, OutcomeCancel},
		"expire":         {false, "timeout"},
		"expire-begun":   {true, "timeout"},
		"abandon":        {true, ""},
	},
	SinoConnect: {
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

// resultCode is one of Tencent's own.
var resultCode = regexp.MustCompile(`^[0-9]{1,6}$`)

// Outcomes are the names, in order, with which Play can end a session at a
// vendor: Tencent, SinoConnect or Megvii.
func Outcomes(vendor string) []string { return slices.Sorted(maps.Keys(pageActs[vendor])) }

// CheckOutcome reports an outcome that no vendor's page has. Whether the page
// of a verification has it is known when its link is.
func CheckOutcome(outcome string) error {
	var all []string
	for vendor := range pageActs {
		all = append(all, Outcomes(vendor)...)
	}
	slices.Sort(all)
	if slices.Contains(all, outcome) || resultCode.MatchString(outcome) {
		return nil
	}
	return fmt.Errorf("%q: want one of %s, or one of Tencent's result codes", outcome, strings.Join(slices.Compact(all), ", "))
}

func actOf(vendor, outcome string) (pageAct, error) {
	if a, ok := pageActs[vendor][outcome]; ok {
		return a, nil
	}
	if vendor == Tencent && resultCode.MatchString(outcome) {
		return pageAct{true, outcome}, nil
	}
	return pageAct{}, fmt.Errorf("%w: %q: want one of those of %s: %s", ErrOutcome, outcome, vendor, strings.Join(Outcomes(vendor), ", "))
}
