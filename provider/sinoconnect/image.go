package sinoconnect

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

// Pictures are told by their first bytes; whether the rest can be decoded is
// found out by whoever needs it decoded.
var (
	jpeg = []byte{0xff, 0xd8, 0xff}
	png  = []byte("\x89PNG\r\n\x1a\n")
	bmp  = []byte("BM")
)

// picture decodes base64, with or without the head of a data URL; nil: it is
// none of the kinds, or longer than limit bytes.
func picture(text string, limit int, kinds ...[]byte) []byte {
	if len(text) > len("data:") && strings.EqualFold(text[:len("data:")], "data:") {
		head, body, ok := strings.Cut(text, ",")
		if !ok || len(head) > 128 || !strings.HasSuffix(strings.ToLower(head), ";base64") {
			return nil
		}
		text = body
	}
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	if base64.RawStdEncoding.DecodedLen(len(text)) > limit {
		return nil
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	decoded, err := encoding.DecodeString(text)
	if err != nil || !slices.ContainsFunc(kinds, func(kind []byte) bool { return bytes.HasPrefix(decoded, kind) }) {
		return nil
	}
	return decoded
}

// portrait decodes a chip's picture; nil: there is none that could be compared.
// That is no fault of the card: some are coded in ways that need the vendor's
// own decoder.
func portrait(text string) []byte { return picture(text, maxPortrait, jpeg, png, bmp) }
