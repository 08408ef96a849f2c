package subscribe

import (
	"context"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// open finds the stream's first place, and waits for the broker where it must, at most for timeout.
func (s *stream) open(ctx context.Context, topic domain.Topic, v ports.View, timeout time.Duration) error {
	s.ready = ports.Ready{Stream: streamID(), Topics: []domain.Topic{topic}}
	from := v.From
	if v.Resume != nil {
		had := v.Resume.Vector(topic)
		if had == nil {
			return domain.Errorf(domain.InvalidCursor, "the cursor is not one of topic %q", topic)
		}
		from = domain.StartVector(had)
		resumed := true
		s.ready.Resumed = &resumed
	}
	if err := s.find(ctx, from, timeout); err != nil {
		return err
	}
	if s.given == nil {
		s.given = s.vector
	}
	s.ready.Cursor = s.Cursor()
	for _, p := range s.vector.Places() {
		if p.Pending() {
			s.ready.Pending = append(s.ready.Pending, ports.Pending{Topic: topic, Partition: p.Partition})
		}
	}
	return nil
}

func (s *stream) find(ctx context.Context, from domain.Start, timeout time.Duration) error {
	if from.Latest() {
		s.at, s.vector, _ = s.log.live()
		return nil
	}
	if had := from.Vector(); had != nil {
		if at, ok := s.log.enter(had, unchecked); ok {
			s.at, s.vector, s.own = at, had, true
			return nil
		}
	}
	s.read(from)
	giveUp := time.NewTimer(timeout)
	defer giveUp.Stop()
	select {
	case st := <-s.replay.steps:
		if st.err != nil {
			return st.err
		}
		if st.opening == nil {
			return ctx.Err()
		}
		s.opened(*st.opening, from)
		return nil
	case <-giveUp.C:
		s.replay.stop()
		return domain.Errorf(domain.Unavailable, "no place to read topic %q from was found within %v", s.log.topic, timeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}
