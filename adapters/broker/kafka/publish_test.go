package kafka_test

import (
	"bytes"
	"testing"
	"time"

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
