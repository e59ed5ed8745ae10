package cmd

import (
	"fmt"
	"io"
	"time"

	"github.com/yanzhen-id/yanzhen/verification"
)

// question is one that operators ask of the runs, with the list filter that answers
// it in the Temporal UI. What changes often is answered from the store, above.
type question struct{ asks, filter string }

// usualQuestions are those that have a filter.
func usualQuestions(now time.Time) []question {
	ago := func(d time.Duration) string { return now.Add(-d).UTC().Format(time.RFC3339) }
	const ours = "WorkflowType = \"Verification\" AND "
	return []question{
		{"in review, the oldest last", ours + `ExecutionStatus = "Running" AND YzStatus = "` + string(verification.InReview) + `"`},
		{"in review for over a day (or begun so long ago)", ours + `ExecutionStatus = "Running" AND YzStatus = "` + string(verification.InReview) + `" AND StartTime < "` + ago(24*time.Hour) + `"`},
		{"failed at a vendor today", ours + `YzOutcome = "` + string(verification.OutcomeError) + `" AND CloseTime > "` + ago(24*time.Hour) + `"`},
		{"failed today at one vendor", ours + `YzProvider = "` + switched()[0] + `" AND YzOutcome = "` + string(verification.OutcomeError) + `" AND CloseTime > "` + ago(24*time.Hour) + `"`},
		{"reviewed for want of a vendor", ours + `YzReasons IN ("` + string(verification.ProviderUnavailable) + `", "` + string(verification.ProviderContractViolation) + `")`},
		{"stuck: their code fails, or does not fit their history (Temporal 1.30 or later)", `TemporalReportedProblems IS NOT NULL AND ExecutionStatus = "Running"`},
		{"open for longer than a day", ours + `ExecutionStatus = "Running" AND StartTime < "` + ago(24*time.Hour) + `"`},
		{"deliveries that are still tried after a day", `WorkflowType = "WebhookDelivery" AND ExecutionStatus = "Running" AND StartTime < "` + ago(24*time.Hour) + `"`},
		{"erasures without a receipt", `WorkflowType = "Erasure" AND ExecutionStatus = "Running"`},
	}
}

// printQuestions prints them below the table.
func printQuestions(out io.Writer, now time.Time) {
	fmt.Fprintln(out, "\nIn the Temporal UI's list of workflows (Filter), or by `temporal workflow list --query`:")
	for _, q := range usualQuestions(now) {
		fmt.Fprintf(out, "  %s\n    %s\n", q.asks, q.filter)
	}
}
