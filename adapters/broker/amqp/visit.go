package amqp

import (
	"context"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// visit is a look at a queue that is there, by somebody who takes no part in it.
type visit struct {
	declarer
	layout layout
	queue  queue
	// told is how many messages nobody holds, and how many consumers there are: of a quorum queue with a single active consumer those who wait for their turn need not
	// count. Where a quorum queue does not answer its server within a moment, both are 0.
	told amqp091.Queue
}

// visit looks at a queue, and makes nothing: UnknownTopic, or UnknownQueue where it is not there. The caller closes what it gives.
func (b *Broker) visit(ctx context.Context, topic domain.Topic, name domain.Queue) (*visit, error) {
	l := b.cfg.layout(topic)
	v := &visit{layout: l, queue: queue{name: l.queue(name)}}
	if err := l.usable(l.exchange, l.routingKey, v.queue.name); err != nil {
		return nil, err
	}
	if v.queue.name == l.log {
		return nil, errStream(l.log)
	}
	conn, err := b.joining.connection(ctx)
	if err != nil {
		return nil, err
	}
	v.declarer = declarer{link: b.joining, conn: conn}
	if err := v.enter(ctx, name); err != nil {
		v.close()
		return nil, translate(topic, err)
	}
	if err := b.inspect(ctx, &v.declarer, &v.queue); err != nil {
		v.close()
		return nil, translate(topic, err)
	}
	return v, nil
}

// enter finds the topic, and then the queue.
func (v *visit) enter(ctx context.Context, name domain.Queue) error {
	err := v.ask(ctx, func(ch *amqp091.Channel) error {
		if v.layout.exchange == "" {
			_, err := ch.QueueDeclarePassive(v.layout.routingKey, true, false, false, false, nil)
			return err
		}
		return ch.ExchangeDeclarePassive(v.layout.exchange, v.layout.kind, true, false, false, false, nil)
	})
	if err != nil {
		return err
	}
	var told amqp091.Queue
	err = v.ask(ctx, func(ch *amqp091.Channel) (err error) {
		told, err = ch.QueueDeclarePassive(v.queue.name, true, false, false, false, nil)
		return err
	})
	if missing(err) {
		return domain.NoQueue(v.layout.topic, name).Because(err)
	}
	if err == nil {
		v.told = told
	}
	return err
}
