package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 30 * time.Second

// outcome is what became of one message.
type outcome struct {
	ack domain.Ack
	err error
}

// publish publishes a batch and waits until all of it is answered.
func publish(ctx context.Context, b *kafka.Broker, topic domain.Topic, batch ...*domain.Message) []outcome {
	outcomes := make([]outcome, len(batch))
	var open sync.WaitGroup
	open.Add(len(batch))
	b.Publish(ctx, topic, batch, func(i int, ack domain.Ack, err error) {
		outcomes[i] = outcome{ack, err}
		open.Done()
	})
	open.Wait()
	return outcomes
}

// mustPublish publishes payloads with keys of the same text, and fails the test where one is not confirmed.
func mustPublish(t testing.TB, b *kafka.Broker, topic domain.Topic, payloads ...string) []domain.Ack {
	t.Helper()
	batch := make([]*domain.Message, len(payloads))
	for i, p := range payloads {
		batch[i] = &domain.Message{Key: []byte(p), Payload: []byte(p), Time: time.Now()}
	}
	acks := make([]domain.Ack, len(batch))
	for i, o := range publish(t.Context(), b, topic, batch...) {
		if o.err != nil {
			t.Fatalf("publishing %q: %v", payloads[i], o.err)
		}
		acks[i] = o.ack
	}
	return acks
}

// reader gathers what a Tail yields.
type reader struct {
	opening domain.Opening
	stop    func()

	mu       sync.Mutex
	changed  chan struct{}
	messages []*domain.Message
	gaps     []domain.Gap
	epochs   []domain.Epoch
	next     map[int32]int64
	err      error
}

// tail opens a reader that ends with the test.
func tail(t testing.TB, b *kafka.Broker, topic domain.Topic, from domain.Start) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	opening, chunks, err := b.Tail(ctx, topic, from)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	r := &reader{opening: opening, changed: make(chan struct{}, 1), next: map[int32]int64{}}
	ended := make(chan struct{})
	go func() { // ends with ctx
		defer close(ended)
		for c, err := range chunks {
			r.take(c, err)
		}
	}()
	r.stop = func() { cancel(); <-ended }
	t.Cleanup(r.stop)
	return r
}

func (r *reader) take(c domain.Chunk, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.err = err
	} else {
		r.messages = append(r.messages, c.Messages...)
		r.next[c.Partition] = c.Next
		if c.Gap != nil {
			r.gaps = append(r.gaps, *c.Gap)
		}
		if c.Epoch != 0 {
			r.epochs = append(r.epochs, c.Epoch)
		}
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// until waits for what the reader is to have seen.
func (r *reader) until(t testing.TB, what string, seen func(*reader) bool) {
	t.Helper()
	late := time.After(patience)
	for {
		r.mu.Lock()
		ok, state := seen(r), fmt.Sprintf("%d messages %q, gaps %v, places %v, error %v", len(r.messages), payloads(r.messages), r.gaps, r.next, r.err)
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.changed:
		case <-late:
			t.Fatalf("not within %v: %s; there were %s", patience, what, state)
		}
	}
}

func (r *reader) messagesAre(t testing.TB, want ...string) {
	t.Helper()
	r.until(t, fmt.Sprintf("the messages %q", want), func(r *reader) bool { return len(r.messages) >= len(want) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := payloads(r.messages); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

func payloads(messages []*domain.Message) []string {
	var all []string
	for _, m := range messages {
		if len(all) == 20 {
			return append(all, "…")
		}
		all = append(all, string(m.Payload))
	}
	return all
}

// newTopic makes a topic that is this test's own.
func newTopic(t testing.TB, cluster brokers.KafkaCluster, partitions int32, configs ...string) domain.Topic {
	t.Helper()
	name := brokers.Topic(t)
	brokers.CreateTopic(t, cluster, name, partitions, configs...)
	return domain.Topic(name)
}

// member is one Join.
type member struct {
	leave func()
	stand chan struct{} // closed when the membership stands
	ended chan struct{}

	mu       sync.Mutex
	changed  chan struct{}
	claims   map[domain.Claim]bool // whether it is held
	messages []*domain.Message
	by       map[*domain.Message]domain.Claim
	gaps     []domain.Gap
	err      error
}

// join takes part in a queue until leave or the end of the test. It returns when the membership stands or has failed.
func join(t testing.TB, b *kafka.Broker, topic domain.Topic, queue domain.Queue, from *domain.Start) *member {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{
		stand: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{}, 1),
		claims: map[domain.Claim]bool{}, by: map[*domain.Message]domain.Claim{},
	}
	go m.run(ctx, b, topic, queue, from) // ends with ctx
	m.leave = func() { cancel(); <-m.ended }
	t.Cleanup(m.leave)
	select {
	case <-m.stand:
	case <-m.ended:
	}
	return m
}

func (m *member) run(ctx context.Context, b *kafka.Broker, topic domain.Topic, queue domain.Queue, from *domain.Start) {
	defer close(m.ended)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	stands := sync.OnceFunc(func() { close(m.stand) })
	for event, err := range b.Join(ctx, topic, queue, domain.Terms{From: from}) {
		m.change(func() {
			m.err = err
			for _, c := range event.Assigned {
				m.claims[c] = true
				fetching.Go(func() { m.fetch(ctx, c) })
			}
			for _, c := range event.Revoked {
				m.claims[c] = false
			}
		})
		if err != nil {
			return
		}
		stands()
	}
}

func (m *member) fetch(ctx context.Context, c domain.Claim) {
	for {
		haul, err := c.Fetch(ctx)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				m.change(func() { m.err = err })
			}
			return
		}
		m.change(func() {
			if haul.Gap != nil {
				m.gaps = append(m.gaps, *haul.Gap)
			}
			for _, message := range haul.Messages {
				m.messages = append(m.messages, message)
				m.by[message] = c
			}
		})
	}
}

func (m *member) change(f func()) {
	m.mu.Lock()
	f()
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *member) until(t testing.TB, what string, seen func(*member) bool) {
	t.Helper()
	late := time.After(patience)
	for {
		m.mu.Lock()
		ok, state := seen(m), fmt.Sprintf("%d messages %q, gaps %v, error %v", len(m.messages), payloads(m.messages), m.gaps, m.err)
		m.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-m.changed:
		case <-late:
			t.Fatalf("not within %v: %s; there were %s", patience, what, state)
		}
	}
}

// given waits for n messages in all and gives them.
func (m *member) given(t testing.TB, n int) []*domain.Message {
	t.Helper()
	m.until(t, fmt.Sprintf("%d messages", n), func(m *member) bool { return len(m.messages) >= n })
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*domain.Message(nil), m.messages...)
}

func (m *member) settle(messages ...*domain.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range messages {
		m.by[message].Settle(message.Offset)
	}
}
