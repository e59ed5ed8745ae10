// Package webhook defines the events that receivers get, signs them according to
// Standard Webhooks 1.0, and sends them with a client that is guarded against
// private and reserved addresses.
package webhook
