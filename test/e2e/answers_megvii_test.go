package e2e

import (
	"net/http"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// megviiAnswers are Megvii's, in the order of megvii-faceid.md: what a callback
// tells (5 and 6), the errors of get_token and of get_result (7).
func megviiAnswers() []vendorAnswer {
	face := "face_match "
	notify := func(row vendorAnswer, ends ...string) []vendorAnswer {
		row.operation, row.policy = "notify", "megvii"
		rows := answers(row, ends...)
		for i := range rows {
			rows[i].end = rows[i].says
		}
		return rows
	}
	unclear := "liveness inconclusive provider.contract_violation; face_match inconclusive provider.contract_violation"
	var rows []vendorAnswer
	for _, some := range [][]vendorAnswer{
		notify(vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 1, charged: 1}, sandbox.MegviiPass, "score-71.5", sandbox.MegviiMonochrome, sandbox.MegviiManyFaces),
		notify(vendorAnswer{leads: "retry", because: face + "failed face.no_match", last: "face.no_match", next: "megvii_faceid", billed: "yes"},
			sandbox.MegviiLowScore, "score-67", "score-0"),
		notify(vendorAnswer{leads: "retry", because: "liveness failed face.not_live", last: "face.not_live", next: "megvii_faceid"}, sandbox.MegviiLivenessFail),
		notify(vendorAnswer{leads: "retry", because: face + "failed face.poor_capture", last: "face.poor_capture", next: "megvii_faceid"},
			sandbox.MegviiNoFaceImage, "error:MULTIPLE_FACES: image"),
		// An attack wins over everything, and is for a human.
		notify(vendorAnswer{leads: "review", because: "liveness failed face.injection_suspected"}, sandbox.MegviiSpoof, sandbox.MegviiReplaced),
		notify(vendorAnswer{leads: "review", because: "liveness failed face.spoof_suspected"}, sandbox.MegviiMask, sandbox.MegviiReplay),
		notify(vendorAnswer{leads: "review", because: face + "inconclusive identity.number_attacked"}, sandbox.MegviiIDAttacked),
		notify(vendorAnswer{leads: "declined", because: face + "failed identity.mismatch", billed: "yes"}, sandbox.MegviiNameDiffers),
		notify(vendorAnswer{leads: "review", because: face + "inconclusive records.not_found", billed: "yes"}, sandbox.MegviiNoNumber),
		notify(vendorAnswer{leads: "review", because: face + "inconclusive face.no_reference_photo", billed: "yes"}, sandbox.MegviiNoPhoto, sandbox.MegviiNoFaceSource),
		notify(vendorAnswer{leads: "review", because: face + "inconclusive face.not_compared"}, "error:NO_FACE_FOUND"),
		notify(vendorAnswer{leads: "review", because: face + "inconclusive provider.contract_violation"}, "error:SOMETHING_NEW"),
		notify(vendorAnswer{leads: "review", because: unclear}, sandbox.MegviiStrange, "status:NEW"),
		// Their fault: nobody was judged.
		notify(vendorAnswer{leads: "review", because: "liveness inconclusive provider.unavailable; face_match inconclusive provider.unavailable"}, sandbox.MegviiSourceError),
		notify(vendorAnswer{leads: "retry", last: "session.interrupted", next: "megvii_faceid"}, sandbox.MegviiVendorError, sandbox.MegviiTechnical),
		notify(vendorAnswer{leads: "retry", last: "device.unsupported", next: "megvii_faceid"}, sandbox.MegviiNoWebRTC),
		notify(vendorAnswer{leads: "retry", last: "device.camera_denied", next: "megvii_faceid"}, sandbox.MegviiNoCamera),
		notify(vendorAnswer{leads: "retry", last: "session.canceled", next: "megvii_faceid"}, sandbox.OutcomeCancel),
		// It cannot tell whether the person had begun.
		notify(vendorAnswer{leads: "expired", last: "session.expired"}, sandbox.OutcomeTimeout, sandbox.MegviiAbandon),
	} {
		rows = append(rows, some...)
	}
	rows = append(rows, vendorAnswer{operation: "notify", says: sandbox.MegviiSourceError, end: sandbox.MegviiSourceError, policy: "megvii-tencent", leads: "link", next: "tencent_eid"})

	rows = append(rows, openings(sandbox.Megvii, "megvii_faceid", "get_token", "megvii-tencent", "tencent_eid", map[string][]string{
		"misconfigured": {"MISSING_ARGUMENTS: scene_id", "BAD_ARGUMENTS:scene_id", "AUTHENTICATION_ERROR", "AUTHORIZATION_ERROR:Denied.",
			"AUTHORIZATION_ERROR:Limit reached.", "AUTHORIZATION_ERROR:No data source permission.", "API_NOT_FOUND"},
		"refused":            {"INVALID_NAME_FORMAT", "INVALID_IDCARD_NUMBER"},
		"rate_limited":       {"CONCURRENCY_LIMIT_EXCEEDED"},
		"unavailable":        append([]string{"INTERNAL_ERROR"}, broken...),
		"contract_violation": garbled,
	})...)
	tooLarge := vendorAnswer{operation: "get_token", says: "413", policy: "megvii-tencent", leads: "approved", tried: "megvii_faceid misconfigured", next: "tencent_eid"}
	tooLarge.faults = []sandbox.Fault{{Vendor: sandbox.Megvii, Operation: "get_token", Kind: sandbox.FaultBody, Status: http.StatusRequestEntityTooLarge, Body: "Request Entity Too Large"}}
	rows = append(rows, tooLarge)

	// Nobody tells: the one look-up after the session's end does.
	for _, row := range notify(vendorAnswer{leads: "approved", billed: "yes", recordsAsked: 1, charged: 1}, sandbox.MegviiPass) {
		rows = append(rows, asked(row, ""))
	}
	rows = append(rows,
		asked(notify(vendorAnswer{leads: "retry", because: face + "failed face.no_match", next: "megvii_faceid"}, sandbox.MegviiLowScore)[0], ""),
		asked(notify(vendorAnswer{leads: "declined", because: face + "failed identity.mismatch"}, sandbox.MegviiNameDiffers)[0], ""))
	for _, says := range []string{"DATA_DESTROYED", "RESULT_NOT_FOUND"} {
		rows = append(rows, asked(notify(vendorAnswer{leads: "expired", last: "session.expired"}, sandbox.MegviiPass)[0], says))
	}
	// The next look-up would be in ten minutes: this policy does not wait for it.
	for _, says := range append([]string{"INTERNAL_ERROR", "CONCURRENCY_LIMIT_EXCEEDED", "AUTHENTICATION_ERROR"}, broken...) {
		rows = append(rows, asked(notify(vendorAnswer{leads: "expired"}, sandbox.MegviiPass)[0], says))
	}
	return rows
}

// asked is a row whose vendor tells nobody: it is asked by get_result, and
// answers that with a fault.
func asked(row vendorAnswer, says string) vendorAnswer {
	row.operation, row.silent = "get_result", true
	if says != "" {
		row.says = says
		row.struck = []sandbox.Fault{fault(sandbox.Megvii, "get_result", says, 0)}
	}
	return row
}
