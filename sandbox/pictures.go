package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"regexp"
)

// Pictures of the stand-ins are drawn patterns, nobody's face. Whom one shows
// stands in a comment segment, as the digest by which the ledger knows the
// person, so that the stand-in of CompareFace can tell; a reader of pictures
// sees the same colours and the same pattern.

const shownMark = "yanzhen-sandbox-face:"

var shownPattern = regexp.MustCompile(shownMark + `([0-9a-f]{12})`)

// shownIn tells whom a picture shows: SubjectKey of the person's number, or
// empty for a picture without a face.
func shownIn(picture []byte) string {
	if m := shownPattern.FindSubmatch(picture); m != nil {
		return string(m[1])
	}
	return ""
}

// Portrait is the picture on a person's chip: a JPEG of 102 × 126 pixels, the
// size of a second-generation card's. The same person has the same bytes.
func Portrait(p Person) []byte {
	return draw(102, 126, sketch{person: p.IDNumber, shot: "portrait", size: .62})
}

// Capture is what a face page photographs of a person in a session: the face
// (360 × 480) and the scene around it (480 × 640), JPEGs. The same person and
// session give the same bytes, another session others.
func Capture(idNumber, session string) (face, scene []byte) {
	return draw(360, 480, sketch{person: idNumber, shot: "face" + session, size: .66}),
		draw(480, 640, sketch{person: idNumber, shot: "scene" + session, size: .4})
}

// EmptyCapture is what a face page photographs where nobody sits.
func EmptyCapture(session string) (face, scene []byte) {
	return draw(360, 480, sketch{shot: "face" + session}), draw(480, 640, sketch{shot: "scene" + session})
}

// sketch says what to draw: a person by number (empty: nobody), how large, and
// a word that tells one shot from another.
type sketch struct {
	person, shot string
	size         float64 // of the head, as a part of the width
}

func hashOf(words ...string) [32]byte {
	var b bytes.Buffer
	for _, w := range words {
		b.WriteString(w)
		b.WriteByte(0)
	}
	return sha256.Sum256(b.Bytes())
}

func draw(w, h int, s sketch) []byte {
	person, shot := hashOf("person", s.person), hashOf("shot", s.shot)
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	cx, cy := float64(w)/2, float64(h)*.44
	rx, ry := float64(w)*s.size/2, float64(w)*s.size*.62
	wall, skin, coat := shade(shot[0:3], 190), shade(person[0:3], 120), shade(person[3:6], 60)
	for y := range h {
		for x := range w {
			dx, dy := (float64(x)-cx)/rx, (float64(y)-cy)/ry
			sx, sy := (float64(x)-cx)/(rx*1.7), (float64(y)-cy-ry*2.2)/(ry*1.15)
			c := lighter(wall, y*24/h)
			switch {
			case s.person == "":
			case dx*dx+dy*dy < 1:
				c = skin
				// A pattern, alike on both sides as a face is, that tells people apart.
				row, col := int((dy+1)*4), int(min(dx, -dx)*-5)
				if person[8+row%8]>>(col%6)&1 == 1 {
					c = lighter(skin, 70)
				}
			case sx*sx+sy*sy < 1:
				c = coat
			}
			img.SetRGBA(x, y, c)
		}
	}
	// Every shot has its own grain in a corner, as light is never twice the same.
	for i := range 64 {
		img.SetRGBA(w-1-i%8*2, h-1-i/8*2, color.RGBA{shot[i%32], shot[(i+7)%32], shot[(i+13)%32], 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 82}); err != nil {
		panic(err) // a buffer takes everything
	}
	if s.person == "" {
		return b.Bytes()
	}
	return withComment(b.Bytes(), shownMark+SubjectKey(s.person))
}

func shade(seed []byte, floor uint8) color.RGBA {
	of := func(b byte) uint8 { return floor + b%(uint8(250)-floor) }
	return color.RGBA{of(seed[0]), of(seed[1]), of(seed[2]), 255}
}

func lighter(c color.RGBA, by int) color.RGBA {
	up := func(v uint8) uint8 { return uint8(min(255, int(v)+by)) }
	return color.RGBA{up(c.R), up(c.G), up(c.B), 255}
}

// withComment puts a comment segment (COM, ITU-T T.81 B.2.4.5) behind a JPEG's
// first marker.
func withComment(picture []byte, text string) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xFE}, uint16(len(text)+2))
	out := append([]byte{}, picture[:2]...)
	return append(append(append(out, segment...), text...), picture[2:]...)
}
