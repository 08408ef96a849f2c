package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

func TestReadyTellsTheMembership(t *testing.T) {
	inBubble(t, 2, nil, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		m := sit(t, s, 7)
		got := m.Ready()
		if len(got.Stream) != 24 || got.Stream[:2] != "s_" {
			t.Errorf("stream %q, want s_ and 22 characters", got.Stream)
		}
		want := domain.Membership{Stream: got.Stream, Topic: topic, Queue: billing, Order: domain.OrderKey, MaxInFlight: 7, Lease: 30 * time.Second, MaxAttempts: 5, Assigned: 2}
		if got != want {
			t.Errorf("ready %+v, want %+v", got, want)
		}
		settler, err := s.Settler(got.Stream)
		if err != nil || settler != m.Member {
			t.Errorf("settler %v, %v", settler, err)
		}
		if _, err := s.Settler("s_stranger"); domain.CodeOf(err) != domain.UnknownStream {
			t.Errorf("a stranger's stream: %v", err)
		}
	})
}

func TestKeysStayAtOneMember(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		first, second := sit(t, s, 2), sit(t, s, 2)
		c.add("a", "a", "a", "b", "a")
		r := first.receipts("a0", "a1")
		second.receipts("b3")
		first.expect("done", first.Done(r[0]), 1)
		second.receipts()
		more := first.receipts("a2")
		first.expect("done", first.Done(r[1], more[0]), 2)
		second.receipts("a4") // nothing of the key is at the first any more
	})
}

func TestWithoutOrderKeysAreShared(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.Order = domain.OrderNone }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		first, second := sit(t, s, 2), sit(t, s, 2)
		c.add("a", "a", "a", "a")
		first.receipts("a0", "a1")
		second.receipts("a2", "a3")
	})
}

func TestThoseWhoAskShareFairly(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		const members, messages = 3, 12
		counts := make(chan int, members)
		for range members {
			m := sit(t, s, 10)
			go func() {
				events, err := m.Next(context.Background(), math.MaxInt)
				for err == nil && len(payloads(events)) == 0 {
					events, err = m.Next(context.Background(), math.MaxInt)
				}
				counts <- len(events)
			}()
		}
		synctest.Wait()
		c.add(slices.Repeat([]string{"-"}, messages)...)
		for range members {
			if n := <-counts; n != messages/members {
				t.Errorf("a member was given %d messages, want %d", n, messages/members)
			}
		}
	})
}

func TestTheOneWithFewestInFlightIsNext(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		busy, free := sit(t, s, 10), sit(t, s, 10)
		c.add("-", "-")
		busy.receipts("-0", "-1")
		got := make(chan string, 2)
		for name, m := range map[string]*seat{"busy": busy, "free": free} {
			go func() {
				for {
					events, err := m.Next(context.Background(), math.MaxInt)
					if err != nil {
						return
					}
					for range payloads(events) {
						got <- name
					}
				}
			}()
		}
		synctest.Wait()
		c.add("-")
		if name := <-got; name != "free" {
			t.Errorf("the message went to the %s member", name)
		}
	})
}

func TestMaxInFlight(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 2)
		c.add("-", "-", "-")
		r := m.receipts("-0", "-1")
		m.receipts()
		m.Done(r[0])
		m.receipts("-2")
		if _, err := s.Join(t.Context(), ports.Join{Topic: topic, Queue: billing}); domain.CodeOf(err) != domain.InvalidRequest {
			t.Errorf("a member that takes nothing: %v", err)
		}
	})
}

func TestTheWindowIsBounded(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.Window = 3 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 100)
		c.add("-", "-", "-", "-", "-")
		r := m.receipts("-0", "-1", "-2")
		m.Done(r[1], r[2])
		m.receipts() // the first is what the window waits for
		m.Done(r[0])
		m.receipts("-3", "-4")
	})
}

func TestTheWindowOfBytesIsBounded(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.WindowBytes = 1 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 100)
		c.add("-")
		c.add("-")
		r := m.receipts("-0")
		m.receipts()
		m.Done(r...)
		m.receipts("-1")
	})
}

func TestHeartbeat(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m, err := s.Join(t.Context(), ports.Join{Topic: topic, Queue: billing, MaxInFlight: 1, Heartbeat: 15 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			begin := time.Now()
			events, err := m.Next(t.Context(), math.MaxInt)
			if len(events) != 0 || err != nil || time.Since(begin) != 15*time.Second {
				t.Fatalf("after %s: %v, %v", time.Since(begin), events, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.Next(ctx, math.MaxInt); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("next of a context that ended: %v", err)
		}
		// Who does not ask is given nothing.
		c.add("-")
		pause(time.Second)
		if events, err := m.Next(t.Context(), math.MaxInt); err != nil || len(events) != 1 || events[0].Attempt != 1 {
			t.Errorf("given %v, %v", events, err)
		}
	})
}

// Who asked for a few was leased all that its max_in_flight allowed.
func TestAMemberIsLeasedNoMoreThanItAskedFor(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		first, second := sit(t, s, 16), sit(t, s, 16)
		b.claims[0].add("-", "-", "-", "-", "-")
		pause(0)
		events, err := first.Next(t.Context(), 2)
		if got := payloads(events); err != nil || !slices.Equal(got, []string{"-0", "-1"}) {
			t.Fatalf("given %v, %v; want two", got, err)
		}
		if events, err = first.Next(t.Context(), 0); err != nil || len(events) != 0 {
			t.Fatalf("given %v, %v; want nothing", events, err)
		}
		second.receipts("-2", "-3", "-4")
	})
}

// A lease that ends before its member comes for it makes room for another of what was asked for.
func TestALeaseThatEndedUnseenMakesRoom(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m := sit(t, s, 2)
		queue.Ask(m.Member)
		b.claims[0].add("-", "-")
		pause(3 * queue.DefaultConfig().Lease)
		events, err := m.Next(t.Context(), 1)
		if err != nil || len(events) != 1 || events[0].Attempt != 1 {
			t.Fatalf("given %v, %v; want one on its first try", events, err)
		}
		given := payloads(events)
		m.expect("done", m.Done(events[0].Receipt), 1)
		if rest := payloads(m.got()); len(rest) != 1 || rest[0] == given[0] {
			t.Errorf("given %v after %v, want the other one", rest, given)
		}
	})
}

// A queue that retention overtook while nobody was in it has its hole in the first haul, which comes before its first member sits.
func TestAGapThatCameBeforeTheFirstMember(t *testing.T) {
	overtaken := domain.Gap{Reason: domain.GapRetention, Lost: 9}
	setUp := func(_ *queue.Config, b *fakeBroker) { b.claims[0].haul(&overtaken, "a") }
	inBubble(t, 1, setUp, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		s.Join(canceled(), ports.Join{Topic: topic, Queue: billing, MaxInFlight: 1}) // it opens the lane and is gone before it sits
		synctest.Wait()
		for _, wanted := range []bool{true, false} {
			events := sit(t, s, 1).got()
			if told := len(events) > 0 && events[0].Gap != nil && *events[0].Gap == overtaken; told != wanted {
				t.Errorf("got %+v; told of the gap: %v, want %v", events, told, wanted)
			}
		}
	})
}

// A gap that came while this node only lingered in the queue was forgotten with the lane.
func TestAGapOutlivesTheLane(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		overtaken := domain.Gap{Reason: domain.GapRetention, Lost: 9}
		sit(t, s, 1).gone()
		b.claims[0].haul(&overtaken)
		pause(time.Minute) // it lingers no more
		for _, wanted := range []bool{true, false} {
			m := sit(t, s, 1)
			events := m.got()
			if told := len(events) > 0 && events[0].Gap != nil && *events[0].Gap == overtaken; told != wanted {
				t.Errorf("got %+v; told of the gap: %v, want %v", events, told, wanted)
			}
			m.gone()
			pause(time.Minute)
		}
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestGapsAreToldToAll(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		members := []*seat{sit(t, s, 1), sit(t, s, 1)}
		c.haul(&domain.Gap{Reason: domain.GapRetention, Partition: 0, Lost: 5})
		c.haul(&domain.Gap{Reason: domain.GapRetention, Partition: 0, Lost: 2}, "-")
		for _, m := range members {
			events := m.got()
			if len(events) == 0 || events[0].Topic != topic || events[0].Gap == nil || *events[0].Gap != (domain.Gap{Reason: domain.GapRetention, Partition: 0, Lost: 7}) {
				t.Errorf("told %+v, want a gap of 7", events)
			}
		}
		c.haul(&domain.Gap{Reason: domain.GapBroker, Partition: 0, Lost: 2})
		c.haul(&domain.Gap{Reason: domain.GapBroker, Partition: 0, Lost: domain.LostUnknown})
		if events := members[1].got(); len(events) != 1 || events[0].Gap.Lost != domain.LostUnknown {
			t.Errorf("told %+v, want a gap of nobody knows how many", events)
		}
	})
}

// A gap came together with the messages behind it, and whoever left because of the gap, as bare payloads must, was counted as having tried them: with max_attempts at 1 they were dead letters
// that nobody had seen.
func TestAGapIsToldBeforeMessagesAreTried(t *testing.T) {
	setUp := func(cfg *queue.Config, b *fakeBroker) {
		cfg.MaxAttempts = 1
		b.claims[0].haul(&domain.Gap{Reason: domain.GapRetention, Lost: 9}, "a", "b")
	}
	inBubble(t, 1, setUp, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		first := sit(t, s, 2)
		if events := first.got(); len(events) != 1 || events[0].Gap == nil {
			t.Errorf("told %+v, want the gap alone", events)
		}
		first.gone()
		second := sit(t, s, 2)
		second.receipts("a0", "b1")
		if letters := b.letters(); len(letters) != 0 {
			t.Errorf("%d dead letters", len(letters))
		}
	})
}

// They grow together while nobody asks, but not over what made them.
func TestGapsOfSeveralReasonsAndPartitions(t *testing.T) {
	inBubble(t, 2, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m := sit(t, s, 1)
		var want []domain.Gap
		for _, gap := range []domain.Gap{
			{Reason: domain.GapRetention, Lost: 1}, {Reason: domain.GapBroker, Lost: 2}, {Reason: domain.GapRetention, Partition: 1, Lost: 3},
		} {
			want = append(want, gap)
			b.claims[gap.Partition].haul(&gap)
			synctest.Wait()
		}
		var got []domain.Gap
		for _, e := range m.got() {
			got = append(got, *e.Gap)
		}
		if !slices.Equal(got, want) {
			t.Errorf("told of %+v, want %+v", got, want)
		}
	})
}

func TestRevokedClaims(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 2)
		c.add("a", "b", "c")
		r := m.receipts("a0", "b1")
		again := newClaim(0)
		again.add("a", "b", "c")
		b.events <- laneNews{event: domain.LaneEvent{Revoked: []domain.Claim{c}}}
		if events := m.got(); len(events) != 1 || events[0].Assigned == nil || *events[0].Assigned != 0 {
			t.Fatalf("told %+v, want that nothing is assigned", events)
		}
		b.events <- laneNews{event: domain.LaneEvent{Assigned: []domain.Claim{again, newClaim(1)}}}
		m.expect("done of what was revoked", m.Done(r...), 0, r...)
		synctest.Wait()
		events := m.got()
		if events[0].Assigned == nil || *events[0].Assigned != 2 || fmt.Sprint(payloads(events)) != "[a0 b1]" {
			t.Errorf("told %+v, want two partitions and their messages", events)
		}
		expectSettled(t, c)
	})
}

func TestWhatWasRevokedIsNotGiven(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m := sit(t, s, 2)
		queue.Ask(m.Member)
		b.claims[0].add("-", "-")
		pause(0)
		b.events <- laneNews{event: domain.LaneEvent{Revoked: []domain.Claim{b.claims[0]}}}
		if events := m.got(); len(events) != 1 || events[0].Assigned == nil {
			t.Errorf("told %+v, want only that nothing is assigned", events)
		}
	})
}
