// Package verification is the domain: what a verification is, which checks it
// holds, what their reasons mean, and what a policy says of them. It knows no
// engine, no vendor and no wire format, and nothing in it has a side effect.
package verification
