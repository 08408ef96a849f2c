package subscribe

import (
	"context"
	"slices"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// stream is one viewer: a place in each of its topics. Next is called by one goroutine at a time, and everything here is that goroutine's, but that the end of the
// caller's context gives back what the tracks hold, and that the clock of a track's end asks the broker.
type stream struct {
	service    *Service
	life       <-chan struct{} // closed when the stream's caller is gone
	client     string
	filter     filter
	heartbeat  time.Duration
	batchBytes int
	left       int64 // messages that may still be given, where there is a limit
	bell       bell

	mu     sync.Mutex // is held while anything below is in use, but not while Next waits; it is taken before all others of this package
	closed bool
	tracks []*track
	first  [1]*track // memory for tracks: most streams are of one topic
	// overflow and to are those of the view, for the topics that it is of and those that join.
	overflow ports.Overflow
	to       *domain.Stop
	// patterns are those whose topics join as they appear.
	patterns []domain.Pattern
	seen     *[]domain.Topic // the topics that the patterns were held against
	unwatch  func()
	closing  *alarm // rings when topics no longer join; nil where they always may, or never do
	// several says that cursors are this stream's own, since they are of more than one topic.
	several bool
	turn    int // the track that is asked first

	ready *ports.Ready // nil once the stream is read
	// cut, where it is not nil, is the place after the last message that the limit lets through.
	cut *domain.Cursor
	// unmarked says that the place moved over messages that did not match since the client was told a cursor.
	unmarked bool
	over     *domain.Bye

	room   int     // about how many bytes the next batch may still get
	memory *memory // of the next batch, or of the last one, which is the caller's until it has been written; else nil
	timer  *time.Timer
}

func newStream(s *Service, v ports.View, life <-chan struct{}) *stream {
	st := &stream{
		service:    s,
		life:       life,
		client:     v.Client,
		filter:     newFilter(v.Keys, v.Headers),
		heartbeat:  v.Heartbeat,
		batchBytes: s.cfg.BatchBytes,
		left:       v.Limit,
		bell:       bell{waker: v.Waker, rung: make(chan struct{}, 1)},
		overflow:   v.Overflow,
		to:         v.To,
	}
	st.tracks = st.first[:0]
	return st
}

// Ready implements ports.Stream.
func (s *stream) Ready() ports.Ready { return *s.ready }

// Cursor is the place after the last batch.
func (s *stream) Cursor() domain.Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor()
}

func (s *stream) cursor() domain.Cursor {
	c := s.compose(func(t *track) *domain.Vector { return t.given })
	if s.cut != nil {
		c = *s.cut
	}
	c.End = s.over != nil && s.over.Reason == domain.ByeEnd
	return c
}

// place is where the stream stands with all that was gathered, but in one track at v.
func (s *stream) place(at *track, v *domain.Vector) domain.Cursor {
	return s.compose(func(t *track) *domain.Vector {
		if t == at {
			return v
		}
		return t.vector
	})
}

func (s *stream) compose(vector func(*track) *domain.Vector) domain.Cursor {
	topics := make([]domain.TopicVector, 0, len(s.tracks)+len(s.patterns))
	for _, t := range s.tracks {
		if v := vector(t); v != nil {
			topics = append(topics, domain.TopicVector{Topic: domain.Pattern(t.topic), Vector: v})
		}
	}
	for _, p := range s.patterns {
		topics = append(topics, domain.TopicVector{Topic: p, Vector: &domain.Vector{}})
	}
	return domain.Cursor{Topics: topics}
}

// Next gives the next batch as ports.Stream says.
func (s *stream) Next(ctx context.Context) (ports.Batch, error) {
	s.Written()
	beat, beaten := s.beat(), false
	for {
		batch, more, err := s.round()
		switch {
		case len(batch.Spans) > 0 || err != nil:
			return batch, err
		case more:
			continue
		case beaten:
			return s.Silence(), nil
		}
		select {
		case <-s.bell.rung:
		case <-beat:
			beaten = true
		case <-s.service.draining:
		case <-s.life:
			return ports.Batch{}, context.Canceled
		case <-ctx.Done():
			return ports.Batch{}, ctx.Err()
		}
	}
}

// Poll gives the next batch as ports.Stream says.
func (s *stream) Poll() (batch ports.Batch, more bool, err error) { return s.round() }

// Silence implements ports.Stream.
func (s *stream) Silence() ports.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.unmarked {
		return ports.Batch{}
	}
	s.unmarked = false
	return ports.Batch{Mark: s.cursor().String()}
}

// round gives what there is, and whether there may be more at once. Where it says that there is no more, the bell rings when there is: each track asks to be rung before it looks, and nothing
// is left undone that no bell tells of.
func (s *stream) round() (batch ports.Batch, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = nil
	if s.closed {
		return batch, false, context.Canceled
	}
	if s.over == nil && s.cut != nil {
		s.over = &domain.Bye{Reason: domain.ByeEnd}
	}
	if s.over == nil {
		s.over = s.shutdown()
	}
	if s.over != nil {
		return batch, false, s.over
	}
	s.remember()
	more = s.gather()
	s.settle()
	if len(s.memory.spans) > 0 {
		return ports.Batch{Spans: s.memory.spans}, more || s.ends(), nil
	}
	s.Written()
	if s.over == nil && s.finished() {
		s.over = &domain.Bye{Reason: domain.ByeEnd}
	}
	if s.over != nil {
		return batch, false, s.over
	}
	// A service that began to drain since the look above may have rung before the tracks asked for it.
	return batch, more || s.drains(), nil
}

// ends reports whether a bye comes after the batch.
func (s *stream) ends() bool {
	return s.over != nil || s.cut != nil || s.drains() || s.finished()
}

// gather collects what the tracks hold, and reports whether it is worth asking again at once.
func (s *stream) gather() (again bool) {
	s.discover()
	s.room = s.batchBytes
	for i := range s.tracks {
		t := s.tracks[(s.turn+i)%len(s.tracks)]
		for s.over == nil && s.cut == nil && s.room > 0 && t.gather() {
		}
	}
	s.turn++
	return s.room <= 0
}

// settle makes what was gathered the place that the client may be told.
func (s *stream) settle() {
	for _, t := range s.tracks {
		t.given = t.vector
	}
}

// finished reports whether all has been given up to the end that was asked for.
func (s *stream) finished() bool {
	if s.to == nil || s.joins() {
		return false
	}
	return !slices.ContainsFunc(s.tracks, func(t *track) bool { return !t.finished() })
}

// shutdown is the bye of a service that drains; nil before that. It closes the feeds, too, whose end is no trouble of the broker's then.
func (s *stream) shutdown() *domain.Bye {
	if s.drains() {
		return &domain.Bye{Reason: domain.ByeShutdown, Reconnect: true}
	}
	return nil
}

func (s *stream) drains() bool {
	select {
	case <-s.service.draining:
		return true
	default:
		return false
	}
}

// fail ends the stream because one of its topics cannot be read.
func (s *stream) fail(err error) {
	if s.over = s.shutdown(); s.over == nil {
		s.over = domain.ByeFor(err)
	}
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

// end gives back what the stream holds.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, t := range s.tracks {
		t.end()
	}
	if s.unwatch != nil {
		s.unwatch()
	}
	if s.closing != nil {
		s.closing.stop()
	}
	s.bell.ring() // who polls is told, too
}
