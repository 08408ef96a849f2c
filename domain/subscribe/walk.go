package subscribe

import "culvert/domain"

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
			if s.over = s.shutdown(); s.over == nil {
				s.over = domain.ByeFor(got.ended)
			}
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
			s.read(domain.StartVector(s.vector))
			break
		}
		s.at++
	}
	clear(s.runs)
	return nil
}

// walk moves over one run of the log. False says that the log lacks something before it that this viewer has not seen.
func (s *stream) walk(run *domain.Run) bool {
	if !s.own || run.After.Epoch != s.vector.Epoch || again(run.Base, run.Gap) {
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
	span := domain.Span{Run: run, From: from, To: to}
	if own != nil {
		cursor := domain.CursorOf(run.Topic, own)
		span.Own = &cursor
	}
	if run.Gap == nil && s.left > 0 {
		span.To = min(to, from+int(min(s.left, int64(run.Len()))))
		s.left -= int64(span.To - from)
		if s.left == 0 {
			s.cut = span.After(span.To - 1).Vector(run.Topic)
		}
	}
	s.spans = append(s.spans, span)
	s.unmarked = false
}
