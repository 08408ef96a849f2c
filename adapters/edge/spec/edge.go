// Package spec serves the descriptions of the protocol for programs: OpenAPI 3.1 of what is asked over HTTP, AsyncAPI 3.0 of what streams and sockets say.
package spec

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
)

// OpenAPI describes what is asked over HTTP (OpenAPI 3.1). It is not to be changed.
//
//go:embed openapi.yaml
var OpenAPI []byte

// AsyncAPI describes what streams and sockets say (AsyncAPI 3.0). Its schemas refer to those of OpenAPI, which it expects beside it as openapi.yaml. It is not to be changed.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte

// Edge serves both. It is one of edge.Routes.
type Edge struct {
	limits domain.Limits
}

var _ edge.Routes = Edge{}

// New makes the edge.
func New(limits domain.Limits) (Edge, error) { return Edge{limits}, limits.Validate() }

// Register implements edge.Routes.
func (e Edge) Register(r *echo.Echo) {
	documents := []string{http.MethodGet, http.MethodHead}
	r.Match(documents, "/openapi.yaml", edge.Handle(e.page(OpenAPI)))
	r.Match(documents, "/asyncapi.yaml", edge.Handle(e.page(AsyncAPI)))
}

// page serves one of them. Clients keep it, and ask each time whether it is still the one: a bridge of another version has another one.
func (e Edge) page(text []byte) edge.Handler {
	sum := sha256.Sum256(text)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
			return err
		}
		h := w.Header()
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		if known(r.Header.Values("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		h.Set("Content-Type", "application/yaml") // RFC 9512
		// A client that is gone by now needs no answer.
		_, _ = w.Write(text)
		return nil
	}
}

// known reports whether tag is among those of If-None-Match, which are compared weakly (RFC 9110 §13.1.2).
func known(lines []string, tag string) bool {
	for one := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
