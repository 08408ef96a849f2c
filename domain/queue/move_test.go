package queue_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
)

// movable is a set-up of a broker that moves and forgets queues while this node is not in them, as brokers do.
func movable(_ *queue.Config, b *fakeBroker) {
	b.capabilities = append(b.capabilities, domain.Reset, domain.ResetTime)
	empty := func() error {
		if joins, ended := b.counts(); joins != ended {
			return domain.Errorf(domain.Conflict, "it has a member")
		}
		return nil
	}
	b.move = func(_ context.Context, to domain.Start) ([]domain.Committed, error) {
		b.moved = append(b.moved, to)
		return []domain.Committed{{Place: 3}}, empty()
	}
	b.forget = func(context.Context) error { b.forgotten++; return empty() }
}

// moves are what is done to a queue that nobody is in.
var moves = map[string]func(ctx context.Context, s *queue.Service) error{
	"reset": func(ctx context.Context, s *queue.Service) error {
		_, err := s.Reset(ctx, topic, billing, domain.StartEarliest())
		return err
	},
	"delete": func(ctx context.Context, s *queue.Service) error { return s.Delete(ctx, topic, billing) },
}

func onMoves(t *testing.T, test func(t *testing.T, s *queue.Service, b *fakeBroker, move func(context.Context, *queue.Service) error)) {
	t.Helper()
	for name, move := range moves {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, movable, func(t *testing.T, s *queue.Service, b *fakeBroker) { test(t, s, b, move) })
		})
	}
}

func TestResetIsTheBrokers(t *testing.T) {
	inBubble(t, 1, movable, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		starts := []domain.Start{domain.StartEarliest(), domain.StartLatest(), domain.StartTime(time.Now()), domain.StartVector(domain.NewVector(7))}
		for _, to := range starts {
			got, err := s.Reset(t.Context(), topic, billing, to)
			if err != nil || !slices.Equal(got, []domain.Committed{{Place: 3}}) {
				t.Errorf("reset: %v, %v", got, err)
			}
		}
		if !slices.EqualFunc(b.moved, starts, domain.Start.Equal) {
			t.Errorf("moved to %v, want %v", b.moved, starts)
		}
		b.capabilities = domain.Capabilities{domain.Reset}
		if _, err := s.Reset(t.Context(), topic, billing, domain.StartTime(time.Now())); domain.CodeOf(err) != domain.Unsupported {
			t.Errorf("to a time, which the broker does not find: %v", err)
		}
		if _, err := s.Reset(t.Context(), topic, billing, domain.StartLatest()); err != nil {
			t.Errorf("to the end: %v", err)
		}
	})
}

func TestWhatTheBrokerSaysOfAMove(t *testing.T) {
	for _, code := range []domain.Code{domain.Conflict, domain.UnknownQueue, domain.InvalidCursor, domain.NotAllowed, domain.Unavailable} {
		inBubble(t, 1, movable, func(t *testing.T, s *queue.Service, b *fakeBroker) {
			b.move = func(context.Context, domain.Start) ([]domain.Committed, error) { return nil, domain.Errorf(code, "no") }
			b.forget = func(context.Context) error { return domain.Errorf(code, "no") }
			for name, move := range moves {
				if err := move(t.Context(), s); domain.CodeOf(err) != code {
					t.Errorf("%s: %v, want %s", name, err, code)
				}
			}
		})
	}
}

func TestAQueueWithMembersIsNotMoved(t *testing.T) {
	onMoves(t, func(t *testing.T, s *queue.Service, b *fakeBroker, move func(context.Context, *queue.Service) error) {
		m := sit(t, s, 1)
		if err := move(t.Context(), s); domain.CodeOf(err) != domain.Conflict {
			t.Errorf("with a member: %v", err)
		}
		b.claims[0].add("-")
		m.receipts("-0") // it was not disturbed
		if len(b.moved)+b.forgotten != 0 {
			t.Error("the broker was asked")
		}
		m.gone()
	})
}

// Of another queue this one is independent.
func TestMembersOfAnotherQueueAreNotInTheWay(t *testing.T) {
	onMoves(t, func(t *testing.T, s *queue.Service, b *fakeBroker, move func(context.Context, *queue.Service) error) {
		b.move = func(context.Context, domain.Start) ([]domain.Committed, error) { return nil, nil }
		b.forget = func(context.Context) error { return nil }
		m := sitIn(t, s, "others")
		defer m.gone()
		if err := move(t.Context(), s); err != nil {
			t.Error(err)
		}
		if joins, ended := b.counts(); joins != 1 || ended != 0 {
			t.Errorf("%d memberships of which %d ended, want that the other queue's lives", joins, ended)
		}
	})
}

func TestAQueueThatIsAboutToHaveAMemberIsNotMoved(t *testing.T) {
	onMoves(t, func(t *testing.T, s *queue.Service, b *fakeBroker, move func(context.Context, *queue.Service) error) {
		opening := make(chan struct{})
		b.ensure = func(domain.Topic) error { <-opening; return nil }
		joined := make(chan error)
		go func() { _, err := join(s, nil); joined <- err }()
		synctest.Wait()
		if err := move(t.Context(), s); domain.CodeOf(err) != domain.Conflict {
			t.Errorf("while somebody waits to be let in: %v", err)
		}
		close(opening)
		if err := <-joined; err != nil {
			t.Errorf("join: %v", err)
		}
	})
}

// This node stays in a queue for a while that its last member has left, and would be in the way of its own reset.
func TestANodeThatLingersLeavesFirst(t *testing.T) {
	onMoves(t, func(t *testing.T, s *queue.Service, b *fakeBroker, move func(context.Context, *queue.Service) error) {
		m := sit(t, s, 1)
		b.claims[0].add("-")
		m.Done(m.receipts("-0")...)
		m.gone()
		begun := time.Now()
		if err := move(t.Context(), s); err != nil || time.Since(begun) != 0 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		expectSettled(t, b.claims[0], 0)
		if joins, ended := b.counts(); joins != 1 || ended != 1 || len(b.moved)+b.forgotten != 1 {
			t.Errorf("%d memberships of which %d ended", joins, ended)
		}
		pause(time.Minute)
		sit(t, s, 1) // the queue goes on with another lane
		if joins, ended := b.counts(); joins != 2 || ended != 1 {
			t.Errorf("%d memberships of which %d ended", joins, ended)
		}
	})
}

// slowly is a broker whose memberships end when leave is closed.
type slowly struct {
	*fakeBroker
	leave chan struct{}
}

func (b *slowly) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		b.fakeBroker.Join(ctx, topic, queue, terms)(yield)
		b.mu.Lock()
		b.ended--
		b.mu.Unlock()
		<-b.leave
		b.mu.Lock()
		b.ended++
		b.mu.Unlock()
	}
}

// Members who come while a queue is left wait until it was, as they would for any lane that ends.
func TestAJoinWhileTheNodeLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, move := range moves {
			b := &slowly{newBroker(1), make(chan struct{})}
			movable(nil, b.fakeBroker)
			s := serve(t, b, queue.DefaultConfig())
			sit(t, s, 1).gone()
			moved, joined := make(chan error, 1), make(chan error, 1)
			go func() { moved <- move(context.Background(), s) }()
			synctest.Wait()
			go func() { _, err := join(s, nil); joined <- err }()
			synctest.Wait()
			if joins, _ := b.counts(); joins != 1 || len(moved)+len(joined) != 0 {
				t.Errorf("%s: %d memberships while the first is being ended", name, joins)
			}
			close(b.leave)
			if err := <-joined; err != nil {
				t.Errorf("%s: join: %v", name, err)
			}
			// Whoever the broker hears first wins; what it says is what is told.
			if err := <-moved; err != nil && domain.CodeOf(err) != domain.Conflict {
				t.Errorf("%s: %v", name, err)
			}
			stop(t, s)
		}
	})
}

func TestANodeThatDoesNotGetOutIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowly{newBroker(1), make(chan struct{})}
		movable(nil, b.fakeBroker)
		s := serve(t, b, queue.DefaultConfig())
		sit(t, s, 1).gone()
		begun := time.Now()
		for name, move := range moves {
			if err := move(t.Context(), s); domain.CodeOf(err) != domain.Unavailable {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("it took %v, want 5s each", took)
		}
		close(b.leave)
		stop(t, s)
	})
}

// A membership that is being ended already is waited for: its members are on their way out.
func TestAMoveWhileTheServerShutsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, move := range moves {
			b := &slowly{newBroker(1), make(chan struct{})}
			movable(nil, b.fakeBroker)
			s := serve(t, b, queue.DefaultConfig())
			sit(t, s, 1)
			moved, drained := make(chan error, 1), make(chan error, 1)
			go func() { drained <- s.Drain(context.Background()) }()
			synctest.Wait()
			go func() { moved <- move(context.Background(), s) }()
			synctest.Wait()
			if len(moved) > 0 {
				t.Errorf("%s: %v, want that it waits", name, <-moved)
			}
			close(b.leave)
			if err := <-moved; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := <-drained; err != nil {
				t.Error(err)
			}
		}
	})
}
