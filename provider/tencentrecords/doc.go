// Package tencentrecords implements Tencent Cloud FaceID's CheckIdNameDate, version
// 2018-03-01: name, number and validity dates of a resident identity card are
// compared with the authority's records in one synchronous, charged call.
//
// Sources: https://cloud.tencent.com/document/api/1007/60075 (the call and its
// codes), https://www.tencentcloud.com/document/api/1061/79051 (the same on the
// international site, whose accounts are others), and the errors that the
// generated SDK lists for the action.
//
// Limits: 20 requests a second for an account; we ask for 15. There is no
// idempotency key: a call whose answer is lost may have been charged, and is
// reported as such.
//
// # What bites
//
//   - The list of codes belongs to this action. -4 to -7 mean other things in
//     IdCardVerification, which compares no dates and is never called.
//   - -5 (identity information invalid) is neither a mismatch nor "no record":
//     comparable interfaces put wrong names and cards reported lost under the
//     same words. A human looks.
//   - -1 does not say which of name, number and dates differs. It is charged, and
//     never asked again with other dates.
//   - Errors come with HTTP 200, and there is no member that says "success": only
//     a Result of exactly 0 is a pass.
//   - AceData very likely asks this same action. To ask here mends an outage of
//     AceData's, and not one of the source; it is no second opinion.
//
// # What is unconfirmed, and which setting holds the safe value
//
//   - Whether residence permits (81, 82, 83) are known to the source:
//     Config.Permits, default false. Numbers from 9 are never sent.
//   - Whether the day's limit (-8) counts a number or the account: it is asked
//     about once more on the next day.
//   - Whether an error answer is free: as the codes without a result are.
//     InternalError stands for a gateway's time-out as well, and counts as
//     unknown.
//   - The texts of -2 to -8: none is used to decide.
package tencentrecords
