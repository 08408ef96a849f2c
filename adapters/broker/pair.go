package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
	"culvert/ports"
)

// Pair is a broker made of a Watermill publisher and a Watermill subscriber. See the package comment for what it adds to them.
//
// It is a ports.Broker, ports.Catalogue, ports.QueueCatalogue, ports.QueueKeeper, ports.QueueMover and ports.Creator. A topic exists from the moment of its first use by this pair on, until Close.
type Pair struct {
	publisher  message.Publisher
	subscriber message.Subscriber
	cfg        Config

	mu     sync.Mutex // guards what follows
	topics map[domain.Topic]*topic
	closed bool
	away   error // why the last topic that was new could not be subscribed to; nil where it could

	batches sync.WaitGroup // the batches that are not fully answered
	running sync.WaitGroup // the goroutines of all topics
	closing sync.Once
}

var (
	_ ports.Broker         = (*Pair)(nil)
	_ ports.Catalogue      = (*Pair)(nil)
	_ ports.QueueCatalogue = (*Pair)(nil)
	_ ports.QueueKeeper    = (*Pair)(nil)
	_ ports.QueueMover     = (*Pair)(nil)
	_ ports.Creator        = (*Pair)(nil)
)

// NewPair makes a broker of pub and sub, which are the pair's own from then on: Close closes them. It connects to nothing yet.
func NewPair(pub message.Publisher, sub message.Subscriber, cfg Config) (*Pair, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return &Pair{publisher: pub, subscriber: sub, cfg: cfg, topics: map[domain.Topic]*topic{}}, nil
}

// Publish implements ports.Publisher. Batches of one topic are published in the order in which they were queued.
func (p *Pair) Publish(ctx context.Context, name domain.Topic, messages []*domain.Message, done func(i int, ack domain.Ack, err error)) {
	if len(messages) == 0 {
		return
	}
	t, err := p.begin(ctx, name)
	if err != nil {
		for i := range messages {
			done(i, domain.Ack{}, err)
		}
		return
	}
	b := newBatch(messages, done, p.cfg.PublishTimeout, p.batches.Done)
	select {
	case t.batches <- b:
	case <-ctx.Done():
		b.end(notInTime(ctx))
	case <-t.log.ended:
		b.end(errClosed())
	}
}

// begin opens a topic for a batch, which Close then waits for.
func (p *Pair) begin(ctx context.Context, name domain.Topic) (*topic, error) {
	t, err := p.open(ctx, name)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed()
	}
	p.batches.Add(1)
	return t, nil
}

// open gives the topic once its subscription stands, subscribing where nobody has yet.
func (p *Pair) open(ctx context.Context, name domain.Topic) (*topic, error) {
	t, err := p.entry(name)
	if err != nil {
		return nil, err
	}
	select {
	case <-t.opened:
		return t, t.failure
	case <-ctx.Done():
		return nil, notInTime(ctx)
	}
}

// entry gives the topic from the map, or starts it.
func (p *Pair) entry(name domain.Topic) (*topic, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed()
	}
	if t, ok := p.topics[name]; ok {
		return t, nil
	}
	if len(p.topics) >= p.cfg.Topics {
		return nil, domain.Errorf(domain.Unavailable, "there is no room for topic %q: this broker keeps %d topics at most (its setting topics)", name, p.cfg.Topics)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := newTopic(name, p.cfg, cancel)
	p.topics[name] = t
	p.running.Go(func() { // ends when Close cancels the topic, or when it cannot be subscribed to
		if err := t.open(ctx, p.subscriber); err != nil {
			p.forget(t, err)
			return
		}
		p.reached(t)
		p.running.Go(func() { t.publish(p.publisher) }) // ends with the topic's log
		t.read(ctx, p.subscriber)
	})
	return t, nil
}

// reached notes that the backend is there, and lets in who waits for t.
func (p *Pair) reached(t *topic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = nil
	close(t.opened)
}

// forget gives up a topic that could not be subscribed to: the next use tries again.
func (p *Pair) forget(t *topic, err error) {
	p.mu.Lock()
	delete(p.topics, t.name)
	p.away = err
	p.mu.Unlock()
	t.cancel()
	t.failure = err
	close(t.opened)
}

// Ping implements ports.Lifecycle. Watermill cannot ask a backend whether it is there: Ping fails while a subscription is broken, and
// after one that could not be had, until one can.
func (p *Pair) Ping(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed()
	}
	if p.away != nil {
		return p.away
	}
	for _, t := range p.topics {
		if err := t.broken.Load(); err != nil {
			return domain.Errorf(domain.Unavailable, "the subscription of topic %q is broken", t.name).Because(*err)
		}
	}
	return nil
}

func errClosed() error {
	return domain.Errorf(domain.Unavailable, "the broker is closed")
}

func notInTime(ctx context.Context) error {
	return domain.Errorf(domain.Unavailable, "the broker did not answer in time").Because(context.Cause(ctx))
}
