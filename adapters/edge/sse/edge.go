// Package sse serves streams over plain HTTP: views and queues as server-sent events (WHATWG HTML §9.2) or NDJSON.
package sse

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// Edge implements edge.Routes. Its streams end when their services end them, and their clients are told so. Views are written by the writers that it is given, over connections that it has taken from
// net/http where that is possible; a member of a queue has a goroutine of its own.
type Edge struct {
	viewer  ports.Viewer
	queues  ports.Queues
	writers *edge.Writers
	cfg     Config
	limits  domain.Limits
	log     *slog.Logger

	// What looks the same is encoded once for all who see it.
	plain, enveloped, line *look

	buffers sync.Pool // of *[]byte

	mu       sync.Mutex // guards what follows
	showings map[*showing]struct{}
	drained  chan struct{} // closed when none is left; nil while new ones may come
}

var _ edge.Routes = (*Edge)(nil)

// New makes the edge over the two services that give streams, and the writers that write views.
func New(viewer ports.Viewer, queues ports.Queues, writers *edge.Writers, cfg Config, limits domain.Limits, log *slog.Logger) (*Edge, error) {
	if err := errors.Join(cfg.Validate(), limits.Validate()); err != nil {
		return nil, err
	}
	e := &Edge{
		viewer:    viewer,
		queues:    queues,
		writers:   writers,
		cfg:       cfg,
		limits:    limits,
		log:       log,
		showings:  make(map[*showing]struct{}),
		plain:     newLook("sse", style{}.append),
		enveloped: newLook("sse envelope", style{envelope: true}.append),
		line:      newLook("ndjson", appendLine),
	}
	e.buffers.New = func() any { return new([]byte) }
	return e, nil
}

// Register implements edge.Routes.
func (e *Edge) Register(r *echo.Echo) {
	r.GET("/v1/topics/:topic/events", edge.Handle(e.viewTopic))
	r.GET("/v1/events", edge.Handle(e.viewTopics))
	r.GET("/v1/topics/:topic/queues/:queue/events", edge.Handle(e.queue))
}

// Drain refuses new views and waits until the last one's client was told bye: it is the service that ends them. When ctx ends before that, the connections of those that are left are cut, and the error is
// ctx's. Neither Shutdown nor Close of an http.Server knows of connections that were taken from it.
func (e *Edge) Drain(ctx context.Context) error {
	e.mu.Lock()
	if e.drained == nil {
		e.drained = make(chan struct{})
		if len(e.showings) == 0 {
			close(e.drained)
		}
	}
	e.mu.Unlock()
	select {
	case <-e.drained:
		return nil
	case <-ctx.Done():
		e.cut()
		return context.Cause(ctx)
	}
}

// cut cuts all connections.
func (e *Edge) cut() {
	e.mu.Lock()
	ways := make([]way, 0, len(e.showings))
	for s := range e.showings {
		if s.way != nil {
			ways = append(ways, s.way)
		}
	}
	e.mu.Unlock()
	for _, w := range ways {
		w.Cut()
	}
}

// enter counts s among the views that Drain waits for; while draining that is a bye.
func (e *Edge) enter(s *showing) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.drained != nil {
		return edge.GoingAway()
	}
	e.showings[s] = struct{}{}
	return nil
}

// onWay says how s reaches its client.
func (e *Edge) onWay(s *showing, w way) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.way = w
}

func (e *Edge) leave(s *showing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, entered := e.showings[s]; !entered {
		return
	}
	delete(e.showings, s)
	if e.drained != nil && len(e.showings) == 0 {
		close(e.drained)
	}
}

// wire takes what a request says about the look of its stream.
func (e *Edge) wire(contentType string, p *edge.Params, envelope bool) wire {
	if contentType == typeNDJSON {
		if !p.Flag("envelope", true) {
			p.Fail(domain.Errorf(domain.InvalidRequest, "envelope=0 is not possible with %s, whose messages are envelopes", typeNDJSON))
		}
		return lines{e.line}
	}
	s := eventStream{style: style{envelope: p.Flag("envelope", envelope)}}
	s.naming, _ = p.One("event")
	switch {
	case s.naming != "":
	case s.envelope:
		s.shared = e.enveloped
	default:
		s.shared = e.plain
	}
	return s
}

// passing reports whether err is trouble that passes, which a client is told by a bye.
func passing(err error) bool {
	var bye *domain.Bye
	return errors.As(err, &bye) || domain.CodeOf(err).Retryable()
}

// strictly is how trouble that passes is told to a client that wants a status (PROTOCOL §2).
func strictly(err error) error {
	e := domain.AsError(err)
	if !e.Code.Retryable() {
		return domain.Errorf(domain.Unavailable, "the stream cannot be opened now").Because(err)
	}
	// The log is told the code besides, but not the same words again.
	return domain.Errorf(domain.Unavailable, "%s", edge.DetailOf(e)).Because(&domain.Error{Code: e.Code, Cause: e.Cause})
}
