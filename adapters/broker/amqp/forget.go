package amqp

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// Forget implements ports.QueueKeeper: the queue is deleted, with all that it has.
func (b *Broker) Forget(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	l := b.cfg.layout(topic)
	if setting := b.keeps(l, l.queue(queue)); setting != "" {
		return domain.Errorf(domain.NotAllowed, "queue %q of topic %q is not the bridge's own: the broker's setting %s keeps it from being deleted", queue, topic, setting)
	}
	v, err := b.visit(ctx, topic, queue)
	if err != nil {
		return err
	}
	defer v.close()
	inUse := false
	if v.queue.kind == queueClassic {
		inUse, err = v.deleteUnused(ctx)
	} else {
		inUse, err = v.deleteAlone(ctx)
	}
	if err == nil && inUse {
		err = domain.Occupied(topic, queue)
	}
	return translate(topic, err)
}

// keeps is the setting by which a queue is not ours to delete: what we may not make we could not make again. It is empty where it is ours.
func (b *Broker) keeps(l layout, queue string) string {
	switch {
	case l.passive:
		return settingPassive
	case !b.cfg.CreateQueues:
		return settingCreateQueues
	case l.exchange == "" && queue == l.routingKey && !b.cfg.CreateTopics: // the topic is this queue
		return settingCreateTopics
	}
	return ""
}

// deleteUnused deletes the queue where nobody consumes it, in one step.
func (v *visit) deleteUnused(ctx context.Context) (inUse bool, err error) {
	err = v.ask(ctx, func(ch *amqp091.Channel) error {
		_, err := ch.QueueDelete(v.queue.name, true, false, false)
		return err
	})
	if code(err) == amqp091.PreconditionFailed {
		return true, nil
	}
	return false, err
}

// goodbyes is for how long a consumer that has left may still count: a quorum queue is told of it only after the one who left.
const goodbyes = time.Second

// deleteAlone deletes the queue once nobody consumes it but we. It is for quorum queues: these refuse if-unused, at the cost of the whole connection, and heed no claim to
// consume exclusively, so that nothing does it in one step. Who joins in between loses the queue, and is told so by the server.
func (v *visit) deleteAlone(ctx context.Context) (inUse bool, err error) {
	for until := time.Now().Add(goodbyes); ; {
		if inUse, err = v.tryAlone(ctx); !inUse || err != nil || ctx.Err() != nil || time.Now().After(until) {
			return inUse, err
		}
		pause(ctx, 20*time.Millisecond+rand.N(60*time.Millisecond))
	}
}

// tryAlone deletes the queue where there is one consumer less before we are one than after that. That nobody was there before would not do: it is also what the server says where
// the queue has not answered it.
func (v *visit) tryAlone(ctx context.Context) (inUse bool, err error) {
	var before, after int
	err = v.ask(ctx, func(ch *amqp091.Channel) (err error) {
		if before, err = consumers(ch, v.queue.name); err != nil || before > 0 {
			return err
		}
		if err = ch.Qos(1, 0, false); err != nil {
			return err
		}
		if _, err = ch.Consume(v.queue.name, consumerTag, false, false, false, false, nil); err != nil {
			return err
		}
		if after, err = consumers(ch, v.queue.name); err != nil || after != 1 {
			return err
		}
		_, err = ch.QueueDelete(v.queue.name, false, false, false)
		return err
	})
	switch {
	case missing(err): // it is gone, as was wanted
		return false, nil
	case err != nil:
		return false, err
	case before > 0 || after > 1:
		v.close() // which makes us no consumer any more
		return true, nil
	case after == 0:
		return false, domain.Errorf(domain.Unavailable, "the broker does not tell whether somebody consumes the queue")
	}
	return false, nil
}
