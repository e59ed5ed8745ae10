// Package idrecords is shared by the vendors of the authority's records: which
// subjects can be checked, and the possible outcomes of a check. Each vendor maps
// its own codes to them.
package idrecords

import (
	"regexp"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
	"github.com/yanzhen-id/yanzhen/verification/residentid"
)

// Outcome is what an answer means: a check, or an error to wait out.
type Outcome struct {
	// Status of the check; empty: an error of class Unavailable instead.
	Status   verification.CheckStatus
	Reason   verification.ReasonCode
	Billable verification.Billable
	// Wait before the next question; NextDay: until the next day in China.
	Wait     time.Duration
	NextDay  bool
	MaxTries int
}

const (
	free    = verification.BillableNo
	charged = verification.BillableYes
)

// What the codes of both published lists mean.
var (
	Passed       = Outcome{Status: verification.Passed, Billable: charged}
	Mismatched   = Outcome{Status: verification.Failed, Reason: verification.IdentityMismatch, Billable: charged}
	NotFound     = Outcome{Status: verification.Inconclusive, Reason: verification.RecordsNotFound, Billable: free}
	Unverifiable = Outcome{Status: verification.Inconclusive, Reason: verification.RecordsNotVerifiable, Billable: free}
	BadNumber    = Outcome{Status: verification.Inconclusive, Reason: verification.IdentityNumberMalformed, Billable: free}
	BadName      = Outcome{Status: verification.Inconclusive, Reason: verification.IdentityNameMalformed, Billable: free}
	BadDates     = Outcome{Status: verification.Inconclusive, Reason: verification.DocumentValidityMalformed, Billable: free}
	// Garbled: an answer of no list, or one that contradicts itself.
	Garbled = Outcome{Status: verification.Inconclusive, Reason: verification.ProviderContractViolation, Billable: verification.BillableUnknown}

	// DayLimit: asked about once more when the vendor's day is another.
	DayLimit = Outcome{Reason: verification.ProviderUnavailable, Billable: free, NextDay: true, MaxTries: 2}
)

// Check is the outcome as a vendor's answer with a code.
func (o Outcome) Check(vendor, code string) verification.Check {
	var reasons []verification.ReasonCode
	if o.Reason != "" {
		reasons = append(reasons, o.Reason)
	}
	check := verification.NewCheck(verification.IdentityRecords, o.Status, reasons...)
	check.Provider, check.ProviderCode, check.Billable = vendor, code, o.Billable
	return check
}

// Answer is the check of the outcome, or the error to wait out.
func (o Outcome) Answer(vendor, op, code string, now time.Time) (verification.Check, error) {
	if o.Status == "" {
		return verification.Check{}, &provider.Error{
			Op: op, Class: provider.Unavailable, Code: code, Reason: o.Reason,
			RetryAfter: o.waitFrom(now), MaxTries: o.MaxTries, Billable: o.Billable,
		}
	}
	return o.Check(vendor, code), nil
}

// AfterMidnight is when a day's limit is asked about again: the vendor's clock
// has turned then, too.
const AfterMidnight = 5 * time.Minute

// waitFrom is how long to wait before asking again; 0: the caller's choice.
func (o Outcome) waitFrom(now time.Time) time.Duration {
	if !o.NextDay {
		return o.Wait
	}
	now = now.In(residentid.Shanghai)
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, residentid.Shanghai)
	return midnight.Sub(now) + AfterMidnight
}

var (
	// Numbers of resident cards begin with a province, 11 to 65.
	residentNumber = regexp.MustCompile(`^(1[1-9]|[2-5][0-9]|6[0-5])[0-9]{15}[0-9X]$`)
	permitNumber   = regexp.MustCompile(`^8[1-3][0-9]{15}[0-9X]$`)
	date           = regexp.MustCompile(`^[0-9]{8}$`)
)

// Unfit is the answer for a subject that is not asked about: the source does not
// know such a card, or one of the four members is missing. The rules for numbers
// and dates have their home in the local checks, which come first; what slips
// through them must still not be paid for. permits: residence permits are asked
// about, too.
func Unfit(vendor string, s verification.Subject, permits bool) (verification.Check, bool) {
	o := Outcome{Status: verification.Unavailable, Billable: free}
	switch {
	case !residentNumber.MatchString(s.IDNumber) && !(permits && permitNumber.MatchString(s.IDNumber)):
		o.Reason = verification.DocumentTypeUnsupported
	case s.Name == "":
		o.Reason = verification.IdentityNameMalformed
	case !date.MatchString(s.IDValidity.From) || !date.MatchString(s.IDValidity.To):
		o.Reason = verification.DocumentValidityUnclear
	default:
		return verification.Check{}, false
	}
	return o.Check(vendor, ""), true
}
