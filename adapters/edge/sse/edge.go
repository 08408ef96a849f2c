// Package sse serves streams over plain HTTP: views and queues as server-sent events (WHATWG HTML §9.2) or NDJSON.
package sse

import (
	"errors"
	"sync"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// Edge implements edge.Routes. It holds no connections of its own: streams end when their services end them, and their
// clients are told so.
type Edge struct {
	viewer ports.Viewer
	queues ports.Queues
	cfg    Config
	limits domain.Limits

	// What looks the same is encoded once for all who see it.
	plain, enveloped, line *domain.Format

	buffers sync.Pool // of *[]byte
}

var _ edge.Routes = (*Edge)(nil)

// New makes the edge over the two services that give streams.
func New(viewer ports.Viewer, queues ports.Queues, cfg Config, limits domain.Limits) (*Edge, error) {
	if err := errors.Join(cfg.Validate(), limits.Validate()); err != nil {
		return nil, err
	}
	e := &Edge{
		viewer:    viewer,
		queues:    queues,
		cfg:       cfg,
		limits:    limits,
		plain:     &domain.Format{Name: "sse", Append: style{}.append},
		enveloped: &domain.Format{Name: "sse envelope", Append: style{envelope: true}.append},
		line:      &domain.Format{Name: "ndjson", Append: appendLine},
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
