package access

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// Queues is next for topics that are not closed.
func (c Closed) Queues(next ports.Queues) ports.Queues { return &queues{next, c} }

type queues struct {
	ports.Queues
	closed Closed
}

func (q *queues) Join(ctx context.Context, j ports.Join) (ports.Member, error) {
	if err := q.closed.check(ctx, j.Topic); err != nil {
		return nil, err
	}
	return q.Queues.Join(ctx, j)
}

func (q *queues) List(ctx context.Context, topic domain.Topic) ([]ports.QueueEntry, bool, error) {
	if err := q.closed.check(ctx, topic); err != nil {
		return nil, false, err
	}
	return q.Queues.List(ctx, topic)
}
