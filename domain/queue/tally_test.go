package queue_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

func expectLanes(t *testing.T, s *queue.Service, want ...queue.LaneStats) {
	t.Helper()
	synctest.Wait()
	got := s.Lanes()
	slices.SortFunc(got, func(a, b queue.LaneStats) int { return cmp.Compare(a.Queue, b.Queue) })
	if !slices.Equal(got, want) {
		t.Errorf("lanes %+v, want %+v", got, want)
	}
}

func TestWhatIsCountedOfAQueue(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, b *fakeBroker) {
		cfg.MaxAttempts = 2
		b.publish = func(try int) error {
			if try == 1 {
				return domain.Errorf(domain.Unavailable, "down")
			}
			return nil
		}
	}, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		expectLanes(t, s)
		m := sit(t, s, 3)
		want := queue.LaneStats{Topic: topic, Queue: billing, Standing: true, Members: 1}
		expectLanes(t, s, want)
		b.claims[0].add("-", "-", "-")
		m.receipts("-0", "-1", "-2")
		want.InFlight = 3
		expectLanes(t, s, want)
		pause(30 * time.Second) // the leases end
		want.InFlight, want.Expired = 0, 3
		expectLanes(t, s, want)
		r := m.receipts("-0", "-1", "-2")
		want.InFlight, want.Redelivered = 3, 3
		expectLanes(t, s, want)
		m.Nack(0, r[0])
		m.Done(r[1])
		want.InFlight, want.Unburied = 1, 1
		expectLanes(t, s, want) // the burial failed
		pause(time.Second)
		want.Dead = 1
		expectLanes(t, s, want)
		m.gone()
		want.Members, want.InFlight = 0, 0
		pause(time.Second) // whose second try ended with it, and it is buried
		want.Dead = 2
		expectLanes(t, s, want)
		pause(time.Minute) // and not counted away when the node is not in the queue any more
		want.Standing = false
		expectLanes(t, s, want)
		sit(t, s, 1)
		want.Standing, want.Members = true, 1
		expectLanes(t, s, want)
	})
}

// A try that nobody saw is none, so that what follows is no redelivery.
func TestATryThatNobodySawIsNoRedelivery(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m := sit(t, s, 1)
		queue.Ask(m.Member)
		b.claims[0].add("-")
		pause(31 * time.Second)
		m.receipts("-0")
		expectLanes(t, s, queue.LaneStats{Topic: topic, Queue: billing, Standing: true, Members: 1, InFlight: 1, Expired: 1})
	})
}

func TestALaneThatIsNotOpenYetDoesNotStand(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		opening := make(chan struct{})
		b.ensure = func(domain.Topic) error { <-opening; return nil }
		joined := make(chan error)
		go func() { _, err := join(s, nil); joined <- err }()
		expectLanes(t, s, queue.LaneStats{Topic: topic, Queue: billing})
		close(opening)
		if err := <-joined; err != nil {
			t.Fatal(err)
		}
		expectLanes(t, s, queue.LaneStats{Topic: topic, Queue: billing, Standing: true, Members: 1})
	})
}

// Queues have names of their members' choosing. Those that are gone are forgotten in the end, and those that stand are not.
func TestQueuesThatAreRememberedAreBounded(t *testing.T) {
	forgettable := func(_ *queue.Config, b *fakeBroker) { b.forget = func(context.Context) error { return nil } }
	inBubble(t, 0, forgettable, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		const bound, more = 1000, 500
		end := func(q domain.Queue, leave func()) {
			leave()
			synctest.Wait()
			if err := s.Delete(t.Context(), topic, q); err != nil { // which ends the lane at once
				t.Fatal(err)
			}
		}
		stay := map[domain.Queue]context.CancelFunc{}
		for i := range bound + more {
			q := domain.Queue(fmt.Sprint("q", i))
			ctx, leave := context.WithCancel(context.Background())
			if _, err := s.Join(ctx, ports.Join{Topic: topic, Queue: q, MaxInFlight: 1}); err != nil {
				t.Fatal(err)
			}
			if i%100 == 0 {
				stay[q] = leave
			} else {
				end(q, leave)
			}
		}
		standing := 0
		for _, l := range s.Lanes() {
			if l.Standing {
				standing++
			}
		}
		if all := len(s.Lanes()); standing != len(stay) || all != bound+len(stay) {
			t.Errorf("%d queues are remembered, %d of them stand; want %d beyond the %d that do", all, standing, bound, len(stay))
		}
		for q, leave := range stay {
			end(q, leave)
		}
		if all := len(s.Lanes()); all != bound {
			t.Errorf("%d queues are remembered, want %d", all, bound)
		}
	})
}
