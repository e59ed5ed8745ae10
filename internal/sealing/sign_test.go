package sealing

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// With the published keys alone anybody checks what was signed, and no private
// part is among them. What an earlier key signed stays good after a rotation,
// also where that key has left its private part behind.
func TestSignedStatementsAreCheckedWithThePublishedKeys(t *testing.T) {
	before, err := Generate()
	require.NoError(t, err)
	old, err := Parse(before)
	require.NoError(t, err)
	signed, err := old.Sign("receipt+jws", []byte(`{"a":1}`))
	require.NoError(t, err)

	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(before, &set))
	last := len(set.Keys) - 1
	set.Keys[last] = set.Keys[last].Public()
	lonely, err := json.Marshal(set)
	require.NoError(t, err)
	_, err = Parse(lonely)
	require.ErrorContains(t, err, "lacks its private part")

	set.Keys = append(set.Keys, newKey(useSig))
	text, err := json.Marshal(set)
	require.NoError(t, err)
	keys, err := Parse(text)
	require.NoError(t, err)
	published, err := keys.PublicKeys()
	require.NoError(t, err)
	require.NotContains(t, string(published), `"d"`)
	require.NotContains(t, string(published), `"k"`)

	var public jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(published, &public))
	require.Len(t, public.Keys, 2)
	fresh, err := keys.Sign("receipt+jws", []byte(`{"a":2}`))
	require.NoError(t, err)
	for _, one := range []string{signed, fresh} {
		jws, err := jose.ParseSignedCompact(one, []jose.SignatureAlgorithm{jose.EdDSA})
		require.NoError(t, err)
		require.Equal(t, "receipt+jws", jws.Signatures[0].Header.ExtraHeaders["typ"])
		with := public.Key(jws.Signatures[0].Header.KeyID)
		require.Len(t, with, 1)
		_, err = jws.Verify(with[0])
		require.NoError(t, err)
	}
	head, rest, _ := strings.Cut(signed, ".")
	_, tail, _ := strings.Cut(rest, ".")
	_, body, _ := strings.Cut(fresh, ".")
	body, _, _ = strings.Cut(body, ".")
	forged, err := jose.ParseSignedCompact(head+"."+body+"."+tail, []jose.SignatureAlgorithm{jose.EdDSA})
	require.NoError(t, err)
	_, err = forged.Verify(public.Keys[0])
	require.Error(t, err)
}

// A set from before there were signatures still opens what it sealed.
func TestASetWithoutASigningKeySaysHowToGetOne(t *testing.T) {
	keys := parsed(t, seal1, hash1, ticket1)
	require.ErrorIs(t, keys.CanSign(), ErrNoSigKey)
	_, err := keys.Sign("x", nil)
	require.ErrorContains(t, err, "yanzhen keys new sig")
}
