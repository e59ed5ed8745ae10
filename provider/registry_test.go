package provider

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAVendorOfChipsAndFacesHasOneNameInWhateverOrder(t *testing.T) {
	open, watch := Queue{Name: "v", PerSecond: 5}, Queue{Name: "v-status", PerSecond: 5}
	chip, face := ChipVendor{Name: "v", Queue: open}, FaceVendor{Name: "v", Open: open, Watch: watch}
	for name, add := range map[string]func(*Registry){
		"chip first": func(r *Registry) { r.AddChip(chip); r.AddFace(face) },
		"face first": func(r *Registry) { r.AddFace(face); r.AddChip(chip) },
	} {
		var r Registry
		add(&r)
		require.Equal(t, []Queue{open, watch}, r.Queues(), name)
		require.Panics(t, func() { r.AddFace(face) }, name)
		require.Panics(t, func() { r.AddChip(chip) }, name)
		require.Panics(t, func() { r.AddRecords(RecordsVendor{Name: "v"}) }, name)
		require.Panics(t, func() { r.AddComparer(ComparerVendor{Name: "v"}) }, name)
	}
}
