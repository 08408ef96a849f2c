package sse

import (
	"context"
	"net/http"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
)

// viewTopic serves GET /v1/topics/{topic}/events.
func (e *Edge) viewTopic(w http.ResponseWriter, r *http.Request) error {
	topic, err := domain.ParseTopic(r.PathValue("topic"))
	if err != nil {
		return err
	}
	return e.view(w, r, edge.RequestParams(r, e.limits), []domain.Pattern{domain.Pattern(topic)}, false)
}

// viewTopics serves GET /v1/events.
func (e *Edge) viewTopics(w http.ResponseWriter, r *http.Request) error {
	p := edge.QueryParams(r.URL.RawQuery, e.limits)
	return e.view(w, r, p, p.Topics(), true)
}

// view serves a view of topics, or into a queue where p says so. What failed of p before is answered as what fails now.
func (e *Edge) view(w http.ResponseWriter, r *http.Request, p *edge.Params, topics []domain.Pattern, envelope bool) error {
	contentType, err := accepted(r.Header)
	if err != nil {
		return err
	}
	now := time.Now()
	wire := e.wire(contentType, p, envelope)
	strict := p.Flag("strict", contentType == typeNDJSON)
	view, ended := p.View(topics, p.LastEventID(r.Header), e.limits, now)
	if err := p.Err(); err != nil {
		return err
	}
	if ended {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	view.Client = edge.Client(r.Context())
	return e.show(w, r, view, wire, strict, now)
}

// show opens the view and begins the answer; the writers go on with it. It returns when they do, or, where the connection stays with net/http, when it is over.
func (e *Edge) show(w http.ResponseWriter, r *http.Request, view edge.View, wire wire, strict bool, now time.Time) error {
	conn, err := edge.Connect(r, wire.protocol())
	if err != nil {
		return e.refuse(w, wire, err, strict, view.Place(now))
	}
	// The view lives as long as its connection, which may be longer than the request.
	life, end := context.WithCancelCause(edge.Lasting(r.Context()))
	s := &showing{edge: e, wire: wire, queue: view.Queue, conn: conn}
	defer func() {
		if !s.begun {
			s.leave()
		}
	}()
	v := &s.viewing
	v.Set(e.writers, s, conn, e.cfg.Heartbeat)
	s.end = func(cause error) {
		end(cause)
		v.Wake()
	}
	with := r.Context()
	part := context.AfterFunc(with, func() { s.end(context.Cause(with)) })
	view.Waker = v
	if s.stream, err = view.Open(life, e.viewer, e.queues); err == nil {
		err = e.enter(s)
	}
	if err != nil {
		if life.Err() != nil {
			return nil
		}
		return e.refuse(w, wire, err, strict, view.Place(now))
	}
	ready := s.stream.Ready()
	opening := wire.control(nil, "ready", e.cfg.Retry, ready.Cursor.String(), func(dst []byte, cursor string) []byte {
		return edge.AppendReadyBody(dst, ready, view.Queue, cursor, e.cfg.Heartbeat)
	})
	if err := s.open(w, r, opening); err != nil {
		return nil // the client is gone
	}
	s.begun = true
	conn.Pass(0, len(opening))
	conn.Hold(s)
	if s.ended == nil {
		part()
		v.Begin(s.stream)
		return nil
	}
	v.Begin(s.stream)
	<-s.ended
	return nil
}
