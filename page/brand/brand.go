// Package brand validates a client's branding of the person's page: name, logo and
// accent colour.
package brand

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is a client's. Its zero value has no logo and the page's own colour.
type Brand struct {
	// Names are what the client is called, by language.
	Names map[string]string
	Logo  Logo
	Accent
}

// Name is what the client is called in a language.
func (b Brand) Name(lang string) string { return b.Names[lang] }

const maxName = 40

// CheckName refuses what would not stand as a name in the middle of a sentence.
func CheckName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("is empty")
	case strings.TrimSpace(name) != name:
		return errors.New("begins or ends with a space")
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("is longer than %d characters", maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }):
		// Marks that turn the direction of writing are among them.
		return errors.New("contains an invisible character")
	}
	return nil
}

// Logo is a picture as it is served: decoded and encoded anew, so that nothing
// of the file but its pixels gets to a browser. Its zero value is none.
type Logo struct {
	Data []byte
	// Type is its media type.
	Type string
	// Width and Height are in pixels.
	Width, Height int
	// Version tells one logo from another in an address that may be cached.
	Version string
}

const (
	// MaxLogoFile is how large a file may be, in bytes.
	MaxLogoFile = 1 << 20
	// maxLogoSide is how wide and high a picture may be, in pixels, and
	// maxLogo how large it may be once it is encoded, in bytes: a page is to stay
	// small.
	maxLogoSide = 512
	maxLogo     = 24 << 10
	jpegQuality = 88
)

// ParseLogo takes a PNG or JPEG file.
func ParseLogo(file []byte) (Logo, error) {
	if len(file) > MaxLogoFile {
		return Logo{}, fmt.Errorf("is larger than %d KB", MaxLogoFile>>10)
	}
	// The size is looked at before anything is decoded: a small file can hold a
	// picture that fills the memory.
	var decodeConfig func() (image.Config, error)
	var decode func() (image.Image, error)
	l := Logo{}
	switch {
	case bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")):
		l.Type = "image/png"
		decodeConfig = func() (image.Config, error) { return png.DecodeConfig(bytes.NewReader(file)) }
		decode = func() (image.Image, error) { return png.Decode(bytes.NewReader(file)) }
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		l.Type = "image/jpeg"
		decodeConfig = func() (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(file)) }
		decode = func() (image.Image, error) { return jpeg.Decode(bytes.NewReader(file)) }
	default:
		return Logo{}, errors.New("is neither PNG nor JPEG")
	}
	size, err := decodeConfig()
	if err != nil {
		return Logo{}, errors.New("cannot be decoded")
	}
	if size.Width > maxLogoSide || size.Height > maxLogoSide || size.Width < 1 || size.Height < 1 {
		return Logo{}, fmt.Errorf("is %d by %d pixels, want at most %d by %d", size.Width, size.Height, maxLogoSide, maxLogoSide)
	}
	picture, err := decode()
	if err != nil {
		return Logo{}, errors.New("cannot be decoded")
	}
	var out bytes.Buffer
	if l.Type == "image/png" {
		err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture)
	} else {
		err = jpeg.Encode(&out, picture, &jpeg.Options{Quality: jpegQuality})
	}
	if err != nil {
		return Logo{}, errors.New("cannot be encoded anew")
	}
	if out.Len() > maxLogo {
		return Logo{}, fmt.Errorf("takes %d KB re-encoded, want at most %d: use fewer pixels", (out.Len()+1023)>>10, maxLogo>>10)
	}
	sum := sha256.Sum256(out.Bytes())
	l.Data, l.Width, l.Height, l.Version = out.Bytes(), size.Width, size.Height, hex.EncodeToString(sum[:8])
	return l, nil
}
