package sse

import (
	"context"
	"net/http"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
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
	view.Heartbeat, view.Client = e.cfg.Heartbeat, edge.Client(r.Context())
	return e.show(w, r, view, wire, strict, now)
}

// show opens the view and writes it until it ends.
func (e *Edge) show(w http.ResponseWriter, r *http.Request, view edge.View, wire wire, strict bool, now time.Time) error {
	// The stream lives as long as this call, whatever the connection does afterwards.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	release, err := edge.Admit(ctx)
	if err != nil {
		return e.refuse(w, wire, err, strict, view.Place(now))
	}
	defer release()
	stream, err := view.Open(ctx, e.viewer, e.queues)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return e.refuse(w, wire, err, strict, view.Place(now))
	}
	c, err := e.open(w, wire.contentType())
	if err != nil {
		return nil // the client is gone
	}
	ready := stream.Ready()
	opening := wire.control(nil, "ready", e.cfg.Retry, ready.Cursor.String(), func(dst []byte, cursor string) []byte {
		return edge.AppendReadyBody(dst, ready, view.Queue, cursor, e.cfg.Heartbeat)
	})
	if err := c.write([][]byte{opening}); err != nil {
		return nil // the client is gone
	}
	return e.pull(ctx, c, stream, wire)
}

// pull writes what the stream gives until it or the client ends.
func (e *Edge) pull(ctx context.Context, c *connection, stream ports.Stream, wire wire) error {
	var frames [][]byte
	for {
		batch, err := stream.Next(ctx)
		if err != nil {
			return e.end(ctx, c, wire, err, stream.Cursor())
		}
		if frames, err = c.writeBatch(frames[:0], batch, stream, wire); err != nil {
			return nil // the client is gone or does not read; it comes back with its cursor
		}
	}
}

// writeBatch writes one batch. frames is memory to use.
func (c *connection) writeBatch(frames [][]byte, batch ports.Batch, stream ports.Stream, wire wire) ([][]byte, error) {
	format := wire.format()
	if format != nil && len(batch.Spans) > 0 {
		for _, span := range batch.Spans {
			frames = span.Append(frames, format)
		}
		err := c.write(frames)
		clear(frames) // an idle stream holds on to no log
		return frames, err
	}
	buf := c.buffer()
	defer c.release(buf)
	for _, span := range batch.Spans {
		for _, event := range span.Events() {
			*buf = wire.append(*buf, event)
		}
	}
	if len(batch.Spans) == 0 {
		*buf = wire.silence(*buf, batch.Mark, stream.Cursor().String())
	}
	return frames, c.send(*buf)
}
