package kafka_test

import (
	"fmt"
	"slices"
	"testing"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

func forget(t testing.TB, b *kafka.Broker, topic domain.Topic, queue domain.Queue) {
	t.Helper()
	if err := b.Forget(t.Context(), topic, queue); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Progress(t.Context(), topic, queue); domain.CodeOf(err) != domain.UnknownQueue {
		t.Errorf("the progress of a queue that was deleted: %v, want unknown-queue", err)
	}
	expectQueues(t, b, topic)
}

func TestAQueueIsForgotten(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	group := string(topic) + ".workers"
	for missing, want := range map[domain.Topic]domain.Code{topic: domain.UnknownQueue, topic + ".missing": domain.UnknownTopic} {
		if err := b.Forget(t.Context(), missing, "workers"); domain.CodeOf(err) != want {
			t.Errorf("of topic %s: %v, want %s", missing, err, want)
		}
	}
	join(t, b, topic, "workers", nil).leave()
	mustPublish(t, b, topic, numbers(0, 6)...)

	forget(t, b, topic, "workers")
	if lines := brokers.ConsumerGroup(t, cluster, group); len(lines) > 0 {
		t.Errorf("Apache's tool still knows %+v", lines)
	}
	if err := b.Forget(t.Context(), topic, "workers"); domain.CodeOf(err) != domain.UnknownQueue {
		t.Errorf("deleting it again: %v, want unknown-queue", err)
	}

	// It begins as if it had never been: at the end, or where the first to join says.
	m := join(t, b, topic, "workers", nil)
	mustPublish(t, b, topic, "6")
	if got := payloads(m.given(t, 1)); got[0] != "6" {
		t.Errorf("the queue began anew with %q, want what came after", got)
	}
	m.leave()
	forget(t, b, topic, "workers")
	earliest := domain.StartEarliest()
	m = join(t, b, topic, "workers", &earliest)
	if got, want := payloads(m.given(t, 7)), numbers(0, 7); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the queue began anew with %q, want %q", got, want)
	}
}

// A group of several topics is as many queues, and the others have nothing to do with this one.
func TestAQueueThatSharesItsGroupIsForgottenAlone(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.8.0", "3.6.0"} { // which tell of all places of a group in different words
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			cluster := brokers.Kafka(t)
			one, two := newTopic(t, cluster, 2), newTopic(t, cluster, 1)
			group := brokers.Topic(t)
			queue := domain.Queue("q" + group[len(group)-8:])
			b := open(t, cluster.Addrs, func(c *kafka.Config) { c.GroupID, c.Version = "{queue}", version })
			join(t, b, one, queue, nil).leave()
			other := join(t, b, two, queue, nil)
			mustPublish(t, b, two, numbers(0, 3)...)

			refuse := func() {
				if err := b.Forget(t.Context(), two, queue); domain.CodeOf(err) != domain.Conflict {
					t.Errorf("deleting the queue that has a member: %v, want conflict", err)
				}
			}
			refuse()
			forget(t, b, one, queue) // while a member reads the other topic
			refuse()
			given := other.given(t, 3)
			other.settle(given...)
			other.leave()
			want := []brokers.GroupLine{{Topic: string(two), Committed: 3, End: 3}}
			if lines := brokers.ConsumerGroup(t, cluster, string(queue)); !slices.Equal(lines, want) {
				t.Errorf("Apache's tool tells %+v, want %+v", lines, want)
			}
			forget(t, b, two, queue)
			if lines := brokers.ConsumerGroup(t, cluster, string(queue)); len(lines) > 0 {
				t.Errorf("when no queue is left Apache's tool still knows %+v", lines)
			}
		})
	}
}
