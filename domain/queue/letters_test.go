package queue_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

// Names of topics and queues may be written into one in two ways: orders and eu.billing have the dead letters of orders.eu and billing. A redrive of the one passed over the letters of
// the other, which were then gone for the other's redrive.
func TestQueuesWhoseDeadLetterTopicIsTheSameByChance(t *testing.T) {
	for template, queues := range map[string][][2]string{
		"{topic}.{queue}.dlq":     {{"orders", "eu.billing"}, {"orders.eu", "billing"}, {"orders", "eu-billing"}},
		"{queue}-dlq-{topic}":     {{"orders", "billing-dlq-eu"}, {"eu-dlq-orders", "billing"}},
		"{topic}{queue}":          {{"orders", "billing"}, {"ordersb", "illing"}},
		"graves":                  {{"orders", "eu.billing"}, {"orders.eu", "billing"}},
		"graves.{topic}":          {{"orders", "eu.billing"}, {"orders", "billing"}},
		"graves.{queue}":          {{"orders", "billing"}, {"orders.billing", "billing"}},
		"{topic}.{queue}.{topic}": {{"a", "b.a.c.a.b"}, {"a.b.a", "c"}},
	} {
		t.Run(template, func(t *testing.T) {
			onMill(t, 1, func(cfg *queue.Config, _ *mill) { cfg.DeadLetter = template }, func(t *testing.T, s *queue.Service, b *mill) {
				for _, of := range queues {
					dieIn(t, s, b, domain.Topic(of[0]), domain.Queue(of[1]))
				}
				for _, of := range queues {
					if n, err := s.Redrive(t.Context(), domain.Topic(of[0]), domain.Queue(of[1]), 0); n != 1 || err != nil {
						t.Errorf("%s: redriven %d, %v; want its letter", of, n, err)
					}
					synctest.Wait()
				}
			})
		})
	}
}

// dieIn lets a message of a queue become a dead letter.
func dieIn(t *testing.T, s *queue.Service, b *mill, in domain.Topic, of domain.Queue) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	m, err := s.Join(ctx, ports.Join{Topic: in, Queue: of, MaxInFlight: 10})
	if err != nil {
		t.Fatal(err)
	}
	b.take(in, []*domain.Message{{Payload: []byte("m")}}, func(int, domain.Ack, error) {})
	events, err := m.Next(ctx, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("given %v, %v", events, err)
	}
	m.Nack(0, events[0].Receipt)
	synctest.Wait()
}

// picky is a mill that refuses messages with one key, for good.
type picky struct {
	*mill
	key string
}

func (b *picky) Publish(ctx context.Context, to domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	for i, m := range batch {
		if to == topic && string(m.Key) == b.key {
			done(i, domain.Ack{}, domain.Errorf(domain.TooLarge, "no"))
			continue
		}
		b.mill.Publish(ctx, to, []*domain.Message{m}, func(_ int, ack domain.Ack, err error) { done(i, ack, err) })
	}
}

// A letter that the broker refuses for good was in the way of all that came behind it: a redrive ended at it, and one with a limit of 1 never came any further.
func TestALetterThatIsRefusedForGoodIsInNobodysWay(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		var keys []string
		for i := range 250 {
			keys = append(keys, fmt.Sprintf("%03d", i))
		}
		die(t, s, b, keys...)
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		other := serve(t, &picky{b, keys[0]}, cfg)
		defer stop(t, other)
		redrive(t, other, 1, 1)
		n, err := other.Redrive(t.Context(), topic, billing, 0)
		if n != 248 || domain.CodeOf(err) != domain.TooLarge {
			t.Errorf("redriven %d, %v; want all the others, and why not this one", n, err)
		}
		synctest.Wait()
		expectLeft(t, b, 250)
		redrive(t, s, 0, 1)
		expectLeft(t, b, 0)
		expectGiven(t, s, keys...)
	})
}

// With more of them than are kept aside the redrive ends early, rather than to go over all letters in vain.
func TestManyLettersThatAreRefusedForGood(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		refused := make([]string, 1100) // of which there are more than are kept aside
		for i := range refused {
			refused[i] = "a"
		}
		die(t, s, b, append([]string{"b"}, refused...)...)
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		other := serve(t, &picky{b, "a"}, cfg)
		defer stop(t, other)
		n, err := other.Redrive(t.Context(), topic, billing, 0)
		if n != 1 || domain.CodeOf(err) != domain.TooLarge {
			t.Errorf("redriven %d, %v; want the one that can be sent", n, err)
		}
	})
}

// hanging is a mill that confirms nothing of the topic of the tests for a minute.
type hanging struct{ *mill }

func (b hanging) Publish(ctx context.Context, to domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	if to == topic {
		time.AfterFunc(time.Minute, func() { b.mill.Publish(ctx, to, batch, done) })
		return
	}
	b.mill.Publish(ctx, to, batch, done)
}

// Leases of letters ended as those of messages do, while the broker took its time to confirm: then they were sent once more.
func TestLettersAreNotSentTwiceWhileTheBrokerTakesItsTime(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b")
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		other := serve(t, hanging{b}, cfg)
		defer stop(t, other)
		sum := make(chan int64)
		for range 2 {
			go func() {
				n, err := other.Redrive(context.Background(), topic, billing, 0)
				if err != nil {
					t.Error(err)
				}
				sum <- n
			}()
		}
		if n := <-sum + <-sum; n != 2 {
			t.Errorf("the two letters were sent %d times", n)
		}
		synctest.Wait()
		expectLeft(t, b, 0)
		if n := len(b.log(topic)); n != 4 {
			t.Errorf("there are %d messages, want the two and what was sent back of them", n)
		}
	})
}

// failing is a mill that tells no more of queues than so many times.
type failing struct {
	*mill
	tells int
}

func (b *failing) Progress(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	if b.tells--; b.tells < 0 {
		return domain.Progress{}, domain.Errorf(domain.Unavailable, "the broker is away")
	}
	return b.mill.Progress(ctx, topic, queue)
}

// A broker that went away in the midst of a redrive gives no letters. That was taken for their end.
func TestABrokerThatIsAwayIsToldApartFromTheEnd(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		redrive(t, s, 1, 1)
		b.queues[millQueueName{dlq, "redrive"}].settled[0][1] = 1 // one that is not given
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		other := serve(t, &failing{b, 2}, cfg)
		defer stop(t, other)
		if n, err := other.Redrive(t.Context(), topic, billing, 0); n != 1 || domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("redriven %d, %v; want one, and that there may be more", n, err)
		}
	})
}
