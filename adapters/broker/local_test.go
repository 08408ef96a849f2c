package broker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
)

func newLocal(t *testing.T, change func(*Config)) *Pair {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	p, err := NewLocal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Without a backend everything is answered, in order, when Publish returns; and the messages are in the log as they were, but for their place.
func TestLocalAnswersBeforePublishReturns(t *testing.T) {
	p := newLocal(t, nil)
	at := time.UnixMilli(1234).UTC()
	m := &domain.Message{
		Key: []byte("k"), Payload: []byte{}, Headers: []domain.Header{{Name: "a", Value: []byte("1")}, {Name: "a"}},
		Time: at.Add(56 * time.Microsecond), Position: domain.Position{Partition: 3, Offset: 7}, Fingerprint: 9,
	}
	batch := make([]*domain.Message, 3*together+1)
	for i := range batch {
		batch[i] = m // one message of another log may be published more than once: it is never changed
	}
	next := 0
	p.Publish(t.Context(), "orders", batch, func(i int, ack domain.Ack, err error) {
		if i != next || err != nil || *ack.Position != (domain.Position{Offset: int64(i)}) || !ack.Time.Equal(at) {
			t.Fatalf("message %d, want %d: %+v, %v", i, next, ack, err)
		}
		next++
	})
	if next != len(batch) {
		t.Fatalf("%d of %d messages are answered", next, len(batch))
	}
	if m.Offset != 7 || m.Partition != 3 || m.Fingerprint != 9 {
		t.Fatalf("the publisher's message was changed: %+v", m)
	}
	_, chunks, err := p.Tail(t.Context(), "orders", domain.StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	for chunk, err := range chunks {
		if err != nil || chunk.Next != int64(len(batch)) {
			t.Fatalf("chunk up to %d, %v", chunk.Next, err)
		}
		for _, kept := range chunk.Messages {
			if string(kept.Key) != "k" || kept.Tombstone() || len(kept.Headers) != 2 || !kept.Time.Equal(at) || kept.Fingerprint != 0 {
				t.Fatalf("got %+v", kept)
			}
		}
		break
	}
}

// What is too old is let go of although nobody publishes or reads.
func TestLocalLogAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newLocal(t, func(c *Config) { c.LogAge = time.Minute })
		for range 2 {
			mustPublish(t, p, "orders", "x")
			time.Sleep(40 * time.Second)
		}
		synctest.Wait()
		l := p.topics["orders"].log
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.first != 1 || l.end() != 2 {
			t.Fatalf("the log holds offsets %d up to %d, want 1 up to 2", l.first, l.end())
		}
	})
}

func TestLocalEnds(t *testing.T) {
	p := newLocal(t, func(c *Config) { c.Topics = 1 })
	mustPublish(t, p, "orders", "x")
	expectCode(t, publish(t, p, "others", texts("x")...)[0].err, domain.Unavailable)
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range publish(t, p, "orders", texts("x", "y")...) {
		expectCode(t, r.err, domain.Unavailable)
	}
}
