package amqp

import (
	"context"
	"time"

	"github.com/google/uuid"

	"culvert/domain"
)

// Publish implements ports.Publisher. A message whose outcome is not known at ctx's deadline is answered then: with Unavailable where it never left, and then it never will; with
// Timeout where it did.
func (b *Broker) Publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(i int, ack domain.Ack, err error)) {
	b.publish(ctx, topic, batch, func(int) string { return uuid.NewString() }, done)
}

// publish is Publish with the UUIDs by which Watermill knows the messages.
func (b *Broker) publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, id func(i int) string, done func(i int, ack domain.Ack, err error)) {
	if len(batch) == 0 {
		return
	}
	if alarm := b.publishing.alarm(); alarm != "" {
		refuse(batch, done, errAlarm(alarm))
		return
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(b.cfg.PublishTimeout)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	p := newParcel(batch, time.Until(deadline), id, done, b.publisher.answered)
	defer p.sealed()
	s, err := b.publisher.enter(topic, p)
	if err != nil {
		p.expire(err)
		return
	}
	defer b.publisher.leave(s)
	for i := range p.messages {
		s.send(ctx, &p.messages[i])
	}
}

func refuse(batch []*domain.Message, done func(i int, ack domain.Ack, err error), err error) {
	for i := range batch {
		done(i, domain.Ack{}, err)
	}
}

func errLate() error {
	return domain.Errorf(domain.Unavailable, "the broker could not be reached in time")
}

func errFull(cause error) error {
	return domain.Errorf(domain.Unavailable, "the broker did not take the message in time").Because(cause)
}

func errRefused() error {
	return domain.Errorf(domain.Unavailable, "the broker refused the message: a queue of the topic is full (queue_max_bytes), or the broker could not store it")
}

func errNowhere(topic domain.Topic) *domain.Error {
	return domain.Errorf(domain.Unavailable, "what keeps the messages of topic %q was deleted just now, and is made again with the next one", topic)
}

func errUnconfirmed(cause error) error {
	return domain.Errorf(domain.Timeout, "the broker did not confirm the message").Because(cause)
}

func errAlarm(reason string) error {
	return domain.Errorf(domain.Unavailable, "the broker takes nothing for now: it has an alarm (%s)", reason)
}
