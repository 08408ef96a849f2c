package subscribe

import (
	"culvert/domain"
	"culvert/ports"
)

// fellOut does what the viewer asked for when the live log no longer holds its place.
func (t *track) fellOut() {
	history := t.s.service.broker.Capabilities(t.topic).Has(domain.History)
	switch {
	case t.overflow == ports.OverflowDisconnect:
		t.s.over = &domain.Bye{Reason: domain.ByeSlow, Reconnect: true}
	case t.overflow == ports.OverflowDrop, t.overflow == ports.OverflowLatest && !history:
		t.jump()
	default:
		t.read(domain.StartVector(t.vector))
	}
}

// jump goes to the live end, and says how much was lost.
func (t *track) jump() {
	at, head, anew := t.live.live()
	before := t.at
	t.at = at
	if t.vector.Epoch != head.Epoch || before < anew {
		gaps := make([]domain.Gap, len(head.Places()))
		for i, place := range head.Places() {
			gaps[i] = domain.Gap{Reason: domain.GapEpoch, Partition: place.Partition, Lost: domain.LostUnknown}
		}
		t.tellAll(gaps, t.vector, head)
		t.vector, t.own = head, t.until != nil
		return
	}
	for _, place := range head.Places() {
		had, ok := t.vector.At(place.Partition)
		known := !place.Pending() && !had.Pending()
		if ok && (had == place || place.Pending()) || known && had.Next >= place.Next || t.until != nil && t.until.over(place.Partition) {
			continue
		}
		lost := int64(domain.LostUnknown)
		if known {
			lost = place.Next - had.Next
		}
		after := t.vector.With(place)
		t.tell(&domain.Gap{Reason: domain.GapOverflow, Partition: place.Partition, Lost: lost}, t.vector, after)
		t.vector = after
	}
	t.own = t.differs(head)
}
