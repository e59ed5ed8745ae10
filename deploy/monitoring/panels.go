package monitoring

// Dashboard is one page of panels.
type Dashboard struct {
	// UID is its file's name and the end of its address.
	UID, Title, Description string
	Panels                  []Panel
}

// Panel is one question, drawn over time.
type Panel struct {
	// Title and Description are for somebody who has never seen the code.
	Title, Description string
	// Unit is one of Grafana's: s, short, reqps, bytes, percentunit, currency:CNY.
	Unit    string
	Queries []Query
	// Latest shows the newest value as a figure, not a course.
	Latest bool
}

// Query is an expression of Prometheus's and how its series are called.
type Query struct{ Expr, Legend string }

// each is the one query of a panel.
func each(expr, legend string) []Query { return []Query{{expr, legend}} }

// slices of a histogram: the median and what one in twenty exceeds.
func medianAndSlowest(histogram, by, legend string) []Query {
	rate := "(rate(" + histogram + "_bucket[$__rate_interval])))"
	labels := "le"
	if by != "" {
		labels, legend = "le, "+by, " "+legend
	}
	return []Query{
		{"histogram_quantile(0.5, sum by (" + labels + ") " + rate, "half within" + legend},
		{"histogram_quantile(0.95, sum by (" + labels + ") " + rate, "19 of 20 within" + legend},
	}
}

// Figures that each worker takes from the store are the same everywhere, so that
// their maximum is taken, never their sum.

// Dashboards are all there are.
var Dashboards = []Dashboard{
	{UID: "yanzhen-overview", Title: "Yanzhen: overview", Description: "Whether verifications come in, end, and are told of.", Panels: []Panel{
		{Title: "Alerts that fire", Unit: "short", Latest: true,
			Description: "How many of deploy/monitoring/alerts.yml; the runbook has an entry for each.",
			Queries:     each(`count(ALERTS{alertstate="firing"}) or vector(0)`, "firing")},
		{Title: "Processes that are ready", Unit: "short", Latest: true,
			Description: "API and worker processes that answer and miss nothing: store, engine, workflows.",
			Queries:     each(`count by (job) (min by (job, instance) (yanzhen_ready) == 1)`, "{{job}}")},
		{Title: "Stored faces", Unit: "short", Latest: true,
			Description: "Rows that hold a face longer than they may. It must read 0; without a figure the store is away.",
			Queries:     each(`max(yanzhen_stored_faces)`, "rows")},
		{Title: "Rows changed from outside", Unit: "short", Latest: true,
			Description: "Rows and events found in the last day that somebody changed past yanzhen. It must read 0.",
			Queries:     each(`sum(increase(yanzhen_changed_total[1d]))`, "found")},
		{Title: "Verifications that ended, an hour", Unit: "short",
			Description: "By outcome. Errors are ours or a vendor's; nobody was judged by them.",
			Queries:     each(`sum by (outcome) (increase(yanzhen_outcomes_total[1h]))`, "{{outcome}}")},
		{Title: "Start calls, a second", Unit: "reqps",
			Description: "By result: created, accepted (its link comes later), replayed, or the code of the refusal.",
			Queries:     each(`sum by (result) (rate(yanzhen_starts_total[$__rate_interval]))`, "{{result}}")},
		{Title: "Open verifications", Unit: "short",
			Description: "By status: waiting for the person, for a vendor, for a reviewer.",
			Queries:     each(`sum by (status) (max by (policy, status) (yanzhen_verifications_open))`, "{{status}}")},
		{Title: "Past all their clocks", Unit: "short",
			Description: "Open longer than their policy's clocks together: their runs stand still. It must read 0.",
			Queries:     each(`max(yanzhen_verifications_overdue)`, "stuck")},
		{Title: "From the start to the first link", Unit: "s",
			Description: "How long a caller waits for something to show to the person.",
			Queries:     medianAndSlowest("yanzhen_link_duration_seconds", "", "")},
		{Title: "From the start to the verdict", Unit: "s",
			Description: "The person's own time and a reviewer's included.",
			Queries:     medianAndSlowest("yanzhen_verdict_duration_seconds", "decided_by", "{{decided_by}}")},
		{Title: "Waiting for the person", Unit: "s",
			Description: "Of ended verifications: how long the person had something to do.",
			Queries:     medianAndSlowest("yanzhen_person_duration_seconds", "", "")},
		{Title: "Answers of the API, a second", Unit: "reqps",
			Description: "By status. 503 says that store or engine is away; other 5xx are faults of ours.",
			Queries:     each(`sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count[$__rate_interval]))`, "{{http_response_status_code}}")},
		{Title: "Time to answer, 19 of 20", Unit: "s",
			Description: "By route. Reads that wait for a change take up to a minute, as they were asked to.",
			Queries:     each(`histogram_quantile(0.95, sum by (le, http_request_method, http_route) (rate(http_server_request_duration_seconds_bucket[$__rate_interval])))`, "{{http_request_method}} {{http_route}}")},
		{Title: "Attempts to deliver events, a second", Unit: "reqps",
			Description: "By what the receiver answered, or why there was no answer.",
			Queries:     each(`sum by (class) (rate(yanzhen_webhook_attempts_total[$__rate_interval]))`, "{{class}}")},
		{Title: "From an event to its delivery", Unit: "s",
			Description: "Deliveries that are over, by how they ended.",
			Queries:     medianAndSlowest("yanzhen_webhook_delivery_duration_seconds", "state", "{{state}}")},
		{Title: "Deliveries that are not over", Unit: "short",
			Description: "Due, being sent, or held back since their endpoint is paused or off.",
			Queries:     each(`max by (state) (yanzhen_webhook_deliveries_open)`, "{{state}}")},
		{Title: "Oldest event that waits", Unit: "s",
			Description: "For a worker to take it up, and for its receiver to take it.",
			Queries: []Query{{`max(yanzhen_webhook_backlog_seconds)`, "for a worker"},
				{`max(yanzhen_webhook_oldest_seconds)`, "for its receiver"}}},
		{Title: "Kept beyond its time", Unit: "short",
			Description: "What the hourly schedule of retention erases next.",
			Queries:     each(`max by (part) (yanzhen_retention_due)`, "{{part}}")},
		{Title: "Erasures whose receipt is not signed", Unit: "s",
			Description: "For how long the oldest one has been waiting for a vendor's or the engine's erasure.",
			Queries:     each(`max(yanzhen_erasure_oldest_seconds)`, "oldest")},
		{Title: "Erasures that are open", Unit: "short",
			Description: "Erased here, and not yet everywhere.",
			Queries:     each(`max(yanzhen_erasures_open)`, "open")},
	}},
	{UID: "yanzhen-vendors", Title: "Yanzhen: vendors", Description: "Whether vendors answer, what with, and what it costs.", Panels: []Panel{
		{Title: "Calls, a second", Unit: "reqps",
			Description: "By vendor and what was asked of it.",
			Queries:     each(`sum by (provider, operation) (rate(yanzhen_vendor_call_duration_seconds_count[$__rate_interval]))`, "{{provider}} {{operation}}")},
		{Title: "Calls that failed, a second", Unit: "reqps",
			Description: "By vendor and what the failure means: unavailable, rate_limited, misconfigured (ours to mend), contract_violation.",
			Queries:     each(`sum by (provider, class) (rate(yanzhen_vendor_call_duration_seconds_count{class!~"ok|canceled"}[$__rate_interval]))`, "{{provider}} {{class}}")},
		{Title: "Share of calls that failed", Unit: "percentunit",
			Description: "Of an hour's calls, those that were no answer. Without calls there is no line.",
			Queries: each(`1 - sum by (provider) (increase(yanzhen_vendor_call_duration_seconds_count{class="ok"}[1h]))`+
				` / (sum by (provider) (increase(yanzhen_vendor_call_duration_seconds_count{class!="canceled"}[1h])) > 0)`, "{{provider}}")},
		{Title: "Time to answer, 19 of 20", Unit: "s",
			Description: "By vendor and what was asked of it.",
			Queries:     each(`histogram_quantile(0.95, sum by (le, provider, operation) (rate(yanzhen_vendor_call_duration_seconds_bucket[$__rate_interval])))`, "{{provider}} {{operation}}")},
		{Title: "Charges, an hour", Unit: "short",
			Description: "By whether the vendor charges. Unknown: the answer was lost after the question had been sent.",
			Queries:     each(`sum by (provider, charged) (increase(yanzhen_vendor_charges_total[1h]))`, "{{provider}} {{charged}}")},
		{Title: "Money, a day", Unit: "currency:CNY",
			Description: "By the prices of the configuration; without prices there is no line.",
			Queries:     each(`sum by (provider, charged) (increase(yanzhen_vendor_cost_total[1d]))`, "{{provider}} {{charged}}")},
		{Title: "What ended face sessions, an hour", Unit: "short",
			Description: "A vendor's callback, our poll, the last look at the end of its time, the timer without a word, or a retry.",
			Queries:     each(`sum by (provider, by) (increase(yanzhen_session_ends_total[1h]))`, "{{provider}} {{by}}")},
		{Title: "Callbacks that say to look, a second", Unit: "reqps",
			Description: "By what became of them; late: the verification was over.",
			Queries:     each(`sum by (provider, result) (rate(yanzhen_hints_total[$__rate_interval]))`, "{{provider}} {{result}}")},
		{Title: "Signed results, a second", Unit: "reqps",
			Description: "Callbacks that carry the result themselves, by what became of them.",
			Queries:     each(`sum by (provider, result) (rate(yanzhen_notices_total[$__rate_interval]))`, "{{provider}} {{result}}")},
	}},
	{UID: "yanzhen-reviews", Title: "Yanzhen: reviews", Description: "What waits for a human, and for how long. While the store is away nobody knows: there is no line.", Panels: []Panel{
		{Title: "Waiting for a reviewer", Unit: "short",
			Description: "By policy.",
			Queries:     each(`max by (policy) (yanzhen_verifications_open{status="in_review"})`, "{{policy}}")},
		{Title: "The oldest has been waiting for", Unit: "s",
			Description: "By policy. At the review's deadline, 7 days unless the policy says otherwise, it ends expired.",
			Queries:     each(`max by (policy) (yanzhen_review_oldest_seconds)`, "{{policy}}")},
		{Title: "Reviewers' decisions, an hour", Unit: "short",
			Description: "By decision.",
			Queries:     each(`sum by (outcome) (increase(yanzhen_outcomes_total{decided_by="reviewer"}[1h]))`, "{{outcome}}")},
		{Title: "Share that a reviewer decided", Unit: "percentunit",
			Description: "Of an hour's verdicts. It rises with suspicions, with gaps in the records, and with vendors that fail.",
			Queries: each(`sum by (policy) (increase(yanzhen_outcomes_total{decided_by="reviewer"}[1h]))`+
				` / (sum by (policy) (increase(yanzhen_outcomes_total{decided_by!="none"}[1h])) > 0)`, "{{policy}}")},
		{Title: "From the start to a reviewer's verdict", Unit: "s",
			Description: "By policy.",
			Queries:     medianAndSlowest(`yanzhen_verdict_duration_seconds`, "policy", "{{policy}}")},
	}},
	{UID: "yanzhen-engine", Title: "Yanzhen: engine", Description: "Temporal as our workers see it, the server itself, and the processes.", Panels: []Panel{
		{Title: "Panics, an hour", Unit: "short",
			Description: "Of workflows, activities and requests. A workflow's stops a run until its code is mended.",
			Queries:     each(`sum by (where) (increase(yanzhen_panics_total[1h]))`, "{{where}}")},
		{Title: "Steps wait for a worker, 19 of 20", Unit: "s",
			Description: "From when the engine has a step ready until a worker begins it, by task queue. A vendor's queue is held to the vendor's limit.",
			Queries: []Query{
				{`histogram_quantile(0.95, sum by (le, task_queue) (rate(temporal_activity_schedule_to_start_latency_seconds_bucket[$__rate_interval])))`, "{{task_queue}}"},
				{`histogram_quantile(0.95, sum by (le) (rate(temporal_workflow_task_schedule_to_start_latency_seconds_bucket[$__rate_interval])))`, "workflow tasks"}}},
		{Title: "Room for more steps", Unit: "short",
			Description: "Free slots of all workers. At 0 steps wait: start another worker.",
			Queries:     each(`sum by (worker_type) (temporal_worker_task_slots_available)`, "{{worker_type}}")},
		{Title: "Pollers", Unit: "short",
			Description: "Who asks the engine for work, by task queue. At 0 nobody does.",
			Queries:     each(`sum by (task_queue) (temporal_num_pollers)`, "{{task_queue}}")},
		{Title: "Requests to the engine, a second", Unit: "reqps",
			Description: "By operation.",
			Queries:     each(`sum by (operation) (rate(temporal_request_total[$__rate_interval]))`, "{{operation}}")},
		{Title: "Requests that the engine refused, a second", Unit: "reqps",
			Description: "By operation and status. NotFound and AlreadyExists are answers, not faults.",
			Queries:     each(`sum by (operation, status_code) (rate(temporal_request_failure_total[$__rate_interval])) or vector(0)`, "{{operation}} {{status_code}}")},
		{Title: "Steps that failed, a second", Unit: "reqps",
			Description: "Activities, by type; the engine tries them again. A vendor's outage shows here, too.",
			Queries:     each(`sum by (activity_type) (rate(temporal_activity_execution_failed_total[$__rate_interval])) or vector(0)`, "{{activity_type}}")},
		{Title: "From a run's start to its end", Unit: "s",
			Description: "By kind of workflow; a person's minutes and a reviewer's days are in it.",
			Queries:     each(`histogram_quantile(0.5, sum by (le, workflow_type) (rate(temporal_workflow_endtoend_latency_seconds_bucket[$__rate_interval])))`, "{{workflow_type}}")},
		{Title: "Runs kept in memory", Unit: "short",
			Description: "A run that is not costs a replay at its next step.",
			Queries:     each(`sum by (job) (temporal_sticky_cache_size)`, "{{job}}")},
		{Title: "The server's requests, a second", Unit: "reqps",
			Description: "Temporal's own count, by service.",
			Queries:     each(`sum by (service_name) (rate(service_requests[$__rate_interval]))`, "{{service_name}}")},
		{Title: "The server's database, 19 of 20", Unit: "s",
			Description: "Time of Temporal's calls to its database, by service.",
			Queries:     each(`histogram_quantile(0.95, sum by (le, service_name) (rate(persistence_latency_bucket[$__rate_interval])))`, "{{service_name}}")},
		{Title: "Memory", Unit: "bytes",
			Description: "Resident, of each process.",
			Queries:     each(`process_resident_memory_bytes{job=~"yanzhen-.*"}`, "{{job}} {{instance}}")},
		{Title: "Processor", Unit: "percentunit",
			Description: "Cores in use by each process.",
			Queries:     each(`rate(process_cpu_seconds_total{job=~"yanzhen-.*"}[$__rate_interval])`, "{{job}} {{instance}}")},
	}},
}
