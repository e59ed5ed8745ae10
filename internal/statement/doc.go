// Package statement defines the signed statements: the receipt of an erasure, the
// evidence of a verdict and an anchor of the audit log. Each is a compact JWS (RFC
// 7515, EdDSA) of a JSON document without personal data, which can be verified
// offline with the public keys.
package statement
