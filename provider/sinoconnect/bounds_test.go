package sinoconnect

import (
	"encoding/base64"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// hostile are tokens that are made to cost.
func hostile(t testing.TB, f fixtures, o *opener) map[string]string {
	p := strings.Split(f.tokens["dir A256GCM"], ".")
	_, rest, _ := strings.Cut(f.tokens["dir A256GCM"], ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + rest }
	return map[string]string{
		"2 MiB":                  strings.Repeat("A", 2<<20),
		"2 MiB of dots":          strings.Repeat(".", 2<<20),
		"10,000 dots":            strings.Repeat("eyJhbGciOiJkaXIifQ.", 10_000),
		"1 MiB of dots":          strings.Repeat(".", 1<<20),
		"10,000 recipients":      `{"recipients":[` + strings.Repeat(`{"header":{"alg":"dir"}},`, 10_000) + `{}]}`,
		"a header of 700 KB":     header(`{"alg":"dir","enc":"A256GCM","x":"` + strings.Repeat("A", 500<<10) + `"}`),
		"a deep header":          header(`{"alg":"dir","enc":"A256GCM","x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`),
		"PBES2 of 2^31 rounds":   reheaded(f.tokens["A256KW A256GCM"], func(h map[string]any) { h["alg"], h["p2c"] = "PBES2-HS256+A128KW", 1<<31-1 }),
		"a ciphertext of 1 MB":   strings.Join([]string{p[0], p[1], p[2], strings.Repeat("A", 1_000_000), p[4]}, "."),
		"a key of 700 KB":        strings.Replace(f.tokens["dir A256GCM"], "..", "."+strings.Repeat("A", 700<<10)+".", 1),
		"no key opens it":        f.tokens["wrong key"],
		"compressed, not wanted": reheaded(f.tokens["dir A256GCM"], with("zip", "DEF")),
	}
}

func TestWhatIsMadeToCostIsRefusedInMillisecondsWithBoundedMemory(t *testing.T) {
	f := loadFixtures(t)
	o := newTestOpener(t, f.config())
	for name, token := range hostile(t, f, o) {
		t.Run(name, func(t *testing.T) {
			// The best of some tries: what else the machine does is not measured.
			var err error
			took, bytes := time.Hour, uint64(1<<62)
			for range 5 {
				begin := time.Now()
				bytes = min(bytes, allocated(func() { _, _, err = o.open(token) }))
				took = min(took, time.Since(begin))
				require.Error(t, err)
			}
			require.Less(t, took, 100*time.Millisecond)
			require.Less(t, bytes, uint64(6<<20))
			if err == notCompact || err == tooLong {
				// Refused before anything of its length was allocated.
				require.Less(t, testing.AllocsPerRun(5, func() { _, _, _ = o.open(token) }), 5.0)
				require.Less(t, bytes, uint64(4<<10))
			}
		})
	}
}

func BenchmarkRefusing(b *testing.B) {
	f := loadFixtures(b)
	o := newTestOpener(b, f.config())
	for name, token := range hostile(b, f, o) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := o.open(token); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}

func BenchmarkOpening(b *testing.B) {
	f := loadFixtures(b)
	o := newTestOpener(b, f.config())
	for _, name := range []string{"RSA-OAEP-256 A256GCM kid", "ECDH-ES+A256KW A256GCM kid", "dir A256GCM"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := o.open(f.tokens[name]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzToken: whatever comes, it is refused or a JSON object, in bounded time
// and without a panic.
func FuzzToken(f *testing.F) {
	fix := loadFixtures(f)
	o := newTestOpener(f, fix.config(func(c *Config) { c.AllowZip = true }))
	names, _ := newAliases(nil)
	for name, token := range fix.tokens {
		f.Add(token)
		if strings.Contains(name, "kid") {
			f.Add(reheaded(token, with("zip", "DEF")))
			f.Add(reheaded(token, with("crit", []string{"exp"})))
		}
	}
	f.Add(strings.Repeat(".", 100))
	f.Fuzz(func(t *testing.T, token string) {
		plaintext, h, err := o.open(token)
		_ = h.describe()
		if err == nil {
			_, err = names.card(plaintext)
		}
		if err == nil {
			return
		}
		if _, ok := err.(refusal); !ok {
			t.Fatalf("%T is no refusal", err)
		}
	})
}

// FuzzPayload: the sender of a token may be anybody with our public key.
func FuzzPayload(f *testing.F) {
	names, _ := newAliases(nil)
	for _, text := range []string{
		`{"name":"测试甲","idNum":"110199199003070017","beginTime":"20200115","endTime":"长期","picture":"data:image/jpeg;base64,/9j/4A=="}`,
		`{}`, `[]`, `null`, `{"name":1}`, `{"name":"a","chName":"b"}`, `{"picture":"data:,"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		got, err := names.card(plaintext)
		if err != nil {
			return
		}
		card := got.card
		dated := func(s string) bool { return len(s) == 8 || s == "" && len(got.unclear) > 0 }
		if card.Name == "" || len(card.Name) > maxName || card.IDNumber == "" || len(card.IDNumber) > maxNumber ||
			!dated(card.Validity.From) || !dated(card.Validity.To) || len(card.Portrait) > maxPortrait {
			t.Fatal("a card out of bounds")
		}
	})
}
