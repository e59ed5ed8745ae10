package sinoconnect

import (
	"encoding/json"
	"net/url"
	"regexp"

	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/internal/strictjson"
)

// The paths say "callback", and are calls from us to them.
const (
	pathChip     = "/sino-connect/nfc/callback"
	pathFaceOpen = "/sino-connect/face-rec/request"
	pathFaceLook = "/sino-connect/face-rec/callback"
)

type chipRequest struct {
	ReqID string `json:"reqid"`
}

// chipAnswer is a 200 to chipRequest. Every member of every answer is read as
// text: one of another type counts as missing.
type chipAnswer struct {
	Message text `json:"message"`
	Token   text `json:"token"` // JWE; a secret
}

type openRequest struct {
	Redirect string `json:"redirect"`
}

type openAnswer struct {
	Token text `json:"token"` // opaque; a secret
	URL   text `json:"url"`
}

type lookRequest struct {
	Token string `json:"token"`
}

// lookAnswer is a 200 to lookRequest. There is no verdict in it.
type lookAnswer struct {
	Message    text  `json:"message"`
	FaceImage  image `json:"faceImage"`
	SceneImage image `json:"sceneImage"`
}

// failureAnswer is a 400 or 500. Its text is matched against the configured
// patterns and goes nowhere.
type failureAnswer struct {
	Error text `json:"error"`
}

// text is a string, or nothing.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	_ = json.Unmarshal(raw, &s)
	*t = text(s)
	return nil
}

// image is what stands for a picture, which may be anything.
type image struct {
	there bool
	text  string
}

func (i *image) UnmarshalJSON(raw []byte) error {
	var s *string
	err := json.Unmarshal(raw, &s)
	i.there = err != nil || s != nil && *s != ""
	if s != nil {
		i.text = *s
	}
	return nil
}

// read decodes a body into an answer; false: it is no JSON object that says
// everything once.
func read(body []byte, into any) bool {
	return strictjson.CheckFolded(body) == nil && len(body) > 0 && firstByte(body) == '{' && json.Unmarshal(body, into) == nil
}

func firstByte(body []byte) byte {
	for _, b := range body {
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b
		}
	}
	return 0
}

// handle is how a face session is found again. It rests sealed in the store,
// so its members are only ever added to.
type handle struct {
	Token string `json:"token"`
}

func (handle) String() string   { return "[handle]" }
func (handle) GoString() string { return "[handle]" }

const (
	maxFaceToken = 8 << 10
	maxLink      = 4 << 10
)

// faceToken: three parts of base64url, of which a sibling product leaves the
// last one empty. Nothing else of it is looked at.
var faceToken = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)

func isFaceToken(t string) bool { return len(t) <= maxFaceToken && faceToken.MatchString(t) }

// isLink: a person's browser is sent there.
func isLink(link string, plain bool) bool {
	u, err := url.Parse(link)
	return err == nil && len(link) <= maxLink && u.Host != "" && u.User == nil &&
		(u.Scheme == "https" || u.Scheme == "http" && plain && settings.Loopback(u.Hostname()))
}
