package sse

import (
	"context"
	"math"
	"net/http"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// queue serves GET /v1/topics/{topic}/queues/{queue}/events.
func (e *Edge) queue(w http.ResponseWriter, r *http.Request) error {
	topic, err := domain.ParseTopic(r.PathValue("topic"))
	if err != nil {
		return err
	}
	queue, err := domain.ParseQueue(topic, r.PathValue("queue"))
	if err != nil {
		return err
	}
	p := edge.RequestParams(r, e.limits)
	if p.Mode(queue) == edge.ModePeek {
		return e.view(w, r, p, []domain.Pattern{domain.Pattern(topic)}, false)
	}
	return e.join(w, r, p, topic, queue)
}

// join serves a member of queue. What failed of p before is answered as what fails now.
func (e *Edge) join(w http.ResponseWriter, r *http.Request, p *edge.Params, topic domain.Topic, queue domain.Queue) error {
	if edge.Unnamed(r) {
		return domain.Errorf(domain.NotAllowed, "a page from elsewhere cannot join a queue by an image, a frame or a link: an EventSource says which page it is, so that it can be let in (http.origins)")
	}
	contentType, err := accepted(r.Header)
	if err != nil {
		return err
	}
	wire := e.wire(contentType, p, false)
	strict := p.Flag("strict", contentType == typeNDJSON)
	p.All("lastEventId") // which polyfills send on a queue too, where it means nothing
	join, ack := p.Join(topic, queue, e.limits, time.Now())
	if err := p.Err(); err != nil {
		return err
	}
	join.Heartbeat = e.cfg.Heartbeat
	return e.serve(w, r, join, ack, wire, strict)
}

// serve joins the queue and writes what the member is given until it ends.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request, join ports.Join, ack edge.Ack, wire wire, strict bool) error {
	// The membership lives as long as this call: leases go to others as soon as a write fails.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	conn, err := edge.Connect(r, wire.protocol())
	if err != nil {
		return e.refuse(w, wire, err, strict, domain.Cursor{})
	}
	defer conn.Leave()
	member, err := e.queues.Join(ctx, join)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return e.refuse(w, wire, err, strict, domain.Cursor{})
	}
	edge.Stays(w.Header(), r)
	c, err := e.open(w, wire.contentType())
	if err != nil {
		return nil // the client is gone
	}
	opening := wire.control(nil, "ready", e.cfg.Retry, "", func(dst []byte, _ string) []byte {
		return edge.AppendJoinedBody(dst, member.Ready(), ack, e.cfg.Heartbeat)
	})
	if err := c.send(opening); err != nil {
		return nil // the client is gone
	}
	conn.Pass(0, len(opening))
	written := func(string) {}
	if ack == edge.AckAuto {
		written = func(receipt string) { member.DoneUpTo(receipt) }
	}
	// Who is rotated is asked for no more, but is a member until what it has been given is written, and settled.
	asking, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	conn.Hold(&membership{join, leave})
	for {
		events, err := member.Next(asking, math.MaxInt)
		if err != nil {
			return e.end(ctx, c, wire, err)
		}
		if err := c.give(events, wire, conn, written); err != nil {
			return nil // the client is gone or does not read; what it has not settled goes to others
		}
	}
}

// give writes events, or what breaks the silence where there are none. Many are written piece by piece: written is told the last receipt of each, so that leases do not end while
// messages after theirs are on their way to a slow client.
func (c *connection) give(events []domain.Event, wire wire, conn *edge.Connection, written func(upto string)) error {
	buf := c.buffer()
	defer c.release(buf)
	if len(events) == 0 {
		*buf = wire.silence(*buf, "", nil)
		conn.Pass(0, len(*buf))
		return c.send(*buf)
	}
	upto, messages := "", 0
	for i, event := range events {
		*buf = wire.append(*buf, event)
		if event.Receipt != "" {
			upto = event.Receipt
			messages++
		}
		if last := i == len(events)-1; !last && len(*buf) < coalesceBytes {
			continue
		}
		if err := c.send(*buf); err != nil {
			return err
		}
		conn.Pass(messages, len(*buf))
		*buf, messages = (*buf)[:0], 0
		if upto != "" {
			written(upto)
		}
	}
	return nil
}

// membership is a member's part in a queue as operators see it. It implements edge.Holder.
type membership struct {
	join  ports.Join
	leave context.CancelCauseFunc
}

// Uses implements edge.Holder.
func (m *membership) Uses() []edge.Use {
	return []edge.Use{{Topic: domain.Pattern(m.join.Topic), Queue: m.join.Queue, Mode: edge.ModeJoin}}
}

// Rotate implements edge.Holder.
func (m *membership) Rotate() { m.leave(edge.Rotation()) }
