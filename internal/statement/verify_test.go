package statement_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/sealing"
	"github.com/yanzhen-id/yanzhen/internal/statement"
)

// A statement is taken as it was signed, and in no other form: not changed, not
// cut, not of another kind, not by another signer, not unsigned.
func TestAStatementIsTakenAsItWasSignedOnly(t *testing.T) {
	set := func() *sealing.Keys {
		text, err := sealing.Generate()
		require.NoError(t, err)
		keys, err := sealing.Parse(text)
		require.NoError(t, err)
		return keys
	}
	ours, others := set(), set()
	public, err := ours.PublicKeys()
	require.NoError(t, err)
	foreign, err := others.PublicKeys()
	require.NoError(t, err)
	said, err := json.Marshal(statement.Receipt{VerificationID: "ver_a", Cause: "request"})
	require.NoError(t, err)
	signed, err := ours.Sign(statement.TypeReceipt, said)
	require.NoError(t, err)

	got, err := statement.Verify(signed+"\n", statement.TypeReceipt, public)
	require.NoError(t, err)
	require.Equal(t, said, got)

	parts := strings.Split(signed, ".")
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"ver_b"}`))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"` + statement.TypeReceipt + `"}`))
	for name, c := range map[string]struct {
		signed, typ string
		keys        []byte
		want        error
	}{
		"changed":            {parts[0] + "." + body + "." + parts[2], statement.TypeReceipt, public, statement.ErrSignature},
		"cut":                {signed[:len(signed)-4], statement.TypeReceipt, public, statement.ErrSignature},
		"of another kind":    {signed, "other+jws", public, statement.ErrForm},
		"another's keys":     {signed, statement.TypeReceipt, foreign, statement.ErrUnknown},
		"unsigned":           {none + "." + parts[1] + ".", statement.TypeReceipt, public, statement.ErrForm},
		"no statement":       {"hello", statement.TypeReceipt, public, statement.ErrForm},
		"no keys":            {signed, statement.TypeReceipt, []byte(`{}`), statement.ErrKeys},
		"no keys but a page": {signed, statement.TypeReceipt, []byte(`<html>`), statement.ErrKeys},
	} {
		_, err := statement.Verify(c.signed, c.typ, c.keys)
		require.ErrorIs(t, err, c.want, name)
	}
}
