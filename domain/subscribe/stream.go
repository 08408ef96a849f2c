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

// open finds the stream's first place, and waits for the broker where it must, at most for timeout.
func (s *stream) open(ctx context.Context, v ports.View, timeout time.Duration) error {
	s.ready = ports.Ready{Stream: streamID(), Topics: []domain.Topic{v.Topic}}
	from := v.From
	if v.Resume != nil {
		had := v.Resume.Vector(v.Topic)
		if had == nil {
			return domain.Errorf(domain.InvalidCursor, "the cursor is not one of topic %q", v.Topic)
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
			s.ready.Pending = append(s.ready.Pending, ports.Pending{Topic: v.Topic, Partition: p.Partition})
		}
	}
	return nil
}

func (s *stream) find(ctx context.Context, from domain.Start, timeout time.Duration) error {
	if from.Latest() {
		s.at, s.vector = s.log.live()
		return nil
	}
	if had := from.Vector(); had != nil {
		if at, ok := s.log.enter(had, false); ok {
			s.at, s.vector, s.own = at, had, true
			return nil
		}
	}
	s.replay = s.replayFrom(from)
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

// opened begins a replay: its gaps are told first, and the log is entered at once where that is possible.
func (s *stream) opened(o domain.Opening, from domain.Start) {
	before := from.Vector()
	if before == nil {
		before = o.Vector
	}
	if opening := s.given == nil; opening && len(o.Gaps) > 0 && s.ready.Resumed != nil {
		// Who breaks off between ready and the gap must hear of the gap again.
		s.given = before
		*s.ready.Resumed = false
		s.ready.Reason = ports.ResumeRetention
		if o.Gaps[0].Reason == domain.GapEpoch {
			s.ready.Reason = ports.ResumeEpoch
		}
	}
	for _, gap := range o.Gaps {
		after := o.Vector
		if place, ok := o.Vector.At(gap.Partition); ok && gap.Reason != domain.GapEpoch {
			after = before.With(place)
		}
		s.tell(&gap, before, after)
		before = after
	}
	s.vector = o.Vector
	s.splice()
}

// tell puts a gap of this viewer alone before what comes next.
func (s *stream) tell(gap *domain.Gap, before, after *domain.Vector) {
	run := &domain.Run{Topic: s.log.topic, Partition: gap.Partition, Base: before, Gap: gap, After: after, Appended: time.Now()}
	s.spans = append(s.spans, domain.Span{Run: run, To: 1})
}

// splice leaves the replay where the log holds all that the vector lacks.
func (s *stream) splice() {
	at, ok := s.log.enter(s.vector, true)
	if !ok {
		return
	}
	s.replay.stop()
	s.replay = nil
	s.at, s.own = at, true
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
		select {
		case <-s.draining:
			return s.end(&domain.Bye{Reason: domain.ByeShutdown, Reconnect: true})
		default:
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

func (s *stream) steps() <-chan step {
	if s.replay == nil {
		return nil
	}
	return s.replay.steps
}

// step takes what the replay tells.
func (s *stream) step(st step, ok bool) *domain.Bye {
	switch {
	case !ok:
		return &domain.Bye{Reason: domain.ByeUnavailable, Reconnect: true}
	case st.err != nil:
		return domain.ByeFor(st.err)
	case st.opening != nil:
		s.opened(*st.opening, domain.StartVector(s.vector))
	default:
		s.replayed(st.chunk)
		s.splice()
	}
	return nil
}

// replayed gives a chunk of the broker's log.
func (s *stream) replayed(c domain.Chunk) {
	if c.Gap != nil {
		place := domain.Place{Partition: c.Partition, Next: startOf(c)}
		after := s.vector.With(place)
		if c.Epoch != 0 && c.Epoch != s.vector.Epoch {
			after = domain.NewVector(c.Epoch, place)
		}
		s.tell(c.Gap, s.vector, after)
		s.vector = after
	}
	for batch := range runsOf(c.Messages) {
		after := s.vector.With(domain.Place{Partition: c.Partition, Next: batch[len(batch)-1].Offset + 1})
		s.give(&domain.Run{Topic: s.log.topic, Partition: c.Partition, Base: s.vector, Messages: batch, After: after, Appended: time.Now()}, 0, nil)
		s.vector = after
	}
	if c.Next > s.vector.Next(c.Partition) {
		s.vector = s.vector.With(domain.Place{Partition: c.Partition, Next: c.Next})
	}
}

// gather gives what the log holds past the stream's place. Where that is nothing it says what to wait for: nil where a
// replay goes on, or where it is worth looking again at once.
func (s *stream) gather() (wait <-chan struct{}) {
	if s.replay != nil || len(s.spans) > 0 {
		return nil
	}
	got := s.log.take(s.runs[:0], s.at, s.batchBytes)
	if got.fell {
		s.fellOut()
		return nil
	}
	if got.runs == nil {
		if got.ended != nil {
			s.over = domain.ByeFor(got.ended)
		}
		s.own = s.own && !s.vector.Equal(got.head)
		if !s.own {
			s.vector = got.head
		}
		return got.wake
	}
	s.runs = got.runs
	for _, run := range got.runs {
		if !s.walk(run) {
			s.replay = s.replayFrom(domain.StartVector(s.vector))
			break
		}
		s.at++
	}
	clear(s.runs)
	return nil
}

// walk moves over one run of the log. False says that the log lacks something before it that this viewer has not seen.
func (s *stream) walk(run *domain.Run) bool {
	if !s.own || run.After.Epoch != s.vector.Epoch {
		s.own = false
		s.give(run, 0, nil)
		s.vector = run.After
		return true
	}
	seen := s.vector.Next(run.Partition)
	if base, ok := run.Base.At(run.Partition); ok && !base.Pending() && run.Gap == nil && base.Next > seen && !s.pending(run.Partition) {
		return false
	}
	after, _ := run.After.At(run.Partition)
	before := s.vector
	if after.Next > seen || s.pending(run.Partition) {
		s.vector = s.vector.With(after)
		s.give(run, unseen(run, seen), before)
	}
	s.own = !s.vector.Equal(run.After)
	return true
}

func (s *stream) pending(partition int32) bool {
	place, ok := s.vector.At(partition)
	return ok && place.Pending()
}

// unseen is the first event of the run that a viewer lacks who has seen all before offset seen.
func unseen(run *domain.Run, seen int64) int {
	i := 0
	for i < len(run.Messages) && run.Messages[i].Offset < seen {
		i++
	}
	return i
}

// give adds what matches of run, from event i on, to the batch. own is the viewer's vector before it, where that is not the run's.
func (s *stream) give(run *domain.Run, i int, own *domain.Vector) {
	if s.filter.wantsAll() || run.Gap != nil {
		s.span(run, i, run.Len(), own)
		return
	}
	if own == nil && run.Thinned() {
		// The ids of the frames that everybody shares may be on messages that this viewer does not get.
		own = run.Base
	}
	for i < run.Len() {
		from := i
		for i < run.Len() && s.filter.wants(run.Messages[i]) {
			i++
		}
		s.span(run, from, i, own)
		for i < run.Len() && !s.filter.wants(run.Messages[i]) {
			s.unmarked = true
			i++
		}
	}
}

func (s *stream) span(run *domain.Run, from, to int, own *domain.Vector) {
	if s.cut != nil || from == to {
		return
	}
	span := domain.Span{Run: run, From: from, To: to, Own: own}
	if run.Gap == nil && s.left > 0 {
		span.To = min(to, from+int(min(s.left, int64(run.Len()))))
		s.left -= int64(span.To - from)
		if s.left == 0 {
			s.cut = span.After(span.To - 1)
		}
	}
	s.spans = append(s.spans, span)
	s.unmarked = false
}

// fellOut does what the viewer asked for when the log no longer holds its place.
func (s *stream) fellOut() {
	switch s.overflow {
	case ports.OverflowDisconnect:
		s.over = &domain.Bye{Reason: domain.ByeSlow, Reconnect: true}
	case ports.OverflowDrop:
		s.jump()
	default:
		s.replay = s.replayFrom(domain.StartVector(s.vector))
	}
}

// jump goes to the live end, and says how much was lost.
func (s *stream) jump() {
	at, head := s.log.live()
	s.at = at
	if s.vector.Epoch != head.Epoch {
		for _, place := range head.Places() {
			s.tell(&domain.Gap{Reason: domain.GapEpoch, Partition: place.Partition, Lost: domain.LostUnknown}, s.vector, head)
		}
		s.vector, s.own = head, false
		return
	}
	for _, place := range head.Places() {
		had, ok := s.vector.At(place.Partition)
		known := !place.Pending() && !had.Pending()
		if ok && had == place || known && had.Next >= place.Next {
			continue
		}
		lost := int64(domain.LostUnknown)
		if known {
			lost = place.Next - had.Next
		}
		after := s.vector.With(place)
		s.tell(&domain.Gap{Reason: domain.GapOverflow, Partition: place.Partition, Lost: lost}, s.vector, after)
		s.vector = after
	}
	s.own = !s.vector.Equal(head)
}
