package webhook

import (
	"slices"
	"sync/atomic"
)

// Endpoint is where a client's events go.
type Endpoint struct {
	ID      string
	URL     string
	Secrets []Secret
	// Types of the events that it is sent; none: all.
	Types []string
	// Disabled: the configuration keeps it from being sent to.
	Disabled bool
}

// Takes reports whether the endpoint is sent events of a type.
func (e Endpoint) Takes(kind string) bool {
	return !e.Disabled && (len(e.Types) == 0 || slices.Contains(e.Types, kind))
}

// Endpoints are those of all clients. They may be set while others ask.
type Endpoints struct {
	byClient atomic.Pointer[map[string][]Endpoint]
}

// Set replaces all of them.
func (e *Endpoints) Set(byClient map[string][]Endpoint) { e.byClient.Store(&byClient) }

// Of returns the client's.
func (e *Endpoints) Of(client string) []Endpoint {
	if all := e.byClient.Load(); all != nil {
		return (*all)[client]
	}
	return nil
}

// Find returns one of the client's.
func (e *Endpoints) Find(client, id string) (Endpoint, bool) {
	for _, one := range e.Of(client) {
		if one.ID == id {
			return one, true
		}
	}
	return Endpoint{}, false
}

// Taking names the client's endpoints that are sent events of a type.
func (e *Endpoints) Taking(client, kind string) (ids []string) {
	for _, one := range e.Of(client) {
		if one.Takes(kind) {
			ids = append(ids, one.ID)
		}
	}
	return ids
}
