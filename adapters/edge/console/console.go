// Package console is a page for people: it lists topics, shows one of them live, and injects messages, with nothing but what every client has.
package console

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
)

//go:embed console.html
var page []byte

// Edge serves the page at /.
type Edge struct {
	policy string
}

// New makes the page. It fails only where the page itself is broken.
func New() (*Edge, error) {
	style, err := digest("style")
	if err != nil {
		return nil, err
	}
	script, err := digest("script")
	if err != nil {
		return nil, err
	}
	return &Edge{policy: "default-src 'none'; connect-src 'self'; img-src data:; style-src " + style + "; script-src " + script +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

// digest is the hash by which a Content-Security-Policy lets the page's own element run, and no other.
func digest(element string) (string, error) {
	_, rest, opened := bytes.Cut(page, []byte("<"+element+">"))
	text, _, closed := bytes.Cut(rest, []byte("</"+element+">"))
	if !opened || !closed {
		return "", fmt.Errorf("the console's page has no %s element", element)
	}
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", nil
}

// Register puts the page at /.
func (e *Edge) Register(router *echo.Echo) {
	router.Match([]string{http.MethodGet, http.MethodHead}, "/", edge.Handle(e.serve))
}

func (e *Edge) serve(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", e.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	_, err := w.Write(page)
	return err
}
