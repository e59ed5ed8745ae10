package sealing

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

func ticket(kind string) Ticket {
	return Ticket{Provider: "tencent_eid", Kind: kind, ID: "ver_abcdefghijklmnopqrstuvwxyz", Session: 2, Expires: noon}
}

func issued(t testing.TB, keys *Keys) string {
	t.Helper()
	text, err := keys.IssueTicket(ticket(KindReturn))
	require.NoError(t, err)
	return text
}

func TestATicketComesBackAsItWasIssued(t *testing.T) {
	keys := generated(t)
	for _, kind := range []string{KindReturn, KindNotify} {
		want := ticket(kind)
		text, err := keys.IssueTicket(want)
		require.NoError(t, err)
		got, err := keys.OpenTicket(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestATicketFitsIntoAPathAndTellsNothing(t *testing.T) {
	text := issued(t, generated(t))
	require.Equal(t, text, url.PathEscape(text))
	require.Equal(t, text, url.QueryEscape(text))
	require.Less(t, len(text), 400)
	require.NotContains(t, text, "ver_")
}

func TestAnExpiredTicketIsStillGenuine(t *testing.T) {
	keys := generated(t)
	got, err := keys.OpenTicket(issued(t, keys))
	require.NoError(t, err)
	require.False(t, got.Expired(noon.Add(-time.Second)))
	require.True(t, got.Expired(noon))
	require.True(t, got.Expired(noon.Add(time.Hour)))
}

func TestTicketRotationIssuesWithTheLastKeyAndOpensWithAny(t *testing.T) {
	before := parsed(t, seal1, hash1, ticket1)
	after := parsed(t, seal1, hash1, ticket1, ticket2)
	_, err := after.OpenTicket(issued(t, before))
	require.NoError(t, err)
	_, err = before.OpenTicket(issued(t, after))
	require.ErrorIs(t, err, ErrBadTicket)
}

func TestIncompleteTicketsAreNotIssued(t *testing.T) {
	keys := generated(t)
	for _, spoil := range []func(*Ticket){
		func(t *Ticket) { t.Provider = "" },
		func(t *Ticket) { t.Kind = "" },
		func(t *Ticket) { t.Kind = "other" },
		func(t *Ticket) { t.ID = "" },
		func(t *Ticket) { t.Session = 0 },
		func(t *Ticket) { t.Expires = time.Time{} },
		func(t *Ticket) { t.Provider = strings.Repeat("p", maxTicket) },
	} {
		bad := ticket(KindReturn)
		spoil(&bad)
		_, err := keys.IssueTicket(bad)
		require.Error(t, err)
	}
}

func TestEveryChangedCharacterOfATicketIsSeen(t *testing.T) {
	keys := generated(t)
	text := issued(t, keys)
	for i := range text {
		for _, other := range []byte{'A', 'B', '_', '.', '\n', '='} {
			if text[i] == other {
				continue
			}
			_, err := keys.OpenTicket(text[:i] + string(other) + text[i+1:])
			require.Equal(t, ErrBadTicket, err, "character %d", i)
		}
		_, err := keys.OpenTicket(text[:i])
		require.Equal(t, ErrBadTicket, err)
	}
	// The last character of the tag carries four spare bits.
	last := strings.IndexByte(base64URL, text[len(text)-1])
	_, err := keys.OpenTicket(text[:len(text)-1] + string(base64URL[last|1]))
	require.Equal(t, ErrBadTicket, err, "a second spelling")
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// forge makes a JWE under the ticket key itself, as whoever held it could.
func forge(t *testing.T, keys *Keys, enc jose.ContentEncryption, alg jose.KeyAlgorithm, key []byte, options *jose.EncrypterOptions, body string) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: keys.set().ticket[0].id}, options)
	require.NoError(t, err)
	sealed, err := e.Encrypt([]byte(body))
	require.NoError(t, err)
	text, err := sealed.CompactSerialize()
	require.NoError(t, err)
	return text
}

func TestOtherTokensUnderTheSameKeyAreNoTickets(t *testing.T) {
	keys := generated(t)
	key := keys.set().ticket[0].bytes
	typed := func() *jose.EncrypterOptions { return new(jose.EncrypterOptions).WithType(ticketType) }
	const good = `{"p":"tencent_eid","k":"return","i":"ver_a","s":1,"e":1795320000}`
	_, err := keys.OpenTicket(forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), good))
	require.NoError(t, err, "the forger's tool makes good tickets too")

	zipped := typed()
	zipped.Compression = jose.DEFLATE
	for what, text := range map[string]string{
		"no typ":                forge(t, keys, jose.A256GCM, jose.DIRECT, key, nil, good),
		"another typ":           forge(t, keys, jose.A256GCM, jose.DIRECT, key, new(jose.EncrypterOptions).WithType("JWT"), good),
		"another enc":           forge(t, keys, jose.A128CBC_HS256, jose.DIRECT, key, typed(), good),
		"another alg":           forge(t, keys, jose.A256GCM, jose.A256KW, key, typed(), good),
		"zip":                   forge(t, keys, jose.A256GCM, jose.DIRECT, key, zipped, good),
		"another header":        forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed().WithHeader("x", "y"), good),
		"the hash key":          forge(t, keys, jose.A256GCM, jose.DIRECT, keys.set().hash.bytes, typed(), good),
		"no JSON":               forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), "x"),
		"null":                  forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), "null"),
		"another member":        forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), `{"p":"a","k":"return","i":"b","s":1,"e":1,"x":1}`),
		"more behind":           forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), good+good),
		"no session":            forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), `{"p":"a","k":"return","i":"b","e":1}`),
		"another kind":          forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), `{"p":"a","k":"other","i":"b","s":1,"e":1}`),
		"genuine, but too long": forge(t, keys, jose.A256GCM, jose.DIRECT, key, typed(), `{"p":"`+strings.Repeat("p", maxTicket)+`","k":"return","i":"b","s":1,"e":1}`),
		"JSON form":             `{"protected":"","ciphertext":""}`,
		"nothing":               "",
		"dots":                  "....",
		"too long":              strings.Repeat("A", maxTicket+1),
		"long and dotted":       "." + strings.Repeat("A", maxTicket) + "...",
	} {
		_, err := keys.OpenTicket(text)
		require.Equal(t, ErrBadTicket, err, what)
	}
}

func TestTicketsOfAnotherKeySetAreBad(t *testing.T) {
	_, err := generated(t).OpenTicket(issued(t, generated(t)))
	require.Equal(t, ErrBadTicket, err)
	// Same kid, another key.
	_, err = parsed(t, seal1, hash1, jwk{"ticket-1", "ticket", 9, 32}).OpenTicket(issued(t, parsed(t, seal1, hash1, ticket1)))
	require.Equal(t, ErrBadTicket, err)
}

func FuzzOpenTicket(f *testing.F) {
	keys := parsed(f, seal1, hash1, ticket1)
	good := issued(f, keys)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add("....")
	f.Add("e30....")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := keys.OpenTicket(text)
		switch {
		case err != nil && (err != ErrBadTicket || got != Ticket{}):
			t.Fatal("a bad ticket must tell nothing")
		// Every worker of the fuzzer issues its own good ticket, with the same
		// content.
		case err == nil && got != ticket(KindReturn):
			t.Fatal("a forged ticket opened")
		}
	})
}
