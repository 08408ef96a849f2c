package subscribe

import "culvert/domain"

// memory is what a round needs to gather a batch. Streams borrow it from when they have something to look at until that has been written, so that an idle one has none.
type memory struct {
	spans []domain.Span // of the batch
	runs  []domain.Span // of a log, that are walked
}

const keptSpans = 1024 // memory for more is not kept

// remember makes sure that the stream has empty memory.
func (s *stream) remember() {
	s.Written()
	s.memory = s.service.memories.Get().(*memory)
}

// Written lets go of the last batch.
func (s *stream) Written() {
	m := s.memory
	if m == nil {
		return
	}
	s.memory = nil
	if cap(m.spans) <= keptSpans && cap(m.runs) <= keptSpans {
		clear(m.spans)
		clear(m.runs)
		m.spans, m.runs = m.spans[:0], m.runs[:0]
		s.service.memories.Put(m)
	}
}
