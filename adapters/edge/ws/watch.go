package ws

import (
	"context"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// asks reports whether the view is asked for messages when the client may have some, in a goroutine of its own: it gives what is the newest then, or waits for credit.
func (s *subscription) asks() bool {
	return s.credit != nil || s.view.Overflow == ports.OverflowLatest
}

// watch serves a view until it or life ends, and gives the place where it did: after the last message that was put into the parcel. What is put there is written
// while the socket lives, also after life, so that the place is true.
func (s *subscription) watch(ctx, life context.Context) (cursor string, err error) {
	stream, err := s.begin(ctx, life)
	if err != nil {
		return "", err
	}
	for {
		if err := s.mayAsk(ctx, life); err != nil {
			return stream.Cursor().String(), err
		}
		before := stream.Cursor()
		batch, err := stream.Next(life)
		if err != nil {
			return stream.Cursor().String(), err
		}
		if len(batch.Spans) == 0 {
			if err := s.mark(ctx, batch.Mark); err != nil {
				return "", err
			}
		}
		if n, err := s.give(ctx, life, batch.Spans); err != nil {
			return placeAfter(n, batch.Spans, before).String(), err
		}
		if err := s.flush(ctx); err != nil {
			return "", err
		}
	}
}

// mayAsk waits, where what waits is conflated, for credit: that happens in the stream, which gives what is the newest at the time when it is asked. Other streams are
// asked without credit, too, so that a gap or the end, which cost none, is told at once; of their messages one batch waits here. After the last message of a
// limit nothing comes but the end.
func (s *subscription) mayAsk(ctx, life context.Context) error {
	if s.view.Overflow != ports.OverflowLatest || s.view.Limit > 0 && s.sent >= s.view.Limit {
		return nil
	}
	return s.allowed(ctx, life)
}

// give puts the messages and gaps of spans into the parcel, and writes it when it is full. Where life ends before that is done, n tells how many there were.
func (s *subscription) give(ctx, life context.Context, spans []domain.Span) (n int, err error) {
	for _, span := range spans {
		hole := span.Run.Gap != nil
		for body := range span.Each(s.conversation.edge.bodies) {
			if hole {
				s.parcel.add(s.gap, body)
				n++
				continue
			}
			if err := s.allowed(ctx, life); err != nil {
				return n, err
			}
			if err := s.addMessage(ctx, body); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// placeAfter is the place after n events of spans, where before is the one before them.
func placeAfter(n int, spans []domain.Span, before domain.Cursor) domain.Cursor {
	for _, span := range spans {
		if n == 0 {
			break
		}
		given := min(n, span.To-span.From)
		before = span.After(span.From + given - 1)
		n -= given
	}
	return before
}

// allowed waits until there is credit for a message; meanwhile the parcel is written, and the silence marked. It fails when life ends.
func (s *subscription) allowed(ctx, life context.Context) error {
	if life.Err() != nil {
		return context.Cause(life)
	}
	if s.credit.rest() > 0 {
		return nil
	}
	if err := s.flush(ctx); err != nil {
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
			if err := s.mark(ctx, ""); err != nil {
				return err
			}
		}
	}
}
