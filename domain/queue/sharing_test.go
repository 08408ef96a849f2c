package queue_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain/queue"
	"culvert/ports"
)

// asker is a member as the model of sharing sees it.
type asker struct {
	ports.Member
	max, held, got int
}

// next is who is given the next message: of those with room the one that holds least, or has asked longest.
func next(asked []*asker) *asker {
	var best *asker
	for _, a := range asked {
		if a.held < a.max && (best == nil || a.held < best.held) {
			best = a
		}
	}
	return best
}

func TestMessagesAreSharedAmongThoseWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) {
			b := newBroker(1)
			s, err := queue.New(b, queue.DefaultConfig(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, leave := context.WithCancel(context.Background())
			defer func() {
				leave()
				if err := s.Drain(context.Background()); err != nil {
					t.Errorf("drain: %v", err)
				}
			}()
			var all []*asker
			for range rapid.IntRange(1, 5).Draw(t, "members") {
				a := &asker{max: rapid.IntRange(1, 6).Draw(t, "max_in_flight")}
				a.Member, err = s.Join(ctx, ports.Join{Topic: topic, Queue: billing, MaxInFlight: a.max, Heartbeat: time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				a.held = rapid.IntRange(0, a.max).Draw(t, "held")
				a.hold(t, b.claims[0])
				all = append(all, a)
			}
			asked := rapid.Permutation(all).Draw(t, "in the order in which they ask")
			asked = asked[:rapid.IntRange(1, len(asked)).Draw(t, "asking")]
			for _, a := range asked {
				queue.Ask(a.Member)
			}
			more := rapid.IntRange(1, 20).Draw(t, "messages")
			b.claims[0].add(slices.Repeat([]string{"-"}, more)...)
			synctest.Wait()
			for range more {
				if a := next(asked); a != nil {
					a.held++
					a.got++
				}
			}
			for _, a := range all {
				if got := a.untold(t); slices.Contains(asked, a) && got != a.got {
					t.Fatalf("one of %d that holds %d of %d was given %d, want %d", len(asked), a.held, a.max, got, a.got)
				}
			}
		})
	})
}

// hold lets a member alone take as many messages as it holds from the beginning.
func (a *asker) hold(t *rapid.T, c *fakeClaim) {
	if a.held == 0 {
		return
	}
	c.add(slices.Repeat([]string{"-"}, a.held)...)
	synctest.Wait()
	if events, err := a.Next(context.Background(), a.held); err != nil || len(events) != a.held {
		t.Fatalf("given %d, %v; want %d", len(events), err, a.held)
	}
}

// untold is how many messages a member was given while it asked.
func (a *asker) untold(t *rapid.T) int {
	queue.Stand(a.Member)
	events, err := a.Next(context.Background(), a.max)
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}
