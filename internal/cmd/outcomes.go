package cmd

import (
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

// pageActs are the endings of a session that --outcome knows by name; a bare
// number is one of the vendor's own result codes.
var pageActs = map[string]pageAct{
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
}

var vendorCode = regexp.MustCompile(`^[0-9]{1,6}$`)

func outcomeNames() []string { return slices.Sorted(maps.Keys(pageActs)) }

// outcomeLines are the names in lines that fit a narrow terminal.
func outcomeLines() string {
	var lines []string
	for some := range slices.Chunk(outcomeNames(), 5) {
		lines = append(lines, "  "+strings.Join(some, ", "))
	}
	return strings.Join(lines, ",\n")
}

// parseOutcomes reads the values of --outcome, comma lists among them.
func parseOutcomes(values []string) ([]string, error) {
	var out []string
	for _, v := range values {
		for _, name := range strings.Split(v, ",") {
			name = strings.TrimSpace(name)
			if _, ok := pageActs[name]; !ok && !vendorCode.MatchString(name) {
				return nil, exit(exitUsage, "--outcome %q is none of %s, nor a code of the vendor", name, strings.Join(outcomeNames(), ", "))
			}
			out = append(out, name)
		}
	}
	return out, nil
}

func actOf(outcome string) pageAct {
	if a, ok := pageActs[outcome]; ok {
		return a
	}
	return pageAct{true, outcome}
}
