package amqp

import (
	"context"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// EnsureQueue implements ports.QueueCreator: the queue is as one that is first joined with the order of keys. Where it was there already, the time after which it goes unless somebody uses
// it (Config.QueueExpires) begins anew.
func (b *Broker) EnsureQueue(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	conn, err := b.joining.connection(ctx)
	if err != nil {
		return err
	}
	l, err := b.ensure(ctx, b.joining, topic)
	if err != nil {
		return err
	}
	q, err := b.queue(ctx, conn, l, queue, domain.Terms{Order: domain.OrderKey})
	// A classic queue is used by having been looked at. And one that does not expire may count what it gives, and drop what it has given too often.
	if err == nil && !q.created && !q.used && q.kind != queueClassic && q.expires {
		err = b.use(ctx, conn, q)
	}
	return translate(topic, err)
}

// use makes the server take a queue for one that is used. A quorum queue heeds nothing but its consumers, though it be declared again. Our stay is as that of a member, which takes and gives back as
// much as all others do, so that the order is kept: see Join.
func (b *Broker) use(ctx context.Context, conn *amqp091.Connection, q queue) error {
	c, err := b.consume(ctx, conn, q, nil)
	if err != nil {
		return err
	}
	c.leave(ctx)
	return nil
}
