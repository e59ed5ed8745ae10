package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
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

// readForm reads the form of a callback: urlencoded or multipart, bounded in
// size and time. Query parameters are not part of it, and neither are files.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.ContentLength > maxForm {
		return nil, errForm
	}
	// Without a deadline of its own a slow body would hold the connection as
	// long as the server's allows; a writer that knows none is a test's.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(formTime))
	body := http.MaxBytesReader(w, r.Body, maxForm)
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, errForm
	}
	var form url.Values
	switch mediaType {
	case "application/x-www-form-urlencoded":
		form, err = readURLEncoded(body)
	case "multipart/form-data":
		form, err = readMultipart(body, params["boundary"])
	default:
		err = errForm
	}
	if err != nil {
		return nil, errForm // the cause may quote the form
	}
	// The deadline must not end the request while it is handled.
	_ = control.SetReadDeadline(time.Time{})
	return form, nil
}

func readURLEncoded(body io.Reader) (url.Values, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(text))
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
