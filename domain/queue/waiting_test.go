package queue_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// Whoever waits is told at once of what it waits for, whatever made it ready: not with its next heartbeat, nor when something else happens.
func TestWhoWaitsIsToldAtOnce(t *testing.T) {
	type players struct {
		s             *queue.Service
		b             *fakeBroker
		c             *fakeClaim
		waiter, other *seat
	}
	for what, test := range map[string]struct {
		tries int                              // 0: many
		held  []string                         // by the other one, from the beginning
		mine  []string                         // by the waiter
		event func(p players, theirs []string) // after which the waiter is given want
		want  []string
	}{
		"a message": {event: func(p players, _ []string) { p.c.add("-") }, want: []string{"-0"}},
		"a message of its own key": {
			mine: []string{"a"}, event: func(p players, _ []string) { p.c.add("a") }, want: []string{"a1"},
		},
		"another one hands back":         {held: []string{"-"}, event: func(p players, r []string) { p.other.Nack(0, r...) }, want: []string{"-0"}},
		"another one leaves":             {held: []string{"-"}, event: func(p players, _ []string) { p.other.leave() }, want: []string{"-0"}},
		"another one is done with a key": {held: []string{"a", "b"}, event: func(p players, r []string) { p.c.add("b"); synctest.Wait(); p.other.Done(r...) }, want: []string{"b2"}},
		"another one is done up to it":   {held: []string{"a", "b"}, event: func(p players, r []string) { p.c.add("b"); synctest.Wait(); p.other.DoneUpTo(r[1]) }, want: []string{"b2"}},
		"a partition comes": {event: func(p players, _ []string) {
			p.b.events <- laneNews{event: domain.LaneEvent{Assigned: []domain.Claim{newClaim(1)}}}
		}},
		"a partition goes": {event: func(p players, _ []string) {
			p.b.events <- laneNews{event: domain.LaneEvent{Revoked: []domain.Claim{p.c}}}
		}},
		"a gap": {event: func(p players, _ []string) { p.c.haul(&domain.Gap{Reason: domain.GapRetention, Lost: 1}) }},
		"another one's message dies": {
			tries: 1, held: []string{"a"}, event: func(p players, r []string) { p.c.add("a"); synctest.Wait(); p.other.Nack(0, r...) }, want: []string{"a1"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxAttempts = test.tries }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
				p := players{s: s, b: b, c: b.claims[0], other: sit(t, s, 2)}
				p.c.add(test.held...)
				var theirs []string
				for _, e := range p.other.got() {
					theirs = append(theirs, e.Receipt)
				}
				m, err := s.Join(t.Context(), ports.Join{Topic: topic, Queue: billing, MaxInFlight: 2, Heartbeat: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				p.waiter = &seat{m, t, nil}
				if len(test.mine) > 0 {
					p.c.add(test.mine...)
					p.waiter.got()
				}
				begun := time.Now()
				told := make(chan []domain.Event, 1)
				go func() {
					events, err := m.Next(context.Background(), math.MaxInt)
					if err != nil {
						t.Errorf("next: %v", err)
					}
					told <- slices.Clone(events)
				}()
				synctest.Wait()
				test.event(p, theirs)
				events := <-told
				if took := time.Since(begun); took > 10*time.Millisecond || len(events) == 0 || !slices.Equal(payloads(events), test.want) {
					t.Errorf("after %v: told %+v, want %v at once", took, events, test.want)
				}
			})
		})
	}
}

// A key of which there is nothing any more is forgotten, or a queue of many keys would grow for ever; not while one of it is at a member.
func TestKeysAreForgotten(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m, other, c := sit(t, s, 3), sit(t, s, 3), b.claims[0]
		c.add("a", "b")
		r := m.receipts("a0", "b1")
		c.add("a")
		other.receipts()
		m.Done(append(r, m.receipts("a2")...)...)
		if n := queue.Keys(m.Member); n != 0 {
			t.Errorf("%d keys are kept in mind", n)
		}
		c.add("a")
		other.receipts("a3")
	})
}

// A lease that was the next to end, and was touched, hid those that ended before it.
func TestATouchDoesNotHideOtherLeases(t *testing.T) {
	for i := range 3 {
		inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
			m := sit(t, s, 3)
			b.claims[0].add("a", "b", "c")
			r := m.receipts("a0", "b1", "c2")
			pause(20 * time.Second)
			m.Touch(r[i])
			pause(10 * time.Second)
			if again := payloads(m.got()); len(again) != 2 {
				t.Errorf("with lease %d touched, %v are given again, want the two others", i, again)
			}
		})
	}
}

func TestALaneLivesWhileItHasAMember(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		first, second, third := sit(t, s, 1), sit(t, s, 1), sit(t, s, 1)
		earliest := domain.StartEarliest()
		if _, err := join(s, &earliest); domain.CodeOf(err) != domain.Conflict {
			t.Errorf("from on a queue that has begun: %v", err)
		}
		first.gone()
		second.gone()
		pause(time.Minute)
		if joins, ended := b.counts(); joins != 1 || ended != 0 {
			t.Errorf("with one member left: %d memberships of which %d ended", joins, ended)
		}
		third.gone()
		pause(time.Minute)
		if joins, ended := b.counts(); joins != 1 || ended != 1 { // nor does one who was refused keep it
			t.Errorf("with none left: %d memberships of which %d ended", joins, ended)
		}
	})
}

// heavy is a broker's claim that takes its time to settle, until it is told to.
type heavy struct {
	*fakeClaim
	settle chan struct{}
}

func (c *heavy) Settle(offsets ...int64) {
	<-c.settle
	c.fakeClaim.Settle(offsets...)
}

// What was settled before a membership ended is told to the broker while it listens.
func TestAMembershipDoesNotEndBeforeTheBrokerWasTold(t *testing.T) {
	inBubble(t, 0, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m := sit(t, s, 1)
		c := &heavy{newClaim(0), make(chan struct{})}
		b.events <- laneNews{event: domain.LaneEvent{Assigned: []domain.Claim{c}}}
		synctest.Wait()
		c.add("-")
		var r []string
		for r == nil {
			for _, e := range m.got() {
				if e.Message != nil {
					r = append(r, e.Receipt)
				}
			}
		}
		done, drained := make(chan struct{}), make(chan error, 1)
		go func() { m.Done(r...); close(done) }()
		synctest.Wait()
		go func() { drained <- s.Drain(context.Background()) }()
		pause(time.Minute)
		if _, ended := b.counts(); ended != 0 {
			t.Error("the membership has ended")
		}
		close(c.settle)
		<-done
		if err := <-drained; err != nil {
			t.Error(err)
		}
		expectSettled(t, c.fakeClaim, 0)
	})
}
