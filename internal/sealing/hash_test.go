package sealing

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHashesKeepTheirInputsApart(t *testing.T) {
	keys := generated(t)
	seen := map[string]string{}
	for what, sum := range map[string][]byte{
		"ab c":          keys.Hash("p", "ab", "c"),
		"a bc":          keys.Hash("p", "a", "bc"),
		"abc":           keys.Hash("p", "abc"),
		"abc and empty": keys.Hash("p", "abc", ""),
		"empty and abc": keys.Hash("p", "", "abc"),
		"none":          keys.Hash("p"),
		"one empty":     keys.Hash("p", ""),
		"purpose":       keys.Hash("pa", "b", "c"),
		"only purpose":  keys.Hash("pabc"),
	} {
		require.Len(t, sum, 32)
		require.NotContains(t, seen, string(sum), what)
		seen[string(sum)] = what
	}
}

func TestHashesAreThoseOfTheKeyAndStayForEver(t *testing.T) {
	a := parsed(t, seal1, hash1, ticket1)
	rotated := parsed(t, seal1, seal2, ticket1, ticket2, hash1)
	other := parsed(t, seal1, jwk{"hash-1", "hash", 9, 32}, ticket1)

	require.Equal(t, a.Hash("p", "x"), rotated.Hash("p", "x"))
	require.Equal(t, a.HashCheck(), rotated.HashCheck())
	require.NotEqual(t, a.HashCheck(), other.HashCheck())
	require.NotEqual(t, a.Hash("p", "x"), other.Hash("p", "x"))

	// Computed apart from this code, with Python's hmac over the lengths in
	// eight bytes: another form would orphan every stored hash.
	require.Equal(t, "5dcd7beba46a1e947534d371f05833fb148007e9732d34a65bfb70af9c7e729f", hex.EncodeToString(a.Hash("purpose", "one", "two")))
	require.Equal(t, "ver_5dgfdffj2grn4vfwhuax5yswsk", a.VerificationID("shop", "key-1"))
}

func TestVerificationIDsFollowFromClientAndKey(t *testing.T) {
	keys := generated(t)
	rapid.Check(t, func(t *rapid.T) {
		client, key := rapid.String().Draw(t, "client"), rapid.String().Draw(t, "key")
		id := keys.VerificationID(client, key)
		require.Regexp(t, `^ver_[a-z2-7]{26}$`, id)
		require.Equal(t, id, keys.VerificationID(client, key))
		require.NotEqual(t, id, keys.VerificationID(client+"x", key))
		require.NotEqual(t, id, keys.VerificationID(client, key+"x"))
	})
	require.NotEqual(t, keys.VerificationID("ab", "c"), keys.VerificationID("a", "bc"))
}
