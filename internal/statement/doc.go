// Package statement holds what yanzhen signs: the receipt of an erasure, the
// evidence of a verdict, an anchor of the audit log. Each is
// a compact JWS (RFC 7515, EdDSA) over a JSON document without anything personal,
// and is checked with the public keys alone, with no yanzhen at hand.
package statement
