package queue_test

import (
	"fmt"
	"testing"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// Queues that could not be joined, of topics that are not there say, were counted as queues that this node was in: a thousand bad names drove what was counted of real ones out.
func TestQueuesThatCouldNotBeJoinedAreNotRemembered(t *testing.T) {
	inBubble(t, 0, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		sit(t, s, 1)
		b.ensure = func(domain.Topic) error { return domain.Errorf(domain.UnknownTopic, "no") }
		for i := range 3 {
			j := ports.Join{Topic: topic, Queue: domain.Queue(fmt.Sprint("q", i)), MaxInFlight: 1}
			if _, err := s.Join(t.Context(), j); domain.CodeOf(err) != domain.UnknownTopic {
				t.Errorf("join: %v", err)
			}
		}
		expectLanes(t, s, queue.LaneStats{Topic: topic, Queue: billing, Standing: true, Members: 1})
	})
}
