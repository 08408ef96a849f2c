package queue_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain/queue"
	"culvert/ports"
)

// Members come, settle most of what they are given, hand some back, forget some, and leave, all at the same time. In the
// end everything was settled once.
func TestMembersAtTheSameTime(t *testing.T) {
	inBubble(t, 3, func(cfg *queue.Config, _ *fakeBroker) { cfg.Window, cfg.MaxAttempts = 50, 0 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		const hauls = 50
		keys := []string{"a", "b", "-", "c", "a", "-", "d", "b"}
		for _, c := range b.claims {
			for range hauls {
				c.add(keys...)
			}
		}
		var members sync.WaitGroup
		stop, cancel := context.WithCancel(t.Context())
		for range 6 {
			members.Go(func() {
				for stop.Err() == nil {
					visit(stop, t, s)
				}
			})
		}
		want := make([]int64, hauls*len(keys))
		for i := range want {
			want[i] = int64(i)
		}
		deadline := time.Now().Add(24 * time.Hour)
		for _, c := range b.claims {
			for got, _ := c.settledOffsets(); len(got) < len(want) && time.Now().Before(deadline); got, _ = c.settledOffsets() {
				pause(time.Second)
			}
		}
		cancel()
		members.Wait()
		for _, c := range b.claims {
			if got, twice := c.settledOffsets(); !slices.Equal(got, want) || twice {
				t.Errorf("%d messages were settled (some twice: %v), want %d", len(got), twice, len(want))
			}
		}
		synctest.Wait()
	})
}

// visit is the life of one member.
func visit(stop context.Context, t *testing.T, s *queue.Service) {
	ctx, leave := context.WithCancel(stop)
	defer leave()
	m, err := s.Join(ctx, ports.Join{Topic: topic, Queue: billing, MaxInFlight: 1 + rand.IntN(20), Heartbeat: time.Second})
	if err != nil {
		if stop.Err() == nil {
			t.Errorf("join: %v", err)
		}
		return
	}
	for range 1 + rand.IntN(20) {
		events, err := m.Next(ctx, math.MaxInt)
		if err != nil {
			if stop.Err() == nil {
				t.Errorf("next: %v", err)
			}
			return
		}
		for _, e := range events {
			switch rand.IntN(20) {
			case 0:
				m.Nack(time.Duration(rand.IntN(2))*time.Second, e.Receipt)
			case 1:
				m.Touch(e.Receipt)
			case 2:
			case 3:
				m.DoneUpTo(e.Receipt)
			default:
				m.Done(e.Receipt)
			}
		}
	}
}
