package subscribe

import (
	"context"

	"culvert/domain"
)

// replay reads a topic from the broker's own log for one viewer.
type replay struct {
	// steps is closed after the last one. It is not buffered: a viewer that does not ask holds its reader, and nobody else's.
	steps chan step
	stop  context.CancelFunc
}

// step is one thing that a replay tells: first its opening, then chunks; an error is the last.
type step struct {
	opening *domain.Opening
	chunk   domain.Chunk
	err     error
}

// startReplay begins to read from a place as soon as a slot for it is free. ctx ends it.
func (s *Service) startReplay(ctx context.Context, topic domain.Topic, from domain.Start) *replay {
	ctx, cancel := context.WithCancel(ctx)
	r := &replay{steps: make(chan step), stop: cancel}
	s.work.Add(1)
	// Ends when the sequence does, or ctx.
	go func() {
		defer s.work.Done()
		defer cancel()
		defer close(r.steps)
		select {
		case s.replays <- struct{}{}:
			defer func() { <-s.replays }()
		case <-ctx.Done():
			return
		}
		s.readReplay(ctx, topic, from, r.steps)
	}()
	return r
}

func (s *Service) readReplay(ctx context.Context, topic domain.Topic, from domain.Start, steps chan<- step) {
	tell := func(st step) bool {
		select {
		case steps <- st:
			return true
		case <-ctx.Done():
			return false
		}
	}
	opening, chunks, err := s.broker.Tail(ctx, topic, from)
	if err != nil {
		tell(step{err: err})
		return
	}
	if !tell(step{opening: &opening}) {
		return
	}
	for chunk, err := range chunks {
		if !tell(step{chunk: chunk, err: err}) || err != nil {
			return
		}
	}
	tell(step{err: domain.Errorf(domain.Unavailable, "the broker ended the reading of topic %q", topic)})
}
