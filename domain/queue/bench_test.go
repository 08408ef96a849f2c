package queue_test

import (
	"context"
	"iter"
	"log/slog"
	"math"
	"testing"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// endless is a claim that never runs dry.
type endless struct {
	*fakeClaim
	messages []*domain.Message
}

func (c *endless) Fetch(ctx context.Context) (domain.Haul, error) {
	return domain.Haul{Messages: c.messages}, ctx.Err()
}

func (c *endless) Settle(...int64) {}

type endlessBroker struct {
	*fakeBroker
	claim domain.Claim
}

func (b *endlessBroker) Join(ctx context.Context, _ domain.Topic, _ domain.Queue, _ domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		yield(domain.LaneEvent{Assigned: []domain.Claim{b.claim}}, nil)
		<-ctx.Done()
	}
}

// BenchmarkGiveAndSettle is the cost of a message that is fetched, given and settled in batches.
func BenchmarkGiveAndSettle(b *testing.B) {
	for _, c := range []struct {
		name string
		keys int
	}{{"keyless", 0}, {"100 keys", 100}, {"unique keys", 500}} {
		b.Run(c.name, func(b *testing.B) {
			claim := &endless{fakeClaim: newClaim(0)}
			for i := range 500 {
				m := &domain.Message{Payload: []byte("payload"), Time: time.Now()}
				if c.keys > 0 {
					m.Key = []byte{byte(i % c.keys), byte(i % c.keys >> 8)}
				}
				claim.messages = append(claim.messages, m)
			}
			s, err := queue.New(&endlessBroker{newBroker(0), claim}, queue.DefaultConfig(), slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			m, err := s.Join(b.Context(), ports.Join{Topic: topic, Queue: billing, MaxInFlight: 256, Heartbeat: 15 * time.Second})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			given := 0
			for b.Loop() {
				if given > 0 {
					given--
					continue
				}
				events, err := m.Next(b.Context(), math.MaxInt)
				if err != nil {
					b.Fatal(err)
				}
				given = m.DoneUpTo(events[len(events)-1].Receipt).Settled - 1
			}
			if err := s.Drain(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
