package broker

import (
	"cmp"
	"slices"
	"testing"

	"culvert/domain"
)

func expectQueues(t *testing.T, p *Pair, topic domain.Topic, want ...domain.QueueInfo) {
	t.Helper()
	got, err := p.Queues(t.Context(), topic)
	slices.SortFunc(got, func(a, b domain.QueueInfo) int { return cmp.Compare(a.Queue, b.Queue) })
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestQueuesAndTheirLag(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	if _, err := p.Queues(t.Context(), "orders"); domain.CodeOf(err) != domain.UnknownTopic {
		t.Errorf("before the first use: %v", err)
	}
	mustPublish(t, p, "orders", "before")
	expectQueues(t, p, "orders")
	s := join(t, p, nil)
	c := s.claim(t)
	expectQueues(t, p, "orders", domain.QueueInfo{Queue: "billing"})
	mustPublish(t, p, "orders", "a", "b", "c", "d")
	expectQueues(t, p, "orders", domain.QueueInfo{Queue: "billing", Lag: 4})
	if _, lost := fetch(t, c); lost != 0 {
		t.Fatalf("%d messages were lost", lost)
	}
	c.Settle(3) // the place stays before what is not settled
	expectQueues(t, p, "orders", domain.QueueInfo{Queue: "billing", Lag: 4})
	c.Settle(1)
	expectQueues(t, p, "orders", domain.QueueInfo{Queue: "billing", Lag: 3})
	c.Settle(2)
	expectQueues(t, p, "orders", domain.QueueInfo{Queue: "billing", Lag: 1})
	s.leave()
	mustPublish(t, p, "orders", "e")
	expectQueues(t, p, "orders", domain.QueueInfo{Queue: "billing", Lag: 2})
	mustPublish(t, p, "others", "x")
	expectQueues(t, p, "others")
}

func TestQueuesOfAClosedBroker(t *testing.T) {
	p := newTestPair(t, newBackend(), nil)
	mustPublish(t, p, "orders", "a")
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Queues(t.Context(), "orders"); domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("got %v", err)
	}
}
