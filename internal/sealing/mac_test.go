package sealing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A MAC holds for the same kind and parts under any key of the set, and for
// nothing else.
func TestMAC(t *testing.T) {
	old := parsed(t, seal1, hash1, ticket1)
	mac, err := old.MAC("row", "ver_a", "approved")
	require.NoError(t, err)
	rotated := parsed(t, seal1, seal2, hash1, ticket1)
	require.NoError(t, rotated.CheckMAC(mac, "row", "ver_a", "approved"))

	changed := append([]byte{}, mac...)
	changed[len(changed)-1] ^= 1
	for name, err := range map[string]error{
		"another part":    rotated.CheckMAC(mac, "row", "ver_a", "declined"),
		"another kind":    rotated.CheckMAC(mac, "event", "ver_a", "approved"),
		"parts run on":    rotated.CheckMAC(mac, "row", "ver_aapproved"),
		"a part more":     rotated.CheckMAC(mac, "row", "ver_a", "approved", ""),
		"a flipped bit":   rotated.CheckMAC(changed, "row", "ver_a", "approved"),
		"cut":             rotated.CheckMAC(mac[:len(mac)-1], "row", "ver_a", "approved"),
		"longer":          rotated.CheckMAC(append(changed, 0), "row", "ver_a", "approved"),
		"none":            rotated.CheckMAC(nil, "row", "ver_a", "approved"),
		"an unknown key":  parsed(t, seal2, hash1, ticket1).CheckMAC(mac, "row", "ver_a", "approved"),
		"a key of its id": parsed(t, jwk{"seal-1", "seal", 9, 32}, hash1, ticket1).CheckMAC(mac, "row", "ver_a", "approved"),
	} {
		require.ErrorIs(t, err, ErrMAC, name)
	}
}
