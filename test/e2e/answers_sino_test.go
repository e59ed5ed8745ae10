package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// status is a fault that answers with a status and a body.
func status(operation string, code int, body string, times int) sandbox.Fault {
	return sandbox.Fault{Vendor: sandbox.SinoConnect, Operation: operation, Kind: sandbox.FaultBody, Status: code, Body: body, Times: times}
}

// sinoAnswers are Sino Connect's, in the order of sino-connect.md, 6: the chip,
// and the face poll. Nobody is told of in face-rec/request, so its answers have
// a test of their own.
func sinoAnswers() []vendorAnswer {
	row := func(operation, says string, want vendorAnswer) vendorAnswer {
		want.operation, want.says, want.policy = operation, says, "chip"
		return want
	}
	approved := vendorAnswer{leads: "approved", recordsAsked: 1, charged: 1}
	scanAgain := vendorAnswer{leads: "scan_chip", last: "document.unreadable"}
	var rows []vendorAnswer
	for _, scenario := range []string{"sim-ok-", "sim-pending-2-", "sim-notoken-2-", "sim-500-2-", "sim-slow-1500-"} {
		one := row("nfc/callback", scenario, approved)
		one.scenario = scenario
		rows = append(rows, one)
	}
	for _, scenario := range []string{"sim-expired-", "sim-incomplete-", "sim-badjwe-", "sim-badjwe-cut-", "sim-badjwe-header-", "sim-badjwe-zip-",
		"sim-badjwe-huge-", "sim-badjwe-dots-", "sim-badjwe-text-", "sim-badjwe-longname-"} {
		one := row("nfc/callback", scenario, scanAgain)
		one.scenario = scenario
		rows = append(rows, one)
	}
	endless := row("nfc/callback", "a card without end", approved)
	endless.scenario, endless.lifelong = "sim-longterm-", true
	expired := row("nfc/callback", "an expired card", vendorAnswer{leads: "declined", because: "document_validity failed document.expired"})
	expired.scenario = "sim-expiredcard-"
	differs := row("nfc/callback", "a birth date that differs", vendorAnswer{leads: "review", because: "document_chip inconclusive document.birth_date_mismatch"})
	differs.scenario = "sim-chipmismatch-"
	rows = append(rows, endless, expired, differs)
	struck := func(want vendorAnswer, says string, f sandbox.Fault) {
		one := row("nfc/callback", says, want)
		one.faults = []sandbox.Fault{f}
		rows = append(rows, one)
	}
	for _, code := range []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, 500, 502, 503, 504} {
		struck(approved, fmt.Sprintf("%d once", code), status("nfc/callback", code, `{"error":"later"}`, 1))
	}
	for _, says := range append([]string{sandbox.FaultEmpty, sandbox.FaultHalfJSON, sandbox.FaultHuge}, broken...) {
		struck(approved, says+" once", fault(sandbox.SinoConnect, "nfc/callback", says, 1))
	}
	// A token that is none, or none beside words that promise none: it will not get better.
	for _, says := range []string{sandbox.FaultWrongTypes, sandbox.FaultMissingMembers} {
		struck(scanAgain, says, fault(sandbox.SinoConnect, "nfc/callback", says, 0))
	}
	struck(scanAgain, "400", status("nfc/callback", 400, `{"error":"anything"}`, 0))
	for _, code := range []int{401, 403, 404} {
		struck(vendorAnswer{leads: "scan_chip", last: "provider.misconfigured"}, fmt.Sprint(code), status("nfc/callback", code, `{"error":"no"}`, 0))
	}

	poll := func(want vendorAnswer, says, end string, struck ...sandbox.Fault) {
		one := row("face-rec/callback", says, want)
		one.end, one.struck = end, struck
		rows = append(rows, one)
	}
	poll(vendorAnswer{leads: "retry", because: "face_match failed face.no_match", last: "face.no_match", next: "sino_connect"}, "somebody else", sandbox.CaptureOther)
	poll(vendorAnswer{leads: "review", because: "face_match inconclusive face.not_compared"}, "nobody in the picture", sandbox.CaptureNoFace)
	poll(vendorAnswer{leads: "review", because: "liveness inconclusive face.not_compared; face_match inconclusive face.not_compared"}, "no picture", sandbox.CaptureBroken)
	poll(vendorAnswer{leads: "retry", last: "session.canceled", next: "sino_connect"}, "cancelled", sandbox.OutcomeCancel)
	poll(vendorAnswer{leads: "retry", last: "session.interrupted", next: "sino_connect"}, "failed", sandbox.OutcomeFail)
	poll(vendorAnswer{leads: "expired", last: "session.expired"}, "expired", sandbox.OutcomeTimeout)
	for says, f := range map[string]sandbox.Fault{
		"202":                     status("face-rec/callback", 202, `{"message":"Pending"}`, 3),
		"200 pending":             status("face-rec/callback", 200, `{"message":"Not ready"}`, 3),
		"200 with an unknown one": status("face-rec/callback", 200, `{"message":"Whatever"}`, 3),
		"400 pending":             status("face-rec/callback", 400, `{"error":"still in progress"}`, 3),
		"401":                     status("face-rec/callback", 401, `{"error":"Unauthorized"}`, 2), "403": status("face-rec/callback", 403, `{"error":"Forbidden"}`, 2),
		"404": status("face-rec/callback", 404, `{"error":"Not Found"}`, 2), "408": status("face-rec/callback", 408, "", 2),
		"425": status("face-rec/callback", 425, "", 2), "429": status("face-rec/callback", 429, `{"error":"slow down"}`, 2),
		"500": status("face-rec/callback", 500, `{"error":"oops"}`, 2), "503": status("face-rec/callback", 503, "", 2), "504": status("face-rec/callback", 504, "", 2),
	} {
		poll(approved, says+" for a while", "", f)
	}
	for _, says := range []string{sandbox.FaultEmpty, sandbox.FaultHalfJSON, sandbox.FaultMissingMembers, sandbox.FaultHTML502, sandbox.FaultDrop} {
		poll(approved, says+" once", "", fault(sandbox.SinoConnect, "face-rec/callback", says, 1))
	}
	// There was a picture, perhaps for the only time, and it is none.
	for _, says := range []string{sandbox.FaultWrongTypes, sandbox.FaultHuge} {
		poll(vendorAnswer{leads: "review", because: "liveness inconclusive face.not_compared; face_match inconclusive face.not_compared"}, says+" once", "",
			fault(sandbox.SinoConnect, "face-rec/callback", says, 1))
	}
	// The pictures were handed out, once, into an answer that was lost.
	poll(vendorAnswer{leads: "retry", last: "session.expired", next: "sino_connect"}, sandbox.FaultDropAfter, "", fault(sandbox.SinoConnect, "face-rec/callback", sandbox.FaultDropAfter, 1))
	poll(vendorAnswer{leads: "expired", last: "session.expired"}, "400", "", status("face-rec/callback", 400, `{"error":"invalid token"}`, 0))
	return append(rows, compareAnswers()...)
}

// compareAnswers are those of CompareFace, of tencent-compareface.md.
func compareAnswers() []vendorAnswer {
	row := func(says string, times int, want vendorAnswer) vendorAnswer {
		want.operation, want.says, want.policy = "CompareFace", fmt.Sprintf("%s ×%d", says, times), "chip"
		want.faults = []sandbox.Fault{fault(sandbox.TencentIAI, "CompareFace", says, times)}
		return want
	}
	approved := vendorAnswer{leads: "approved", recordsAsked: 1, charged: 1}
	review := func(reason string) vendorAnswer {
		return vendorAnswer{leads: "review", because: "face_match inconclusive " + reason}
	}
	var rows []vendorAnswer
	add := func(times int, want vendorAnswer, says ...string) {
		for _, one := range says {
			rows = append(rows, row(one, times, want))
		}
	}
	add(0, approved, "60", "75.5", "100")
	add(0, vendorAnswer{leads: "retry", because: "face_match failed face.no_match", last: "face.no_match", next: "sino_connect"}, "0", "50", "59.9")
	add(0, review("provider.contract_violation"), "101", "-1")
	add(0, review("face.not_compared"), "InvalidParameterValue.NoFaceInPhoto", "InvalidParameterValue.ImageEmpty", "FailedOperation.ImageFacedetectFailed",
		"FailedOperation.FaceSizeTooSmall", "FailedOperation.FaceQualityNotQualified", "FailedOperation.ImageDecodeFailed",
		"FailedOperation.ImageResolutionTooSmall", "FailedOperation.ImageResolutionExceed", "FailedOperation.ImageSizeExceed")
	passing := append([]string{"FailedOperation.RequestLimitExceeded", "RequestLimitExceeded", "LimitExceeded.ErrorFaceNumExceed",
		"FailedOperation.RequestTimeout", "FailedOperation.RpcFail", "FailedOperation.ServerError", "InternalError"}, broken...)
	add(1, approved, passing...)
	add(0, review("face.not_compared"), passing...)
	add(0, review("provider.misconfigured"), "ResourceUnavailable.NotExist", "ResourceUnavailable.InArrears", "UnauthorizedOperation", "AuthFailure.SignatureFailure")
	add(0, review("provider.contract_violation"), append([]string{"SomethingNew"}, garbled...)...)
	return rows
}

// TestEveryAnswerToTheOpeningOfAFacePage: face-rec/request tells nobody whom it is
// about, so its answers are forced one after the other.
func TestEveryAnswerToTheOpeningOfAFacePage(t *testing.T) {
	t.Parallel()
	s := answersStack(t, nil)
	const operation = "face-rec/request"
	rows := map[string][]sandbox.Fault{}
	for class, codes := range map[string][]int{"misconfigured": {400, 401, 403, 404}, "unavailable": {408, 425, 500, 502, 503, 504}, "rate_limited": {429}} {
		for _, code := range codes {
			rows[class] = append(rows[class], status(operation, code, `{"error":"no"}`, 0))
		}
	}
	for _, says := range garbled {
		rows["contract_violation"] = append(rows["contract_violation"], fault(sandbox.SinoConnect, operation, says, 0))
	}
	for _, says := range append([]string{sandbox.FaultRefuse}, broken...) {
		rows["unavailable"] = append(rows["unavailable"], fault(sandbox.SinoConnect, operation, says, 0))
	}
	rows["contract_violation"] = append(rows["contract_violation"], status(operation, 200, `{"message":"Success","token":"e30.e30.AAAA"}`, 0))
	var some []*playing
	var all sync.WaitGroup
	for class, faults := range rows {
		for _, f := range faults {
			p := s.playing([]vendorAnswer{{operation: operation, says: fmt.Sprint(f.Kind, f.Status), policy: "chip-tencent",
				leads: "approved", tried: "sino_connect " + class, next: "tencent_eid"}})[0]
			some = append(some, p)
			s.vendors.ClearFaults()
			require.NoError(t, s.vendors.Fault(f))
			p.begin() // the rest of it may go on beside the next one
			all.Go(func() { p.play(); p.finish(false) })
		}
	}
	all.Wait()
	s.report(t, some)
}
