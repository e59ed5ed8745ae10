package acedata

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/internal/idrecords"
	"github.com/yanzhen-id/yanzhen/verification"
)

// says is what a description tells.
type says int

const (
	anything says = iota
	dates
	fault
	noRecord
	invalid
	limit
	mismatch
)

// rule is one reading of a result code. The first rule of a code that applies
// is taken: its words stand in the description and its profile is ours.
type rule struct {
	says    says
	profile string // empty: any
	means   idrecords.Outcome
}

const free = verification.BillableNo

var (
	// A database fault is asked about twice in all: the same code is the
	// answer to malformed dates in the other list, and those never pass.
	sourceFault = idrecords.Outcome{Reason: verification.ProviderUnavailable, Billable: free, MaxTries: 2}
	upgrading   = idrecords.Outcome{Reason: verification.ProviderUnavailable, Billable: free, Wait: 5 * time.Minute}
	// limitOrNoRecord: asked once more on the next day; if it was no limit, the
	// same answer comes back, and a human looks.
	limitOrNoRecord = idrecords.Outcome{Reason: verification.RecordsNotVerifiable, Billable: free, NextDay: true, MaxTries: 2}
)

// results maps every result code of both lists. AceData prints the list of
// another API of the upstream; ProfileTencent is that of the API whose fields
// and texts the endpoint repeats.
var results = map[string][]rule{
	"0": {
		{says: mismatch, means: idrecords.Garbled}, {says: fault, means: idrecords.Garbled}, {says: noRecord, means: idrecords.Garbled},
		{says: invalid, means: idrecords.Garbled}, {says: limit, means: idrecords.Garbled},
		{means: idrecords.Passed},
	},
	"-1": {
		{says: fault, means: idrecords.Garbled}, {says: noRecord, means: idrecords.Garbled},
		{says: invalid, means: idrecords.Garbled}, {says: limit, means: idrecords.Garbled},
		{means: idrecords.Mismatched},
	},
	"-2": {{means: idrecords.BadNumber}},
	"-3": {{means: idrecords.BadName}},
	"-4": {
		{says: dates, means: idrecords.BadDates}, {says: fault, means: sourceFault},
		{profile: ProfileTencent, means: idrecords.BadDates}, {means: sourceFault},
	},
	"-5": {
		{says: noRecord, means: idrecords.NotFound}, {says: invalid, means: idrecords.Unverifiable},
		{profile: ProfileDoc, means: idrecords.NotFound}, {means: idrecords.Unverifiable},
	},
	"-6": {{means: upgrading}},
	"-7": {
		{says: limit, means: idrecords.DayLimit}, {says: noRecord, means: idrecords.NotFound},
		{profile: ProfileDoc, means: idrecords.DayLimit}, {profile: ProfileTencent, means: idrecords.NotFound}, {means: limitOrNoRecord},
	},
	"-8": {{means: idrecords.DayLimit}},
}

// classify reads a result: the description before the code, the profile where
// the description is silent.
func (c Config) classify(result, description string) idrecords.Outcome {
	description = strings.ToLower(description)
	for _, r := range results[result] {
		if c.Keywords.tell(description, r.says) && (r.profile == "" || r.profile == c.ResultProfile) {
			return r.means
		}
	}
	return idrecords.Garbled
}

func (k Keywords) tell(description string, s says) bool {
	if s == anything {
		return true
	}
	sets := map[says][]string{dates: k.Dates, fault: k.Fault, noRecord: k.NoRecord, invalid: k.Invalid, limit: k.Limit, mismatch: k.Mismatch}
	return slices.ContainsFunc(sets[s], func(word string) bool {
		return strings.Contains(description, strings.ToLower(word))
	})
}

// errorCodes are the documented codes of failures. Only these are shown: an
// unknown code may hold anything.
var errorCodes = []string{
	"api_error", "api_not_implemented", "bad_request", "disabled", "forbidden", "invalid_token", "no_api", "no_token",
	"rate_limited", "timeout", "token_expired", "token_mismatched", "too_many_requests", "used_up",
}

// httpFailure reads an answer other than 200, by its status and then by its
// code. AceData documents that only 200 is charged; we believe it of what it
// documents, and hold every other 5xx for possibly charged.
func httpFailure(status int, code string, wait time.Duration) *provider.Error {
	e := &provider.Error{Op: op, Code: code, Billable: free, RetryAfter: wait}
	if !slices.Contains(errorCodes, code) {
		e.Code = fmt.Sprintf("http_%d", status)
	}
	switch {
	case status == http.StatusTooManyRequests:
		e.Class, e.Reason = provider.RateLimited, verification.ProviderUnavailable
	case status == http.StatusRequestTimeout:
		e.Class, e.Reason = provider.Unavailable, verification.ProviderUnavailable
	case 400 <= status && status <= 499:
		// Token, balance, path or body: ours to mend. The documented 400s talk
		// of tokens, so not even they say anything about the person's data.
		e.Class, e.Reason = provider.Misconfigured, verification.ProviderMisconfigured
	case status == http.StatusInternalServerError && code == "api_error":
		e.Class, e.Reason = provider.Unavailable, verification.ProviderUnavailable
	case status >= 500:
		e.Class, e.Reason, e.Billable = provider.Unavailable, verification.RecordsChargeUnknown, verification.BillableUnknown
	default: // a redirect, or a success that the contract does not know
		e.Class, e.Reason, e.Billable = provider.ContractViolation, verification.ProviderContractViolation, verification.BillableUnknown
	}
	return e
}
