package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	rabbitmq "culvert/adapters/broker/amqp"
	"culvert/domain"
	queues "culvert/domain/queue"
	"culvert/ports"
	"culvert/tests/brokers"
)

// On RabbitMQ a queue has nothing of what was published before it was made. The one that sends dead letters back is there before the first letter, is told apart by nobody but the queue of
// the letters, and goes with nothing lost, whatever queues are made of and whether the management plugin is there to count.
func TestDeadLettersOfRabbitMQAreSentBack(t *testing.T) {
	t.Parallel()
	server := brokers.RabbitMQ(t)
	for _, kind := range []string{"classic", "quorum"} {
		for counts, management := range map[string]string{"counted": server.Management, "not counted": ""} {
			t.Run(kind+", "+counts, func(t *testing.T) {
				t.Parallel()
				ctx := deadline(t)
				cfg := rabbitmq.DefaultConfig()
				cfg.URL, cfg.Management, cfg.QueueType = server.URL, management, kind
				b, err := rabbitmq.New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
				if err != nil {
					t.Fatal(err)
				}
				set := queues.DefaultConfig()
				set.MaxAttempts = 1
				s, err := queues.New(b, set, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					_ = s.Drain(context.WithoutCancel(ctx))
					_ = b.Close(context.WithoutCancel(ctx))
				})
				redriveOnce(ctx, t, s, b, domain.Topic(brokers.Topic(t)))
			})
		}
	}
}

func redriveOnce(ctx context.Context, t *testing.T, s *queues.Service, b ports.Publisher, topic domain.Topic) {
	const workers, others = "workers", "others"
	letters := topic + "." + workers + ".dlq"
	redrive := func(limit, want int64) {
		t.Helper()
		if n, err := s.Redrive(ctx, topic, workers, limit); n != want || err != nil {
			t.Fatalf("%d letters were sent back: %v; want %d", n, err, want)
		}
	}
	stand := func(of domain.Queue) (ports.Member, func()) {
		life, leave := context.WithCancel(ctx)
		t.Cleanup(leave)
		m, err := s.Join(life, ports.Join{Topic: topic, Queue: of, MaxInFlight: 100})
		if err != nil {
			t.Fatal(err)
		}
		return m, leave
	}
	member, leave := stand(workers)
	other, _ := stand(others)
	redrive(0, 0)

	publishTo(ctx, t, b, topic, "0", "1", "2")
	for _, e := range nextOf(ctx, t, member, "0", "1", "2") {
		member.Nack(0, e.Receipt)
	}
	for _, e := range nextOf(ctx, t, other, "0", "1", "2") {
		other.Done(e.Receipt)
	}
	buried := func(n int64) {
		t.Helper()
		brokers.Eventually(t, 30*time.Second, fmt.Sprintf("%d letters are there", n), func() bool {
			state, err := s.Inspect(ctx, letters, "redrive")
			if err != nil {
				t.Fatal(err)
			}
			return state.Lag == n
		})
	}
	buried(3)

	redrive(2, 2)
	again := nextOf(ctx, t, member, "0", "1")
	if n := len(again[0].Message.Headers); n != 1 {
		t.Errorf("what was sent back has %d headers: %v", n, again[0].Message.Headers)
	}
	member.Done(again[1].Receipt)
	member.Nack(0, again[0].Receipt) // and is a letter once more
	buried(2)
	redrive(0, 2)
	for _, e := range nextOf(ctx, t, member, "2", "0") {
		member.Done(e.Receipt)
	}
	redrive(0, 0)
	publishTo(ctx, t, b, topic, "last")
	nextOf(ctx, t, other, "last") // and nothing of what was sent back
	nextOf(ctx, t, member, "last")

	if err := s.Delete(ctx, topic, workers); domain.CodeOf(err) != domain.Conflict {
		t.Errorf("deleting a queue that has a member: %v", err)
	}
	leave()
	brokers.Eventually(t, 30*time.Second, "the member is gone", func() bool {
		state, err := s.Inspect(ctx, topic, workers)
		return err == nil && state.Members == 0
	})
	if err := s.Delete(ctx, topic, workers); err != nil {
		t.Errorf("deleting a queue that its member has left: %v", err)
	}
	if _, err := s.Inspect(ctx, topic, workers); domain.CodeOf(err) != domain.UnknownQueue {
		t.Errorf("a queue that was deleted: %v", err)
	}
}

// nextOf gives the events of these messages, which are the next that a member is given.
func nextOf(ctx context.Context, t *testing.T, m ports.Member, payloads ...string) []domain.Event {
	t.Helper()
	var given []domain.Event
	for len(given) < len(payloads) {
		events, err := m.Next(ctx, len(payloads)-len(given))
		if err != nil {
			t.Fatalf("after %d messages: %v; want %q", len(given), err, payloads)
		}
		for _, e := range events {
			if e.Message == nil {
				continue
			}
			if want := payloads[len(given)]; string(e.Message.Payload) != want {
				t.Fatalf("message %d is %q, want %q of %q", len(given), e.Message.Payload, want, payloads)
			}
			given = append(given, e)
		}
	}
	return given
}

// publishTo returns when the broker has these messages.
func publishTo(ctx context.Context, t *testing.T, b ports.Publisher, topic domain.Topic, payloads ...string) {
	t.Helper()
	batch := make([]*domain.Message, len(payloads))
	for i, p := range payloads {
		batch[i] = &domain.Message{Key: []byte("k"), Payload: []byte(p)}
	}
	outcomes := make(chan error, len(batch))
	b.Publish(ctx, topic, batch, func(_ int, _ domain.Ack, err error) { outcomes <- err })
	for range batch {
		if err := <-outcomes; err != nil {
			t.Fatal(err)
		}
	}
}
