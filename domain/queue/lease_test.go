package queue_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
)

func TestDoneSettlesAtTheBroker(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 10)
		c.add("a", "b", "-", "a", "-")
		r := m.receipts("a0", "b1", "-2", "a3", "-4")
		m.expect("done", m.Done(r[1], r[3]), 2)
		m.expect("done again, and a stranger's", m.Done(r[1], "stranger", r[2]), 1, r[1], "stranger")
		expectSettled(t, c, 1, 2, 3)
		m.expect("up to the last", m.DoneUpTo(r[3]), 1, r[3])
		expectSettled(t, c, 0, 1, 2, 3)
		m.expect("up to one that is live", m.DoneUpTo(r[4]), 1)
		expectSettled(t, c, 0, 1, 2, 3, 4)
		m.expect("up to a stranger's", m.DoneUpTo("stranger"), 0, "stranger")
	})
}

func TestReceiptsOfOneMemberAreUnknownToAnother(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m, other := sit(t, s, 10), sit(t, s, 10)
		c.add("-")
		r := m.receipts("-0")
		other.expect("done", other.Done(r[0]), 0, r[0])
		other.expect("up to", other.DoneUpTo(r[0]), 0, r[0])
		m.expect("done", m.Done(r[0]), 1)
	})
}

func TestALeaseEnds(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 10)
		c.add("a", "b")
		r := m.receipts("a0", "b1")
		pause(20 * time.Second)
		m.expect("touch", m.Touch(r[1]), 0)
		pause(10 * time.Second)
		events := m.got()
		if len(events) != 1 || string(events[0].Message.Payload) != "a0" || events[0].Attempt != 2 || events[0].Receipt == r[0] {
			t.Fatalf("given %+v, want the second try of a0", events)
		}
		m.expect("done with the old receipt", m.Done(r[0]), 0, r[0])
		m.expect("done with the touched one", m.Done(r[1]), 1)
		m.expect("done with the new one", m.Done(events[0].Receipt), 1)
		expectSettled(t, c, 0, 1)
	})
}

// A member that hung with two messages of a key was given the first again while it had the second, and then the second: it let both die while another member had nothing to do.
func TestWhatAHangingMemberHoldsGoesToAnother(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		hangs := sit(t, s, 2)
		queue.Ask(hangs.Member)
		c.add("a")
		pause(time.Second)
		c.add("a")
		hangs.receipts("a0", "a1")
		works := sit(t, s, 2)
		queue.Ask(hangs.Member) // before the other one does, as it asks whenever it can
		queue.Ask(works.Member)
		pause(29 * time.Second)
		works.receipts() // not while the hanging one holds the second
		queue.Ask(works.Member)
		pause(time.Second)
		r := works.receipts("a0", "a1")
		hangs.receipts()
		works.expect("done", works.Done(r...), 2)
		expectSettled(t, c, 0, 1)
	})
}

// Who seems to hang comes behind all others until it says something of a lease, and is given what nobody else takes.
func TestAHangingMemberIsAskedLast(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		hangs := sit(t, s, 2)
		c.add("-")
		r := hangs.receipts("-0")
		queue.Ask(hangs.Member)
		works := sit(t, s, 1)
		queue.Ask(works.Member)
		pause(30 * time.Second)
		works.receipts("-0")
		queue.Ask(works.Member) // which has no room
		c.add("-")
		r = append(r, hangs.receipts("-1")...)
		hangs.expect("done too late", hangs.Done(r[0]), 0, r[0])
		queue.Ask(hangs.Member)
		works.expect("up to", works.DoneUpTo(""), 0, "")
		hangs.expect("touch", hangs.Touch(r[1]), 0)
		idle := sit(t, s, 2)
		queue.Ask(idle.Member)
		c.add("-", "-")
		idle.receipts("-2")
		hangs.receipts("-3")
	})
}

// Some brokers take everything back from a node where one message is unsettled for too long.
func TestTouchesDoNotHoldForEver(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxHold = time.Minute }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.claims[0].add("a")
		m := sit(t, s, 1)
		r := m.receipts("a0")
		for range 2 {
			pause(25 * time.Second)
			m.expect("touch", m.Touch(r[0]), 0)
		}
		pause(9 * time.Second)
		m.receipts()
		pause(time.Second)
		m.expect("done", m.Done(r[0]), 0, r[0])
		m.receipts("a0")
	})
}

func TestNackWithDelay(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 3)
		c.add("a", "b", "-", "a", "b", "-")
		r := m.receipts("a0", "b1", "-2")
		m.expect("nack", m.Nack(time.Second, r[0], r[2]), 0)
		// The key waits with its message, the others go on.
		next := m.receipts("b4", "-5")
		m.expect("done", m.Done(append(next, r[1])...), 3)
		m.receipts()
		pause(time.Second)
		m.expect("done", m.Done(m.receipts("a0", "-2", "a3")...), 3)
		expectSettled(t, c, 0, 1, 2, 3, 4, 5)
	})
}

func TestNackGivesAgainAtOnce(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m, other := sit(t, s, 2), sit(t, s, 2)
		c.add("a", "a", "a")
		r := m.receipts("a0", "a1")
		m.expect("nack", m.Nack(0, r[0]), 0)
		other.receipts() // a1 is at the first member, and so is the key
		again := m.receipts("a0")
		m.expect("done", m.Done(r[1]), 1)
		m.expect("done", m.Done(again[0]), 1)
		other.receipts("a2")
	})
}

func TestALeavingMemberHandsBackInOrder(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m, other := sit(t, s, 10), sit(t, s, 10)
		c.add("a", "a", "-", "a")
		r := m.receipts("a0", "a1", "-2", "a3")
		m.expect("done", m.Done(r[1]), 1)
		m.gone()
		events := other.got()
		if got := payloads(events); len(got) != 3 || got[0] != "a0" || got[1] != "-2" || got[2] != "a3" {
			t.Fatalf("given %v, want [a0 -2 a3]", got)
		}
		for _, e := range events {
			if e.Attempt != 2 {
				t.Errorf("attempt %d of %s, want 2", e.Attempt, e.Message.Payload)
			}
		}
		m.expect("done after the end", m.Done(r[0]), 0, r[0])
		if _, err := m.Next(context.Background(), math.MaxInt); !errors.Is(err, context.Canceled) {
			t.Errorf("next after the end: %v", err)
		}
		if _, err := s.Settler(m.Ready().Stream); domain.CodeOf(err) != domain.UnknownStream {
			t.Errorf("the stream of a member that left: %v", err)
		}
	})
}

func TestATryThatNobodySawDoesNotCount(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m, other := sit(t, s, 10), sit(t, s, 10)
		queue.Ask(m.Member)
		b.claims[0].add("a")
		pause(0)
		other.receipts()
		m.gone()
		if events := other.got(); len(events) != 1 || events[0].Attempt != 1 {
			t.Errorf("given %+v, want a first try", events)
		}
	})
}

func TestAReceiptThatWasNotToldIsUnknown(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c, m := b.claims[0], sit(t, s, 10)
		c.add("-")
		r := m.receipts("-0")
		queue.Ask(m.Member)
		c.add("-")
		pause(0)
		guess := r[0][:len(r[0])-1] + "2"
		m.expect("done with a guess", m.Done(guess), 0, guess)
		m.expect("up to a guess", m.DoneUpTo(guess), 0, guess)
		if next := m.receipts("-1"); next[0] != guess {
			t.Errorf("receipt %q, the guess was %q", next[0], guess)
		}
	})
}
