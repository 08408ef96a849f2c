package inject_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/domain/inject"
	"culvert/ports"
)

func TestEveryMessageIsAnsweredWithItsNumberAndID(t *testing.T) {
	s := newService(t, publisherFunc(func(_ context.Context, _ domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
		for i, m := range batch {
			done(i, domain.Ack{Position: &domain.Position{Offset: int64(len(m.Payload))}}, nil)
		}
	}), nil)
	var a answers
	i := s.Open(t.Context(), a.take)
	for k, id := range []string{"a", "", "c"} {
		n, err := i.Put(t.Context(), "orders", message("xxx"[:k]), id)
		if err != nil || n != uint64(k+1) {
			t.Fatalf("put %d: number %d, %v", k, n, err)
		}
	}
	if err := i.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for k, o := range a.sorted() {
		if o.N != uint64(k+1) || o.ID != []string{"a", "", "c"}[k] || o.Err != nil || o.Ack.Position.Offset != int64(k) {
			t.Errorf("outcome %d is %+v", k, o)
		}
	}
	if len(a.sorted()) != 3 {
		t.Errorf("%d outcomes, want 3", len(a.sorted()))
	}
}

func TestWhatCannotBeTakenIsAnsweredInItsPlace(t *testing.T) {
	var seen int
	s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
		seen += len(batch)
		confirm(ctx, topic, batch, done)
	}), nil)
	var a answers
	i := s.Open(t.Context(), a.take)
	put(t, i, "orders", message("fine"))
	put(t, i, "orders", &domain.Message{Payload: make([]byte, domain.DefaultLimits().MessageBytes+1)})
	put(t, i, "orders", &domain.Message{})
	put(t, i, "orders", &domain.Message{Key: []byte("k")})
	if n, err := i.Reject(t.Context(), "id", domain.Errorf(domain.InvalidRequest, "not JSON")); n != 5 || err != nil {
		t.Fatalf("reject: %d, %v", n, err)
	}
	if err := i.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []domain.Code{"", domain.TooLarge, domain.InvalidRequest, "", domain.InvalidRequest}
	if got := a.codes(); !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
	if seen != 2 {
		t.Errorf("the broker got %d messages, want 2", seen)
	}
}

func TestTimeIsSetWhereThereIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, publisherFunc(confirm), nil)
		i := s.Open(t.Context(), func([]ports.Outcome) {})
		time.Sleep(1500 * time.Microsecond)
		own := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
		bare, timed := message("bare"), &domain.Message{Payload: []byte("timed"), Time: own}
		put(t, i, "orders", bare)
		put(t, i, "orders", timed)
		if want := time.Now().Truncate(time.Millisecond).UTC(); !bare.Time.Equal(want) || bare.Time.Location() != time.UTC {
			t.Errorf("time %v, want %v", bare.Time, want)
		}
		if !timed.Time.Equal(own) {
			t.Errorf("time %v, want %v as it was", timed.Time, own)
		}
		settle(t, s)
	})
}

// settle ends a test in a bubble: everything is answered, or its time is up.
func settle(t *testing.T, s *inject.Service) {
	t.Helper()
	if err := s.Drain(context.Background()); err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestWhatArrivesMeanwhileIsTheNextBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		taken := make(chan struct{})
		s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			sizes = append(sizes, len(batch))
			<-taken
			confirm(ctx, topic, batch, done)
		}), nil)
		i := s.Open(t.Context(), func([]ports.Outcome) {})
		put(t, i, "orders", message("1"))
		synctest.Wait()
		for range 3 {
			put(t, i, "orders", message("x"))
		}
		close(taken)
		settle(t, s)
		if !slices.Equal(sizes, []int{1, 3}) {
			t.Errorf("batches of %v, want [1 3]", sizes)
		}
	})
}

func TestWhatIsPutGathersUntilItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := map[domain.Topic][]int{}
		var mu sync.Mutex
		s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			mu.Lock()
			defer mu.Unlock()
			got[topic] = append(got[topic], len(batch))
			confirm(ctx, topic, batch, done)
		}), func(c *inject.Config) { c.Window = 5 })
		i := s.Open(t.Context(), func([]ports.Outcome) {})
		gather := func(topic domain.Topic, n int) {
			t.Helper()
			for range n {
				if _, err := i.Put(t.Context(), topic, message("x"), ""); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		gather("orders", 3)
		gather("prices", 2)
		if len(got) != 0 {
			t.Errorf("handed over before it was sent: %v", got)
		}
		i.Send()
		synctest.Wait()
		gather("orders", 6) // one more than there is room for
		if want := (map[domain.Topic][]int{"orders": {3, 5}, "prices": {2}}); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("batches %v, want %v: what waits for room is sent", got, want)
		}
		if err := i.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []int{3, 5, 1}; !slices.Equal(got["orders"], want) {
			t.Errorf("batches of orders %v, want %v: a flush sends", got["orders"], want)
		}
		settle(t, s)
	})
}

// Who floods would else be read and handed over by turns.
func TestManyThatGatherAreHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			sizes = append(sizes, len(batch))
			confirm(ctx, topic, batch, done)
		}), nil)
		i := s.Open(t.Context(), func([]ports.Outcome) {})
		for n := range 70 {
			if _, err := i.Put(t.Context(), "orders", message("x"), ""); err != nil {
				t.Fatal(err)
			}
			if n == 63 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if want := []int{64}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, want %v", sizes, want)
		}
		i.Send()
		settle(t, s)
		if want := []int{64, 6}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, want %v", sizes, want)
		}
	})
}

func TestABlockedTopicDoesNotHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			if topic == "stuck" {
				<-ctx.Done()
				for k := range batch {
					done(k, domain.Ack{}, domain.Errorf(domain.Unavailable, "no room"))
				}
				return
			}
			confirm(ctx, topic, batch, done)
		}), nil)
		var a answers
		i := s.Open(t.Context(), a.take)
		put(t, i, "stuck", message("1"))
		synctest.Wait()
		put(t, i, "stuck", message("2"))
		put(t, i, "free", message("3"))
		synctest.Wait()
		if got := a.sorted(); len(got) != 1 || got[0].N != 3 || got[0].Err != nil {
			t.Fatalf("outcomes %+v, want only that of 3", got)
		}
		settle(t, s)
		if got, want := a.codes(), []domain.Code{domain.Unavailable, domain.Unavailable, ""}; !slices.Equal(got, want) {
			t.Errorf("codes %v, want %v", got, want)
		}
	})
}

// The broker was told no deadline. So whatever it could not get rid of in time had an unknown outcome, also what had never left, and that was published later all the same, when
// whoever was told of the time-out had sent it again.
func TestTheBrokerKnowsTheDeadlineAndHasTheFirstWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a answers
		begin := time.Now()
		s := newService(t, publisherFunc(func(ctx context.Context, _ domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			deadline, ok := ctx.Deadline()
			if left := deadline.Sub(begin); !ok || left > 10*time.Second || left < 9*time.Second {
				t.Errorf("the deadline is %s from the beginning (%t), want nearly 10s", left, ok)
			}
			// As a broker that queues what it is given.
			time.AfterFunc(time.Until(deadline), func() {
				for k := range batch {
					done(k, domain.Ack{}, domain.Errorf(domain.Unavailable, "it has not left"))
				}
			})
		}), nil)
		i := s.Open(t.Context(), a.take)
		put(t, i, "orders", message("1"))
		put(t, i, "orders", message("2"))
		settle(t, s)
		if got, want := a.codes(), []domain.Code{domain.Unavailable, domain.Unavailable}; !slices.Equal(got, want) {
			t.Errorf("codes %v, want %v", got, want)
		}
	})
}

func TestAWindowOfMessagesBlocksPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, publisherFunc(func(context.Context, domain.Topic, []*domain.Message, func(int, domain.Ack, error)) {}), func(c *inject.Config) { c.Window = 2 })
		var a answers
		i := s.Open(t.Context(), a.take)
		begin := time.Now()
		put(t, i, "orders", message("1"))
		put(t, i, "orders", message("2"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := i.Put(ctx, "orders", message("3"), ""); domain.CodeOf(err) != domain.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("put into a full window: %v", err)
		}
		if n := put(t, i, "orders", message("3")); n != 3 {
			t.Errorf("number %d: the refused message took one", n)
		}
		if waited, want := time.Since(begin), 10*time.Second; waited > want || waited < want-2*time.Millisecond {
			t.Errorf("there was room after %s, want %s", waited, want)
		}
		settle(t, s)
	})
}

func TestAWindowOfBytesLetsOneLargeMessagePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var confirms []func()
		s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			confirms = append(confirms, func() { confirm(ctx, topic, batch, done) })
		}), func(c *inject.Config) { c.WindowBytes = 1000 })
		i := s.Open(t.Context(), func([]ports.Outcome) {})
		put(t, i, "orders", &domain.Message{Payload: make([]byte, 5000)})
		second := make(chan struct{})
		go func() {
			put(t, i, "orders", &domain.Message{Payload: make([]byte, 10)})
			close(second)
		}()
		synctest.Wait()
		select {
		case <-second:
			t.Fatal("the window was full and Put did not block")
		default:
		}
		confirms[0]()
		<-second
		synctest.Wait()
		confirms[1]()
		settle(t, s)
	})
}

func TestAnAnswerThatBlocksFillsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		s := newService(t, publisherFunc(confirm), func(c *inject.Config) { c.Window = 3 })
		i := s.Open(t.Context(), func([]ports.Outcome) { <-read })
		for range 3 {
			put(t, i, "orders", message("x"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := i.Put(ctx, "orders", message("x"), ""); err == nil {
			t.Fatal("the window was not full of answers that nobody reads")
		}
		close(read)
		put(t, i, "orders", message("x"))
		settle(t, s)
	})
}

func TestABrokenPublisherIsAnsweredForOnce(t *testing.T) {
	for _, c := range []struct {
		name    string
		publish publisherFunc
		want    domain.Code
	}{
		{"never", func(context.Context, domain.Topic, []*domain.Message, func(int, domain.Ack, error)) {}, domain.Timeout},
		{"blocks for ever", func(ctx context.Context, _ domain.Topic, _ []*domain.Message, _ func(int, domain.Ack, error)) {
			<-ctx.Done()
		}, domain.Timeout},
		{"late", func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			time.AfterFunc(11*time.Second, func() { confirm(ctx, topic, batch, done) })
		}, domain.Timeout},
		{"twice", func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			confirm(ctx, topic, batch, done)
			for k := range batch {
				done(k, domain.Ack{}, errors.New("again"))
			}
			time.AfterFunc(time.Second, func() { confirm(ctx, topic, batch, done) })
		}, ""},
		{"of others", func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			done(-1, domain.Ack{}, nil)
			done(len(batch), domain.Ack{}, nil)
			confirm(ctx, topic, batch, done)
		}, ""},
		{"refuses", func(_ context.Context, _ domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			for k := range batch {
				done(k, domain.Ack{}, domain.Errorf(domain.UnknownTopic, "no such topic"))
			}
		}, domain.UnknownTopic},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, c.publish, nil)
				var a answers
				i := s.Open(t.Context(), a.take)
				for range 3 {
					begin := time.Now()
					put(t, i, "orders", message("x"))
					put(t, i, "orders", message("y"))
					if err := i.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(begin); took > 10*time.Second {
						t.Errorf("answered after %s, later than the timeout", took)
					}
				}
				time.Sleep(time.Minute)
				got := a.codes()
				if len(got) != 6 || a.overlap.Load() {
					t.Fatalf("%d outcomes, overlapping: %v; want 6, one call at a time", len(got), a.overlap.Load())
				}
				for _, code := range got {
					if code != c.want {
						t.Errorf("codes %v, want all %q", got, c.want)
						break
					}
				}
				settle(t, s)
			})
		})
	}
}

func TestDeadlinesAreKeptMessageByMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, publisherFunc(func(context.Context, domain.Topic, []*domain.Message, func(int, domain.Ack, error)) {}), nil)
		begin := time.Now()
		var mu sync.Mutex
		after := map[uint64]time.Duration{}
		i := s.Open(t.Context(), func(outcomes []ports.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			for _, o := range outcomes {
				after[o.N] = time.Since(begin)
			}
		})
		for _, topic := range []domain.Topic{"a", "b", "a", "b"} {
			put(t, i, topic, message("x"))
			time.Sleep(time.Second)
		}
		settle(t, s)
		for n := range uint64(4) {
			want := 10*time.Second + time.Duration(n)*time.Second
			if got := after[n+1]; got > want || got < want-2*time.Millisecond {
				t.Errorf("message %d was answered after %s, want %s", n+1, got, want)
			}
		}
	})
}

func TestTheRestGoesToTheBrokerWhenTheConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := make(chan struct{})
		var got []string
		s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			<-taken
			for _, m := range batch {
				got = append(got, string(m.Payload))
			}
			confirm(ctx, topic, batch, done)
		}), nil)
		ctx, cancel := context.WithCancel(t.Context())
		var a answers
		i := s.Open(ctx, a.take)
		put(t, i, "orders", message("1"))
		synctest.Wait()
		put(t, i, "orders", message("2"))
		cancel()
		if _, err := i.Put(t.Context(), "orders", message("3"), ""); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("put on an ended connection: %v", err)
		}
		close(taken)
		settle(t, s)
		if !slices.Equal(got, []string{"1", "2"}) || len(a.all) != 0 {
			t.Errorf("the broker got %v, %d were told; want [1 2] and nobody told", got, len(a.all))
		}
	})
}

func TestDrainRefusesAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		s := newService(t, publisherFunc(func(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
			go func() {
				<-answer
				confirm(ctx, topic, batch, done)
			}()
		}), func(c *inject.Config) { c.Window = 1 })
		var a answers
		i := s.Open(t.Context(), a.take)
		put(t, i, "orders", message("1"))
		blocked := make(chan error)
		go func() {
			_, err := i.Put(t.Context(), "orders", message("2"), "")
			blocked <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain with a message under way: %v", err)
		}
		if err := <-blocked; domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("the blocked put: %v", err)
		}
		idle := s.Open(t.Context(), a.take)
		if _, err := idle.Put(t.Context(), "orders", message("3"), ""); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("put while draining: %v", err)
		}
		close(answer)
		settle(t, s)
		if got := a.codes(); !slices.Equal(got, []domain.Code{""}) {
			t.Errorf("codes %v, want one confirmation", got)
		}
	})
}

func TestConfigSaysWhatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*inject.Config){
		"inject.window":       func(c *inject.Config) { c.Window = 0 },
		"inject.window_bytes": func(c *inject.Config) { c.WindowBytes = 0 },
		"inject.timeout":      func(c *inject.Config) { c.Timeout = 0 },
	} {
		cfg := inject.DefaultConfig()
		change(&cfg)
		_, err := inject.New(publisherFunc(confirm), cfg, domain.DefaultLimits())
		if err == nil || len(err.Error()) < len(name)+1 || err.Error()[:len(name)+1] != name+" " {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := inject.New(publisherFunc(confirm), inject.DefaultConfig(), domain.Limits{}); err == nil {
		t.Error("no limits were accepted")
	}
}
