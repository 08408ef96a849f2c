package amqp

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// liveBytes is how much waits for a live reader that does not take it. Of what comes after that the oldest is lost, which a gap tells.
const liveBytes = 64 << 20

// live reads a topic without a log, through a queue of its own, from now on.
func (b *Broker) live(ctx context.Context, l layout, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	if l.exchange == "" {
		return domain.Opening{}, nil, domain.Errorf(domain.Unsupported, "topic %q lies in the broker's default exchange, where nobody can listen besides its queues: it cannot be viewed", l.topic)
	}
	if !from.Latest() && from.Vector() == nil {
		return domain.Opening{}, nil, domain.Errorf(domain.Unsupported, "the broker keeps no log of topic %q: it can only be viewed from latest on", l.topic)
	}
	r := &liveReader{broker: b, layout: l}
	if err := r.attach(ctx); err != nil {
		return domain.Opening{}, nil, translate(l.topic, err)
	}
	// Offsets are counted from 0 in each reading, so that each is an epoch of its own.
	opening := domain.Opening{Vector: domain.NewVector(domain.Epoch(rand.Uint64()|1), domain.Place{})}
	if from.Vector() != nil {
		opening.Gaps = []domain.Gap{*epochGap()}
	}
	return opening, func(yield func(domain.Chunk, error) bool) { r.run(ctx, yield) }, nil
}

// liveReader reads one topic live. One goroutine uses it.
type liveReader struct {
	broker *Broker
	layout layout
	next   int64
	queue  *liveQueue
}

// run yields until ctx ends, the topic is gone, or the loop is left.
func (r *liveReader) run(ctx context.Context, yield func(domain.Chunk, error) bool) {
	defer func() { r.queue.close() }()
	for {
		batch, lost, err := r.queue.take(ctx)
		if err != nil {
			if err = r.recover(ctx); err != nil {
				if ctx.Err() == nil {
					yield(domain.Chunk{}, err)
				}
				return
			}
			if !yield(domain.Chunk{Gap: &domain.Gap{Reason: domain.GapBroker, Lost: domain.LostUnknown}, Next: r.next}, nil) {
				return
			}
			continue
		}
		if !yield(r.chunk(batch, lost), nil) {
			return
		}
	}
}

// chunk gives messages their offsets. Before them lost ones were.
func (r *liveReader) chunk(batch []*domain.Message, lost int64) domain.Chunk {
	c := domain.Chunk{Messages: batch}
	if lost > 0 {
		c.Gap = &domain.Gap{Reason: domain.GapOverflow, Lost: lost}
		r.next += lost
	}
	for _, m := range batch {
		m.Offset = r.next
		r.next++
	}
	c.Next = r.next
	return c
}

// recover attaches r again, however long that takes. Its error is what ends the sequence.
func (r *liveReader) recover(ctx context.Context) error {
	return r.broker.outlive(ctx, r.layout.topic, func() error {
		l, err := r.broker.ensure(ctx, r.broker.viewing, r.layout.topic)
		if err != nil {
			return err
		}
		r.layout.exchange, r.layout.kind = l.exchange, l.kind
		return r.attach(ctx)
	})
}

// attach makes a queue and binds it.
func (r *liveReader) attach(ctx context.Context) error {
	ch, err := r.broker.viewing.channel(ctx)
	if err != nil {
		return translate(r.layout.topic, err)
	}
	q := &liveQueue{ch: ch, news: make(chan struct{}, 1)}
	var deliveries <-chan amqp091.Delivery
	err = ch.call(ctx, func(raw *amqp091.Channel) error {
		declared, err := raw.QueueDeclare("", false, true, true, false, nil)
		if err == nil {
			err = raw.QueueBind(declared.Name, r.layout.bindingKey, r.layout.exchange, false, nil)
		}
		if err == nil {
			// What was sent is settled: a queue that waits for us would grow in the server.
			deliveries, err = raw.Consume(declared.Name, "", true, true, false, false, nil)
		}
		return err
	})
	if err != nil {
		ch.close()
		return translate(r.layout.topic, err)
	}
	if r.queue != nil {
		r.queue.close()
	}
	q.release = context.AfterFunc(ctx, ch.close)
	r.queue = q
	go q.receive(deliveries) // ends with the channel or the consumer
	return nil
}

// liveQueue holds what an exclusive queue was given, in order.
type liveQueue struct {
	ch      *channel
	release func() bool   // forgets the context that would close the queue
	news    chan struct{} // signalled when something has come, or the queue has ended

	mu      sync.Mutex // guards what follows
	waiting []*domain.Message
	size    int
	lost    int64 // before the first that waits
	ended   bool
}

// receive reads what the server sends until it sends no more.
func (q *liveQueue) receive(deliveries <-chan amqp091.Delivery) {
	for d := range deliveries {
		q.push(decode(&d))
	}
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	signal(q.news)
}

func (q *liveQueue) push(m *domain.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, m)
	q.size += m.Size()
	for q.size > liveBytes && len(q.waiting) > 1 {
		q.size -= q.waiting[0].Size()
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		q.lost++
	}
	signal(q.news)
}

// take gives what has come and how many were lost before it, and blocks until there is something, at most until ctx ends. An error of another kind says that the queue has ended.
func (q *liveQueue) take(ctx context.Context) ([]*domain.Message, int64, error) {
	for {
		if batch, lost, ended := q.all(); len(batch) > 0 {
			return batch, lost, nil
		} else if ended {
			return nil, 0, errEnded()
		}
		select {
		case <-q.news:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (q *liveQueue) all() (batch []*domain.Message, lost int64, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, lost = q.waiting, q.lost
	q.waiting, q.size, q.lost = nil, 0, 0
	return batch, lost, q.ended
}

// close lets the server send no more, and forget the queue.
func (q *liveQueue) close() {
	q.release()
	q.ch.close()
}
