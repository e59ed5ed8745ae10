// Package sealing holds the product's keys and everything done with them:
// sealed columns, keyed hashes, verification ids and callback tickets.
//
// The keys are a private JWK set (RFC 7517) in one file. Every key but the last
// kind is of type "oct" with 32 bytes, and its "use" names its purpose; RFC 7517 section 4.2
// leaves "use" open to values of one's own:
//
//	seal    seals columns of the store. Several; any opens, the active one
//	        seals. The keys of MACs are derived from it.
//	hash    keyed hashes and verification ids. Exactly one, for ever: with
//	        another one nothing that was hashed would be found again.
//	ticket  callback tickets. Several; any opens, the active one issues.
//	sig     signs receipts and evidence: Ed25519 (type "OKP", RFC 8037).
//	        Several; the active one signs, and the public parts of all are
//	        published. A retired one may be left there without its private
//	        part "d", so that what it signed can still be checked.
//
// The active key of a use is the last one in the file whose time has come: "nbf"
// says before when a key is not used, and every process has the file long before.
//
// A key id ("kid") stands beside whatever its key made. A sealing key must stay
// in the set while a column sealed with it rests, a ticket key as long as the
// longest ticket lives. A key id is never given to another key.
package sealing
