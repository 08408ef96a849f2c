package kafka_test

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"culvert/domain"
	"culvert/tests/brokers"
)

func TestOnlyTheMessageThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	for name, configs := range map[string][]string{"the cluster's limit": nil, "a topic with a limit of its own": {"max.message.bytes", "3000"}} {
		t.Run(name, func(t *testing.T) {
			topic := newTopic(t, cluster, 1, configs...)
			b := open(t, cluster.Addrs)
			// All at once, so that batches grow as large as they can.
			batch := make([]*domain.Message, 300)
			for i := range batch {
				batch[i] = &domain.Message{Payload: bytes.Repeat([]byte("x"), 1000)}
			}
			const large = 150
			batch[large].Payload = bytes.Repeat([]byte("x"), 1<<20)
			for i, o := range publish(t.Context(), b, topic, batch...) {
				switch {
				case i == large && domain.CodeOf(o.err) != domain.TooLarge:
					t.Errorf("the large message: %v, want too-large", o.err)
				case i != large && o.err != nil:
					t.Errorf("message %d: %v", i, o.err)
				}
			}
		})
	}
}

func TestTheLargestMessageOfTheDefaultLimitsIsTaken(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	limits := domain.DefaultLimits()
	m := &domain.Message{
		Key:     bytes.Repeat([]byte("k"), limits.KeyBytes),
		Payload: bytes.Repeat([]byte("x"), limits.MessageBytes),
		Headers: []domain.Header{{Name: "h", Value: bytes.Repeat([]byte("v"), limits.HeaderBytes-1)}},
		Time:    time.Now(),
	}
	if o := publish(t.Context(), b, topic, m)[0]; o.err != nil {
		t.Error(o.err)
	}
}

// setLargest sets a topic's max.message.bytes; 0 for that of the cluster.
func setLargest(t testing.TB, cluster brokers.KafkaCluster, topic domain.Topic, largest int) {
	t.Helper()
	value := strconv.Itoa(largest)
	entry := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
	if largest == 0 {
		entry = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationDelete}
	}
	err := brokers.KafkaAdmin(t, cluster).IncrementalAlterConfig(sarama.TopicResource, string(topic), map[string]sarama.IncrementalAlterConfigsEntry{"max.message.bytes": entry}, false)
	if err != nil {
		t.Fatal(err)
	}
}

// Small messages were refused for good, as too large, when the topic took less than it did at first: their batches were too large. And large ones were when it took more again, until
// the node was started anew.
func TestWhatATopicTakesIsFoundOutWhenItChanges(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, "before")
	const large = 50
	batch := make([]*domain.Message, 100)
	for i := range batch {
		batch[i] = &domain.Message{Payload: bytes.Repeat([]byte("x"), 100)}
	}
	batch[large].Payload = bytes.Repeat([]byte("x"), 3000)

	setLargest(t, cluster, topic, 2000)
	brokers.Eventually(t, patience, "all is taken but the large message, which is refused for good", func() bool {
		done := true
		for i, o := range publish(t.Context(), b, topic, batch...) {
			code := domain.CodeOf(o.err)
			if i != large && o.err != nil && code != domain.Unavailable {
				t.Fatalf("message %d: %v", i, o.err)
			}
			done = done && (o.err == nil) == (i != large) && (i != large || code == domain.TooLarge)
		}
		return done
	})

	setLargest(t, cluster, topic, 0)
	brokers.Eventually(t, patience, "the large message is taken", func() bool {
		return publish(t.Context(), b, topic, batch[large])[0].err == nil
	})
}
