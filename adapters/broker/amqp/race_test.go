package amqp_test

import (
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
