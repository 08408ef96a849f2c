package subscribe

import (
	"culvert/domain"
	"culvert/ports"
)

// fellOut does what the viewer asked for when the log no longer holds its place.
func (s *stream) fellOut() {
	switch s.overflow {
	case ports.OverflowDisconnect:
		s.over = &domain.Bye{Reason: domain.ByeSlow, Reconnect: true}
	case ports.OverflowDrop:
		s.jump()
	default:
		s.read(domain.StartVector(s.vector))
	}
}

// jump goes to the live end, and says how much was lost.
func (s *stream) jump() {
	at, head, anew := s.log.live()
	before := s.at
	s.at = at
	if s.vector.Epoch != head.Epoch || before < anew {
		gaps := make([]domain.Gap, len(head.Places()))
		for i, place := range head.Places() {
			gaps[i] = domain.Gap{Reason: domain.GapEpoch, Partition: place.Partition, Lost: domain.LostUnknown}
		}
		s.tellAll(gaps, s.vector, head)
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
