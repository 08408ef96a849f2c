package amqp_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// Viewers of a new topic at two nodes at once were sent away for good, with a conflict: RabbitMQ had not done with the log that the other node was just declaring.
func TestALogThatTwoNodesMakeAtOnce(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	nodes := []*amqp.Broker{node(t, url), node(t, url)}
	for range 3 {
		topic := topicOn(t, url)
		var viewing sync.WaitGroup
		for _, b := range nodes {
			for range 3 {
				viewing.Go(func() { // ends when the topic can be viewed
					var err error
					brokers.Eventually(t, 30*time.Second, "the topic can be viewed", func() bool {
						_, _, err = b.Tail(t.Context(), topic, domain.Start{})
						return domain.CodeOf(err) != domain.Unavailable
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		viewing.Wait()
	}
}

// Publishers were told unknown-topic, for good, where somebody deleted a topic just while this node made it anew.
func TestATopicThatIsDeletedWhileItIsMade(t *testing.T) {
	t.Parallel()
	url := brokers.RabbitMQ(t).URL
	b, topic, outside := node(t, url), topicOn(t, url), meet(t, url)
	deleting, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var publishing sync.WaitGroup
	publishing.Go(func() { // ends with the deleting
		for deleting.Err() == nil {
			answered := make(chan error, 1)
			b.Publish(t.Context(), topic, []*domain.Message{{Payload: []byte("m")}}, func(_ int, _ domain.Ack, err error) { answered <- err })
			if err := <-answered; domain.CodeOf(err) == domain.UnknownTopic {
				t.Error(err)
				return
			}
		}
	})
	for deleting.Err() == nil {
		if err := outside.ExchangeDelete(string(topic), false, false); err != nil {
			t.Error(err)
			break
		}
	}
	stop()
	publishing.Wait()
}
