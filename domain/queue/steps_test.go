package queue_test

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

const (
	topic   domain.Topic = "orders"
	billing domain.Queue = "billing"
)

// inBubble runs a test of a service in fake time, over a broker that assigns so many partitions, and drains the service at its
// end. setUp, where it is not nil, changes what is unusual.
func inBubble(t *testing.T, partitions int, setUp func(*queue.Config, *fakeBroker), test func(t *testing.T, s *queue.Service, b *fakeBroker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg, b := queue.DefaultConfig(), newBroker(partitions)
		if setUp != nil {
			setUp(&cfg, b)
		}
		s, err := queue.New(b, cfg, slog.New(slog.DiscardHandler))
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

// pause lets fake time pass, and everything that it brings happen.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// seat is one member of a test, with the means to leave.
type seat struct {
	ports.Member
	t     testing.TB
	leave context.CancelFunc
}

func sit(t testing.TB, s *queue.Service, maxInFlight int) *seat {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	m, err := s.Join(ctx, ports.Join{Topic: topic, Queue: billing, MaxInFlight: maxInFlight, Heartbeat: time.Millisecond})
	if err != nil {
		leave()
		t.Fatalf("join: %v", err)
	}
	return &seat{m, t, leave}
}

func (s *seat) gone() {
	s.leave()
	synctest.Wait()
}

// got is what the member is given within a heartbeat.
func (s *seat) got() []domain.Event {
	s.t.Helper()
	synctest.Wait()
	events, err := s.Next(context.Background(), math.MaxInt)
	if err != nil {
		s.t.Fatalf("next: %v", err)
	}
	return slices.Clone(events)
}

// receipts is what the member is given, which must be these payloads in this order.
func (s *seat) receipts(want ...string) []string {
	s.t.Helper()
	events := s.got()
	var receipts []string
	if got := payloads(events); !slices.Equal(got, want) {
		s.t.Fatalf("given %v, want %v", got, want)
	}
	for _, e := range events {
		receipts = append(receipts, e.Receipt)
	}
	return receipts
}

func payloads(events []domain.Event) []string {
	var all []string
	for _, e := range events {
		if e.Message != nil {
			all = append(all, string(e.Message.Payload))
		}
	}
	return all
}

func (s *seat) expect(what string, got domain.Settlement, settled int, unknown ...string) {
	s.t.Helper()
	if got.Settled != settled || !slices.Equal(got.Unknown, unknown) {
		s.t.Errorf("%s: %+v, want %d settled and %v unknown", what, got, settled, unknown)
	}
}

func expectSettled(t testing.TB, c *fakeClaim, want ...int64) {
	t.Helper()
	synctest.Wait()
	if got, twice := c.settledOffsets(); !slices.Equal(got, want) || twice {
		t.Errorf("the broker was told that %v are settled (some twice: %v), want %v", got, twice, want)
	}
}
