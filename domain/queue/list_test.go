package queue_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// listOver runs a test of a service over a broker that tells these queues.
func listOver(t *testing.T, queues func(ctx context.Context) ([]domain.QueueInfo, error), test func(t *testing.T, s *queue.Service, b *fakeBroker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		b.capabilities = append(b.capabilities, domain.Lag, domain.Catalogue)
		s, err := queue.New(&listing{b, queues}, queue.DefaultConfig(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Drain(context.Background()); err != nil {
				t.Errorf("drain: %v", err)
			}
		}()
		test(t, s, b)
	})
}

func expectList(t *testing.T, s *queue.Service, wantComplete bool, want ...ports.QueueEntry) {
	t.Helper()
	got, complete, err := s.List(t.Context(), topic)
	if err != nil || complete != wantComplete || !slices.Equal(got, want) {
		t.Errorf("listed %+v, complete %t, %v; want %+v, complete %t", got, complete, err, want, wantComplete)
	}
}

func expectNoList(t *testing.T, s *queue.Service, asked domain.Topic, want domain.Code) {
	t.Helper()
	if got, _, err := s.List(t.Context(), asked); err == nil || domain.CodeOf(err) != want {
		t.Errorf("listed %+v, %v; want %s", got, err, want)
	}
}

func TestListIsWhatTheBrokerTellsAndWhatIsHere(t *testing.T) {
	told := []domain.QueueInfo{{Queue: "mail", Lag: 7}, {Queue: billing, Lag: 17}, {Queue: "audit", Lag: domain.LagUnknown}}
	listOver(t, func(context.Context) ([]domain.QueueInfo, error) { return told, nil }, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		audit, mail := ports.QueueEntry{Queue: "audit", Lag: domain.LagUnknown}, ports.QueueEntry{Queue: "mail", Lag: 7}
		expectList(t, s, true, audit, ports.QueueEntry{Queue: billing, Lag: 17}, mail)
		first, second := sit(t, s, 1), sit(t, s, 1)
		expectList(t, s, true, audit, ports.QueueEntry{Queue: billing, Members: 2, Lag: 17}, mail)
		first.gone()
		expectList(t, s, true, audit, ports.QueueEntry{Queue: billing, Members: 1, Lag: 17}, mail)
		told = told[:1] // the broker does not tell yet, or not any more, of what this node is in
		expectList(t, s, true, ports.QueueEntry{Queue: billing, Members: 1, Lag: domain.LagUnknown}, mail)
		second.gone() // and the lane lingers
		expectList(t, s, true, ports.QueueEntry{Queue: billing, Lag: domain.LagUnknown}, mail)
		pause(time.Minute)
		expectList(t, s, true, mail)
		expectNoList(t, s, "others", domain.UnknownTopic)
	})
}

func TestListWithoutCatalogueIsWhatIsHere(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		expectList(t, s, false)
		b.describeErr = domain.Errorf(domain.UnknownTopic, "no")
		expectNoList(t, s, topic, domain.UnknownTopic)
		b.describeErr = domain.Errorf(domain.Unavailable, "away")
		expectNoList(t, s, topic, domain.Unavailable)
		m := sit(t, s, 1)
		expectList(t, s, false, ports.QueueEntry{Queue: billing, Members: 1, Lag: domain.LagUnknown})
		if got, _, err := s.List(t.Context(), "others"); err == nil {
			t.Errorf("a member of another topic's queue is listed: %+v", got)
		}
		m.gone()
	})
}

// A broker that may list or not, as its configuration has it, says so by refusing.
func TestListWhereTheCatalogueIsNotSupported(t *testing.T) {
	refuse := func(context.Context) ([]domain.QueueInfo, error) { return nil, domain.Errorf(domain.Unsupported, "no") }
	listOver(t, refuse, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		expectList(t, s, false)
		sit(t, s, 1)
		expectList(t, s, false, ports.QueueEntry{Queue: billing, Members: 1, Lag: domain.LagUnknown})
	})
}

// A broker can tell the queues that are used through it, though it has others of which it does not know.
func TestListOfABrokerThatDoesNotKnowAll(t *testing.T) {
	listOver(t, func(context.Context) ([]domain.QueueInfo, error) {
		return []domain.QueueInfo{{Queue: billing, Lag: 3}}, nil
	},
		func(t *testing.T, s *queue.Service, b *fakeBroker) {
			b.capabilities = domain.Capabilities{domain.Lag}
			expectList(t, s, false, ports.QueueEntry{Queue: billing, Lag: 3})
		})
}

func TestListWithTheBrokerAway(t *testing.T) {
	hang := func(ctx context.Context) ([]domain.QueueInfo, error) {
		<-ctx.Done()
		return nil, domain.Errorf(domain.Unavailable, "away").Because(ctx.Err())
	}
	listOver(t, hang, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		begun := time.Now()
		expectNoList(t, s, topic, domain.Unavailable)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		sit(t, s, 1)
		expectList(t, s, false, ports.QueueEntry{Queue: billing, Members: 1, Lag: domain.LagUnknown})
	})
}

// What nobody may know is not told because somebody is in the queue still.
func TestListThatTheBrokerRefuses(t *testing.T) {
	refuse := func(context.Context) ([]domain.QueueInfo, error) { return nil, domain.Errorf(domain.NotAllowed, "no") }
	listOver(t, refuse, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		sit(t, s, 1)
		expectNoList(t, s, topic, domain.NotAllowed)
	})
}

// A queue that could not be joined, or is not joined yet, is none.
func TestListHasOnlyQueuesThatStand(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		opening := make(chan struct{})
		b.ensure = func(domain.Topic) error { <-opening; return domain.Errorf(domain.UnknownTopic, "no") }
		refused := make(chan error)
		go func() { _, err := join(s, nil); refused <- err }()
		synctest.Wait()
		expectList(t, s, false)
		close(opening)
		if err := <-refused; err == nil {
			t.Error("the join was not refused")
		}
		expectList(t, s, false)
	})
}

// A part of the broker that was away hid what the others told, unless this node was in a queue.
func TestAPartOfTheBrokerThatIsAwayHidesNothingOfTheOthers(t *testing.T) {
	queues := func(context.Context) ([]domain.QueueInfo, error) {
		return []domain.QueueInfo{{Queue: "told", Lag: 3}}, domain.Errorf(domain.Unavailable, "one of the brokers cannot be reached")
	}
	listOver(t, queues, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		expectList(t, s, false, ports.QueueEntry{Queue: "told", Lag: 3})
	})
}
