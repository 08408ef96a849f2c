package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

func newWholePair(t *testing.T, b *backend) *Pair {
	t.Helper()
	return newTestPair(t, b, func(c *Config) { c.ReceiptPosition, c.Whole = true, true })
}

func TestWholeNeedsWhatComesBack(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Whole = true
	const want = "broker: whole needs receipt_position: batches of this form are for a backend that gives them back"
	if _, err := NewPair(newBackend(), newBackend(), cfg); err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

// A batch is one Watermill message, and each of its messages has a position of its own.
func TestWholeBatchIsOneMessage(t *testing.T) {
	b := newBackend()
	carried := 0
	b.publish = func(topic string, w *message.Message) error {
		carried++
		return b.deliver(topic, w)
	}
	p := newWholePair(t, b)
	results := publish(t, p, "orders", texts("a", "b", "c")...)
	for i, r := range results {
		if r.err != nil || r.ack.Position.Offset != int64(i) || r.ack.Time.IsZero() {
			t.Fatalf("message %d: %+v", i, r)
		}
	}
	if carried != 1 {
		t.Fatalf("%d messages were carried", carried)
	}
}

// What befalls a batch befalls all of it: nobody knows of any of its messages where the backend says no, is silent, or breaks off.
func TestWholeBatchFails(t *testing.T) {
	for name, c := range map[string]struct {
		publish func(b *backend, topic string) error
		after   time.Duration
	}{
		"refused":   {func(*backend, string) error { return errDown }, 0},
		"swallowed": {func(*backend, string) error { return nil }, DefaultConfig().PublishTimeout},
		"cut":       {func(b *backend, topic string) error { b.cut(topic); return nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				b.publish = func(topic string, _ *message.Message) error { return c.publish(b, topic) }
				begun := time.Now()
				for _, r := range publish(t, newWholePair(t, b), "orders", texts("a", "b")...) {
					expectCode(t, r.err, domain.Timeout)
				}
				if d := time.Since(begun); d != c.after {
					t.Fatalf("answered after %s, want %s", d, c.after)
				}
			})
		})
	}
}

// A message that nobody packed is a hole in the log, not the end of the topic.
func TestWholeMeetsAStranger(t *testing.T) {
	b := newBackend()
	p := newWholePair(t, b)
	mustPublish(t, p, "orders", "a")
	if err := b.deliver("orders", message.NewMessage("", []byte("?"))); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, p, "orders", "b")
	_, chunks, err := p.Tail(t.Context(), "orders", domain.StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	var seen []domain.Chunk
	for chunk, err := range chunks {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, chunk); chunk.Next == 3 {
			break
		}
	}
	if len(seen) != 2 || seen[1].Gap == nil || string(seen[1].Messages[0].Payload) != "b" {
		t.Fatalf("got %+v", seen)
	}
}
