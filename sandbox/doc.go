// Package sandbox implements stand-ins for the vendors, so that the whole system can
// be run, shown and tested without accounts or charges.
//
// One handler serves everything:
//
//	/tencent, /tencent/                  Tencent Cloud FaceID, E证通 and CheckIdNameDate: one POST endpoint, TC3-HMAC-SHA256 verified
//	/iai, /iai/                          Tencent Cloud iai, CompareFace, signed in the same way
//	/acedata/identity/idcard/check-2e    AceData Cloud: name, number and validity dates
//	/sino/sino-connect/...               Fill Easy Sino Connect: nfc/callback, face-rec/request, face-rec/callback
//	/megvii/faceid/lite/...              Megvii FaceID H5: get_token, get_result, and do, the person's page
//	/page/tencent/{token}                the page that a person meets at Tencent, with a button for every ending
//	/page/sino/{session}                 the same at Sino Connect (see sino_page.go)
//	/page/megvii/{token}/...             the forms of Megvii's page (see megvii_page.go)
//	/sandbox/eid/mini?token=&returned=   the caller's mini program and the vendor's, as one page (see eid_mini.go)
//	/sandbox/...                         people, faults, the ledger of calls and charges, clocks (see admin.go)
//
// The stand-ins are written from the vendors' published contracts and share no
// code with the clients under provider/: a misreading on one side shows as a
// failing test instead of being agreed with by the other. They check signatures,
// sizes and rate limits for real and keep the vendors' awkward habits (HTTP 200
// for errors, nulls, inconsistent spelling), with a switch where the papers do
// not tell which of two habits the vendor has.
//
// Nothing here logs a name or a number; the ledger knows a person by a digest.
// All data is invented, and only invented data belongs here.
//
// Sources: https://cloud.tencent.com/document/api/1007/54089 (GetEidToken),
// https://cloud.tencent.com/document/api/1007/54090 (GetEidResult),
// https://cloud.tencent.com/document/product/1007/58231 (CheckEidTokenStatus),
// https://cloud.tencent.com/document/product/1007/115318 (result codes),
// https://cloud.tencent.com/document/product/1007/63370 (return of identity),
// https://cloud.tencent.com/document/api/213/30654 (signature v3),
// https://docs.acedata.cloud/en/api-reference/identity/idcard-check-2e,
// https://cloud.tencent.com/document/api/1007/60075 (CheckIdNameDate),
// https://cloud.tencent.com/document/product/867/44987 (CompareFace),
// https://docs.fill-easy.com/sino-connect; RFC 7516 and 7518 (chip tokens),
// https://faceid.com/document/faceid-guide-docs/adv_h5_get_token,
// https://v2.faceid.com/document/faceid-guide-docs/adv_h5_get_result,
// https://v2.faceid.com/document/faceid-guide-docs/adv_h5_return_notify_url.
package sandbox
