// Package sealing holds the product's keys and everything done with them:
// sealed columns, keyed hashes, verification ids and callback tickets.
package sealing
