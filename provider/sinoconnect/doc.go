// Package sinoconnect implements Fill Easy's Sino Connect: what an app read from a
// card's chip by NFC is fetched as an encrypted token (JWE), and a face page is
// opened and polled. Three calls, all POST, all from us to them; there is no
// webhook.
//
// Sources: https://docs.fill-easy.com/sino-connect for the three calls, their
// headers and bodies; https://docs.fill-easy.com/kyc-china and /uae-pass, of the
// same vendor, for 202 as "not ready yet" and 502 as a faulty upstream. RFC 7516
// to 7518 (JWE, JWK, JWA) and RFC 8725 (best practices) for the token.
//
// Limits: none are published; we ask for five calls a second, of each kind.
// What an app read can be fetched for about five minutes.
//
// # What bites
//
//   - The face is not bound to the card: opening takes nothing but a place to
//     return to, and a finished look holds pictures and no judgement. It proves
//     that somebody completed a capture. So a Look carries a Capture, and what
//     that is worth is not decided here.
//   - "Success" on opening means that a session was made. The way back of the
//     browser means nothing: it is taken on cancel too, unsigned.
//   - Pictures may be handed out once only (a sibling product deletes its data
//     with the first successful poll). So nothing here sends a request twice,
//     and an answer that may have been given and was lost says so (Error.Lost).
//   - There is no idempotency key: opening again opens another session.
//   - The token of a face session is signed with the vendor's own secret and
//     never expires. It is an opaque secret, sealed in the session's handle.
//
// # What is unconfirmed, and which setting holds the safe value
//
//   - The production host: Config.BaseURL has no default.
//   - Algorithms, keys and form of the chip token: Config.AllowedAlg, AllowedEnc,
//     JWKS, SharedKey, SharedKeyMode, NestedKey. RSA1_5 and PBES2 are refused
//     whatever is configured. InspectToken tells of a first real token what the
//     vendor uses, without decrypting it.
//   - The names of the plaintext's members: Config.Aliases. The form of the
//     portrait: what is no JPEG, PNG or BMP is dropped, and there is nothing to
//     compare.
//   - The words of a message: Config.Patterns. Words of failure are a guess, so
//     they end a session without a judgement.
//   - How "pending" is said: 202, a 200 without pictures, and for a face session
//     a 400 with such words are all read so.
package sinoconnect
