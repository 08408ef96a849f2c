package queue_test

import (
	"slices"
	"testing"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
)

// sentBack is a message that a redrive has sent back to a queue, named as in its header.
func sentBack(to, key string) *domain.Message {
	m := &domain.Message{Payload: []byte(to), Headers: []domain.Header{{Name: "h", Value: []byte("v")}, {Name: "culvert-redriven", Value: []byte(to)}}}
	if key != "-" {
		m.Key = []byte(key)
	}
	return m
}

func TestWhatIsSentBackToAnotherQueueIsSettledUnseen(t *testing.T) {
	for to, seen := range map[string]bool{
		"orders/billing": true, "orders/audit": false, "orders/bill": false, "orders/": false,
		"others/audit": true,                          // its topic's dead letters were brought here by somebody
		"orders":       true, "": true, "audit": true, // nothing that we wrote
	} {
		inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
			m, c := sit(t, s, 1), b.claims[0]
			c.put(sentBack(to, "a"))
			if !seen {
				m.receipts()
				expectSettled(t, c, 0)
				return
			}
			r := m.receipts(to)
			expectSettled(t, c)
			m.Done(r...)
		})
	}
}

// There is one such header of ours at most; what others add to it does not count.
func TestTheFirstQueueThatAMessageNamesCounts(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m, c := sit(t, s, 1), b.claims[0]
		both := sentBack("orders/billing", "-")
		both.Headers = append(both.Headers, domain.Header{Name: "culvert-redriven", Value: []byte("orders/audit")})
		c.put(both)
		m.receipts("orders/billing")
	})
}

// Messages for other queues take no place in the window, in max_in_flight, or of their key, and cost no try.
func TestWhatIsSkippedIsInNobodysWay(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, b *fakeBroker) {
		cfg.Window, cfg.WindowBytes, b.progress = 3, 1000, behind
	}, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m, c := sit(t, s, 10), b.claims[0]
		c.add("a")
		first := m.receipts("a0")
		for range 100 {
			c.put(sentBack("orders/audit", "a"))
		}
		c.add("a", "b", "b", "b")
		r := m.receipts("a101", "b102") // the window, from a0 on
		if state, err := s.Inspect(t.Context(), topic, billing); err != nil || state.InFlight != 3 {
			t.Errorf("state %+v, %v; want three in flight", state, err)
		}
		want := make([]int64, 100)
		for i := range want {
			want[i] = int64(i) + 1
		}
		expectSettled(t, c, want...)
		m.expect("done", m.Done(slices.Concat(first, r)...), 3)
		m.receipts("b103", "b104")
	})
}

func TestOneHaulOfBoth(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.Window = 2 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m, c := sit(t, s, 10), b.claims[0]
		var all []*domain.Message
		for i := range 9 {
			all = append(all, sentBack([]string{"orders/audit", "orders/billing", "orders/mail"}[i%3], "-"))
		}
		c.put(all...)
		r := m.receipts("orders/billing", "orders/billing")
		expectSettled(t, c, 0, 2, 3) // then the window is full, and nothing more is looked at
		m.Done(r[1])
		m.receipts()
		m.Done(r[0])
		m.Done(m.receipts("orders/billing")...)
		expectSettled(t, c, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	})
}

// What is skipped while a queue's partition is being taken away is the next reader's to skip.
func TestNothingIsSkippedOfARevokedClaim(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.Window = 1 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m, c := sit(t, s, 1), b.claims[0]
		c.add("a")
		m.receipts("a0")
		c.put(sentBack("orders/audit", "-"))
		b.events <- laneNews{event: domain.LaneEvent{Revoked: []domain.Claim{c}}}
		pause(time.Second)
		expectSettled(t, c)
	})
}
