package queue_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/queue"
	"culvert/ports"
)

const dlq domain.Topic = "orders.billing.dlq"

// onMill runs a test of a service over a mill whose messages die at their first failure.
func onMill(t *testing.T, partitions int, setUp func(*queue.Config, *mill), test func(t *testing.T, s *queue.Service, b *mill)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg, b := queue.DefaultConfig(), newMill(partitions)
		cfg.MaxAttempts = 1
		if setUp != nil {
			setUp(&cfg, b)
		}
		s := serve(t, b, cfg)
		defer stop(t, s)
		test(t, s, b)
	})
}

func serve(t *testing.T, b queue.Broker, cfg queue.Config) *queue.Service {
	t.Helper()
	s, err := queue.New(b, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *queue.Service) {
	t.Helper()
	if err := s.Drain(context.Background()); err != nil {
		t.Errorf("drain: %v", err)
	}
}

// inject publishes a message for each key to the topic of the tests. Payloads are the keys.
func (b *mill) inject(keys ...string) {
	for _, key := range keys {
		b.take(topic, []*domain.Message{{Key: []byte(key), Payload: []byte(key)}}, func(int, domain.Ack, error) {})
	}
}

// die lets members take messages with these keys and hand them back, once each.
func die(t *testing.T, s *queue.Service, b *mill, keys ...string) {
	t.Helper()
	m := sit(t, s, 1000)
	defer m.gone()
	b.inject(keys...)
	for range keys {
		for _, e := range m.got() {
			m.Nack(0, e.Receipt)
		}
	}
	synctest.Wait()
}

// given is what a member is given until there is no more, sorted; all of it is settled.
func (s *seat) given() (all []string) {
	s.t.Helper()
	for {
		events := s.got()
		if len(payloads(events)) == 0 {
			slices.Sort(all)
			return all
		}
		all = append(all, payloads(events)...)
		for _, e := range events {
			if e.Message != nil {
				s.Done(e.Receipt)
			}
		}
	}
}

func redrive(t *testing.T, s *queue.Service, limit, want int64) {
	t.Helper()
	if n, err := s.Redrive(t.Context(), topic, billing, limit); n != want || err != nil {
		t.Errorf("redriven %d, %v; want %d", n, err, want)
	}
	synctest.Wait()
}

func expectGiven(t *testing.T, s *queue.Service, want ...string) {
	t.Helper()
	m := sit(t, s, 1000)
	defer m.gone()
	if got := m.given(); !slices.Equal(got, want) {
		t.Errorf("given %v, want %v", got, want)
	}
}

func expectLeft(t *testing.T, b *mill, want int64) {
	t.Helper()
	if got := b.left(dlq, "redrive"); got != want {
		t.Errorf("%d dead letters are left, want %d", got, want)
	}
}

// With places a queue of letters begins at the first one; where queues are told nothing of the past it is made before the first letter.
func onBothMills(t *testing.T, test func(t *testing.T, s *queue.Service, b *mill)) {
	t.Helper()
	for name, ensure := range map[string]func() error{"begins where it is told": nil, "is made at the join": func() error { return nil }} {
		t.Run(name, func(t *testing.T) {
			onMill(t, 2, func(_ *queue.Config, b *mill) { b.ensureQueue = ensure }, test)
		})
	}
}

func TestRedriveSendsAllLettersBack(t *testing.T) {
	onBothMills(t, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c", "d")
		begun := time.Now()
		redrive(t, s, 0, 4)
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v though the number of letters is known", took)
		}
		expectLeft(t, b, 0)
		expectGiven(t, s, "a", "b", "c", "d")
		redrive(t, s, 0, 0)
		expectGiven(t, s)
	})
}

// The answer came before the broker had kept which letters were sent back: a crash right after it had all of them sent again.
func TestARedriveAnswersWhenItsPlaceIsKept(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b")
		if n, err := s.Redrive(t.Context(), topic, billing, 0); n != 2 || err != nil {
			t.Errorf("redriven %d, %v", n, err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.queues[millQueueName{dlq, "redrive"}].taken {
			t.Error("the membership that commits when it ends goes on")
		}
	})
}

func TestRedriveTakesNoMoreThanItsLimit(t *testing.T) {
	onBothMills(t, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c", "d", "e")
		redrive(t, s, 2, 2)
		expectLeft(t, b, 3)
		redrive(t, s, 2, 2)
		redrive(t, s, 2, 1)
		expectGiven(t, s, "a", "b", "c", "d", "e")
	})
}

func TestRedriveOfMoreThanABatch(t *testing.T) {
	onMill(t, 3, nil, func(t *testing.T, s *queue.Service, b *mill) {
		var keys []string
		for i := range 250 {
			keys = append(keys, fmt.Sprintf("%03d", i))
		}
		die(t, s, b, keys...)
		redrive(t, s, 230, 230)
		redrive(t, s, 0, 20)
		expectGiven(t, s, keys...)
	})
}

func TestRedriveWithoutLetters(t *testing.T) {
	onBothMills(t, func(t *testing.T, s *queue.Service, b *mill) {
		if _, err := s.Redrive(t.Context(), topic, billing, 0); domain.CodeOf(err) != domain.UnknownTopic {
			t.Errorf("of a topic that is not there: %v", err)
		}
		b.Ensure(t.Context(), topic)
		if _, err := s.Redrive(t.Context(), topic, billing, 0); domain.CodeOf(err) != domain.UnknownQueue {
			t.Errorf("of a queue that is not there: %v", err)
		}
		sit(t, s, 1).gone()
		pause(time.Minute)
		redrive(t, s, 0, 0)
		if lanes := len(s.Lanes()); lanes != 1 {
			t.Errorf("%d queues were joined, though there was nothing to send back", lanes)
		}
	})
}

// A queue may be there without its dead-letter topic: others made it, with another limit of tries.
func TestRedriveWithoutADeadLetterTopic(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		b.Ensure(t.Context(), topic)
		b.begin(millQueueName{topic, billing}, nil)
		redrive(t, s, 0, 0)
	})
}

func TestRedriveThatTheBrokerRefuses(t *testing.T) {
	no := domain.Errorf(domain.NotAllowed, "no")
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a")
		b.describeErr = no
		if n, err := s.Redrive(t.Context(), topic, billing, 0); n != 0 || domain.CodeOf(err) != domain.NotAllowed {
			t.Errorf("where the letters may not be looked at: %d, %v", n, err)
		}
		b.describeErr = nil
		b.ensureQueue = func() error { return no }
		if n, err := s.Redrive(t.Context(), topic, billing, 0); n != 0 || domain.CodeOf(err) != domain.NotAllowed {
			t.Errorf("where their queue may not be made: %d, %v", n, err)
		}
	})
	inBubble(t, 1, nil, func(t *testing.T, s *queue.Service, b *fakeBroker) {
		for _, code := range []domain.Code{domain.Unsupported, domain.Unavailable, domain.NotAllowed} {
			b.progress = func(context.Context) (domain.Progress, error) { return domain.Progress{}, domain.Errorf(code, "no") }
			if _, err := s.Redrive(t.Context(), topic, billing, 0); domain.CodeOf(err) != code {
				t.Errorf("redriven: %v, want %s", err, code)
			}
		}
	})
}

func TestRedriveOfQueuesThatGiveNothingUp(t *testing.T) {
	onMill(t, 1, func(cfg *queue.Config, _ *mill) { cfg.MaxAttempts = 0 }, func(t *testing.T, s *queue.Service, _ *mill) {
		sit(t, s, 1).gone()
		if _, err := s.Redrive(t.Context(), topic, billing, 0); domain.CodeOf(err) != domain.UnknownTopic || !strings.Contains(err.Error(), "never gives") {
			t.Errorf("redriven: %v", err)
		}
	})
}

// The dead-letter topic has room for the longest names; the queue that would send its letters back has not. Members are let in all the same.
func TestNamesThatAreTooLongForARedrive(t *testing.T) {
	onMill(t, 1, func(_ *queue.Config, b *mill) {
		b.ensureQueue = func() error { t.Error("a queue was made"); return nil }
	}, func(t *testing.T, s *queue.Service, _ *mill) {
		long := domain.Topic(strings.Repeat("t", 233))
		if _, err := s.Join(t.Context(), ports.Join{Topic: long, Queue: "billing", MaxInFlight: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Redrive(t.Context(), long, "billing", 0); domain.CodeOf(err) != domain.UnknownTopic || !strings.Contains(err.Error(), "too long") {
			t.Errorf("redriven: %v", err)
		}
	})
}

// A queue is joined although its letters could not be sent back; not while the broker is away, as they would be missed.
func TestAJoinMakesTheQueueOfItsLetters(t *testing.T) {
	for code, refused := range map[domain.Code]bool{domain.UnknownQueue: false, domain.NotAllowed: false, domain.Unavailable: true, domain.Timeout: true} {
		onMill(t, 1, func(_ *queue.Config, b *mill) {
			b.ensureQueue = func() error { return domain.Errorf(code, "no") }
		}, func(t *testing.T, s *queue.Service, _ *mill) {
			if _, err := join(s, nil); (err != nil) != refused || refused && domain.CodeOf(err) != code {
				t.Errorf("%s: join: %v", code, err)
			}
		})
	}
}

// A lane that was open for longer than the broker keeps a queue that nobody uses had its letters kept by nobody.
func TestALaneThatStaysOpenKeepsTheQueueOfItsLetters(t *testing.T) {
	made := 0
	onMill(t, 1, func(_ *queue.Config, b *mill) {
		b.ensureQueue = func() error { made++; return nil }
	}, func(t *testing.T, s *queue.Service, b *mill) {
		stays := sit(t, s, 1) // which asks for nothing
		defer stays.gone()
		for i, want := range []int{1, 1, 2, 2} {
			if die(t, s, b, "a"); made != want {
				t.Errorf("letter %d: the queue was seen to %d times, want %d", i, made, want)
			}
			time.Sleep(40 * time.Minute)
		}
	})
}

func headersOf(m *domain.Message) (all []string) {
	for _, h := range m.Headers {
		all = append(all, h.Name+"="+string(h.Value))
	}
	return all
}

// A letter that was sent back is the message that it was, and says once whose it is, however often it died.
func TestAMessageThatDiesAgainIsSentBackAgain(t *testing.T) {
	onBothMills(t, func(t *testing.T, s *queue.Service, b *mill) {
		m := sit(t, s, 10)
		b.take(topic, []*domain.Message{{
			Key: []byte("k"), Payload: []byte("p"), Time: time.UnixMilli(5),
			Headers: []domain.Header{{Name: "h", Value: []byte("1")}, {Name: "culvert-redriven-by", Value: []byte("me")}, {Name: "h", Value: nil}},
		}}, func(int, domain.Ack, error) {})
		for range 3 {
			m.Nack(0, m.receipts("p")[0])
			synctest.Wait()
			redrive(t, s, 0, 1)
			all := b.log(topic)
			got := all[len(all)-1]
			if want := []string{"h=1", "culvert-redriven-by=me", "h=", "culvert-redriven=orders/billing"}; !slices.Equal(headersOf(got), want) {
				t.Fatalf("headers %q, want %q", headersOf(got), want)
			}
			if string(got.Key) != "k" || string(got.Payload) != "p" || !got.Time.Equal(time.Now()) {
				t.Errorf("sent back %+v", got)
			}
		}
		if events := m.got(); len(events) != 1 || events[0].Attempt != 1 {
			t.Errorf("given %+v, want a first try", events)
		}
		if n := len(b.log(dlq)); n != 3 {
			t.Errorf("%d letters, want one for each death", n)
		}
		m.gone()
	})
}

func TestATombstoneIsSentBackAsOne(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		m := sit(t, s, 10)
		b.take(topic, []*domain.Message{{Key: []byte("k")}, {Payload: []byte{}}}, func(int, domain.Ack, error) {})
		for _, e := range m.got() {
			m.Nack(0, e.Receipt)
		}
		synctest.Wait()
		redrive(t, s, 0, 2)
		all := b.log(topic)[2:]
		if !all[0].Tombstone() || all[1].Tombstone() || all[1].Key != nil {
			t.Errorf("sent back %+v and %+v", all[0], all[1])
		}
		m.gone()
	})
}

// What is sent back is for one queue; the others of the topic had it already.
func TestOtherQueuesAreNotGivenWhatWasSentBack(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		audit := sitIn(t, s, "audit")
		defer audit.gone()
		die(t, s, b, "a", "b")
		audit.Done(audit.receipts("a", "b")...)
		redrive(t, s, 0, 2)
		audit.receipts()
		if left := b.left(topic, "audit"); left != 0 {
			t.Errorf("%d messages are left for the other queue, want them settled unseen", left)
		}
		expectGiven(t, s, "a", "b")
	})
}

// sitIn is a member of another queue than sit's.
func sitIn(t *testing.T, s *queue.Service, of domain.Queue) *seat {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	m, err := s.Join(ctx, ports.Join{Topic: topic, Queue: of, MaxInFlight: 10, Heartbeat: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return &seat{m, t, leave}
}

func TestLettersOfSeveralQueuesInOneTopic(t *testing.T) {
	for _, template := range []string{"graves", "graves.{topic}", "graves.{queue}", "{topic}.{queue}.graves"} {
		t.Run(template, func(t *testing.T) {
			onMill(t, 1, func(cfg *queue.Config, _ *mill) {
				cfg.Rules = []queue.Rule{{Topic: "orders", DeadLetter: template}}
			}, func(t *testing.T, s *queue.Service, b *mill) {
				seats := map[domain.Queue]*seat{"audit": sitIn(t, s, "audit"), billing: sitIn(t, s, billing)}
				b.inject("a", "b")
				for _, m := range seats {
					m.Nack(0, m.receipts("a", "b")...)
				}
				synctest.Wait()
				begun := time.Now()
				for _, q := range []domain.Queue{"audit", billing} {
					for i, want := range []int64{1, 1, 0} { // its own, and they are out of the way then; a limit counts no others
						limit := int64(max(1-i, 0))
						if n, err := s.Redrive(t.Context(), topic, q, limit); n != want || err != nil {
							t.Errorf("%s: redriven %d, %v; want %d", q, n, err, want)
						}
					}
				}
				if took := time.Since(begun); took != 0 {
					t.Errorf("it took %v though all letters were seen", took)
				}
				b.mu.Lock()
				for of, q := range b.queues {
					if strings.HasSuffix(string(of.queue), "redrive") && int(q.places[0]) != len(b.topics[of.topic].logs[0]) {
						t.Errorf("queue %s of %s is at %v, want that letters of others are out of the way", of.queue, of.topic, q.places)
					}
				}
				b.mu.Unlock()
				for q, m := range seats {
					if got := m.given(); !slices.Equal(got, []string{"a", "b"}) {
						t.Errorf("%s is given %v, want each of its letters once", q, got)
					}
					m.gone()
				}
			})
		})
	}
}

func TestALetterThatCannotBeSentBackStays(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		b.publish = func(to domain.Topic, n int) error {
			if to == topic && n == 5 {
				return domain.Errorf(domain.TooLarge, "no")
			}
			return nil
		}
		n, err := s.Redrive(t.Context(), topic, billing, 0)
		if n != 2 || domain.CodeOf(err) != domain.TooLarge {
			t.Errorf("redriven %d, %v; want 2 and why not the third", n, err)
		}
		redrive(t, s, 0, 1)
		expectLeft(t, b, 0)
		expectGiven(t, s, "a", "b", "c")
	})
}

// Letters that retention has taken are not waited for.
func TestRedriveOfWhatIsLeft(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		b.first = 2
		begun := time.Now()
		redrive(t, s, 0, 1)
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
		expectGiven(t, s, "c")
	})
}

// Where the queue of the letters is gone, so are they; it is made for those to come.
func TestRedriveMakesTheQueueOfLettersWhereItIsGone(t *testing.T) {
	onMill(t, 1, func(_ *queue.Config, b *mill) { b.ensureQueue = func() error { return nil } }, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a")
		b.change(func() { delete(b.queues, millQueueName{dlq, "redrive"}) })
		redrive(t, s, 0, 0)
		if lanes := len(s.Lanes()); lanes != 1 {
			t.Errorf("%d queues were joined, though there was nothing to send back", lanes)
		}
		die(t, s, b, "b")
		redrive(t, s, 0, 1)
		expectGiven(t, s, "b")
	})
}

// The end of letters whose number nobody knows is that none comes for a while.
func TestRedriveOfNobodyKnowsHowMany(t *testing.T) {
	onMill(t, 2, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		redrive(t, s, 1, 1)
		b.vague = true
		begun := time.Now()
		redrive(t, s, 1, 1)
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v though it had what it may take", took)
		}
		redrive(t, s, 0, 1)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v, want one silence", took)
		}
		redrive(t, s, 0, 0)
	})
}

// Offsets are not all messages, so that fewer letters may come than were counted.
func TestRedriveOfFewerThanWereCounted(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		redrive(t, s, 1, 1)
		b.queues[millQueueName{dlq, "redrive"}].settled[0][1] = 1 // one that its reader passes over
		begun := time.Now()
		redrive(t, s, 0, 1)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v, want one silence", took)
		}
	})
}

// killer is a member that hands back all that it is given, a second later each time, until the test is over.
func killer(t *testing.T, s *queue.Service) (leave func()) {
	t.Helper()
	m := sit(t, s, 10)
	stop, cancel := context.WithCancel(context.Background())
	dead := make(chan struct{})
	go func() { // ends when the killer leaves
		defer close(dead)
		for {
			events, err := m.Next(stop, math.MaxInt)
			if err != nil {
				return
			}
			var receipts []string
			for _, e := range events {
				if e.Message != nil {
					receipts = append(receipts, e.Receipt)
				}
			}
			time.Sleep(time.Second)
			m.Nack(0, receipts...)
		}
	}()
	return func() {
		cancel()
		<-dead
		m.gone()
	}
}

// A letter that comes while others are sent back is left for the next time, or messages that die at once would go round for ever: so they did
// where the number of letters was not known.
func TestLettersThatComeAfterItBegan(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		leave := killer(t, s)
		redrive(t, s, 0, 3)
		pause(2 * time.Second)
		b.vague = true
		redrive(t, s, 0, 3)
		pause(2 * time.Second)
		b.vague = false
		expectLeft(t, b, 3)
		leave()
	})
}

func TestTwoRedrivesAtOnce(t *testing.T) {
	onBothMills(t, func(t *testing.T, s *queue.Service, b *mill) {
		var keys []string
		for i := range 400 {
			keys = append(keys, fmt.Sprintf("%03d", i))
		}
		die(t, s, b, keys...)
		type answer struct {
			n   int64
			err error
		}
		answers := make(chan answer)
		for range 2 {
			go func() {
				n, err := s.Redrive(context.Background(), topic, billing, 0)
				answers <- answer{n, err}
			}()
		}
		first, second := <-answers, <-answers
		if first.err != nil || second.err != nil || first.n+second.n != int64(len(keys)) {
			t.Errorf("redriven %+v and %+v, want %d together", first, second, len(keys))
		}
		expectGiven(t, s, keys...)
	})
}

// Letters are at the node that is sending them back. Another one waits for them for a while.
func TestLettersThatAnotherNodeHolds(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		redrive(t, s, 1, 1)
		q := b.queues[millQueueName{dlq, "redrive"}]
		b.change(func() { q.taken = true })
		begun := time.Now()
		n, err := s.Redrive(t.Context(), topic, billing, 0)
		if n != 0 || domain.CodeOf(err) != domain.Unavailable || time.Since(begun) != 30*time.Second {
			t.Errorf("after %v: redriven %d, %v; want unavailable after 30s", time.Since(begun), n, err)
		}
		pause(time.Minute)
		begun = time.Now()
		go func() {
			time.Sleep(20 * time.Second)
			b.change(func() { q.taken = false })
		}()
		redrive(t, s, 0, 2)
		if took := time.Since(begun); took != 20*time.Second {
			t.Errorf("it took %v, want the 20s until the other node let go", took)
		}
		b.vague = true
		b.change(func() { q.taken = true })
		begun = time.Now()
		go func() {
			time.Sleep(20 * time.Second)
			b.change(func() { q.taken = false })
		}()
		redrive(t, s, 0, 0)
		if took := time.Since(begun); took != 23*time.Second {
			t.Errorf("it took %v, want a silence after the other node let go", took)
		}
	})
}

// A node that had sent letters back used to linger among their readers, so that the next one waited for it, or was content with a part of them.
func TestTheNextNodeNeedNotWaitForALingeringOne(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		other := serve(t, b, cfg)
		defer stop(t, other)
		die(t, s, b, "a", "b", "c")
		redrive(t, s, 1, 1)
		synctest.Wait()
		begun := time.Now()
		redrive(t, other, 0, 2)
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestTwoNodesBeginAtTheSameTime(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b")
		ask := make(chan struct{})
		slow := &delayedJoin{b, ask}
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		other := serve(t, slow, cfg)
		defer stop(t, other)
		answer := make(chan error)
		go func() { _, err := other.Redrive(context.Background(), topic, billing, 0); answer <- err }()
		synctest.Wait() // it found no queue of letters, and is about to begin one
		redrive(t, s, 0, 2)
		close(ask)
		if err := <-answer; err != nil {
			t.Errorf("the other one: %v, want that it takes part in what has begun meanwhile", err)
		}
	})
}

// delayedJoin is a mill whose queues of letters can be joined when ask is closed.
type delayedJoin struct {
	*mill
	ask chan struct{}
}

func (b *delayedJoin) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	<-b.ask
	return b.mill.Join(ctx, topic, queue, terms)
}

// What was published for a request that has ended was sent back all the same, and used to be sent back once more by the next one.
func TestARequestThatEndsLeavesNothingTwice(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b", "c")
		b.hold = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		type answer struct {
			n   int64
			err error
		}
		answers := make(chan answer)
		go func() { n, err := s.Redrive(ctx, topic, billing, 0); answers <- answer{n, err} }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(b.hold)
		if got := <-answers; got.n != 3 {
			t.Errorf("redriven %+v, want the three that the broker has taken", got)
		}
		synctest.Wait()
		b.hold = nil
		redrive(t, s, 0, 0)
		expectGiven(t, s, "a", "b", "c")
	})
}

func TestARequestThatEndsWhileItWaits(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		die(t, s, b, "a", "b")
		redrive(t, s, 1, 1)
		b.change(func() { b.queues[millQueueName{dlq, "redrive"}].taken = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n, err := s.Redrive(ctx, topic, billing, 0); n != 0 || domain.CodeOf(err) != domain.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("redriven %d, %v", n, err)
		}
	})
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) { // until the broker lets it in
		die(t, s, b, "a", "b")
		ask := make(chan struct{})
		cfg := queue.DefaultConfig()
		cfg.MaxAttempts = 1
		other := serve(t, &delayedJoin{b, ask}, cfg)
		defer stop(t, other)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n, err := other.Redrive(ctx, topic, billing, 0); n != 0 || domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("redriven %d, %v", n, err)
		}
		close(ask)
	})
}

// A node that drains gives nothing more. That was taken for the end of the letters, as if all of them had been sent back.
func TestADrainMeanwhileIsToldApartFromTheEnd(t *testing.T) {
	onMill(t, 1, func(cfg *queue.Config, _ *mill) { cfg.DrainGrace = time.Minute }, func(t *testing.T, s *queue.Service, b *mill) {
		var keys []string
		for i := range 150 {
			keys = append(keys, fmt.Sprintf("%03d", i))
		}
		die(t, s, b, keys...)
		holder := sit(t, s, 1) // for the whole grace
		b.inject("x")
		holder.receipts("x")
		b.hold = make(chan struct{})
		type answer struct {
			n   int64
			err error
		}
		answers := make(chan answer, 1)
		go func() { n, err := s.Redrive(context.Background(), topic, billing, 0); answers <- answer{n, err} }()
		synctest.Wait() // the first batch is under way
		go stop(t, s)
		synctest.Wait()
		close(b.hold)
		if got := <-answers; got.n != 100 || domain.CodeOf(got.err) != domain.Unavailable {
			t.Errorf("redriven %+v, want the batch that was under way, and that there is more", got)
		}
		synctest.Wait()
		if _, err := s.Redrive(t.Context(), topic, billing, 0); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("redriven by a server that shuts down: %v", err)
		}
	})
}

// Letters of letters have no dead-letter topic, whose name might be too long, and no rule of the operator's.
func TestRedriveAsksNothingOfTheSettingsOfItsOwnQueue(t *testing.T) {
	onMill(t, 1, func(cfg *queue.Config, _ *mill) {
		once := 1
		cfg.DeadLetter = "{topic}.{queue}." + strings.Repeat("x", 130)
		cfg.Rules = []queue.Rule{{MaxAttempts: &once}}
	}, func(t *testing.T, s *queue.Service, b *mill) {
		m := sit(t, s, 1)
		b.inject("a")
		m.Nack(0, m.receipts("a")...)
		synctest.Wait()
		redrive(t, s, 0, 1)
		m.receipts("a")
		m.gone()
	})
}

// What a broker has against one letter does not stop the others; what it has against all of them does.
func TestWhatStopsARedrive(t *testing.T) {
	for code, want := range map[domain.Code]int64{domain.TooLarge: 149, domain.InvalidRequest: 149, domain.Unavailable: 99, domain.NotAllowed: 99} {
		onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
			var keys []string
			for i := range 150 {
				keys = append(keys, fmt.Sprintf("%03d", i))
			}
			die(t, s, b, keys...)
			b.publish = func(to domain.Topic, n int) error {
				if to == topic && n == 151 {
					return domain.Errorf(code, "no")
				}
				return nil
			}
			if n, err := s.Redrive(t.Context(), topic, billing, 0); n != want || domain.CodeOf(err) != code {
				t.Errorf("redriven %d, %v; want %d and %s", n, err, want, code)
			}
			synctest.Wait()
			redrive(t, s, 0, 150-want)
			expectGiven(t, s, keys...)
		})
	}
}

// What others had put among the letters went to each queue that sent its letters back.
func TestWhatIsNoLetterStaysWhereItIs(t *testing.T) {
	onMill(t, 1, nil, func(t *testing.T, s *queue.Service, b *mill) {
		sit(t, s, 1).gone()
		b.take(dlq, []*domain.Message{{Payload: []byte("x"), Headers: []domain.Header{{Name: "h", Value: []byte("v")}}}}, func(int, domain.Ack, error) {})
		redrive(t, s, 0, 0)
		expectGiven(t, s)
	})
}
