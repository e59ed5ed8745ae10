// Package sealing manages the keys, and everything that is done with them: encrypted
// columns, keyed hashes, MACs, verification ids, callback tickets and signatures.
//
// The keys are a private JWK set (RFC 7517) in one file. The "use" of a key is its
// purpose; RFC 7517 section 4.2 permits values other than the registered ones:
//
//	seal    encrypts columns of the store. Several keys; each decrypts, the
//	        active one encrypts. The keys of MACs are derived from it.
//	hash    keyed hashes and verification ids. Exactly one, forever: with
//	        another one, nothing that was hashed could be found again.
//	ticket  callback tickets. Several keys; each opens, the active one issues.
//	sig     signs receipts and evidence. Several keys; the active one signs, and
//	        the public parts of all are published. A retired key can stay
//	        without its private part "d", to verify what it signed.
//
// Keys are of type "oct" with 32 bytes, except those of use "sig", which are Ed25519
// (type "OKP", RFC 8037). The active key of a use is the last one in the file whose
// "nbf" has passed. "nbf" gives every process time to load a key before it is used.
//
// The key id ("kid") is stored beside everything that its key made. A sealing key must
// stay in the set as long as a column encrypted with it, and a ticket key for the
// lifetime of a ticket. A key id is never reused for another key.
package sealing
