package provider

import (
	"context"
	"fmt"
	"slices"
)

// Eraser is a vendor with a call that deletes what it holds of a person. A
// vendor whose settings register none offers none, and an erasure's receipt
// says so.
type Eraser interface {
	// Erase deletes all that the vendor holds of a verification, and returns once
	// the vendor has confirmed it. It may be repeated; what is not there (any
	// more) is no error. Every failed call returns an *Error.
	Erase(ctx context.Context, e Erasing) error
}

// Erasing is what a vendor is asked to delete. Handles and tokens are gone by
// then: a vendor finds it by the ids that its calls carried.
type Erasing struct {
	VerificationID string
	// Sessions are our numbers of the sessions that the vendor opened.
	Sessions []int
}

// EraserVendor is an eraser's entry in the registry.
type EraserVendor struct {
	// Name is that of the vendor's other entries.
	Name     string
	Provider Eraser
	Queue    Queue
}

// AddEraser registers a vendor's deletion beside what else it does; twice
// panics, and so does one without a vendor.
func (r *Registry) AddEraser(v EraserVendor) {
	if _, twice := r.erasers[v.Name]; twice || !slices.Contains(r.names, v.Name) {
		panic(fmt.Sprintf("provider: the deletion of %q is registered twice, or before its vendor", v.Name))
	}
	if r.erasers == nil {
		r.erasers = map[string]EraserVendor{}
	}
	r.erasers[v.Name] = v
}

// Eraser returns the vendor's deletion; false: it offers none.
func (r *Registry) Eraser(name string) (EraserVendor, bool) { v, ok := r.erasers[name]; return v, ok }
