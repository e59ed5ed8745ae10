package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Search finds many texts in one pass over much data, in every way in which they
// may lie there. The zero value finds nothing.
type Search struct {
	// begins are the traces by their first bytes, and likely says which first bytes
	// may be one's, in a table that fits into a processor's cache.
	begins map[uint64][]trace
	likely []uint64
}

// trace is one way in which a text may lie somewhere.
type trace struct {
	what, way string
	bytes     []byte
}

const (
	// beginLength is how many bytes a trace has at least.
	beginLength = 8
	likelyBits  = 18
)

// Add has a text looked for in all its traces; what names it. A text that is so
// short that others meet it by chance is refused.
func (s *Search) Add(what, text string) error {
	for way, b := range Traces(text) {
		if err := s.AddBytes(what, way, b); err != nil {
			return err
		}
	}
	return nil
}

// AddBytes has bytes looked for as they are.
func (s *Search) AddBytes(what, way string, b []byte) error {
	if len(b) < beginLength {
		return fmt.Errorf("%s as %s has %d bytes, which chance may bring about: want %d", what, way, len(b), beginLength)
	}
	if s.begins == nil {
		s.begins, s.likely = map[uint64][]trace{}, make([]uint64, 1<<likelyBits/64)
	}
	begin := binary.LittleEndian.Uint64(b)
	s.begins[begin] = append(s.begins[begin], trace{what, way, b})
	at := slot(begin)
	s.likely[at/64] |= 1 << (at % 64)
	return nil
}

func slot(begin uint64) uint64 { return begin * 0x9E3779B97F4A7C15 >> (64 - likelyBits) }

// Found is where a text lies.
type Found struct {
	// What it is, and the Way in which it lies there.
	What, Way string
	// Around are the bytes before and after it.
	Around []byte
}

// In returns what lies in the data, of each text and way the first.
func (s *Search) In(data []byte) (found []Found) {
	if s.begins == nil {
		return nil
	}
	type key struct{ what, way string }
	seen := map[key]bool{}
	for i := 0; i+beginLength <= len(data); i++ {
		begin := binary.LittleEndian.Uint64(data[i:])
		at := slot(begin)
		if s.likely[at/64]&(1<<(at%64)) == 0 {
			continue
		}
		for _, t := range s.begins[begin] {
			if !seen[key{t.what, t.way}] && bytes.HasPrefix(data[i:], t.bytes) {
				seen[key{t.what, t.way}] = true
				found = append(found, Found{t.what, t.way, data[max(0, i-60):min(len(data), i+len(t.bytes)+40)]})
			}
		}
	}
	return found
}
