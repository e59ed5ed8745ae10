package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/yanzhen-id/yanzhen/page/brand"
	"github.com/yanzhen-id/yanzhen/starter"
)

//go:embed templates/*.html static
var files embed.FS

// pages holds one template for each kind of page.
var pages = func() map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{"asset": asset}).ParseFS(files, "templates/layout.html"))
	all, err := files.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	out := map[string]*template.Template{}
	for _, f := range all {
		if kind := strings.TrimSuffix(f.Name(), ".html"); kind != "layout" {
			out[kind] = template.Must(template.Must(layout.Clone()).ParseFS(files, "templates/"+f.Name()))
		}
	}
	return out
}()

// assets are the page's own files by the names under which they are served, which
// change with their content.
var assets, assetNames = func() (byName map[string][]byte, names map[string]string) {
	byName, names = map[string][]byte{}, map[string]string{}
	all, err := files.ReadDir("static")
	if err != nil {
		panic(err)
	}
	for _, f := range all {
		content, err := files.ReadFile("static/" + f.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(f.Name())
		name := strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		byName[name], names[f.Name()] = content, name
	}
	return byName, names
}()

// asset is the name under which a file of static/ is served.
func asset(file string) string { return assetNames[file] }

// mediaTypes of what static/ holds.
var mediaTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

const forever = "public, max-age=31536000, immutable"

func (h *Handler) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	content, ok := assets[name]
	if !ok {
		h.message(w, r, http.StatusNotFound, "link.unknown")
		return
	}
	w.Header().Set("Content-Type", mediaTypes[path.Ext(name)])
	w.Header().Set("Cache-Control", forever)
	_, _ = w.Write(content)
}

// theme serves a client's colour; one that nobody knows has ours.
func (h *Handler) theme(w http.ResponseWriter, r *http.Request) {
	client, ok := strings.CutSuffix(r.PathValue("file"), ".css")
	if !ok {
		h.message(w, r, http.StatusNotFound, "link.unknown")
		return
	}
	w.Header().Set("Content-Type", mediaTypes[".css"])
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write([]byte(h.Brand(client).CSS()))
}

// logo serves a client's logo, which was encoded anew when it was read.
func (h *Handler) logo(w http.ResponseWriter, r *http.Request) {
	logo := h.Brand(r.PathValue("client")).Logo
	if len(logo.Data) == 0 {
		h.message(w, r, http.StatusNotFound, "link.unknown")
		return
	}
	w.Header().Set("Content-Type", logo.Type)
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(logo.Data)
}

// render answers with a page. It is made whole first: half of one is none.
func (h *Handler) render(w http.ResponseWriter, status int, s *screen) {
	var b bytes.Buffer
	if err := pages[s.Kind].Execute(&b, s); err != nil {
		panic(err) // a test renders every kind
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", s.Lang)
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// message answers with a page that says one thing: the texts KEY.title and KEY.
func (h *Handler) message(w http.ResponseWriter, r *http.Request, status int, key string) {
	s := h.screen(r, starter.PageView{})
	s.Kind, s.Title, s.Brand = "message", key+".title", brand.Brand{}
	s.Copy = key
	h.render(w, status, s)
}
