package routes

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
)

// Edge implements edge.Routes.
type Edge struct {
	routes []*compiled // the first that matches counts
	limits domain.Limits
}

var _ edge.Routes = (*Edge)(nil)

// New makes an edge of the configured routes.
func New(all []Route, limits domain.Limits) (*Edge, error) {
	compiled, err := compile(all)
	if err := errors.Join(err, limits.Validate()); err != nil {
		return nil, err
	}
	return &Edge{compiled, limits}, nil
}

// Register implements edge.Routes. What a request stands for is put in its place before the router looks at it, as echo's own Rewrite does: so the matching is that of
// package routes alone, and what answers is what would have answered the request that it stands for.
func (e *Edge) Register(router *echo.Echo) {
	if len(e.routes) == 0 {
		return
	}
	router.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			route, values := e.find(r)
			if route == nil {
				return next(c)
			}
			if r.Method != http.MethodGet && r.Method != http.MethodPost {
				return refuseMethod(c)
			}
			t, ctx, err := route.translate(r, values, e.limits)
			if err != nil {
				return err
			}
			// The router was given the request before the steps that come before it, so that the URL itself must change.
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = t.path, t.rawPath, t.query
			c.SetRequest(r.WithContext(ctx))
			return next(c)
		}
	})
}

// find is the route that r is for, with the variables of its path; nil where there is none.
func (e *Edge) find(r *http.Request) (*compiled, map[string]string) {
	segments, ok := segmentsOf(r.URL)
	if !ok || own(segments[0]) {
		return nil, nil
	}
	for _, route := range e.routes {
		if values, ok := route.path.match(segments); ok {
			return route, values
		}
	}
	return nil, nil
}

const allowed = "OPTIONS, GET, POST"

// refuseMethod answers what is neither GET nor POST as the router does for routes of its own.
func refuseMethod(c echo.Context) error {
	c.Response().Header().Set("Allow", allowed)
	if c.Request().Method == http.MethodOptions {
		return c.NoContent(http.StatusNoContent)
	}
	return echo.ErrMethodNotAllowed
}

// contextOf is the context of a request for what f and the route's own topic say.
func (c *compiled) contextOf(ctx context.Context, f edge.Fixed) context.Context {
	if c.literal != "" {
		ctx = edge.Reaching(ctx, c.literal)
	}
	if f.Filters() || f.Refusal != nil {
		ctx = edge.WithFixed(ctx, f)
	}
	return ctx
}
