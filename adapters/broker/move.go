package broker

import (
	"context"
	"slices"

	"culvert/domain"
)

// Move implements ports.QueueMover.
func (p *Pair) Move(_ context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	q, err := p.queue(topic, queue)
	if err != nil {
		return nil, err
	}
	place, gap, err := q.log.destination(to)
	if err != nil {
		return nil, err
	}
	if !q.move(place, gap) {
		return nil, domain.Occupied(topic, queue)
	}
	return []domain.Committed{{Extent: q.log.extent(), Place: place}}, nil
}

// move lets the queue go on at place, with gap before it, as if nothing from there on had been settled; false while it has members.
func (q *queue) move(place int64, gap *domain.Gap) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.members) > 0 {
		return false
	}
	q.settled, q.gap = Settled{Next: place}, gap
	return true
}

// destination finds where a queue that is moved goes on, and the gap that its next member is told before it. A place that retention has overtaken comes without one: who fetches from
// it is told how many messages that are. It is InvalidCursor where this log has had no such place.
func (l *log) destination(to domain.Start) (place int64, gap *domain.Gap, err error) {
	if v := to.Vector(); v != nil && slices.ContainsFunc(v.Places(), func(p domain.Place) bool { return p.Partition != 0 }) {
		return 0, nil, domain.Errorf(domain.InvalidCursor, "the cursor has a place in a partition that the topic has not")
	}
	place, gap = l.locate(to)
	switch {
	case gap == nil:
	case gap.Reason == domain.GapEpoch:
		return 0, nil, domain.Errorf(domain.InvalidCursor, "the cursor is of another epoch of the topic: what it points at is gone")
	case gap.Reason == domain.GapBroker:
		return 0, nil, domain.Errorf(domain.InvalidCursor, "the cursor is beyond the end of the topic")
	case gap.Lost != domain.LostUnknown:
		return place - gap.Lost, nil, nil
	}
	return place, gap, nil
}
