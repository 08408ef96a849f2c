package broker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"broker: topics is 0: it must be at least 1":                                                               func(c *Config) { c.Topics = 0 },
		"broker: queues is -1: it must be at least 1":                                                              func(c *Config) { c.Queues = -1 },
		"broker: log_messages is 0: it must be at least 1":                                                         func(c *Config) { c.LogMessages = 0 },
		"broker: log_bytes is 0: it must be at least 1":                                                            func(c *Config) { c.LogBytes = 0 },
		"broker: log_age is 0s: it must be longer than nothing":                                                    func(c *Config) { c.LogAge = 0 },
		"broker: publish_timeout is -1s: it must be longer than nothing":                                           func(c *Config) { c.PublishTimeout = -time.Second },
		"broker: parcels is set and receipt_position is not: what is in a parcel is answered when that comes back": func(c *Config) { c.Parcels = true },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := NewPair(newBackend(), newBackend(), cfg); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestOneSubscriptionForATopic(t *testing.T) {
	b := newBackend()
	p := newTestPair(t, b, nil)
	var users sync.WaitGroup
	for i := range 20 {
		users.Go(func() {
			if i%2 == 0 {
				mustPublish(t, p, "orders", "x")
			} else if _, _, err := p.Tail(t.Context(), "orders", domain.StartLatest()); err != nil {
				t.Error(err)
			}
		})
	}
	users.Wait()
	if b.subscribed != 1 {
		t.Fatalf("%d subscriptions", b.subscribed)
	}
}

func TestCapabilitiesAreWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   []domain.Capability
	}{
		{nil, []domain.Capability{domain.History, domain.SeekTime, domain.Peek, domain.Reset, domain.ResetTime, domain.Lag, domain.Create}},
		{func(c *Config) { c.KeyOrder = true }, []domain.Capability{domain.History, domain.SeekTime, domain.KeyOrder, domain.Peek, domain.Reset, domain.ResetTime, domain.Lag, domain.Create}},
		{func(c *Config) { c.ReceiptPosition, c.Catalogue = true, true }, []domain.Capability{domain.History, domain.SeekTime, domain.ReceiptPosition, domain.KeyOrder, domain.Peek, domain.Reset, domain.ResetTime, domain.Lag, domain.Catalogue, domain.Create}},
	} {
		p := newTestPair(t, newBackend(), c.change)
		if got := p.Capabilities("orders"); !slices.Equal(got, c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

func TestUnreachableBackend(t *testing.T) {
	b := newBackend()
	b.subscribeErr = errDown
	p := newTestPair(t, b, nil)
	expectCode(t, publish(t, p, "orders", texts("x")...)[0].err, domain.Unavailable)
	_, _, err := p.Tail(t.Context(), "orders", domain.StartLatest())
	expectCode(t, err, domain.Unavailable)
	for _, err := range p.Join(t.Context(), "orders", "billing", domain.Terms{}) {
		expectCode(t, err, domain.Unavailable)
	}
	_, err = p.Describe(t.Context(), "orders")
	expectCode(t, err, domain.Unavailable)
	expectCode(t, p.Ping(t.Context()), domain.Unavailable)
	// The next use tries again.
	b.set(func(b *backend) { b.subscribeErr = nil })
	mustPublish(t, p, "orders", "x")
	if err := p.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTopicsAndQueuesAreBounded(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.Topics, c.Queues, c.Catalogue = 2, 1, true })
	for i := range 2 {
		mustPublish(t, p, domain.Topic(fmt.Sprint("t", i)), "x")
	}
	expectCode(t, publish(t, p, "t2", texts("x")...)[0].err, domain.Unavailable)
	topics, err := p.Topics(t.Context())
	if slices.Sort(topics); err != nil || !slices.Equal(topics, []domain.Topic{"t0", "t1"}) {
		t.Fatalf("got %v, %v", topics, err)
	}
	join := func(queue domain.Queue) error {
		for _, err := range p.Join(t.Context(), "t0", queue, domain.Terms{}) {
			return err
		}
		return nil
	}
	if err := join("q0"); err != nil {
		t.Fatal(err)
	}
	expectCode(t, join("q1"), domain.Unavailable)
}

func TestDescribeMakesNoTopic(t *testing.T) {
	p := newTestPair(t, newBackend(), func(c *Config) { c.Topics = 1 })
	_, err := p.Describe(t.Context(), "other")
	expectCode(t, err, domain.UnknownTopic)
	mustPublish(t, p, "orders", "a", "b")
	info, err := p.Describe(t.Context(), "orders")
	if err != nil || len(info.Partitions) != 1 || info.Partitions[0] != (domain.Extent{End: 2}) || info.Epoch == 0 {
		t.Fatalf("got %+v, %v", info, err)
	}
	_, err = p.Topics(t.Context())
	expectCode(t, err, domain.Unsupported)
}

// Order holds under concurrent publishers: each one's messages are in the log in the order in which it published them.
func TestOrderUnderConcurrentPublishers(t *testing.T) {
	t.Run("one by one", func(t *testing.T) {
		checkOrder(t, newTestPair(t, newBackend(), func(c *Config) { c.ReceiptPosition = true }))
	})
	t.Run("parcels", func(t *testing.T) { checkOrder(t, newTestPair(t, newBackend(), withParcels)) })
}

func checkOrder(t *testing.T, p *Pair) {
	t.Helper()
	const publishers, batches, size = 8, 20, 10
	var all sync.WaitGroup
	for k := range publishers {
		all.Go(func() {
			var answered sync.WaitGroup
			for n := range batches {
				batch := make([]*domain.Message, size)
				for i := range batch {
					batch[i] = &domain.Message{Key: fmt.Append(nil, k), Payload: fmt.Append(nil, n*size+i)}
				}
				answered.Add(size)
				p.Publish(t.Context(), "orders", batch, func(_ int, ack domain.Ack, err error) {
					if err != nil || ack.Position == nil {
						t.Errorf("ack %+v, %v", ack, err)
					}
					answered.Done()
				})
			}
			answered.Wait()
		})
	}
	all.Wait()
	next := map[string]int{}
	seen := 0
	_, chunks, err := p.Tail(t.Context(), "orders", domain.StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	for chunk, err := range chunks {
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range chunk.Messages {
			if got := string(m.Payload); got != strconv.Itoa(next[string(m.Key)]) {
				t.Fatalf("key %s: message %s, want %d", m.Key, got, next[string(m.Key)])
			}
			next[string(m.Key)]++
			seen++
		}
		if seen == publishers*batches*size {
			break
		}
	}
}

// A message that fails is answered for itself; the others of the batch are published.
func TestOneMessageFails(t *testing.T) {
	b := newBackend()
	b.publish = func(topic string, w *message.Message) error {
		if string(w.Payload) == "bad" {
			return errDown
		}
		return b.deliver(topic, w)
	}
	p := newTestPair(t, b, func(c *Config) { c.ReceiptPosition = true })
	results := publish(t, p, "orders", texts("a", "bad", "b")...)
	expectCode(t, results[1].err, domain.Timeout)
	if results[0].err != nil || results[2].err != nil || results[2].ack.Position.Offset != 1 {
		t.Fatalf("got %+v", results)
	}
}

// A backend that never confirms is answered for by the clock: Timeout for the message that it has, Unavailable for those that it does not.
func TestPublishTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		hang := make(chan struct{})
		b.publish = func(string, *message.Message) error { <-hang; return nil }
		p := newTestPair(t, b, func(c *Config) { c.PublishTimeout = 5 * time.Second })
		begun := time.Now()
		results := publish(t, p, "orders", texts("a", "b", "c")...)
		if d := time.Since(begun); d != 5*time.Second {
			t.Errorf("answered after %s", d)
		}
		expectCode(t, results[0].err, domain.Timeout)
		expectCode(t, results[1].err, domain.Unavailable)
		expectCode(t, results[2].err, domain.Unavailable)
		b.set(func(b *backend) { b.publish = nil })
		close(hang)
		mustPublish(t, p, "orders", "d")
		// What was not tried is not published late.
		info, err := p.Describe(t.Context(), "orders")
		if err != nil || info.Partitions[0].End != 1 {
			t.Fatalf("got %+v, %v", info, err)
		}
	})
}

// With ReceiptPosition a message that the backend swallowed is not confirmed.
func TestSwallowedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.publish = func(string, *message.Message) error { return nil }
		p := newTestPair(t, b, func(c *Config) { c.ReceiptPosition = true })
		expectCode(t, publish(t, p, "orders", texts("a")...)[0].err, domain.Timeout)
	})
}

// A message that was on its way when the subscription broke is answered then, not by the clock.
func TestSubscriptionEndsUnderAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.publish = func(topic string, _ *message.Message) error { b.cut(topic); return nil }
		p := newTestPair(t, b, func(c *Config) { c.ReceiptPosition = true })
		begun := time.Now()
		expectCode(t, publish(t, p, "orders", texts("a")...)[0].err, domain.Timeout)
		if d := time.Since(begun); d != 0 {
			t.Fatalf("answered after %s", d)
		}
	})
}

// Publish returns when its context ends, though the backend hangs and all that can be queued is.
func TestPublishBlocksNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		hang := make(chan struct{})
		b.publish = func(string, *message.Message) error { <-hang; return nil }
		p := newTestPair(t, b, nil)
		var answered sync.WaitGroup
		answered.Add(queuedBatches + 1)
		for range queuedBatches + 1 {
			p.Publish(t.Context(), "orders", texts("x"), func(int, domain.Ack, error) { answered.Done() })
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		var err error
		p.Publish(ctx, "orders", texts("x"), func(_ int, _ domain.Ack, e error) { err = e })
		if d := time.Since(begun); d != time.Second {
			t.Errorf("returned after %s", d)
		}
		expectCode(t, err, domain.Unavailable)
		close(hang)
		answered.Wait()
	})
}

// A subscription that ends is a hole in the log: readers are told, once, and read on when it is back.
func TestSubscriptionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		p := newTestPair(t, b, func(c *Config) { c.ReceiptPosition = true })
		mustPublish(t, p, "orders", "a")
		b.set(func(b *backend) { b.subscribeErr = errDown })
		b.cut("orders")
		synctest.Wait()
		expectCode(t, p.Ping(t.Context()), domain.Unavailable)
		expectCode(t, publish(t, p, "orders", texts("lost")...)[0].err, domain.Unavailable)
		time.Sleep(time.Hour / 2)
		b.set(func(b *backend) { b.subscribeErr = nil })
		time.Sleep(2 * time.Minute)
		if err := p.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustPublish(t, p, "orders", "b")

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, chunks, err := p.Tail(ctx, "orders", domain.StartEarliest())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for chunk, err := range chunks {
			if err != nil {
				t.Fatal(err)
			}
			if chunk.Gap != nil {
				got = append(got, string(chunk.Gap.Reason))
			}
			for _, m := range chunk.Messages {
				got = append(got, string(m.Payload))
			}
			if got[len(got)-1] == "b" {
				break
			}
		}
		if !slices.Equal(got, []string{"a", "broker", "b"}) {
			t.Fatalf("got %v", got)
		}
	})
}

// What is too old is let go of although nobody publishes or reads.
func TestLogAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPair(t, newBackend(), func(c *Config) { c.LogAge = time.Minute })
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

func TestCloseFlushes(t *testing.T) {
	b := newBackend()
	p := newTestPair(t, b, func(c *Config) { c.ReceiptPosition = true })
	gate := make(chan struct{})
	b.publish = func(topic string, w *message.Message) error { <-gate; return b.deliver(topic, w) }
	answers := make(chan error, 3)
	p.Publish(t.Context(), "orders", texts("a", "b", "c"), func(_ int, _ domain.Ack, err error) { answers <- err })
	closed := make(chan error)
	go func() { closed <- p.Close(t.Context()) }()
	close(gate)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	if !b.closed {
		t.Fatal("the backend is open")
	}
	expectCode(t, publish(t, p, "orders", texts("d")...)[0].err, domain.Unavailable)
	_, _, err := p.Tail(t.Context(), "orders", domain.StartLatest())
	expectCode(t, err, domain.Unavailable)
	expectCode(t, p.Ping(t.Context()), domain.Unavailable)
}

// Close returns when its context ends, though the backend hangs; every message is answered all the same.
func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		hang := make(chan struct{})
		b.publish = func(string, *message.Message) error { <-hang; return nil }
		p, err := NewPair(b, b, DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan error, 3)
		for range 3 {
			p.Publish(t.Context(), "orders", texts("x"), func(_ int, _ domain.Ack, err error) { answers <- err })
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Close(ctx); err == nil {
			t.Fatal("what was queued is said to be published")
		}
		close(hang)
		for range 3 {
			<-answers
		}
	})
}

func TestReadersEndWithTheBroker(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	_, chunks, err := p.Tail(t.Context(), "orders", domain.StartLatest())
	if err != nil {
		t.Fatal(err)
	}
	joined := make(chan struct{})
	tailed, left, fetched := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() {
		for _, err := range chunks {
			tailed <- err
		}
	}()
	go func() {
		for event, err := range p.Join(t.Context(), "orders", "billing", domain.Terms{}) {
			if err != nil {
				left <- err
				continue
			}
			go func() {
				_, err := event.Assigned[0].Fetch(t.Context())
				fetched <- err
			}()
			close(joined)
		}
	}()
	<-joined
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectCode(t, <-tailed, domain.Unavailable)
	expectCode(t, <-left, domain.Unavailable)
	if err := <-fetched; err == nil {
		t.Fatal("a claim outlived its broker")
	}
}
