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

func (q *queues) Peek(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	if err := q.closed.check(ctx, topic); err != nil {
		return domain.Start{}, err
	}
	return q.Queues.Peek(ctx, topic, queue)
}
