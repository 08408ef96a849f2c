package amqp_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

func TestAQueueThatIsEnsuredMissesNothing(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	for kind, declare := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			b, outside := node(t, url, declare), meet(t, url)
			for range 3 {
				if err := b.EnsureQueue(t.Context(), topic, workers); err != nil {
					t.Fatal(err)
				}
				outside.send(string(topic), "", "one")
			}
			var q struct {
				Arguments json.RawMessage
			}
			queue := "queues/%2F/" + string(topic) + ":"
			ask(t, queue+workers, &q)
			ensured := string(q.Arguments)
			if n := outside.left(string(topic) + ":" + workers); n != 3 {
				t.Errorf("it has %d messages, want 3", n)
			}
			if err := b.Forget(t.Context(), topic, workers); err != nil {
				t.Fatal(err)
			}
			join(t, b, topic, domain.Terms{})
			if ask(t, queue+workers, &q); string(q.Arguments) != ensured {
				t.Errorf("it has arguments %s; one that is joined has %s", ensured, q.Arguments)
			}
		})
	}
}

// A queue that a team has declared, and that never expires, lost what had been given as often as it allows: at each time that it was ensured all in it was given, and came back.
func TestAQueueThatDoesNotExpireIsGivenNothingOf(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	topic := topicOn(t, url)
	b, outside := node(t, url, quorum), meet(t, url)
	queue := string(topic) + ":" + workers
	if _, err := outside.QueueDeclare(queue, true, false, false, false, table{"x-queue-type": "quorum", "x-delivery-limit": int64(1)}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := b.EnsureQueue(t.Context(), topic, workers); err != nil {
			t.Fatal(err)
		}
		outside.send(string(topic), "", "one")
		brokers.Eventually(t, soon, "what came is there", func() bool { return outside.left(queue) > 0 })
	}
	if got := payloads(join(t, b, topic, domain.Terms{}).given(t, 3)); fmt.Sprint(got) != "[one one one]" {
		t.Errorf("it gave %q", got)
	}
}

// A quorum queue goes with all in it though it be declared again and again, unless somebody consumes it.
func TestAQueueThatIsEnsuredAgainStaysWithWhatItHas(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	const expires = 4 * time.Second
	for kind, declare := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			topic := topicOn(t, url)
			b, outside := node(t, url, declare, func(c *amqp.Config) { c.QueueExpires = expires }), meet(t, url)
			if err := b.EnsureQueue(t.Context(), topic, workers); err != nil {
				t.Fatal(err)
			}
			outside.send(string(topic), "", numbers(0, 20)...)
			for i := range 2 {
				left := fmt.Sprintf("%s:left-%d", topic, i)
				if _, err := outside.QueueDeclare(left, true, false, false, false, table{"x-queue-type": "quorum", "x-expires": expires.Milliseconds()}); err != nil {
					t.Fatal(err)
				}
				brokers.Eventually(t, soon, "a queue that nobody uses goes", func() bool {
					if err := b.EnsureQueue(t.Context(), topic, workers); err != nil {
						t.Fatal(err)
					}
					return outside.left(left) == -1
				})
			}
			if got := payloads(join(t, b, topic, domain.Terms{}).given(t, 20)); fmt.Sprint(got) != fmt.Sprint(numbers(0, 20)) {
				t.Errorf("it gave %q", got)
			}
		})
	}
}
