package provider

import (
	"fmt"
	"slices"
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
	// first to the second while the person is likely to be there. 0: the vendor
	// is not polled.
	PollFirst, PollMax time.Duration
	// OpenIn names the only app in which the link works, e.g. "wechat".
	OpenIn string
	// TellsBegun: a look tells whether the person has begun, or that nobody was
	// asked.
	TellsBegun bool
	// Captures: a look may hand out pictures, and only once. Looks then never
	// overlap.
	Captures bool
	// Grace is how long after a session's expiry the first look is taken, for a
	// vendor that reports an ending by itself.
	Grace time.Duration
	// Callback is set for vendors whose callbacks carry signed data.
	Callback Callback
	// MiniProgram is set for a vendor whose sessions can begin in the caller's
	// WeChat mini program.
	MiniProgram *MiniProgram
}

// MiniProgram is how a face vendor's sessions go in a WeChat mini program, as far
// as it is otherwise than with a page.
type MiniProgram struct {
	// SDK is what the mini program begins them with, from MinSDK on.
	SDK, MinSDK string
	// Watch, PollFirst, PollMax and Grace stand in the place of the vendor's.
	Watch              Queue
	PollFirst, PollMax time.Duration
	Grace              time.Duration
}

// InMiniProgram is the vendor as it is for sessions that begin in a mini program;
// false: they cannot. Whether the person has begun, nobody tells there.
func (v FaceVendor) InMiniProgram() (FaceVendor, bool) {
	m := v.MiniProgram
	if m == nil {
		return v, false
	}
	v.Watch, v.PollFirst, v.PollMax, v.Grace = m.Watch, m.PollFirst, m.PollMax, m.Grace
	v.OpenIn, v.TellsBegun = "", false
	return v, true
}

// ChipVendor is a chip provider's entry in the registry.
type ChipVendor struct {
	Name     string
	Provider Chip
	Queue    Queue
	// Life is how long a scan's data can be fetched.
	Life time.Duration
}

// ComparerVendor is a comparer's entry in the registry. It has no queue: it
// is called where the pictures are.
type ComparerVendor struct {
	Name     string
	Provider Comparer
	// Patience is how long it is tried while it cannot be reached.
	Patience time.Duration
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
	faces     map[string]FaceVendor
	records   map[string]RecordsVendor
	chips     map[string]ChipVendor
	comparers map[string]ComparerVendor
	erasers   map[string]EraserVendor
	names     []string
	remedies  map[string]map[Class]string
	// jurisdictions are those of the vendors that were described, by name.
	jurisdictions map[string]string
}

// Describe adds what a vendor's descriptor says to its entries.
func (r *Registry) Describe(v Vendor) {
	if r.remedies == nil {
		r.remedies, r.jurisdictions = map[string]map[Class]string{}, map[string]string{}
	}
	r.remedies[v.Name], r.jurisdictions[v.Name] = v.Remedies, v.Jurisdiction
}

// Jurisdiction is where a provider processes the data that it gets: Vendor.Jurisdiction.
func (r *Registry) Jurisdiction(name string) string { return r.jurisdictions[name] }

// Remedy returns what an operator should do about a class of a provider's errors; ""
// where nobody said.
func (r *Registry) Remedy(name string, class Class) string { return r.remedies[name][class] }

// AddFace registers a face provider; a name given twice is a programming
// error and panics. It may be a chip provider's too, see AddChip.
func (r *Registry) AddFace(v FaceVendor) {
	_, face := r.faces[v.Name]
	if _, chip := r.chips[v.Name]; face || !chip {
		r.claim(v.Name)
	}
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

// AddChip registers a chip provider. One vendor may read chips and faces, so
// its name may be a face provider's too; twice among the chips panics.
func (r *Registry) AddChip(v ChipVendor) {
	if _, ok := r.chips[v.Name]; ok {
		panic(fmt.Sprintf("provider: chip %q is registered twice", v.Name))
	}
	if r.chips == nil {
		r.chips = map[string]ChipVendor{}
	}
	r.chips[v.Name] = v
	if !slices.Contains(r.names, v.Name) {
		r.names = append(r.names, v.Name)
	}
}

// AddComparer registers a comparer; a name given twice panics.
func (r *Registry) AddComparer(v ComparerVendor) {
	r.claim(v.Name)
	if r.comparers == nil {
		r.comparers = map[string]ComparerVendor{}
	}
	r.comparers[v.Name] = v
}

func (r *Registry) claim(name string) {
	if slices.Contains(r.names, name) {
		panic(fmt.Sprintf("provider: %q is registered twice", name))
	}
	r.names = append(r.names, name)
}

// Face returns the face provider of the name.
func (r *Registry) Face(name string) (FaceVendor, bool) { v, ok := r.faces[name]; return v, ok }

// Records returns the records provider of the name.
func (r *Registry) Records(name string) (RecordsVendor, bool) { v, ok := r.records[name]; return v, ok }

// Chip returns the chip provider of the name.
func (r *Registry) Chip(name string) (ChipVendor, bool) { v, ok := r.chips[name]; return v, ok }

// Comparer returns the comparer of the name.
func (r *Registry) Comparer(name string) (ComparerVendor, bool) {
	v, ok := r.comparers[name]
	return v, ok
}

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
			if mini, ok := v.InMiniProgram(); ok {
				add(mini.Watch)
			}
		}
		if v, ok := r.records[n]; ok {
			add(v.Queue)
		}
		if v, ok := r.chips[n]; ok {
			add(v.Queue)
		}
		if v, ok := r.erasers[n]; ok {
			add(v.Queue)
		}
	}
	return out
}

// Names returns every provider's name, sorted.
func (r *Registry) Names() []string { return slices.Sorted(slices.Values(r.names)) }

// Kinds returns what a provider is asked for: face, records, chip, comparer.
func (r *Registry) Kinds(name string) []string {
	var out []string
	if _, ok := r.faces[name]; ok {
		out = append(out, KindFace)
	}
	if _, ok := r.records[name]; ok {
		out = append(out, KindRecords)
	}
	if _, ok := r.chips[name]; ok {
		out = append(out, KindChip)
	}
	if _, ok := r.comparers[name]; ok {
		out = append(out, KindComparer)
	}
	return out
}
