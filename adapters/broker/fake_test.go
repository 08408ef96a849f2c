package broker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

// backend is a Watermill pair of which a test holds the strings: what is published is delivered in order, unless it is told to fail, to swallow, or
// to break its subscriptions.
type backend struct {
	mu            sync.Mutex
	subscriptions map[string]*subscription
	subscribed    int
	subscribeErr  error
	publish       func(topic string, w *message.Message) error // in the place of delivering, where it is not nil
	closed        bool
}

type subscription struct {
	messages chan *message.Message
	end      context.CancelFunc
}

func newBackend() *backend { return &backend{subscriptions: map[string]*subscription{}} }

func (b *backend) Publish(topic string, messages ...*message.Message) error {
	for _, w := range messages {
		b.mu.Lock()
		publish := b.publish
		b.mu.Unlock()
		if publish == nil {
			publish = b.deliver
		}
		if err := publish(topic, w); err != nil {
			return err
		}
	}
	return nil
}

func (b *backend) deliver(topic string, w *message.Message) error {
	b.mu.Lock()
	s := b.subscriptions[topic]
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	c := w.Copy()
	s.messages <- c
	<-c.Acked()
	return nil
}

func (b *backend) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subscribeErr != nil {
		return nil, b.subscribeErr
	}
	b.subscribed++
	ctx, end := context.WithCancel(ctx)
	s := &subscription{messages: make(chan *message.Message), end: end}
	b.subscriptions[topic] = s
	context.AfterFunc(ctx, func() { close(s.messages) })
	return s.messages, nil
}

func (b *backend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// set changes the backend's behaviour.
func (b *backend) set(change func(b *backend)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// cut ends the topic's subscription.
func (b *backend) cut(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscriptions[topic].end()
}

func newTestPair(t *testing.T, b *backend, change func(*Config)) *Pair {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	p, err := NewPair(b, b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

func texts(payloads ...string) []*domain.Message {
	ms := make([]*domain.Message, len(payloads))
	for i, p := range payloads {
		ms[i] = &domain.Message{Payload: []byte(p)}
	}
	return ms
}

type result struct {
	ack domain.Ack
	err error
}

// publish publishes and waits for all answers.
func publish(t *testing.T, p *Pair, topic domain.Topic, messages ...*domain.Message) []result {
	t.Helper()
	results := make([]result, len(messages))
	var mu sync.Mutex
	var answered sync.WaitGroup
	answered.Add(len(messages))
	p.Publish(t.Context(), topic, messages, func(i int, ack domain.Ack, err error) {
		mu.Lock()
		defer mu.Unlock()
		results[i] = result{ack, err}
		answered.Done()
	})
	answered.Wait()
	return results
}

func mustPublish(t *testing.T, p *Pair, topic domain.Topic, payloads ...string) {
	t.Helper()
	for i, r := range publish(t, p, topic, texts(payloads...)...) {
		if r.err != nil {
			t.Fatalf("message %d: %v", i, r.err)
		}
	}
}

func expectCode(t *testing.T, err error, want domain.Code) {
	t.Helper()
	if err == nil || domain.CodeOf(err) != want {
		t.Fatalf("got error %v, want %s", err, want)
	}
}

var errDown = errors.New("connection refused")
