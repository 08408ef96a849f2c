package queue_test

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// behind is a queue of which 17 messages are left in one partition.
func behind(context.Context) (domain.Progress, error) {
	at := []domain.Committed{{Extent: domain.Extent{Partition: 0, End: 42}, Place: 25}}
	return domain.Progress{Lag: domain.LagOf(at), Epoch: 7, Partitions: at}, nil
}

// refusing is a broker's answer with this code.
func refusing(code domain.Code) func(context.Context) (domain.Progress, error) {
	return func(context.Context) (domain.Progress, error) { return domain.Progress{}, domain.Errorf(code, "no") }
}

func expectState(t *testing.T, s *queue.Service, change func(want *ports.QueueState)) {
	t.Helper()
	want := ports.QueueState{
		Order: domain.OrderKey, Lag: 17, Partitions: []domain.Committed{{Extent: domain.Extent{End: 42}, Place: 25}},
		Lease: 30 * time.Second, MaxAttempts: 5, DeadLetter: dlq, Oldest: -1,
	}
	change(&want)
	if got, err := s.Inspect(t.Context(), topic, billing); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("state %+v, %v; want %+v", got, err, want)
	}
}

func TestInspectIsWhatTheBrokerTellsAndWhatIsHere(t *testing.T) {
	inBubble(t, 1, func(_ *queue.Config, b *fakeBroker) { b.progress = behind }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		expectState(t, s, func(*ports.QueueState) {})
		first, second := sit(t, s, 2), sit(t, s, 2)
		expectState(t, s, func(want *ports.QueueState) { want.Members, want.Oldest = 2, 0 })
		b.claims[0].add("-", "-", "-")
		r := first.receipts("-0", "-1")
		second.receipts("-2")
		pause(time.Millisecond)
		expectState(t, s, func(want *ports.QueueState) { want.Members, want.InFlight = 2, 3; want.Oldest = time.Millisecond })
		first.Done(r...)
		second.gone()
		expectState(t, s, func(want *ports.QueueState) { want.Members = 1; want.Oldest = time.Millisecond })
		first.gone() // and the lane lingers
		expectState(t, s, func(want *ports.QueueState) { want.Oldest = time.Millisecond })
		pause(time.Minute)
		expectState(t, s, func(*ports.QueueState) {})
	})
}

// What this node holds is told although the broker does not answer; what the broker forbids is not.
func TestInspectWithoutTheBroker(t *testing.T) {
	for code, hidden := range map[domain.Code]bool{
		domain.Unavailable: false, domain.Timeout: false, domain.Unsupported: false,
		domain.UnknownQueue: true, domain.UnknownTopic: true, domain.NotAllowed: true, domain.Internal: true,
	} {
		inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
			b.progress = refusing(code)
			if _, err := s.Inspect(t.Context(), topic, billing); domain.CodeOf(err) != code {
				t.Errorf("%s: without a lane: %v", code, err)
			}
			sit(t, s, 1)
			if hidden {
				if _, err := s.Inspect(t.Context(), topic, billing); domain.CodeOf(err) != code {
					t.Errorf("%s: with a lane: %v", code, err)
				}
				return
			}
			expectState(t, s, func(want *ports.QueueState) {
				want.Members, want.Lag, want.Partitions, want.Oldest = 1, domain.LagUnknown, nil, 0
			})
		})
	}
}

// bare is a broker with nothing but what queues need.
type bare struct{ queue.Broker }

func TestABrokerThatTellsAndMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		b.capabilities = append(b.capabilities, domain.Peek, domain.Reset)
		s := serve(t, bare{b}, queue.DefaultConfig())
		defer stop(t, s)
		for what, do := range map[string]func() error{
			"inspect": func() error { _, err := s.Inspect(t.Context(), topic, billing); return err },
			"peek":    func() error { _, err := s.Peek(t.Context(), topic, billing); return err },
			"reset":   func() error { _, err := s.Reset(t.Context(), topic, billing, domain.StartEarliest()); return err },
			"delete":  func() error { return s.Delete(t.Context(), topic, billing) },
			"redrive": func() error { _, err := s.Redrive(t.Context(), topic, billing, 0); return err },
		} {
			if err := do(); domain.CodeOf(err) != domain.Unsupported {
				t.Errorf("%s: %v, want unsupported", what, err)
			}
		}
		sit(t, s, 1)
		expectState(t, s, func(want *ports.QueueState) {
			want.Members, want.Lag, want.Partitions, want.Oldest = 1, domain.LagUnknown, nil, 0
		})
	})
}

func TestInspectDoesNotWaitForABrokerThatHangs(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.progress = func(ctx context.Context) (domain.Progress, error) {
			<-ctx.Done()
			return domain.Progress{}, domain.Errorf(domain.Unavailable, "away").Because(ctx.Err())
		}
		begun := time.Now()
		if _, err := s.Inspect(t.Context(), topic, billing); domain.CodeOf(err) != domain.Unavailable || time.Since(begun) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// A queue that is only about to be joined is not this node's yet.
func TestInspectOfALaneThatDoesNotStand(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.progress = refusing(domain.Unavailable)
		opening := make(chan struct{})
		b.ensure = func(domain.Topic) error { <-opening; return nil }
		joined := make(chan error)
		go func() { _, err := join(s, nil); joined <- err }()
		synctest.Wait()
		if _, err := s.Inspect(t.Context(), topic, billing); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("inspected: %v", err)
		}
		close(opening)
		if err := <-joined; err != nil {
			t.Error(err)
		}
	})
}

func TestInspectTellsTheOrderThatIsKept(t *testing.T) {
	for name, loosened := range map[string]func(*queue.Config, *fakeBroker){
		"the broker keeps none": func(_ *queue.Config, b *fakeBroker) { b.capabilities = nil },
		"none is asked for":     func(cfg *queue.Config, _ *fakeBroker) { cfg.Order = domain.OrderNone },
		"the queue, as it lies in the broker, keeps none": func(_ *queue.Config, b *fakeBroker) {
			b.progress = func(ctx context.Context) (domain.Progress, error) {
				p, err := behind(ctx)
				p.Order = domain.OrderNone
				return p, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(cfg *queue.Config, b *fakeBroker) { b.progress = behind; loosened(cfg, b) }, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
				expectState(t, s, func(want *ports.QueueState) { want.Order = domain.OrderNone })
			})
		})
	}
	inBubble(t, 1, func(_ *queue.Config, b *fakeBroker) { b.progress, b.order = behind, domain.OrderNone }, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		sit(t, s, 1)
		expectState(t, s, func(want *ports.QueueState) { want.Order, want.Members, want.Oldest = domain.OrderNone, 1, 0 })
	})
}

func TestInspectTellsWhatIsSetForTheQueue(t *testing.T) {
	none := 0
	inBubble(t, 1, func(cfg *queue.Config, b *fakeBroker) {
		b.progress = behind
		cfg.Rules = []queue.Rule{{Queue: "bill*", Lease: time.Second, MaxAttempts: &none}}
	}, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		expectState(t, s, func(want *ports.QueueState) { want.Lease, want.MaxAttempts, want.DeadLetter = time.Second, 0, "" })
	})
}

func TestHowOldTheOldestIs(t *testing.T) {
	for name, test := range map[string]struct {
		ages []time.Duration // of the first messages of the partitions when they come; 0: they have no time
		want time.Duration   // a second later
	}{
		"by when it came":              {[]time.Duration{0}, time.Second},
		"by its own time":              {[]time.Duration{time.Hour}, time.Hour + time.Second},
		"of a clock that is ahead":     {[]time.Duration{-time.Hour}, 0},
		"of several partitions":        {[]time.Duration{time.Minute, time.Hour, 0}, time.Hour + time.Second},
		"of one ahead and one without": {[]time.Duration{-time.Hour, 0}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(_ *queue.Config, b *fakeBroker) { b.progress = behind }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
				sit(t, s, 1)
				synctest.Wait()
				for i, age := range test.ages {
					m := &domain.Message{Position: domain.Position{Partition: int32(i)}}
					if age != 0 {
						m.Time = time.Now().Add(-age)
					}
					b.claims[i].put(m)
				}
				pause(time.Second)
				expectState(t, s, func(want *ports.QueueState) { want.Members, want.Oldest = 1, test.want })
			})
		})
	}
}

// The oldest is the first that is not settled, be it at a member, waiting for its time, or dying.
func TestTheOldestIsNotSettled(t *testing.T) {
	inBubble(t, 1, func(_ *queue.Config, b *fakeBroker) { b.progress = behind }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		m := sit(t, s, 3)
		b.claims[0].add("-")
		pause(time.Second)
		b.claims[0].add("-", "-")
		pause(time.Second)
		r := m.receipts("-0", "-1", "-2")
		m.Done(r[1])
		expectState(t, s, func(want *ports.QueueState) { want.Members, want.InFlight, want.Oldest = 1, 2, 2*time.Second })
		m.Nack(time.Hour, r[2])
		m.Done(r[0])
		expectState(t, s, func(want *ports.QueueState) { want.Members, want.InFlight, want.Oldest = 1, 0, time.Second })
	})
}

func TestPeekIsWhereTheQueueGoesOn(t *testing.T) {
	inBubble(t, 1, func(_ *queue.Config, b *fakeBroker) { b.capabilities = append(b.capabilities, domain.Peek) }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.progress = func(context.Context) (domain.Progress, error) {
			return domain.Progress{Epoch: 7, Partitions: []domain.Committed{
				{Extent: domain.Extent{Partition: 0, First: 3, End: 42}, Place: 25},
				{Extent: domain.Extent{Partition: 1, First: 9, End: 42}, Place: 5}, // overtaken: the view tells the gap
				{Extent: domain.Extent{Partition: 2, First: 9, End: 42}, Place: domain.NoPlace},
			}}, nil
		}
		want := domain.StartVector(domain.NewVector(7, domain.Place{Partition: 0, Next: 25}, domain.Place{Partition: 1, Next: 5}, domain.Place{Partition: 2, Next: 9}))
		if got, err := s.Peek(t.Context(), topic, billing); err != nil || !got.Equal(want) {
			t.Errorf("peek from %+v, %v; want %+v", got, err, want)
		}
		for _, code := range []domain.Code{domain.UnknownQueue, domain.UnknownTopic, domain.Unavailable, domain.NotAllowed} {
			b.progress = refusing(code)
			sit(t, s, 1) // which makes no difference
			if _, err := s.Peek(t.Context(), topic, billing); domain.CodeOf(err) != code {
				t.Errorf("peek: %v, want %s", err, code)
			}
		}
	})
}

// Whether a topic has queues that can be peeked into is not told to those who may not use it.
func TestWhatIsNotSupportedIsNotToldOfWhatIsForbidden(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.progress = behind
		b.move = func(context.Context, domain.Start) ([]domain.Committed, error) { return nil, nil }
		refusals := map[string]func() error{
			"peek":          func() error { _, err := s.Peek(t.Context(), topic, billing); return err },
			"reset":         func() error { _, err := s.Reset(t.Context(), topic, billing, domain.StartEarliest()); return err },
			"reset to time": func() error { _, err := s.Reset(t.Context(), topic, billing, domain.StartTime(time.Now())); return err },
		}
		for describe, want := range map[error]domain.Code{
			nil:                                      domain.Unsupported,
			domain.Errorf(domain.NotAllowed, "no"):   domain.NotAllowed,
			domain.Errorf(domain.Unavailable, "no"):  domain.Unsupported,
			domain.Errorf(domain.UnknownTopic, "no"): domain.Unsupported,
		} {
			b.describeErr = describe
			b.capabilities = nil
			for what, do := range refusals {
				if err := do(); domain.CodeOf(err) != want {
					t.Errorf("%s: %v, want %s", what, err, want)
				}
			}
			b.capabilities = domain.Capabilities{domain.Reset}
			if err := refusals["reset to time"](); domain.CodeOf(err) != want {
				t.Errorf("reset to a time: %v, want %s", err, want)
			}
		}
	})
}
