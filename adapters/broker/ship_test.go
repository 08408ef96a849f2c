package broker

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

func withParcels(c *Config) { c.ReceiptPosition, c.Parcels = true, true }

// counted makes b count how many of our messages each Watermill message carries.
func counted(t *testing.T, b *backend) func() []int {
	var mu sync.Mutex
	var sizes []int
	b.publish = func(topic string, w *message.Message) error {
		messages, err := decodeParcel(w.Payload)
		if err != nil || len(w.Metadata) > 0 {
			t.Errorf("a parcel with metadata %v, %v", w.Metadata, err)
		}
		mu.Lock()
		sizes = append(sizes, len(messages))
		mu.Unlock()
		return b.deliver(topic, w)
	}
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(sizes)
	}
}

func many(n, size int) []*domain.Message {
	return slices.Repeat([]*domain.Message{{Payload: make([]byte, size)}}, n)
}

// A batch is one Watermill message, up to a bound; each of its messages is answered with its own offset.
func TestABatchIsOneParcel(t *testing.T) {
	for _, c := range []struct {
		messages, size int
		want           []int
	}{
		{1, 100, []int{1}},
		{parcelMessages, 100, []int{parcelMessages}},
		{2*parcelMessages + 3, 10, []int{parcelMessages, parcelMessages, 3}},
		{5, parcelBytes / 2, []int{2, 2, 1}},
		{2, 2 * parcelBytes, []int{1, 1}},
	} {
		b := newBackend()
		sizes := counted(t, b)
		p := newTestPair(t, b, withParcels)
		for i, r := range publish(t, p, "orders", many(c.messages, c.size)...) {
			if r.err != nil || r.ack.Position.Offset != int64(i) || r.ack.Time.IsZero() {
				t.Fatalf("message %d of %d: %+v", i, c.messages, r)
			}
		}
		if got := sizes(); !slices.Equal(got, c.want) {
			t.Errorf("%d messages of %d bytes went as %v, want %v", c.messages, c.size, got, c.want)
		}
	}
}

// What was published is in the log as it was, but for what the log gives, and the publisher's own message is not changed.
func TestParcelsKeepMessages(t *testing.T) {
	p := newTestPair(t, newBackend(), withParcels)
	at := time.UnixMilli(1234).UTC()
	m := &domain.Message{
		Key: []byte("k"), Payload: []byte{}, Headers: []domain.Header{{Name: "a", Value: []byte("1")}, {Name: "a"}},
		Time: at.Add(56 * time.Microsecond), Position: domain.Position{Partition: 3, Offset: 7}, Fingerprint: 9,
	}
	for _, r := range publish(t, p, "orders", m, m) { // one message of another log may be published more than once
		if r.err != nil || !r.ack.Time.Equal(at) {
			t.Fatalf("got %+v", r)
		}
	}
	if m.Offset != 7 || m.Partition != 3 || m.Fingerprint != 9 {
		t.Fatalf("the publisher's message was changed: %+v", m)
	}
	_, chunks, err := p.Tail(t.Context(), "orders", domain.StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	for chunk, err := range chunks {
		if err != nil || len(chunk.Messages) != 2 {
			t.Fatalf("got %+v, %v", chunk, err)
		}
		for i, kept := range chunk.Messages {
			if kept.Offset != int64(i) || kept.Partition != 0 || kept.Fingerprint != 0 || !kept.Time.Equal(at) || !same(kept, m) {
				t.Fatalf("got %+v", kept)
			}
		}
		break
	}
}

// What waits while a parcel is under way goes together, whosever it is, in the order in which it was queued.
func TestWhatWaitsGoesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		sizes := counted(t, b)
		count, gate := b.publish, make(chan struct{})
		b.publish = func(topic string, w *message.Message) error { <-gate; return count(topic, w) }
		p := newTestPair(t, b, withParcels)
		var answered sync.WaitGroup
		var offsets []int64
		put := func(n int) {
			answered.Add(n)
			p.Publish(t.Context(), "orders", many(n, 1), func(_ int, ack domain.Ack, err error) {
				if err != nil {
					t.Error(err)
				}
				offsets = append(offsets, ack.Position.Offset)
				answered.Done()
			})
		}
		put(1)
		synctest.Wait()
		put(2)
		put(300)
		put(300)
		put(1)
		close(gate)
		answered.Wait()
		if got := sizes(); !slices.Equal(got, []int{1, parcelMessages, 604 - 1 - parcelMessages}) {
			t.Errorf("went as %v", got)
		}
		for i, offset := range offsets {
			if offset != int64(i) {
				t.Fatalf("answer %d is of offset %d", i, offset)
			}
		}
	})
}

// All of a parcel has one outcome, and the next parcel its own.
func TestAParcelFails(t *testing.T) {
	b := newBackend()
	b.publish = func(topic string, w *message.Message) error {
		if bytes.Contains(w.Payload, []byte("bad")) {
			return errDown
		}
		return b.deliver(topic, w)
	}
	p := newTestPair(t, b, withParcels)
	for _, r := range publish(t, p, "orders", texts("a", "bad")...) {
		expectCode(t, r.err, domain.Timeout)
	}
	mustPublish(t, p, "orders", "b")
}

// A backend that never confirms is answered for by the clock: Timeout for what is in the parcel, Unavailable for what waits, which is not published late.
func TestParcelTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		hang := make(chan struct{})
		b.publish = func(string, *message.Message) error { <-hang; return nil }
		p := newTestPair(t, b, func(c *Config) { withParcels(c); c.PublishTimeout = 5 * time.Second })
		begun := time.Now()
		waiting := make(chan error, 1)
		go func() {
			time.Sleep(time.Second)
			p.Publish(t.Context(), "orders", texts("c"), func(_ int, _ domain.Ack, err error) { waiting <- err })
		}()
		for _, r := range publish(t, p, "orders", texts("a", "b")...) {
			expectCode(t, r.err, domain.Timeout)
		}
		if d := time.Since(begun); d != 5*time.Second {
			t.Errorf("answered after %s", d)
		}
		expectCode(t, <-waiting, domain.Unavailable)
		b.set(func(b *backend) { b.publish = nil })
		close(hang)
		mustPublish(t, p, "orders", "d")
		info, err := p.Describe(t.Context(), "orders")
		if err != nil || info.Partitions[0].End != 1 {
			t.Fatalf("got %+v, %v", info, err)
		}
	})
}

func TestSwallowedParcel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.publish = func(string, *message.Message) error { return nil }
		p := newTestPair(t, b, withParcels)
		for _, r := range publish(t, p, "orders", texts("a", "b")...) {
			expectCode(t, r.err, domain.Timeout)
		}
		b.set(func(b *backend) { b.publish = nil })
		mustPublish(t, p, "orders", "c")
	})
}

func TestSubscriptionEndsUnderAParcel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.publish = func(topic string, _ *message.Message) error { b.cut(topic); return nil }
		p := newTestPair(t, b, withParcels)
		begun := time.Now()
		for _, r := range publish(t, p, "orders", texts("a", "b")...) {
			expectCode(t, r.err, domain.Timeout)
		}
		if d := time.Since(begun); d != 0 {
			t.Fatalf("answered after %s", d)
		}
	})
}

// What a stranger publishes where there should be none is a hole, and nothing ends by it.
func TestNoParcelIsAHole(t *testing.T) {
	b := newBackend()
	p := newTestPair(t, b, withParcels)
	mustPublish(t, p, "orders", "a")
	if err := b.Publish("orders", message.NewMessage("id", []byte("of a stranger"))); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, p, "orders", "b")
	_, chunks, err := p.Tail(t.Context(), "orders", domain.StartEarliest())
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
}

// Close waits for what was queued, and what comes after it is refused.
func TestCloseFlushesParcels(t *testing.T) {
	b := newBackend()
	gate := make(chan struct{})
	b.publish = func(topic string, w *message.Message) error { <-gate; return b.deliver(topic, w) }
	p := newTestPair(t, b, withParcels)
	const batches, size = 5, 3
	answers := make(chan error, batches*size)
	for i := range batches {
		p.Publish(t.Context(), "orders", texts(fmt.Sprint(i), "x", "y"), func(_ int, _ domain.Ack, err error) { answers <- err })
	}
	closed := make(chan error)
	go func() { closed <- p.Close(t.Context()) }()
	close(gate)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	for range batches * size {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	expectCode(t, publish(t, p, "orders", texts("d")...)[0].err, domain.Unavailable)
}
