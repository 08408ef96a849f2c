package amqp

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// deliveryLimitArg is an argument of queues that the driver has no name for.
const deliveryLimitArg = "x-delivery-limit"

// queue is one queue of a topic, as it lies in the server.
type queue struct {
	name string
	// single is whether one consumer at a time is given its messages, so that the order of keys is kept.
	single bool
	// kind is its type, as RabbitMQ calls it; empty where it is not known.
	kind string
	// expires says that it goes when nobody has used it for a time. It is false where that is not known.
	expires bool
	// created says that it was not there before, used that somebody consumed it when it was looked for.
	created, used bool
}

// queue gives a queue that is there and bound to its topic, made on these terms where that is allowed. It is Conflict where it was there and is to begin somewhere.
func (b *Broker) queue(ctx context.Context, conn *amqp091.Connection, l layout, name domain.Queue, terms domain.Terms) (queue, error) {
	d := declarer{link: b.joining, conn: conn}
	defer d.close()
	q, err := b.have(ctx, &d, l, name, terms)
	if err == nil && !q.created {
		err = b.inspect(ctx, &d, &q)
	}
	return q, translate(l.topic, err)
}

// have is queue, but for how one that was there was declared.
func (b *Broker) have(ctx context.Context, d *declarer, l layout, name domain.Queue, terms domain.Terms) (queue, error) {
	q := queue{name: l.queue(name)}
	if err := l.usable(q.name); err != nil {
		return q, err
	}
	var n int
	err := d.ask(ctx, func(ch *amqp091.Channel) (err error) {
		n, err = consumers(ch, q.name)
		return err
	})
	if missing(err) {
		q.created, err = b.create(ctx, d, l, name, terms)
	}
	switch {
	case err != nil:
		return q, err
	case !q.created && terms.From != nil:
		return q, domain.Begun(l.topic, name)
	case !q.created:
		q.used = n > 0
	default:
		q.single, q.kind, q.expires = terms.Order == domain.OrderKey, b.cfg.QueueType, b.cfg.QueueExpires > 0
	}
	if b.makes(l) && l.exchange != "" {
		err = b.bind(ctx, d, l, q.name, q.created)
	}
	return q, err
}

// create makes a queue. False without an error says that somebody else has just done so.
func (b *Broker) create(ctx context.Context, d *declarer, l layout, name domain.Queue, terms domain.Terms) (bool, error) {
	if !b.makes(l) {
		setting := settingCreateQueues
		if l.passive {
			setting = settingPassive
		}
		return false, domain.Errorf(domain.UnknownQueue, "topic %q has no queue %q, and the broker's setting %s keeps it from being made", l.topic, name, setting)
	}
	if terms.From != nil && !terms.From.Latest() {
		return false, domain.Errorf(domain.Unsupported, "queues of RabbitMQ begin at the end: queue %q of topic %q can begin nowhere else", name, l.topic)
	}
	err := d.ask(ctx, func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare(l.queue(name), true, false, false, false, b.cfg.queueArguments(terms.Order))
		return err
	})
	if inequivalent(err) != nil {
		return false, nil
	}
	return err == nil, err
}

// What keeps us from making something, or from deleting it.
const (
	settingCreateTopics = "create_topics"
	settingCreateQueues = "create_queues"
	settingPassive      = "passive, of the topic's topology,"
)

// makes reports whether queues of the topic may be made.
func (b *Broker) makes(l layout) bool { return b.cfg.CreateQueues && !l.passive }

// queueArguments are how a queue is declared.
func (c Config) queueArguments(order domain.Order) amqp091.Table {
	args := amqp091.Table{amqp091.QueueTypeArg: c.QueueType}
	if order == domain.OrderKey {
		args[amqp091.SingleActiveConsumerArg] = true
	}
	if c.QueueExpires > 0 {
		args[amqp091.QueueTTLArg] = c.QueueExpires.Milliseconds()
	}
	if c.QueueMaxBytes > 0 {
		args[amqp091.QueueMaxLenBytesArg] = c.QueueMaxBytes
		// Who publishes is told that it is full. Any other way a message would be lost that was confirmed.
		args[amqp091.QueueOverflowArg] = amqp091.QueueOverflowRejectPublish
	}
	if c.QueueType == queueQuorum {
		// Servers from version 4 on drop what came back twenty times. When a message was tried often enough is ours to say.
		args[deliveryLimitArg] = int64(math.MaxInt32)
	}
	return args
}

// missing reports whether err says that something is not there, and not only the node that has it.
func missing(err error) bool {
	var reply *amqp091.Error
	return errors.As(err, &reply) && reply.Server && reply.Code == amqp091.NotFound && !strings.Contains(reply.Reason, "is down or inaccessible")
}
