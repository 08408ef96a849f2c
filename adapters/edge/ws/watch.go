package ws

import (
	"context"
	"time"

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
					continue
				}
				if err := s.allowed(life); err != nil {
					return "", err
				}
				if err := s.addMessage(life, msg, body); err != nil {
					return "", err
				}
			}
		}
	}
}

// allowed waits until there is credit for a message; meanwhile the parcel is written, and the silence marked.
func (s *subscription) allowed(life context.Context) error {
	if s.credit.rest() > 0 {
		return nil
	}
	if err := s.flush(life); err != nil {
		return err
	}
	more, stop := s.credit.more(life)
	defer stop()
	silence := time.NewTicker(s.conversation.edge.cfg.Heartbeat)
	defer silence.Stop()
	for {
		select {
		case <-more.Done():
			return context.Cause(life) // nil where it was credit that came
		case <-silence.C:
			if err := s.mark(life, ""); err != nil {
				return err
			}
		}
	}
}
