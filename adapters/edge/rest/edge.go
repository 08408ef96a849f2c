// Package rest serves what is asked and answered once: what topics and queues there are, what is done to a queue, injection over HTTP (PROTOCOL §5), and the
// settling of what members over HTTP received.
package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// Edge implements edge.Routes.
type Edge struct {
	injector ports.Injector
	topics   ports.Topics
	queues   ports.Queues
	admin    ports.QueueAdmin
	cfg      Config
	limits   domain.Limits
	home     home
	drain    sync.Once
	draining chan struct{} // closed when the streams shall end
}

var _ edge.Routes = (*Edge)(nil)

// New makes the edge over the services it asks.
func New(injector ports.Injector, topics ports.Topics, queues ports.Queues, admin ports.QueueAdmin, cfg Config, limits domain.Limits) (*Edge, error) {
	if err := errors.Join(cfg.Validate(), limits.Validate()); err != nil {
		return nil, err
	}
	front, err := newHome()
	if err != nil {
		return nil, err
	}
	return &Edge{injector: injector, topics: topics, queues: queues, admin: admin, cfg: cfg, limits: limits, home: front, draining: make(chan struct{})}, nil
}

// Drain tells the streams of NDJSON that the server shuts down: they take no further line, answer what they took, and say bye. It does not wait for them.
func (e *Edge) Drain(context.Context) error {
	e.drain.Do(func() { close(e.draining) })
	return nil
}

// Register implements edge.Routes.
func (e *Edge) Register(r *echo.Echo) {
	documents := []string{http.MethodGet, http.MethodHead} // of a HEAD net/http sends the header alone
	r.Match(documents, "/", edge.Handle(e.front))
	r.Match(documents, "/v1/topics", edge.Handle(e.list))
	r.Match(documents, "/v1/topics/:topic", edge.Handle(e.describe))
	r.Match(documents, "/v1/topics/:topic/queues", edge.Handle(e.listQueues))
	r.Match(documents, "/v1/topics/:topic/queues/:queue", edge.Handle(e.inspect))
	r.DELETE("/v1/topics/:topic/queues/:queue", edge.Handle(e.forget))
	r.POST("/v1/topics/:topic/queues/:queue/reset", edge.Handle(e.reset))
	r.POST("/v1/topics/:topic/queues/:queue/redrive", edge.Handle(e.redrive))
	r.POST("/v1/topics/:topic/messages", edge.Handle(e.inject))
	r.POST("/v1/streams/:stream/done", edge.Handle(e.done))
}

// respond sends a small JSON document.
func respond(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // for a HEAD too, of which net/http cannot count what is long
	// A client that is gone by now needs no answer.
	_, _ = w.Write(append(body, '\n'))
}
