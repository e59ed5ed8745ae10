// Package tencent implements Tencent Cloud FaceID's E证通 (EID), version
// 2018-03-01: GetEidToken opens a session whose page runs inside WeChat,
// CheckEidTokenStatus returns its state, GetEidResult its result. Only
// the common module of Tencent's SDK is used, for the signature
// (TC3-HMAC-SHA256) and the envelope.
//
// Sources: https://cloud.tencent.com/document/api/1007/54089 (GetEidToken),
// /54090 (GetEidResult), https://cloud.tencent.com/document/product/1007/58231
// (CheckEidTokenStatus), /115318 and /115319 (codes of the flow and of the
// intention check), /108012 (API errors), /58171 (the flow in H5), /63370
// (return of the identity).
//
// Limits, for an account: 100 tokens and 100 results a second, 2,000 status
// calls. A token and its link live 600 s, a result three days. A page charges
// when the flow ends with 0, 2006 or 2016.
//
// What bites: an API error is an HTTP 200, so the envelope's Error is looked
// at before anything else. No error is no success either: what was found
// about the person is Text.ErrCode. With the intention check on, a 0 there is
// only half of a pass; and the results of the intention check may hold a 0
// although it was never used, so that IsVerifyIntention is looked at first.
//
// # What is unconfirmed, and which setting holds the safe value
//
//   - How GetEidResult answers before the flow is over: null or code 17. Both
//     are looked at again, and after three times nothing is believed.
//   - The tail of the code table (2012 to 2015, 2017, the 11xx and 12xx) is that
//     of sibling products. None of them is final. An unknown code goes to
//     review.
//   - In which form SM2 ciphertexts come, and what fills the last block of
//     SM4. All known forms are read; anything else leaves holder_match
//     inconclusive. Without Config.SM2PrivateKey (the default) the check is
//     skipped: the return of identity must be applied for.
//   - Whether EidInfo comes with InfoType "1" (Config.InfoType, default). If a
//     key is configured and it does not, everything is asked for once, and
//     media is dropped as it arrives.
//   - How the 32 characters of Name and IdCard are counted. We count code
//     points; a longer name is refused here, and another vendor may take it.
//   - From what age a token is expired for GetEidResult. BizTokenExpired at a
//     look means that the session ran out; at a result, that it is gone.
//   - How EidSign is verified: it is not. EidInfo is believed because it came
//     in a TLS answer to our own signed question.
//   - The intention check (Config.Intention, default off) was built from the
//     documents alone. Without IsVerifyIntention true and a 0 of the mode that
//     was asked for nothing passes. The length of a text to nod to is 150
//     characters in one place of the documents and 250 in another: 150 holds.
//   - In which form the IV of a sealed request is sent (Config.EncryptionIV): in
//     base64, as all samples of the vendor do. One call tells: a server that
//     wants the other answers FailedOperation.DecryptSystemError.
//
// Personal data is sent in plain over TLS. Config.Encryption seals name and
// number within it (AES-256-CBC, its key under the RSA key that the vendor
// publishes). It is off by default: that key has 1024 bits, its padding is PKCS
// #1 v1.5, and TLS is stronger. SM4-GCM is refused: as published, one nonce
// serves all fields.
package tencent
