package access

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// QueueAdmin is next for topics that are not closed.
func (c Closed) QueueAdmin(next ports.QueueAdmin) ports.QueueAdmin { return &queueAdmin{next, c} }

type queueAdmin struct {
	next   ports.QueueAdmin
	closed Closed
}

func (a *queueAdmin) List(ctx context.Context, topic domain.Topic) ([]ports.QueueEntry, bool, error) {
	if err := a.closed.check(ctx, topic); err != nil {
		return nil, false, err
	}
	return a.next.List(ctx, topic)
}

func (a *queueAdmin) Inspect(ctx context.Context, topic domain.Topic, queue domain.Queue) (ports.QueueState, error) {
	if err := a.closed.check(ctx, topic); err != nil {
		return ports.QueueState{}, err
	}
	state, err := a.next.Inspect(ctx, topic, queue)
	if state.DeadLetter != "" && a.closed.check(ctx, state.DeadLetter) != nil {
		state.DeadLetter = ""
	}
	return state, err
}

func (a *queueAdmin) Reset(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	if err := a.closed.check(ctx, topic); err != nil {
		return nil, err
	}
	return a.next.Reset(ctx, topic, queue, to)
}

func (a *queueAdmin) Delete(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	if err := a.closed.check(ctx, topic); err != nil {
		return err
	}
	return a.next.Delete(ctx, topic, queue)
}

func (a *queueAdmin) Redrive(ctx context.Context, topic domain.Topic, queue domain.Queue, limit int64) (int64, error) {
	if err := a.closed.check(ctx, topic); err != nil {
		return 0, err
	}
	return a.next.Redrive(ctx, topic, queue, limit)
}
