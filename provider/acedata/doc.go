// Package acedata implements AceData Cloud's "Identity Information and Validity
// Verification" (POST /identity/idcard/check-2e): name, number and validity
// dates of a resident identity card are compared with the authority's records
// in one synchronous, charged call.
//
// Sources: https://docs.acedata.cloud/en/api-reference/identity/idcard-check-2e,
// the OpenAPI file openapi/identity.json of github.com/AceDataCloud/Docs, and
// for the codes Tencent's CheckIdNameDate
// (https://cloud.tencent.com/document/api/1007/60075), whose fields and texts
// AceData's answers repeat.
//
// Limits: 60 requests a second for a token; 20 a second at what is very likely
// the upstream. Config.Rate is 50 by default, since a call beyond a limit is not
// charged. There is no idempotency key: a call whose answer is lost may have been
// charged, and is reported as such.
//
// # What is unconfirmed, and which setting holds the safe value
//
//   - Which of two published lists of result codes is the real one. They
//     differ from -4 on. A description decides before a code does
//     (Config.Keywords); Config.ResultProfile decides where the description is
//     silent. Its default "auto" takes the careful meaning of each code.
//     Whatever it is, nothing but -1 is a failure and nothing but 0 a pass.
//   - Whether residence permits (numbers from 81, 82 and 83) are known to the
//     source: Config.Permits, default false. Numbers of permanent residence
//     cards (from 9) are never sent.
//   - Whether answers other than 0 and -1 are free, as AceData's page says;
//     its billing page charges every answer. Checks carry what the page of the
//     endpoint says. An answer outside of both lists counts as unknown.
//   - What the daily limit counts (number, account or application). A limit
//     is waited out until the next day in China and asked about once more.
//   - How a missing field is answered. A 4xx is always held to be our fault,
//     never the person's.
//
// The members image_url (it belongs to a sibling endpoint) and encryption (what
// it wraps only Tencent opens, and AceData does not say that it passes the
// member on) are never sent.
package acedata
