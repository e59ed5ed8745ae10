package tencentiai

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
)

const (
	// maxEncoded bounds a picture in base64, in bytes.
	maxEncoded = 5 << 20
	// Sides in pixels.
	minSide     = 64
	maxSideJPEG = 4000
	maxSide     = 2000
)

// fault says why a picture cannot be compared; empty: as far as its head
// tells, it can. Only the head is decoded.
func fault(picture []byte) string {
	if len(picture) == 0 {
		return "image_empty"
	}
	if base64.StdEncoding.EncodedLen(len(picture)) > maxEncoded {
		return "image_too_large"
	}
	size, longest, ok := dimensions(picture)
	switch {
	case !ok:
		return "image_undecodable"
	case min(size.X, size.Y) < minSide:
		return "image_too_small"
	case max(size.X, size.Y) > longest:
		return "image_resolution"
	}
	return ""
}

// dimensions reads a picture's size and how long its long side may be.
func dimensions(picture []byte) (size image.Point, longest int, ok bool) {
	var (
		cfg image.Config
		err error
	)
	switch {
	case bytes.HasPrefix(picture, []byte("\xff\xd8\xff")):
		longest = maxSideJPEG
		cfg, err = jpeg.DecodeConfig(bytes.NewReader(picture))
	case bytes.HasPrefix(picture, []byte("\x89PNG\r\n\x1a\n")):
		longest = maxSide
		cfg, err = png.DecodeConfig(bytes.NewReader(picture))
	case bytes.HasPrefix(picture, []byte("BM")):
		size, ok = bitmap(picture)
		return size, maxSide, ok
	default:
		return size, 0, false
	}
	return image.Pt(cfg.Width, cfg.Height), longest, err == nil
}

// bitmap reads the size out of a BMP with the header of Windows 3.0 or later:
// 14 bytes of file header, then its own length, width and height, which is
// negative where the rows run downwards.
func bitmap(picture []byte) (image.Point, bool) {
	const head = 14
	if len(picture) < head+40 || binary.LittleEndian.Uint32(picture[head:]) < 40 {
		return image.Point{}, false
	}
	side := func(at int) int { return int(int32(binary.LittleEndian.Uint32(picture[at:]))) }
	width, height := side(head+4), side(head+8)
	return image.Pt(width, max(height, -height)), width > 0
}
