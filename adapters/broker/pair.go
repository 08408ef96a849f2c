package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
	"culvert/ports"
)

// Pair is a broker made of a Watermill publisher and a Watermill subscriber. See the package comment for what it adds to them.
//
// It is a ports.Broker, ports.Catalogue and ports.Creator. A topic exists from the moment of its first use by this pair on, until Close.
type Pair struct {
	publisher  message.Publisher
	subscriber message.Subscriber
	cfg        Config

	mu     sync.Mutex // guards what follows
	topics map[domain.Topic]*topic
	closed bool

	batches sync.WaitGroup // the batches that are not fully answered
	running sync.WaitGroup // the goroutines of all topics
	closing sync.Once
}

var (
	_ ports.Broker    = (*Pair)(nil)
	_ ports.Catalogue = (*Pair)(nil)
	_ ports.Creator   = (*Pair)(nil)
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
		p.running.Go(func() { t.publish(p.publisher) }) // ends with the topic's log
		t.read(ctx, p.subscriber)
	})
	return t, nil
}

// forget gives up a topic that could not be subscribed to: the next use tries again.
func (p *Pair) forget(t *topic, err error) {
	p.mu.Lock()
	delete(p.topics, t.name)
	p.mu.Unlock()
	t.cancel()
	t.failure = err
	close(t.opened)
}

// known gives the topic where it stands already, else UnknownTopic.
func (p *Pair) known(name domain.Topic) (*topic, error) {
	p.mu.Lock()
	t, ok := p.topics[name]
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, errClosed()
	}
	if ok && t.stands() {
		return t, nil
	}
	return nil, domain.Errorf(domain.UnknownTopic, "there is no topic %q: it is made when it is first published to, viewed or joined", name)
}

// Describe implements ports.Describer.
func (p *Pair) Describe(_ context.Context, name domain.Topic) (domain.TopicInfo, error) {
	t, err := p.known(name)
	if err != nil {
		return domain.TopicInfo{}, err
	}
	return domain.TopicInfo{
		Topic:        name,
		Capabilities: p.Capabilities(name),
		Epoch:        t.log.epoch,
		Partitions:   []domain.Extent{t.log.extent()},
	}, nil
}

// Capabilities implements ports.Describer. They are the same for every topic.
func (p *Pair) Capabilities(domain.Topic) domain.Capabilities {
	cs := domain.Capabilities{domain.History, domain.SeekTime}
	if p.cfg.ReceiptPosition {
		cs = append(cs, domain.ReceiptPosition)
	}
	if p.cfg.ReceiptPosition || p.cfg.KeyOrder {
		cs = append(cs, domain.KeyOrder)
	}
	if p.cfg.Catalogue {
		cs = append(cs, domain.Catalogue)
	}
	return append(cs, domain.Create)
}

// Topics implements ports.Catalogue. It is Unsupported where Config.Catalogue is not set: the backend may have others.
func (p *Pair) Topics(context.Context) ([]domain.Topic, error) {
	if !p.cfg.Catalogue {
		return nil, domain.Errorf(domain.Unsupported, "this broker cannot list its topics")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed()
	}
	names := make([]domain.Topic, 0, len(p.topics))
	for name, t := range p.topics {
		if t.stands() {
			names = append(names, name)
		}
	}
	return names, nil
}

// Ensure implements ports.Creator: it subscribes to the topic, which makes it.
func (p *Pair) Ensure(ctx context.Context, name domain.Topic) error {
	_, err := p.open(ctx, name)
	return err
}

// Ping implements ports.Lifecycle. Watermill cannot ask a backend whether it is there: Ping fails while a subscription is broken.
func (p *Pair) Ping(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed()
	}
	for _, t := range p.topics {
		if err := t.broken.Load(); err != nil {
			return domain.Errorf(domain.Unavailable, "the subscription of topic %q is broken", t.name).Because(*err)
		}
	}
	return nil
}

// Close implements ports.Lifecycle. It closes publisher and subscriber too, also where ctx ended before what was queued had
// been published. Reading and joining end with Unavailable. Further calls do nothing.
func (p *Pair) Close(ctx context.Context) (err error) {
	p.closing.Do(func() { err = p.close(ctx) })
	return err
}

func (p *Pair) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	topics := slices.Collect(maps.Values(p.topics))
	p.mu.Unlock()

	drained := within(ctx, p.batches.Wait)
	for _, t := range topics {
		t.log.close()
		t.cancel()
	}
	var closing error
	closed := within(ctx, func() {
		closing = errors.Join(p.publisher.Close(), p.subscriber.Close())
		p.running.Wait()
	})
	if closed != nil {
		return fmt.Errorf("broker: close: %w", closed)
	}
	if err := errors.Join(drained, closing); err != nil {
		return fmt.Errorf("broker: close: %w", err)
	}
	return nil
}

// within runs f to its end, waiting for it until ctx ends.
func within(ctx context.Context, f func()) error {
	ended := make(chan struct{})
	go func() { // ends with f
		defer close(ended)
		f()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		select {
		case <-ended:
			return nil
		default:
			return ctx.Err()
		}
	}
}

func errClosed() error {
	return domain.Errorf(domain.Unavailable, "the broker is closed")
}

func notInTime(ctx context.Context) error {
	return domain.Errorf(domain.Unavailable, "the broker did not answer in time").Because(context.Cause(ctx))
}
