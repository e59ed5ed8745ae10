// Package client is the Go client for onboarding services, generated from the
// same openapi.yaml as the server. NewKeyedClient is the short way in.
package client
