// Package console is a page for people: it lists topics, shows one of them live, and injects messages, with nothing but what every client has.
package console

import (
	_ "embed"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
)

//go:embed console.html
var page []byte

// Edge serves the page at /.
type Edge struct {
	page edge.Page
}

// New makes the page. It fails only where the page itself is broken.
func New() (*Edge, error) {
	head, err := edge.NewPage(page)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return &Edge{head}, nil
}

// Register puts the page at /.
func (e *Edge) Register(router *echo.Echo) {
	router.Match([]string{http.MethodGet, http.MethodHead}, "/", edge.Handle(e.serve))
}

func (e *Edge) serve(w http.ResponseWriter, _ *http.Request) error {
	e.page.Head(w.Header())
	_, err := w.Write(page)
	return err
}
