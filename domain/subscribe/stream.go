package subscribe

import (
	"context"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// stream is one viewer. Next is called by one goroutine at a time, and everything here is that goroutine's.
type stream struct {
	log        *log
	filter     filter
	overflow   ports.Overflow
	heartbeat  time.Duration
	batchBytes int
	left       int64 // messages that may still be given, where there is a limit
	replayFrom func(domain.Start) *replay
	life       <-chan struct{} // closed when the stream's caller is gone
	draining   <-chan struct{}

	ready ports.Ready
	// vector is the place: what has been gathered, or passed over since it did not match.
	vector *domain.Vector
	// given is the place after the last batch: what the client may be told.
	given *domain.Vector
	// cut, where it is not nil, is the place after the last message that the limit lets through.
	cut *domain.Vector
	// at is the number of the next run of the log; it means nothing during a replay.
	at uint64
	// own says that vector is not the log's at this place.
	own bool
	// replay, where it is not nil, reads what the log no longer has.
	replay *replay
	// checked is the log's anew when the replay began, which checks the vector against the broker's log.
	checked uint64
	// unmarked says that the place moved over messages that did not match since the client was told a cursor.
	unmarked bool
	over     *domain.Bye

	spans []domain.Span // of the next batch
	out   []domain.Span // of the last one, which is the caller's until it asks again
	runs  []*domain.Run
	timer *time.Timer
}

func newStream(l *log, v ports.View, batchBytes int, life, draining <-chan struct{}) *stream {
	return &stream{
		log:        l,
		filter:     newFilter(v.Keys, v.Headers),
		overflow:   v.Overflow,
		heartbeat:  v.Heartbeat,
		batchBytes: batchBytes,
		left:       v.Limit,
		life:       life,
		draining:   draining,
	}
}

// Ready is what opens the stream.
func (s *stream) Ready() ports.Ready { return s.ready }

// Cursor is the place after the last batch.
func (s *stream) Cursor() domain.Cursor {
	c := domain.CursorOf(s.log.topic, s.given)
	c.End = s.over != nil && s.over.Reason == domain.ByeEnd
	return c
}

// Next gives the next batch as ports.Stream says.
func (s *stream) Next(ctx context.Context) (ports.Batch, error) {
	if s.over != nil {
		return ports.Batch{}, s.over
	}
	clear(s.out)
	if s.cut != nil {
		return s.end(&domain.Bye{Reason: domain.ByeEnd})
	}
	beat := s.beat()
	for {
		if bye := s.shutdown(); bye != nil {
			return s.end(bye)
		}
		wait := s.gather()
		if len(s.spans) > 0 {
			return s.batch(), nil
		}
		s.given = s.vector
		if s.over != nil {
			return ports.Batch{}, s.over
		}
		if wait == nil && s.replay == nil {
			continue
		}
		select {
		case <-wait:
		case st, ok := <-s.steps():
			if bye := s.step(st, ok); bye != nil {
				return s.end(bye)
			}
		case <-beat:
			return s.silence(), nil
		case <-s.draining:
		case <-s.life:
			return ports.Batch{}, context.Canceled
		case <-ctx.Done():
			return ports.Batch{}, ctx.Err()
		}
	}
}

// batch hands out what was gathered.
func (s *stream) batch() ports.Batch {
	s.out, s.spans = s.spans, s.out[:0]
	s.given = s.vector
	if s.cut != nil {
		s.given = s.cut
	}
	return ports.Batch{Spans: s.out}
}

// shutdown is the bye of a service that drains; nil before that. It closes the feeds, too, whose end is no trouble of the broker's then.
func (s *stream) shutdown() *domain.Bye {
	select {
	case <-s.draining:
		return &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true}
	default:
		return nil
	}
}

func (s *stream) end(bye *domain.Bye) (ports.Batch, error) {
	s.over = bye
	return ports.Batch{}, bye
}

// beat is what ends a silence.
func (s *stream) beat() <-chan time.Time {
	if s.heartbeat <= 0 {
		return nil
	}
	if s.timer == nil {
		s.timer = time.NewTimer(s.heartbeat)
	} else {
		s.timer.Reset(s.heartbeat)
	}
	return s.timer.C
}

// silence is the batch of a heartbeat.
func (s *stream) silence() ports.Batch {
	if !s.unmarked {
		return ports.Batch{}
	}
	s.unmarked = false
	return ports.Batch{Mark: s.Cursor().String()}
}
