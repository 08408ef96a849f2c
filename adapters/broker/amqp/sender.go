package amqp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/semaphore"

	"culvert/domain"
)

// sender publishes to one topic, in order, on one channel at a time.
type sender struct {
	broker    *Broker
	publisher *publisher
	topic     domain.Topic
	window    *semaphore.Weighted
	wake      chan struct{} // holds one when there may be something in the queue
	end       context.CancelFunc
	open      atomic.Int64        // messages that hold some of the window
	largest   atomic.Int64        // the largest body that the server takes, where it has told on this connection; else 0
	on        *amqp091.Connection // which the sessions are on; run's own

	users int       // publisher.mu guards these two: the calls that send now,
	since time.Time // and when the last one ended

	mu    sync.Mutex // guards queue
	queue []*outgoing
}

func newSender(b *Broker, p *publisher, topic domain.Topic, end context.CancelFunc) *sender {
	return &sender{
		broker: b, publisher: p, topic: topic, end: end,
		window: semaphore.NewWeighted(int64(b.cfg.PublishWindow)), wake: make(chan struct{}, 1),
	}
}

// send puts a message into the queue. It blocks while too much is under way to the topic, at most until ctx ends.
func (s *sender) send(ctx context.Context, o *outgoing) {
	o.weight = min(o.weight, int64(s.broker.cfg.PublishWindow))
	if !s.window.TryAcquire(o.weight) {
		if err := s.window.Acquire(ctx, o.weight); err != nil {
			o.answer(domain.Ack{}, errFull(err))
			return
		}
	}
	s.open.Add(1)
	s.mu.Lock()
	s.queue = append(s.queue, o)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// finished gives back what a message held of the window.
func (s *sender) finished(o *outgoing) {
	s.open.Add(-1)
	s.window.Release(o.weight)
}

// run writes what comes into the queue, until ctx ends or nothing has come for long.
func (s *sender) run(ctx context.Context) {
	var now *session
	for {
		batch := s.take(ctx)
		if batch == nil {
			break
		}
		now = s.write(ctx, now, batch)
	}
	if now != nil {
		now.ch.close()
	}
}

// take waits for messages, and gives all that wait; nil when it is over.
func (s *sender) take(ctx context.Context) []*outgoing {
	idle := time.NewTimer(s.publisher.idle)
	defer idle.Stop()
	for {
		s.mu.Lock()
		batch := s.queue
		s.queue = nil
		s.mu.Unlock()
		if len(batch) > 0 {
			return batch
		}
		select {
		case <-s.wake:
		case <-idle.C:
			if s.publisher.retire(s) {
				return nil
			}
			idle.Reset(s.publisher.idle)
		case <-ctx.Done():
			return nil
		}
	}
}

// write writes a batch, on now where that is still open. It gives the session to go on with.
func (s *sender) write(ctx context.Context, now *session, batch []*outgoing) *session {
	retry := newBackOff()
	for len(batch) > 0 && ctx.Err() == nil {
		o := batch[0]
		if alarm := s.broker.publishing.alarm(); alarm != "" {
			o.answer(domain.Ack{}, errAlarm(alarm))
		}
		if o.state.Load() == answered { // it expired
			s.finished(o)
			batch = batch[1:]
			continue
		}
		if now != nil && now.nowhere.Swap(false) {
			if _, err := s.broker.ensure(ctx, s.broker.publishing, s.topic); err != nil {
				now.ch.close()
				now = nil // the next one tells
			}
		}
		if now == nil || now.over() {
			var err error
			now, err = s.session(ctx)
			switch {
			case err == nil:
				retry.Reset()
			case domain.CodeOf(err) == domain.Unavailable:
				if errors.Is(err, amqp091.ErrChannelMax) {
					s.publisher.makeRoom()
				}
				s.broker.publishing.rest(ctx, retry.NextBackOff())
				continue
			default:
				for _, o := range batch {
					o.answer(domain.Ack{}, err)
					s.finished(o)
				}
				return nil
			}
		}
		if now.write(ctx, o) {
			batch = batch[1:]
		}
	}
	return now
}

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
