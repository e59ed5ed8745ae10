package provider

import (
	"fmt"
	"time"
)

// Queue is an activity task queue of one vendor and limit. The limit is held
// by the server, so that all workers together respect it.
type Queue struct {
	Name string
	// PerSecond is the limit of calls per second, below the vendor's own.
	PerSecond float64
}

// FaceVendor is a face provider's entry in the registry.
type FaceVendor struct {
	// Name as policies, routes and callbacks call it, e.g. "tencent_eid".
	Name     string
	Provider Face
	// Open is the queue on which sessions are opened and results fetched.
	Open Queue
	// Watch is the queue on which sessions are looked at; its Name must differ
	// from Open's, so that polls never starve openings.
	Watch Queue
	// PollFirst and PollMax bound the time between two looks, growing from the
	// first to the second. 0: the vendor is not polled.
	PollFirst, PollMax time.Duration
	// OpenIn names the only app in which the link works, e.g. "wechat".
	OpenIn string
}

// RecordsVendor is a records provider's entry in the registry.
type RecordsVendor struct {
	Name     string
	Provider Records
	Queue    Queue
}

// Registry knows every vendor that this process can reach. It is filled once
// at start and then only read.
type Registry struct {
	faces   map[string]FaceVendor
	records map[string]RecordsVendor
	names   []string
}

// AddFace registers a face provider; a name given twice is a programming
// error and panics.
func (r *Registry) AddFace(v FaceVendor) {
	r.claim(v.Name)
	if r.faces == nil {
		r.faces = map[string]FaceVendor{}
	}
	r.faces[v.Name] = v
}

// AddRecords registers a records provider; a name given twice panics.
func (r *Registry) AddRecords(v RecordsVendor) {
	r.claim(v.Name)
	if r.records == nil {
		r.records = map[string]RecordsVendor{}
	}
	r.records[v.Name] = v
}

func (r *Registry) claim(name string) {
	for _, n := range r.names {
		if n == name {
			panic(fmt.Sprintf("provider: %q is registered twice", name))
		}
	}
	r.names = append(r.names, name)
}

// Face returns the face provider of the name.
func (r *Registry) Face(name string) (FaceVendor, bool) { v, ok := r.faces[name]; return v, ok }

// Records returns the records provider of the name.
func (r *Registry) Records(name string) (RecordsVendor, bool) { v, ok := r.records[name]; return v, ok }

// Queues returns every vendor queue once, in the order of registration.
func (r *Registry) Queues() []Queue {
	var out []Queue
	seen := map[string]bool{}
	add := func(q Queue) {
		if q.Name != "" && !seen[q.Name] {
			seen[q.Name] = true
			out = append(out, q)
		}
	}
	for _, n := range r.names {
		if v, ok := r.faces[n]; ok {
			add(v.Open)
			add(v.Watch)
		}
		if v, ok := r.records[n]; ok {
			add(v.Queue)
		}
	}
	return out
}
