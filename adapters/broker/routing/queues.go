package routing

import (
	"context"

	"culvert/domain"
	"culvert/ports"
)

// Queues implements ports.QueueCatalogue. It is Unsupported where the topic's broker cannot list queues.
func (b *Broker) Queues(ctx context.Context, topic domain.Topic) ([]domain.QueueInfo, error) {
	t, err := b.resolve(topic)
	if err != nil {
		return nil, err
	}
	c, ok := b.brokers[t.broker].(ports.QueueCatalogue)
	if !ok {
		return nil, domain.Errorf(domain.Unsupported, "the broker of topic %q cannot list its queues", topic)
	}
	queues, err := c.Queues(ctx, t.physical)
	return queues, t.plain(err)
}

// Progress implements ports.QueueKeeper. It is Unsupported where the topic's broker cannot tell of a queue.
func (b *Broker) Progress(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	t, err := b.resolve(topic)
	if err != nil {
		return domain.Progress{}, err
	}
	keeper, ok := b.brokers[t.broker].(ports.QueueKeeper)
	if !ok {
		return domain.Progress{}, domain.Errorf(domain.Unsupported, "the broker of topic %q cannot tell of a queue", topic)
	}
	progress, err := keeper.Progress(ctx, t.physical, queue)
	return progress, t.plain(err)
}

// Forget implements ports.QueueKeeper. It is Unsupported where the topic's broker cannot forget a queue.
func (b *Broker) Forget(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	t, err := b.resolve(topic)
	if err != nil {
		return err
	}
	keeper, ok := b.brokers[t.broker].(ports.QueueKeeper)
	if !ok {
		return domain.Errorf(domain.Unsupported, "the broker of topic %q cannot forget a queue", topic)
	}
	return t.plain(keeper.Forget(ctx, t.physical, queue))
}

// Move implements ports.QueueMover. It is Unsupported where the topic's broker cannot move the place of a queue.
func (b *Broker) Move(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	t, err := b.resolve(topic)
	if err != nil {
		return nil, err
	}
	mover, ok := b.brokers[t.broker].(ports.QueueMover)
	if !ok {
		return nil, domain.Errorf(domain.Unsupported, "the broker of topic %q cannot move the place of a queue", topic)
	}
	partitions, err := mover.Move(ctx, t.physical, queue, to)
	return partitions, t.plain(err)
}

// EnsureQueue implements ports.QueueCreator. It is Unsupported where the topic's broker lets queues begin wherever they are told to.
func (b *Broker) EnsureQueue(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	t, err := b.resolve(topic)
	if err != nil {
		return err
	}
	creator, ok := b.brokers[t.broker].(ports.QueueCreator)
	if !ok {
		return domain.Errorf(domain.Unsupported, "the broker of topic %q makes a queue when it is joined", topic)
	}
	if err := creator.EnsureQueue(ctx, t.physical, queue); err != nil {
		return t.plain(err)
	}
	b.used.add(topic)
	return nil
}
