// Package verification is the domain: verifications and their state machine, checks,
// reasons, policies and verdicts. It does not depend on the engine, a vendor or a
// wire format, and has no side effects.
package verification
