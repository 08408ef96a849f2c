package broker

import (
	"context"
	"iter"

	"culvert/domain"
)

// Join implements ports.Joiner. The place of a queue lives as long as the pair. Each call is a member of its own; the partition is taken from none of
// them while it lasts.
func (p *Pair) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		t, err := p.open(ctx, topic)
		if err != nil {
			yield(domain.LaneEvent{}, err)
			return
		}
		q, m, err := t.join(queue, terms.From)
		if err != nil {
			yield(domain.LaneEvent{}, err)
			return
		}
		defer q.leave(m)

		var event domain.LaneEvent
		select {
		case c := <-m.claims:
			event.Assigned = []domain.Claim{c}
		default: // the first event tells that the membership stands, with or without a claim
		}
		for yield(event, nil) {
			select {
			case c := <-m.claims:
				event = domain.LaneEvent{Assigned: []domain.Claim{c}}
			case <-ctx.Done():
				return
			case <-t.log.ended:
				yield(domain.LaneEvent{}, errClosed())
				return
			}
		}
	}
}
