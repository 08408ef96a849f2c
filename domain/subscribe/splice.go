package subscribe

import (
	"time"

	"culvert/domain"
	"culvert/ports"
)

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
