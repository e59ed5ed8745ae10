// Package webhook is what receivers get: events, signed as Standard Webhooks 1.0
// says, sent by a client that goes nowhere it should not.
package webhook
