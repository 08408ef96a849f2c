package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"culvert/domain"
)

// Routes is an edge as the server sees it.
type Routes interface {
	// Register puts the edge's routes on e. It is called once.
	Register(e *echo.Echo)
}

// Server is what all HTTP requests go through: whether they are meant for us, who sent them, how long they are, and what
// becomes of errors and panics. The edges put their routes on it.
type Server struct {
	echo    *echo.Echo
	hosts   hosts
	origins origins
	limits  domain.Limits
	client  func(*http.Request) string // the address of who asks
	room    room
	log     *slog.Logger
}

// New makes a server without routes.
func New(cfg Config, limits domain.Limits, log *slog.Logger) (*Server, error) {
	if err := errors.Join(cfg.Validate(), limits.Validate()); err != nil {
		return nil, err
	}
	s := &Server{echo: echo.New(), hosts: newHosts(cfg), origins: newOrigins(cfg), limits: limits, client: clientOf(cfg), log: log}
	s.room.most, s.room.overload = int64(limits.Connections), idle{}
	s.room.connections = NewConnections()
	s.echo.Logger.SetOutput(io.Discard)
	s.echo.HTTPErrorHandler = s.fail
	s.echo.Pre(s.guard)
	return s, nil
}

// Mount puts the routes of edges on the server. It is called before the handler serves.
func (s *Server) Mount(routes ...Routes) {
	for _, r := range routes {
		r.Register(s.echo)
	}
}

// Handler serves all routes, over HTTP/1 and HTTP/2. It may be served on several addresses.
func (s *Server) Handler() http.Handler { return overHTTP2(s.echo) }

// Mounted are the routes of all edges, each as its method and path, `GET /v1/topics/{topic}`, in order.
func (s *Server) Mounted() []string {
	var all []string
	for _, r := range s.echo.Routes() {
		if r.Method == echo.RouteNotFound {
			continue
		}
		parts := strings.Split(r.Path, "/")
		for i, part := range parts {
			if name, variable := strings.CutPrefix(part, ":"); variable {
				parts[i] = "{" + name + "}"
			}
		}
		all = append(all, r.Method+" "+strings.Join(parts, "/"))
	}
	slices.Sort(all)
	return all
}

// Handler answers one request. Errors may be returned as long as nothing was written, and become problems; those that are returned later are
// only logged. Parameters of the path are r.PathValue.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Handle lets h answer a route. It is the only thing besides Register that knows the router.
func Handle(h Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		for _, name := range c.ParamNames() {
			value := c.Param(name)
			if r.URL.RawPath != "" {
				// The router matches the raw path and leaves what is in it as it is.
				if plain, err := url.PathUnescape(value); err == nil {
					value = plain
				}
			}
			r.SetPathValue(name, value)
		}
		return h(c.Response(), r)
	}
}

// guard lets only requests pass that are ours to answer.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = s.recovered(v, c)
			}
		}()
		r, h := c.Request(), c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if seatOf(r.Context()).brief() && r.Header.Get("Upgrade") == "" { // where that is answered it is with a Connection of its own
			h.Set("Connection", "close")
		}
		if !s.hosts.have(r.Host) {
			return domain.Errorf(domain.Misdirected, "the host %q is not served here (http.hosts)", cut(r.Host, maxShown))
		}
		if err := checkBody(c.Response(), r); err != nil {
			return err
		}
		if preflight, err := s.origins.check(h, r); err != nil || preflight {
			if err == nil {
				c.Response().WriteHeader(http.StatusNoContent)
			}
			return err
		}
		if n := len(r.URL.RequestURI()); n > s.limits.URLBytes {
			return domain.Errorf(domain.InvalidRequest, "the URL has %d bytes; at most %d are taken (limits.url_bytes)", n, s.limits.URLBytes)
		}
		ctx := context.WithValue(r.Context(), roomKey{}, &s.room)
		c.SetRequest(r.WithContext(context.WithValue(ctx, clientKey{}, s.client(r))))
		return next(c)
	}
}

// recovered turns a panic into an error, or, where a part of the answer is out, into a connection that breaks: an answer that is cut
// short must not look whole.
func (s *Server) recovered(v any, c echo.Context) error {
	if v == http.ErrAbortHandler { //nolint:errorlint // the very value is what net/http looks for
		panic(v)
	}
	err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	if !c.Response().Committed {
		return err
	}
	s.fail(err, c)
	panic(http.ErrAbortHandler)
}

// fail answers a request with err, and logs what is ours to know of it.
func (s *Server) fail(err error, c echo.Context) {
	e := fromRouter(err, c.Request())
	level := slog.LevelDebug
	switch {
	case c.Request().Context().Err() != nil: // the client is gone, and this comes of it
	case e.Code == domain.Internal:
		level = slog.LevelError
	case StatusOf(e.Code) >= http.StatusInternalServerError && e.Cause != nil:
		level = slog.LevelWarn
	}
	s.log.LogAttrs(c.Request().Context(), level, "request failed", slog.String("method", c.Request().Method), slog.String("path", c.Request().URL.Path), slog.Any("error", e))
	if !c.Response().Committed {
		BoundUnread(c.Response(), c.Request())
		WriteProblem(c.Response(), e)
	}
}

// fromRouter gives the router's own errors our codes.
func fromRouter(err error, r *http.Request) *domain.Error {
	var he *echo.HTTPError
	if !errors.As(err, &he) {
		return domain.AsError(err)
	}
	switch he.Code {
	case http.StatusNotFound:
		return domain.Errorf(domain.UnknownRoute, "there is no route %s; GET / lists those there are", cut(r.URL.Path, maxShown))
	case http.StatusMethodNotAllowed:
		return domain.Errorf(domain.MethodNotAllowed, "%s is not possible here", cut(r.Method, maxShown))
	}
	return domain.AsError(err)
}
