package verification

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ConsentText is what a person is asked to agree to, in the words that they
// read: the names of who asks and of the vendors stand in it.
type ConsentText struct {
	Purpose Purpose
	// Version names the configured text.
	Version  string
	Language string
	Title    string
	// Text is plain; its lines are paragraphs.
	Text string
}

// Hash is the SHA-256 in hex of the language, the title and the text, each
// followed by a newline. It is kept with a consent and shows later which words
// the person read.
func (t ConsentText) Hash() string {
	sum := sha256.Sum256([]byte(t.Language + "\n" + t.Title + "\n" + t.Text + "\n"))
	return hex.EncodeToString(sum[:])
}

// Lines are the paragraphs of the text.
func (t ConsentText) Lines() []string { return strings.Split(t.Text, "\n") }
