package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxForm is what a vendor's callback may send: text, no pictures.
	maxForm = 1 << 20
	// maxParts bounds a multipart form's parts.
	maxParts = 100
)

// formTime is how long a form may take to arrive. A variable for tests.
var formTime = 10 * time.Second

// errForm says nothing of the form that it is about.
var errForm = errors.New("api: not a form that is read")

// readForm reads the form of a callback: multipart if it says so, urlencoded
// otherwise, bounded in size and time. Query parameters are not part of it, and
// neither are files. An untidy Content-Type is no reason to refuse a form: what
// is genuine, the vendor's signature tells.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.ContentLength > maxForm {
		return nil, errForm
	}
	// Without a deadline of its own a slow body would hold the connection as
	// long as the server's allows; a writer that knows none is a test's.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(formTime))
	body := http.MaxBytesReader(w, r.Body, maxForm)
	var form url.Values
	var err error
	if boundary, inParts := multipartBoundary(r.Header.Get("Content-Type")); inParts {
		form, err = readMultipart(body, boundary)
	} else {
		form, err = readURLEncoded(body)
	}
	if err != nil {
		return nil, errForm // the cause may quote the form
	}
	// The deadline must not end the request while it is handled.
	_ = control.SetReadDeadline(time.Time{})
	return form, nil
}

// multipartBoundary reports whether a Content-Type names a multipart form, and
// its boundary. The mime package drops all parameters over one that it cannot
// read, so they are then read one by one.
func multipartBoundary(contentType string) (boundary string, inParts bool) {
	kind, rest, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "multipart/form-data") {
		return "", false
	}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		return params["boundary"], true
	}
	for param := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "boundary") {
			return strings.Trim(strings.TrimSpace(value), `"`), true
		}
	}
	return "", true
}

// readURLEncoded ignores a line's end after the form, which would otherwise
// belong to its last value.
func readURLEncoded(body io.Reader) (url.Values, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(strings.TrimRight(string(text), "\r\n"))
}

func readMultipart(body io.Reader, boundary string) (url.Values, error) {
	if boundary == "" {
		return nil, errForm
	}
	form := url.Values{}
	parts := multipart.NewReader(body, boundary)
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() == "" || part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		form.Add(part.FormName(), string(value))
	}
	return nil, errForm
}
