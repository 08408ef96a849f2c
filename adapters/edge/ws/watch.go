package ws

import (
	"context"

	"culvert/adapters/edge"
)

// watch serves a view until it ends, and gives the place where it did.
func (s *subscription) watch(life context.Context) (cursor string, err error) {
	stream, err := s.conversation.edge.viewer.View(life, s.view)
	if err != nil {
		return "", &errRefused{err}
	}
	ready := stream.Ready()
	s.parcel.add(edge.AppendReadyBody(s.ready(), ready, ready.Cursor.String(), s.view.Heartbeat), nil)
	msg, gap := s.head("msg"), s.head("gap")
	for {
		if err := s.flush(life); err != nil {
			return "", err
		}
		batch, err := stream.Next(life)
		if err != nil {
			return stream.Cursor().String(), err
		}
		if len(batch.Spans) == 0 {
			if err := s.mark(life, batch.Mark); err != nil {
				return "", err
			}
		}
		for _, span := range batch.Spans {
			hole := span.Run.Gap != nil
			for body := range span.Each(s.conversation.edge.bodies) {
				if hole {
					s.parcel.add(gap, body)
				} else if err := s.addMessage(life, msg, body); err != nil {
					return "", err
				}
			}
		}
	}
}

// addMessage adds a message to the parcel when there is credit for it, and writes the parcel when it is full.
func (s *subscription) addMessage(life context.Context, head, body []byte) error {
	if _, err := s.allowed(life); err != nil {
		return err
	}
	s.credit.take()
	s.parcel.add(head, body)
	if s.parcel.full() {
		return s.flush(life)
	}
	return nil
}
