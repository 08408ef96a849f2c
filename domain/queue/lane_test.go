package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

func join(s *queue.Service, from *domain.Start) (ports.Member, error) {
	return s.Join(context.Background(), ports.Join{Topic: topic, Queue: billing, From: from, MaxInFlight: 1})
}

func TestOneMembershipForAllMembers(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		first, second := sit(t, s, 1), sit(t, s, 1)
		first.gone()
		second.gone()
		pause(4 * time.Second)
		third := sit(t, s, 1) // while the lane lingers
		pause(time.Minute)
		if joins, ended := b.counts(); joins != 1 || ended != 0 {
			t.Errorf("%d memberships of which %d ended, want one that lives", joins, ended)
		}
		third.gone()
		pause(5 * time.Second)
		if joins, ended := b.counts(); joins != 1 || ended != 1 {
			t.Errorf("%d memberships of which %d ended, want one that ended", joins, ended)
		}
		sit(t, s, 1)
		if joins, _ := b.counts(); joins != 2 {
			t.Errorf("%d memberships, want a second one", joins)
		}
	})
}

func TestFromCountsForTheOneWhoOpens(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		earliest := domain.StartEarliest()
		if _, err := join(s, &earliest); err != nil {
			t.Fatal(err)
		}
		if len(b.froms) != 1 || b.froms[0] != &earliest {
			t.Errorf("the broker was asked to begin at %v", b.froms)
		}
		if _, err := join(s, &earliest); domain.CodeOf(err) != domain.Conflict {
			t.Errorf("from on a queue that has begun: %v", err)
		}
		if _, err := join(s, nil); err != nil {
			t.Errorf("without from: %v", err)
		}
	})
}

func TestWhyTheBrokerRefusesIsTold(t *testing.T) {
	for _, code := range []domain.Code{domain.Unavailable, domain.UnknownTopic, domain.Conflict} {
		inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
			b.failJoin = domain.Errorf(code, "no")
			if _, err := join(s, nil); domain.CodeOf(err) != code {
				t.Errorf("join: %v, want %s", err, code)
			}
			b.failJoin = nil
			if _, err := join(s, nil); err != nil {
				t.Errorf("join after a failure: %v", err)
			}
		})
	}
}

// A from that the broker refuses is the fault of who said it, not of those who happened to come at the same time.
func TestAnothersConflictIsNotShared(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		checking := make(chan struct{})
		b.ensure = func(asked domain.Topic) error {
			if asked != topic { // the last thing before the broker is asked
				<-checking
			}
			return nil
		}
		b.failJoin = domain.Errorf(domain.Conflict, "begun")
		earliest := domain.StartEarliest()
		greedy, modest := make(chan error), make(chan error)
		go func() { _, err := join(s, &earliest); greedy <- err }()
		synctest.Wait()
		go func() { _, err := join(s, nil); modest <- err }()
		synctest.Wait()
		b.ensure = func(domain.Topic) error { b.failJoin = nil; return nil }
		close(checking)
		if err := <-greedy; domain.CodeOf(err) != domain.Conflict {
			t.Errorf("who said from: %v", err)
		}
		if err := <-modest; err != nil {
			t.Errorf("who did not: %v", err)
		}
	})
}

func TestAJoinerMayGiveUp(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		never := make(chan struct{})
		b.ensure = func(domain.Topic) error { <-never; return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Join(ctx, ports.Join{Topic: topic, Queue: billing, MaxInFlight: 1})
		if domain.CodeOf(err) != domain.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("join: %v", err)
		}
		close(never)
		pause(5 * time.Second)
		if joins, ended := b.counts(); joins != ended {
			t.Errorf("%d memberships of which %d ended, want none for nobody", joins, ended)
		}
	})
}

func TestMembersAreToldThatTheMembershipEnded(t *testing.T) {
	for name, end := range map[string]func(b *fakeBroker){
		"the sequence": func(b *fakeBroker) { b.events <- laneNews{err: domain.Errorf(domain.Unavailable, "gone")} },
		"a claim":      func(b *fakeBroker) { b.claims[0].breakWith(domain.Errorf(domain.Unavailable, "gone")) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
				m := sit(t, s, 1)
				b.claims[0].add("-")
				r := m.receipts("-0")
				end(b)
				synctest.Wait()
				var bye *domain.Bye
				if _, err := m.Next(t.Context(), math.MaxInt); !errors.As(err, &bye) || bye.Reason != domain.ByeUnavailable || !bye.Reconnect {
					t.Errorf("next: %v, want bye (unavailable)", err)
				}
				m.expect("done", m.Done(r...), 0, r...)
				if _, err := s.Settler(m.Ready().Stream); domain.CodeOf(err) != domain.UnknownStream {
					t.Errorf("the stream: %v", err)
				}
				b.claims = []*fakeClaim{newClaim(0)}
				sit(t, s, 1)
				m.leave()
			})
		})
	}
}

func TestDrainTakesDoneForAGrace(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c, m := b.claims[0], sit(t, s, 2)
		c.add("-", "-", "-")
		r := m.receipts("-0", "-1")
		begin := time.Now()
		drained := make(chan error)
		go func() { drained <- s.Drain(context.Background()) }()
		pause(time.Second)
		m.expect("done while draining", m.Done(r[0]), 1)
		m.receipts()
		if _, err := join(s, nil); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("join while draining: %v", err)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("drained after %s, want the grace of 5s as one message was not settled", took)
		}
		var bye *domain.Bye
		if _, err := m.Next(t.Context(), math.MaxInt); !errors.As(err, &bye) || bye.Reason != domain.ByeShutdown || !bye.Reconnect {
			t.Errorf("next: %v, want bye (shutdown)", err)
		}
		m.expect("done after the end", m.Done(r[1]), 0, r[1])
		expectSettled(t, c, 0)
		if joins, ended := b.counts(); joins != 1 || ended != 1 {
			t.Errorf("%d memberships of which %d ended", joins, ended)
		}
	})
}

func TestDrainEndsWhenNothingIsHeld(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c, m := b.claims[0], sit(t, s, 2)
		c.add("-", "-")
		r := m.receipts("-0", "-1")
		begin := time.Now()
		drained := make(chan error)
		go func() { drained <- s.Drain(context.Background()) }()
		pause(time.Second)
		m.DoneUpTo(r[1])
		if err := <-drained; err != nil || time.Since(begin) != time.Second {
			t.Errorf("drained after %s: %v", time.Since(begin), err)
		}
		expectSettled(t, c, 0, 1)
	})
}

func TestDrainIsBoundedByItsContext(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		stuck := make(chan struct{})
		b.ensure = func(domain.Topic) error { <-stuck; return nil }
		joined := make(chan error)
		go func() { _, err := join(s, nil); joined <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := s.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain: %v", err)
		}
		close(stuck)
		if err := <-joined; domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("the one who waited to join: %v", err)
		}
	})
}

func TestBrokersThatCannotKeepOrder(t *testing.T) {
	for name, cannot := range map[string]func(*queue.Config, *fakeBroker){
		"at all":        func(_ *queue.Config, b *fakeBroker) { b.capabilities = nil },
		"in this queue": func(_ *queue.Config, b *fakeBroker) { b.order = domain.OrderNone },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, cannot, func(t *testing.T, s *queue.Service, b *fakeBroker) {
				m := sit(t, s, 2)
				defer m.gone()
				if m.Ready().Order != domain.OrderNone {
					t.Errorf("order %q is promised", m.Ready().Order)
				}
				b.claims[0].add("a", "a")
				m.receipts("a0", "a1")
			})
			inBubble(t, 1, func(cfg *queue.Config, b *fakeBroker) {
				cannot(cfg, b)
				cfg.Rules = []queue.Rule{{Queue: "bill*", Order: domain.OrderKey}}
			}, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
				if _, err := join(s, nil); domain.CodeOf(err) != domain.Unsupported {
					t.Errorf("an order that the operator asks for: %v", err)
				}
			})
		})
	}
}

func TestRulesAreExceptions(t *testing.T) {
	twice := 2
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) {
		cfg.Rules = []queue.Rule{
			{Topic: "other", Order: domain.OrderNone},
			{Topic: "ord*", Queue: "*ing", Order: domain.OrderNone, Lease: time.Second, MaxAttempts: &twice, DeadLetter: "dead-{queue}"},
			{Lease: time.Minute},
		}
	}, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m := sit(t, s, 1)
		if r := m.Ready(); r.Order != domain.OrderNone || r.Lease != time.Second || r.MaxAttempts != 2 {
			t.Errorf("ready %+v does not follow the rule", r)
		}
		b.claims[0].add("a")
		for range 2 {
			m.Nack(0, m.receipts("a0")...)
		}
		synctest.Wait()
		if got := b.letters(); len(got) != 1 || got[0].topic != "dead-billing" {
			t.Errorf("dead letters %v, want one in dead-billing", got)
		}
	})
}

func TestConfigSaysWhatCannotBe(t *testing.T) {
	negative := -1
	for want, change := range map[string]func(*queue.Config){
		"queue.lease ":                 func(c *queue.Config) { c.Lease = 0 },
		"queue.max_attempts ":          func(c *queue.Config) { c.MaxAttempts = -1 },
		"queue.window ":                func(c *queue.Config) { c.Window = 0 },
		"queue.window_bytes ":          func(c *queue.Config) { c.WindowBytes = 0 },
		"queue.order ":                 func(c *queue.Config) { c.Order = "any" },
		"queue.dead_letter ":           func(c *queue.Config) { c.DeadLetter = "{topic}/dead" },
		"queue.linger ":                func(c *queue.Config) { c.Linger = -1 },
		"queue.drain_grace ":           func(c *queue.Config) { c.DrainGrace = -1 },
		"queue.rules[0].topic ":        func(c *queue.Config) { c.Rules = []queue.Rule{{Topic: "a/b"}} },
		"queue.rules[1].queue ":        func(c *queue.Config) { c.Rules = []queue.Rule{{}, {Queue: "[x]"}} },
		"queue.rules[0].order ":        func(c *queue.Config) { c.Rules = []queue.Rule{{Order: "any"}} },
		"queue.rules[0].dead_letter ":  func(c *queue.Config) { c.Rules = []queue.Rule{{DeadLetter: "{x}"}} },
		"queue.rules[0].lease ":        func(c *queue.Config) { c.Rules = []queue.Rule{{Lease: -1}} },
		"queue.rules[0].max_attempts ": func(c *queue.Config) { c.Rules = []queue.Rule{{MaxAttempts: &negative}} },
	} {
		cfg := queue.DefaultConfig()
		change(&cfg)
		_, err := queue.New(newBroker(0), cfg, slog.New(slog.DiscardHandler))
		if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	cfg := queue.DefaultConfig()
	cfg.Rules = []queue.Rule{{Topic: "*", Queue: "a.*-b_*"}}
	if err := cfg.Validate(); err != nil {
		t.Errorf("the defaults with a rule: %v", err)
	}
}
