package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

func TestAMessageThatNobodySettlesIsBuried(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxAttempts = 3 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 10)
		when := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
		message := &domain.Message{
			Key: []byte("a"), Headers: []domain.Header{{Name: "h", Value: []byte("v")}, {Name: "h", Value: nil}}, Payload: []byte("poison"),
			Time: when, Position: domain.Position{Partition: 0, Offset: 7},
		}
		c.mu.Lock()
		c.next = 8
		c.hauls = append(c.hauls, domain.Haul{Messages: []*domain.Message{message}})
		c.mu.Unlock()
		c.add("a")
		m.Nack(time.Second, m.receipts("poison", "a8")[0])
		pause(time.Second)
		m.receipts("poison")
		pause(30 * time.Second) // the leases end
		events := m.got()
		if len(events) != 2 || events[0].Attempt != 3 || events[1].Attempt != 2 {
			t.Fatalf("given %+v, want the third try of the first and the second of the other", events)
		}
		m.Nack(0, events[0].Receipt)
		synctest.Wait()
		letters := b.letters()
		if len(letters) != 1 || letters[0].topic != "orders.billing.dlq" {
			t.Fatalf("dead letters %v, want one in orders.billing.dlq", letters)
		}
		got := letters[0].message
		var headers []string
		for _, h := range got.Headers {
			headers = append(headers, h.Name+"="+string(h.Value))
		}
		want := "h=v h= culvert-dead-topic=orders culvert-dead-partition=0 culvert-dead-offset=7 culvert-dead-time=2026-01-02T03:04:05.006Z " +
			"culvert-dead-queue=billing culvert-dead-attempts=3 culvert-dead-reason=the member handed it back"
		if strings.Join(headers, " ") != want {
			t.Errorf("headers\n%s, want\n%s", strings.Join(headers, " "), want)
		}
		if string(got.Key) != "a" || string(got.Payload) != "poison" || !got.Time.Equal(time.Now()) || len(message.Headers) != 2 {
			t.Errorf("dead letter %+v", got)
		}
		expectSettled(t, c, 7)
		m.expect("done of the other", m.Done(events[1].Receipt), 1)
		expectSettled(t, c, 7, 8)
	})
}

// The broker of a queue may not tell where its messages stand; a position made up would lead people to another message.
func TestADeadLetterTellsNoPositionThatNobodyKnows(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxAttempts = 1 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		m := sit(t, s, 1)
		c.mu.Lock()
		c.next = 1
		c.hauls = append(c.hauls, domain.Haul{Messages: []*domain.Message{{Payload: []byte("poison"), Position: domain.Position{Partition: domain.NoPartition}}}})
		c.mu.Unlock()
		c.add()
		m.Nack(0, m.receipts("poison")[0])
		synctest.Wait()
		letters := b.letters()
		if len(letters) != 1 {
			t.Fatalf("dead letters %v", letters)
		}
		for _, h := range letters[0].message.Headers {
			if strings.Contains(h.Name, "partition") || strings.Contains(h.Name, "offset") {
				t.Errorf("the dead letter tells %s=%s", h.Name, h.Value)
			}
		}
	})
}

func TestABurialThatFailsIsTriedAgain(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxAttempts = 1 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		c := b.claims[0]
		b.publish = func(try int) error {
			if try <= 2 {
				return domain.Errorf(domain.Unavailable, "down")
			}
			return nil
		}
		m := sit(t, s, 2)
		c.add("a", "b", "a", "b")
		r := m.receipts("a0", "b1")
		m.Nack(0, r[0])
		m.receipts("b3") // the key waits for the burial, the others go on
		m.Done(r[1])
		pause(time.Second)
		m.receipts()
		expectSettled(t, c, 1)
		pause(time.Second)
		expectSettled(t, c, 0, 1)
		m.receipts("a2")
		if got := len(b.letters()); got != 1 || b.tried() != 3 {
			t.Errorf("%d dead letters after %d tries, want one after 3", got, b.tried())
		}
	})
}

// silent is a broker that does not say what became of what it publishes.
type silent struct {
	*fakeBroker
	dones []func(err error)
}

func (b *silent) Publish(_ context.Context, _ domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	for i := range batch {
		b.dones = append(b.dones, func(err error) { done(i, domain.Ack{}, err) })
	}
}

func TestABurialThatIsNotConfirmedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &silent{fakeBroker: newBroker(1)}
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		s, err := queue.New(b, cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		c, m := b.claims[0], sit(t, s, 1)
		c.add("a")
		m.Nack(0, m.receipts("a0")...)
		pause(30 * time.Second)
		if len(b.dones) != 2 {
			t.Fatalf("published %d times, want 2", len(b.dones))
		}
		expectSettled(t, c)
		b.dones[0](nil) // the first one did arrive
		expectSettled(t, c, 0)
		b.dones[1](errors.New("too late to matter"))
		b.dones[1](nil)
		pause(time.Minute)
		expectSettled(t, c, 0)
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// It is tried again while nobody is in the queue but this node, which lingers in it, and however long a lease is.
func TestABurialIsTriedAgainInTime(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxAttempts, cfg.Lease, cfg.MaxHold = 1, time.Hour, 0 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.publish = func(try int) error {
			if try == 1 {
				return domain.Errorf(domain.Unavailable, "down")
			}
			return nil
		}
		m := sit(t, s, 1)
		b.claims[0].add("a")
		m.receipts("a0")
		m.gone()
		pause(time.Second)
		expectSettled(t, b.claims[0], 0)
	})
	synctest.Test(t, func(t *testing.T) {
		b := &silent{fakeBroker: newBroker(1)}
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts, cfg.Lease, cfg.MaxHold = 1, time.Hour, 0
		s := serve(t, b, cfg)
		defer stop(t, s)
		m := sit(t, s, 1)
		b.claims[0].add("a")
		m.Nack(0, m.receipts("a0")...)
		pause(30 * time.Second)
		if len(b.dones) != 2 {
			t.Errorf("published %d times, want 2", len(b.dones))
		}
	})
}

// stuck is a silent broker whose buffers are full after the first message.
type stuck struct {
	*silent
	room chan struct{}
}

func (b *stuck) Publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	b.silent.Publish(ctx, topic, batch, done)
	<-b.room
}

// A letter that is confirmed when it is just to be sent again is not sent again.
func TestALetterThatIsConfirmedLateIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &stuck{&silent{fakeBroker: newBroker(1)}, make(chan struct{})}
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		s := serve(t, b, cfg)
		defer stop(t, s)
		m := sit(t, s, 1)
		b.claims[0].add("a")
		m.Nack(0, m.receipts("a0")...)
		pause(45 * time.Second)
		b.dones[0](nil)
		expectSettled(t, b.claims[0], 0)
		close(b.room)
		pause(time.Minute)
		expectSettled(t, b.claims[0], 0)
		if len(b.dones) != 1 {
			t.Errorf("published %d times, want once", len(b.dones))
		}
	})
}

func TestARevokedMessageIsNotBuriedAgain(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxAttempts = 1 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.publish = func(int) error { return domain.Errorf(domain.Unavailable, "down") }
		m := sit(t, s, 1)
		b.claims[0].add("a")
		m.Nack(0, m.receipts("a0")...)
		pause(0)
		b.events <- laneNews{event: domain.LaneEvent{Revoked: []domain.Claim{b.claims[0]}}}
		pause(time.Minute)
		if b.tried() != 1 {
			t.Errorf("published %d times, want once", b.tried())
		}
		expectSettled(t, b.claims[0])
	})
}

func TestTheDeadLetterTopicIsMadeAtTheJoin(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		var asked domain.Topic
		b.ensure = func(topic domain.Topic) error {
			if asked = topic; topic == "orders" {
				return nil
			}
			return domain.Errorf(domain.NotAllowed, "no")
		}
		_, err := join(s, nil)
		if domain.CodeOf(err) != domain.UnknownTopic || !strings.Contains(err.Error(), "orders.billing.dlq") || asked != "orders.billing.dlq" {
			t.Errorf("join: %v, want unknown-topic naming orders.billing.dlq, which was asked for (%s)", err, asked)
		}
		b.ensure = func(asked domain.Topic) error {
			if asked == topic {
				return nil
			}
			return domain.Errorf(domain.Unavailable, "down")
		}
		if _, err := join(s, nil); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("join: %v, want unavailable", err)
		}
	})
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.MaxAttempts = 0 }, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.ensure = func(topic domain.Topic) error { return fmt.Errorf("%s is not needed", topic) }
		m := sit(t, s, 1)
		b.claims[0].add("a")
		for try := range 20 {
			events := m.got()
			if len(events) != 1 || events[0].Attempt != try+1 {
				t.Fatalf("try %d: given %+v", try, events)
			}
			m.Nack(0, events[0].Receipt)
		}
	})
}

// A join of a misspelt topic used to make its dead-letter topic, or to tell that this one cannot be had.
func TestAnUnknownTopicIsToldBeforeItsDeadLetterTopicIsMade(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.ensure = func(asked domain.Topic) error {
			if asked != topic {
				t.Errorf("%s was made", asked)
			}
			return domain.Errorf(domain.UnknownTopic, "there is no topic %q", asked)
		}
		if _, err := join(s, nil); domain.CodeOf(err) != domain.UnknownTopic || strings.Contains(err.Error(), "dlq") {
			t.Errorf("join: %v, want unknown-topic that names %s", err, topic)
		}
	})
}

// A join that the broker refused left a dead-letter topic behind.
func TestADeadLetterTopicIsMadeOnlyForAQueueThatIsJoined(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.capabilities = append(b.capabilities, domain.Create)
		var made []domain.Topic
		b.ensure = func(topic domain.Topic) error {
			made = append(made, topic)
			return nil
		}
		b.failJoin = domain.Errorf(domain.Unsupported, "it can begin nowhere else")
		if _, err := join(s, nil); domain.CodeOf(err) != domain.Unsupported || made != nil {
			t.Errorf("join: %v, and %v were made", err, made)
		}
		b.failJoin = nil
		if _, err := join(s, nil); err != nil || !slices.Contains(made, "orders.billing.dlq") {
			t.Errorf("join: %v, and %v were made", err, made)
		}
	})
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		b.capabilities = append(b.capabilities, domain.Create)
		b.ensure = func(asked domain.Topic) error {
			if asked == topic {
				return nil
			}
			return domain.Errorf(domain.NotAllowed, "no")
		}
		if _, err := join(s, nil); domain.CodeOf(err) != domain.UnknownTopic {
			t.Errorf("join: %v, want unknown-topic", err)
		}
	})
}

func TestDeadLettersOfDeadLettersHaveNoLimit(t *testing.T) {
	inBubble(t, 1, func(cfg *queue.Config, _ *fakeBroker) { cfg.DeadLetter = "graveyard" }, func(t *testing.T, s *queue.Service, _ *fakeBroker) {
		m, err := s.Join(t.Context(), ports.Join{Topic: "graveyard", Queue: billing, MaxInFlight: 1})
		if err != nil || m.Ready().MaxAttempts != 0 {
			t.Errorf("max attempts %d, %v", m.Ready().MaxAttempts, err)
		}
	})
}

// What cannot be buried held up its key in silence.
func TestTheLogIsToldOfLettersThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		b.publish = func(try int) error {
			if try <= 3 {
				return domain.Errorf(domain.TooLarge, "it is too long by its story")
			}
			return nil
		}
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		var said strings.Builder
		s, err := queue.New(b, cfg, slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil {
			t.Fatal(err)
		}
		m := sit(t, s, 1)
		b.claims[0].add("a")
		m.Nack(0, m.receipts("a0")...)
		pause(10 * time.Second)
		m.gone()
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "dead_letter=orders.billing.dlq") || !strings.Contains(lines[0], "too long by its story") || !strings.Contains(lines[1], "level=INFO") {
			t.Errorf("the log was told %q, want a warning for three failures, and that it is over", lines)
		}
	})
}
