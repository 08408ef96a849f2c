package amqp

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/adapters/broker"
	"culvert/domain"
)

// Publisher is for Watermill applications beside us: a message.Publisher that lays topics out as Broker does, that waits for the broker's confirmations, and that carries what
// package broker puts into a message's metadata (key, headers of any kind, tombstone, time). Its methods may be called from any goroutine.
type Publisher struct {
	broker *Broker
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher. It does not connect: see New.
func NewPublisher(cfg Config, log *slog.Logger) (*Publisher, error) {
	b, err := New(cfg, log)
	if err != nil {
		return nil, err
	}
	return &Publisher{broker: b}, nil
}

// Publish implements message.Publisher: it returns when the broker has confirmed all messages, or has refused one, or the time of Config.PublishTimeout is over. Messages of one call
// are published in their order. An error tells what became of the first message that was not confirmed; others may have been.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	name, err := domain.ParseTopic(topic)
	if err != nil {
		return err
	}
	batch := make([]*domain.Message, len(messages))
	for i, w := range messages {
		m := broker.Decode(w)
		if m.Time.IsZero() {
			m.Time = time.Now()
		}
		batch[i] = m
	}
	errs := make([]error, len(messages))
	var open sync.WaitGroup
	open.Add(len(messages))
	p.broker.publish(context.Background(), name, batch, func(i int) string { return messages[i].UUID }, func(i int, _ domain.Ack, err error) {
		errs[i] = err
		open.Done()
	})
	open.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("amqp: message %s was not published: %w", messages[i].UUID, err)
		}
	}
	return nil
}

// Close implements message.Publisher. What is being published is finished first.
func (p *Publisher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.broker.cfg.PublishTimeout)
	defer cancel()
	return p.broker.Close(ctx)
}
