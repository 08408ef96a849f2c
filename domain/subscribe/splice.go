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
	s.tellAll(o.Gaps, before, o.Vector)
	s.vector = o.Vector
	s.splice()
}

// tellAll tells the gaps that lead from before to a vector. Only the last one leads to all of it: who breaks off in between must hear of
// the others again.
func (s *stream) tellAll(gaps []domain.Gap, before, to *domain.Vector) {
	for i, gap := range gaps {
		after := to
		if place, ok := to.At(gap.Partition); ok && i < len(gaps)-1 {
			after = before.With(place)
		}
		s.tell(&gap, before, after)
		before = after
	}
}

// tell puts a gap of this viewer alone before what comes next.
func (s *stream) tell(gap *domain.Gap, before, after *domain.Vector) {
	run := &domain.Run{Topic: s.log.topic, Partition: gap.Partition, Base: before, Gap: gap, After: after, Appended: time.Now()}
	s.spans = append(s.spans, domain.Span{Run: run, To: 1})
}

// read begins a replay.
func (s *stream) read(from domain.Start) {
	_, _, s.checked = s.log.live()
	s.replay = s.replayFrom(from)
}

// splice leaves the replay where the log holds all that the vector lacks.
func (s *stream) splice() {
	at, ok := s.log.enter(s.vector, s.checked)
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
		after := afterGap(s.vector, c)
		s.tell(c.Gap, s.vector, after)
		s.vector = after
	}
	for batch := range runsOf(c.Messages) {
		after := s.vector.With(batch[len(batch)-1].After())
		s.give(&domain.Run{Topic: s.log.topic, Partition: c.Partition, Base: s.vector, Messages: batch, After: after, Appended: time.Now()}, 0, nil)
		s.vector = after
	}
	if c.Next > s.vector.Next(c.Partition) {
		before, _ := s.vector.At(c.Partition)
		s.vector = s.vector.With(c.After(before))
	}
}
