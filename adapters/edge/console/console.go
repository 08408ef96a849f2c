// Package console is a page for people: what topics there are, one of them live, injecting, queues, who is connected, and how the bridge is. It uses what every client has, and the admin API.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
)

//go:embed page
var embedded embed.FS

// policy lets the page have what its own server has and nothing else: no element of it is inline, and nothing becomes markup or a script that was text (W3C CSP Level 3, Trusted Types).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// types are the content types of the files that a page is made of, which a system's own table would say otherwise here and there.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
}

// file is one of the page's, as it is served.
type file struct {
	text        []byte
	contentType string
	tag         string
}

// Edge serves the page at /, and what it is made of below /console/.
type Edge struct {
	files map[string]file
}

var _ edge.Routes = (*Edge)(nil)

// New makes the page. It fails only where the page itself is broken.
func New() (*Edge, error) {
	e := &Edge{map[string]file{}}
	entries, err := fs.ReadDir(embedded, "page")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(embedded, "page/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		contentType := types[path.Ext(entry.Name())]
		if contentType == "" {
			return nil, fmt.Errorf("console: nobody knows what %s is", entry.Name())
		}
		sum := sha256.Sum256(text)
		e.files[entry.Name()] = file{text, contentType, `"` + hex.EncodeToString(sum[:16]) + `"`}
	}
	if e.files["index.html"].text == nil {
		return nil, fmt.Errorf("console: there is no index.html")
	}
	return e, nil
}

// Register implements edge.Routes.
func (e *Edge) Register(router *echo.Echo) {
	methods := []string{http.MethodGet, http.MethodHead}
	router.Match(methods, "/", edge.Handle(func(w http.ResponseWriter, r *http.Request) error { return e.serve(w, r, "index.html") }))
	router.Match(methods, "/console/:file", edge.Handle(func(w http.ResponseWriter, r *http.Request) error { return e.serve(w, r, r.PathValue("file")) }))
}

// serve answers with a file, anew where a client has another one.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request, name string) error {
	f, ok := e.files[name]
	if !ok {
		return domain.Errorf(domain.UnknownRoute, "the console has no such file")
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.text))
	return nil
}
