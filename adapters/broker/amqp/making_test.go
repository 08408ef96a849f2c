package amqp

import (
	"context"
	"sync"
	"testing"

	"culvert/domain"
	"culvert/tests/brokers"
)

// Who read from a log that somebody else was making lost the connection, and with it all who read: the server tells of a stream before it knows how to read from it.
func TestManyComeToATopicThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	b := openBroker(t, brokers.RabbitMQ(t).URL)
	conn, err := b.viewing.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const topics, each = 20, 4
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for range topics {
		topic := domain.Topic(brokers.Topic(t))
		all.Go(func() {
			if err := b.EnsureQueue(ctx, topic, "workers"); err != nil {
				t.Errorf("a queue: %v", err)
			}
		})
		for range each {
			all.Go(func() {
				if _, _, err := b.Tail(ctx, topic, domain.Start{}); err != nil {
					t.Errorf("a view: %v", err)
				}
			})
		}
	}
	all.Wait()
	if conn.IsClosed() {
		t.Error("the connection was lost")
	}
}
