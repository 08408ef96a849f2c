// Package browser serves the client for browsers, which is a module without dependencies, to those who import it from the bridge. npm packs the same files.
package browser

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
)

var (
	//go:embed culvert.js
	module []byte
	//go:embed culvert.d.ts
	declarations []byte
)

// Edge serves /culvert.js and /culvert.d.ts.
type Edge struct{}

// Register implements edge.Routes.
func (Edge) Register(router *echo.Echo) {
	methods := []string{http.MethodGet, http.MethodHead}
	router.Match(methods, "/culvert.js", edge.Handle(file(module, "text/javascript; charset=utf-8")))
	router.Match(methods, "/culvert.d.ts", edge.Handle(file(declarations, "text/plain; charset=utf-8")))
}

// file serves text, anew where a client has another one. Which pages may have it is for the server to say, as with all that it serves.
func file(text []byte, contentType string) edge.Handler {
	sum := sha256.Sum256(text)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
		return nil
	}
}
