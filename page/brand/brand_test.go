package brand

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func picture(width, height int, noise bool) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	r := rand.New(rand.NewPCG(1, 2))
	for y := range height {
		for x := range width {
			c := color.RGBA{R: uint8(x), G: uint8(y), B: 90, A: 255}
			if noise {
				c.R, c.G, c.B = uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32())
			}
			m.Set(x, y, c)
		}
	}
	return m
}

func pngOf(t *testing.T, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

// What a file holds beside its pixels never gets to a browser.
func TestALogoIsEncodedAnew(t *testing.T) {
	clean := pngOf(t, picture(64, 32, false))
	// A text chunk after the header, and a page after the end.
	text := append([]byte("tEXt"), "comment\x00<script>alert(1)</script>"...)
	chunk := fmt.Appendf(nil, "%s%s", be(uint32(len(text)-4)), text)
	chunk = append(chunk, be(crc32.ChecksumIEEE(text))...)
	dirty := append(append(append(bytes.Clone(clean[:33]), chunk...), clean[33:]...), "<script>alert(2)</script>"...)

	l, err := ParseLogo(dirty)
	require.NoError(t, err)
	require.Equal(t, "image/png", l.Type)
	require.Equal(t, []int{64, 32}, []int{l.Width, l.Height})
	require.NotContains(t, string(l.Data), "script")
	same, err := ParseLogo(clean)
	require.NoError(t, err)
	require.Equal(t, same, l, "the same pixels, the same logo")
	shown, err := png.Decode(bytes.NewReader(l.Data))
	require.NoError(t, err)
	require.Equal(t, picture(64, 32, false).At(63, 31), shown.At(63, 31))

	var j bytes.Buffer
	require.NoError(t, jpeg.Encode(&j, picture(40, 40, false), nil))
	file := append(append(bytes.Clone(j.Bytes()[:2]), "\xff\xfe\x00\x0aGPS here"...), j.Bytes()[2:]...)
	l, err = ParseLogo(file)
	require.NoError(t, err)
	require.Equal(t, "image/jpeg", l.Type)
	require.NotContains(t, string(l.Data), "GPS")
	require.NotEqual(t, same.Version, l.Version)
}

func be(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

// A file that is no small picture is refused, and says why.
func TestALogoThatWouldNotDoIsRefused(t *testing.T) {
	huge := pngOf(t, picture(1, 1, false))
	copy(huge[16:24], append(be(30000), be(30000)...)) // width and height
	copy(huge[29:33], be(crc32.ChecksumIEEE(huge[12:29])))
	for _, c := range []struct {
		name, why string
		file      []byte
	}{
		{"nothing", "neither PNG nor JPEG", nil},
		{"SVG", "neither PNG nor JPEG", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`)},
		{"GIF", "neither PNG nor JPEG", []byte("GIF89a")},
		{"half a PNG", "cannot be decoded", pngOf(t, picture(64, 64, true))[:200]},
		{"a header alone", "cannot be decoded", []byte("\xff\xd8\xff")},
		{"too many pixels", "is 513 by 10 pixels, want at most 512 by 512", pngOf(t, picture(513, 10, false))},
		{"a bomb", "pixels, want at most", huge},
		{"noise", "KB re-encoded, want at most 24: use fewer pixels", pngOf(t, picture(200, 200, true))},
		{"too large a file", "is larger than 1024 KB", make([]byte, MaxLogoFile+1)},
	} {
		_, err := ParseLogo(c.file)
		require.ErrorContains(t, err, c.why, c.name)
	}
}

// A name stands in the middle of our sentences, so it cannot pretend to be
// another one.
func TestANameCanBeSeen(t *testing.T) {
	for _, name := range []string{"测试商店", "Shop & Söhne <GmbH>", "·", strings.Repeat("店", 40)} {
		require.NoError(t, CheckName(name), name)
	}
	for _, name := range []string{"", " ", " shop", "shop\n", "a\nb", "shop\u202egnp", "a\u200bb", "a\x00b", "\xff", strings.Repeat("店", 41)} {
		require.Error(t, CheckName(name), "%q", name)
	}
}

// Whatever colour a client gives, text in it and on it can be read on both
// kinds of page.
func TestAnAccentKeepsItsContrast(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	colours := []string{"#000000", "#ffffff", "#ffff00", "#808080", "#1257c0", "#07c160", "#FF0000", lightPage, darkPage}
	for range 500 {
		colours = append(colours, fmt.Sprintf("#%06x", r.IntN(1<<24)))
	}
	for _, text := range colours {
		a, err := ParseAccent(text)
		require.NoError(t, err)
		for _, pair := range [][2]string{{a.Light, lightPage}, {a.Light, OnLight}, {a.Dark, darkPage}, {a.Dark, OnDark}} {
			require.GreaterOrEqual(t, ratio(parseColour(pair[0]), parseColour(pair[1])), 4.5, "%s: %v", text, pair)
		}
	}
	a, err := ParseAccent("#1257c0")
	require.NoError(t, err)
	require.Equal(t, "#1257c0", a.Light, "a colour that can be read stays")
	require.InDelta(t, 21, ratio(parseColour("#000000"), parseColour("#ffffff")), 0.01)

	for _, bad := range []string{"", "red", "#fff", "#12345g", "#1257c0;}body{display:none", "url(//evil)"} {
		_, err := ParseAccent(bad)
		require.Error(t, err, bad)
	}
	require.Equal(t, DefaultAccent.CSS(), Accent{}.CSS())
	require.Contains(t, a.CSS(), "--accent:#1257c0;--on-accent:#ffffff")
}

// The style sheet of the page has the backgrounds against which an accent's
// contrast is held.
func TestTheStyleSheetHasTheBackgroundsOfTheAccents(t *testing.T) {
	file, err := os.ReadFile("../static/page.css")
	require.NoError(t, err)
	light, dark, ok := strings.Cut(string(file), "prefers-color-scheme: dark")
	require.True(t, ok)
	require.Contains(t, light, "--page: "+lightPage+";")
	require.Contains(t, dark, "--page: "+darkPage+";")
	require.Contains(t, light, "--accent: "+DefaultAccent.Light+";")
	require.Contains(t, dark, "--accent: "+DefaultAccent.Dark+";")
	require.NotContains(t, string(file), "url(", "nothing is fetched")
}
