package ws

import (
	"context"
	"errors"
	"unique"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// show opens a view and lets the edge's writers serve it: it ends with shown. An error says that it could not begin.
func (s *subscription) show(ctx, life context.Context) error {
	c := s.conversation
	var stream ports.Stream
	way := c.socket.newWay(c.edge.cfg.Heartbeat, s.render, func(err error) { s.shown(ctx, life, stream, err) })
	way.viewing.Renders(unique.Make(edge.Look{Format: c.edge.bodies, Name: s.name, Lines: c.lines}))
	s.view.Waker = &way.viewing
	stream, err := s.begin(ctx, life)
	if err != nil {
		return err
	}
	way.begin(stream)
	return nil
}

// begin opens the view, and writes the frame that answers the sub.
func (s *subscription) begin(ctx, life context.Context) (ports.Stream, error) {
	stream, err := s.view.Open(life, s.conversation.edge.viewer, s.conversation.edge.queues)
	if err != nil {
		return nil, &errRefused{err}
	}
	s.opened(stream)
	ready := stream.Ready()
	return stream, s.open(ctx, edge.AppendReadyBody(s.ready(), ready, s.view.Queue, ready.Cursor.String(), s.view.Heartbeat))
}

// shown is called when the stream of a view has ended with err, or life, or could not be written.
func (s *subscription) shown(ctx, life context.Context, stream ports.Stream, err error) {
	defer s.end()
	if life.Err() == nil && !errors.As(err, new(*domain.Bye)) {
		s.conversation.socket.broken(ctx, err) // no stream ends so
		return
	}
	s.part(ctx, life, stream.Cursor().String(), err)
}

// sharedBody is how long a body is at least that is rather shared with other viewers than copied after its head.
const sharedBody = 32 << 10

// render puts the frames of a batch on p.
func (s *subscription) render(p *edge.Parts, batch ports.Batch) error {
	pack := &s.parcel.packer
	if len(batch.Spans) == 0 {
		p.SetTail(pack.add(p.Tail(), s.markOf(batch.Mark), nil))
	}
	for _, span := range batch.Spans {
		head := s.msg
		if span.Run.Gap != nil {
			head = s.gap
		}
		if span.Own == nil {
			s.shared(p, head, span)
		} else {
			s.own(p, head, span)
		}
	}
	p.SetTail(pack.end(p.Tail()))
	return nil
}

// own puts on p the frames of a span whose cursors are the viewer's own.
func (s *subscription) own(p *edge.Parts, head []byte, span domain.Span) {
	pack, dst := &s.parcel.packer, p.Tail()
	for body := range span.Each(s.conversation.edge.bodies) {
		dst = pack.add(dst, head, body)
	}
	p.SetTail(dst)
}

// shared puts on p the frames of a span whose bodies are everybody's.
func (s *subscription) shared(p *edge.Parts, head []byte, span domain.Span) {
	bodies := span.Run.Frames(s.conversation.edge.bodies)
	pack, dst := &s.parcel.packer, p.Tail()
	for i := span.From; i < span.To; i++ {
		body := bodies.Between(i, i+1)
		if len(body) < sharedBody || pack.lines {
			dst = pack.add(dst, head, body)
			continue
		}
		p.SetTail(append(pack.begin(dst, len(head)+len(body)), head...))
		p.Share(body)
		dst = p.Tail()
	}
	p.SetTail(dst)
}
