package subscribe

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

func newService(t *testing.T, b Broker, change func(*Config)) *Service {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	s, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Drain(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func view(t *testing.T, s *Service, v ports.View) (ports.Stream, context.CancelFunc) {
	t.Helper()
	v.Topics = []domain.Pattern{"t"}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := s.View(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	return stream, cancel
}

func next(t *testing.T, s ports.Stream) ports.Batch {
	t.Helper()
	b, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func payloads(b ports.Batch) (all []string) {
	for _, span := range b.Spans {
		for _, e := range span.Events() {
			if e.Message != nil {
				all = append(all, string(e.Message.Payload))
			}
		}
	}
	return all
}

func wantBye(t *testing.T, s ports.Stream, reason domain.ByeReason) {
	t.Helper()
	_, err := s.Next(t.Context())
	var bye *domain.Bye
	if !errors.As(err, &bye) || bye.Reason != reason {
		t.Fatalf("got %v, want a bye with reason %s", err, reason)
	}
}

func TestAThousandViewersAreOneReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, nil)
		var streams []ports.Stream
		for range 1000 {
			stream, cancel := view(t, s, ports.View{})
			defer cancel()
			streams = append(streams, stream)
		}
		synctest.Wait()
		if n := b.readers(); n != 1 {
			t.Fatalf("%d readers", n)
		}
		b.put(0, "k")
		format := &domain.Format{Append: func(dst []byte, e domain.Event) []byte { return append(dst, e.Message.Payload...) }}
		var first []byte
		for _, stream := range streams {
			batch := next(t, stream)
			frame := batch.Spans[0].Append(nil, format)[0]
			if first == nil {
				first = frame
			}
			if &first[0] != &frame[0] {
				t.Fatal("a frame was encoded twice")
			}
		}
	})
}

func TestAFeedLingersAfterItsLastViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, func(c *Config) { c.Linger = 10 * time.Second })
		_, cancel := view(t, s, ports.View{})
		cancel()
		time.Sleep(9 * time.Second)
		_, cancel = view(t, s, ports.View{})
		time.Sleep(9 * time.Second)
		if b.readers() != 1 {
			t.Fatal("the feed did not stay for its new viewer")
		}
		cancel()
		time.Sleep(9 * time.Second)
		if b.readers() != 1 {
			t.Fatal("the feed did not linger")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if b.readers() != 0 || len(s.Feeds()) != 0 {
			t.Fatal("the feed outlived its linger")
		}
	})
}

func TestHeartbeatsAndMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, nil)
		stream, cancel := view(t, s, ports.View{Keys: [][]byte{[]byte("mine")}, Heartbeat: 15 * time.Second})
		defer cancel()
		began, opening := time.Now(), stream.Ready().Cursor.String()
		if batch := next(t, stream); len(batch.Spans) != 0 || batch.Mark != "" || time.Since(began) != 15*time.Second {
			t.Fatalf("%+v after %v, want a bare heartbeat after 15 s", batch, time.Since(began))
		}
		b.put(0, "other")
		batch := next(t, stream)
		if want := stream.Cursor().String(); batch.Mark != want || want == opening {
			t.Fatalf("mark %q, want %q", batch.Mark, want)
		}
		if batch := next(t, stream); batch.Mark != "" {
			t.Fatal("a mark without anything new")
		}
		b.put(0, "mine")
		if got := payloads(next(t, stream)); len(got) != 1 || got[0] != "0/1" {
			t.Fatalf("got %v", got)
		}
	})
}

func TestLimitEndsTheStreamAtItsLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, nil)
		for range 5 {
			b.put(0, "k")
		}
		stream, cancel := view(t, s, ports.View{From: domain.StartEarliest(), Limit: 2})
		defer cancel()
		if got := payloads(next(t, stream)); len(got) != 2 {
			t.Fatalf("got %v", got)
		}
		wantBye(t, stream, domain.ByeEnd)
		end := stream.Cursor()
		if !end.End || end.Vector("t").Next(0) != 2 {
			t.Fatalf("the end is %+v", end)
		}
		stream, cancel = view(t, s, ports.View{Resume: &end})
		defer cancel()
		if got := payloads(next(t, stream)); got[0] != "0/2" {
			t.Fatalf("went on at %v", got)
		}
	})
}

func TestResumeInsideTheLogReadsNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(2)
		s := newService(t, b, nil)
		stream, cancel := view(t, s, ports.View{})
		defer cancel()
		cursor := stream.Ready().Cursor
		for i := range 10 {
			b.put(int32(i%2), "k")
		}
		synctest.Wait()
		resumed, cancel := view(t, s, ports.View{Resume: &cursor})
		defer cancel()
		if r := resumed.Ready().Resumed; r == nil || !*r {
			t.Fatal("not resumed")
		}
		if got := payloads(next(t, resumed)); len(got) != 10 {
			t.Fatalf("got %v", got)
		}
		synctest.Wait()
		if n := b.readers(); n != 1 {
			t.Fatalf("%d readers: the live log had it all", n)
		}
	})
}

func TestACursorThatRetentionOvertook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, nil)
		for range 9 {
			b.put(0, "k")
		}
		cursor := domain.CursorOf("t", domain.NewVector(1, domain.Place{Next: 2}))
		b.cut(0, 5)
		stream, cancel := view(t, s, ports.View{Resume: &cursor})
		defer cancel()
		r := stream.Ready()
		if *r.Resumed || r.Reason != ports.ResumeRetention || r.Cursor.String() != cursor.String() {
			t.Fatalf("ready %+v: it must say why, and keep the place before the gap", r)
		}
		batch := next(t, stream)
		gap := batch.Spans[0].Run.Gap
		if gap == nil || gap.Lost != 3 || gap.Reason != domain.GapRetention {
			t.Fatalf("gap %+v", gap)
		}
		if got := payloads(batch); got[0] != "0/5" {
			t.Fatalf("went on at %v", got)
		}
	})
}

func TestWhatABrokerCannotIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		b.capabilities = nil
		s := newService(t, b, nil)
		for _, v := range []ports.View{
			{Topics: []domain.Pattern{"t"}, From: domain.StartEarliest()},
			{Topics: []domain.Pattern{"t"}, From: domain.StartTime(time.Now())},
			{Topics: []domain.Pattern{"t"}, Overflow: ports.OverflowResume},
		} {
			if _, err := s.View(t.Context(), v); domain.CodeOf(err) != domain.Unsupported {
				t.Errorf("%+v: %v", v, err)
			}
		}
	})
}

// stuckBroker never answers.
type stuckBroker struct{ *fakeBroker }

func (stuckBroker) Tail(ctx context.Context, _ domain.Topic, _ domain.Start) (o domain.Opening, _ iter.Seq2[domain.Chunk, error], err error) {
	<-ctx.Done()
	return o, nil, ctx.Err()
}

func TestABrokerThatCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, func(c *Config) { c.OpenTimeout = 5 * time.Second })
		b.refuse = domain.Errorf(domain.Unavailable, "gone")
		if _, err := s.View(t.Context(), ports.View{Topics: []domain.Pattern{"t"}}); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("refused: %v", err)
		}
		b.refuse = nil
		if _, err := s.View(t.Context(), ports.View{Topics: []domain.Pattern{"t"}}); err != nil {
			t.Errorf("a failed opening must not stay: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, stuckBroker{newFakeBroker(1)}, func(c *Config) { c.OpenTimeout = 5 * time.Second })
		began := time.Now()
		_, err := s.View(t.Context(), ports.View{Topics: []domain.Pattern{"t"}})
		if domain.CodeOf(err) != domain.Unavailable || time.Since(began) != 5*time.Second {
			t.Errorf("stuck: %v after %v", err, time.Since(began))
		}
	})
}

// The drain closes the feeds, too. A view that found its feed closed before it looked at the drain said that the broker was away: bye with unavailable, by chance.
func TestAFeedThatTheDrainClosesIsNoTroubleOfTheBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, newFakeBroker(1), nil)
		viewed, cancel := view(t, s, ports.View{})
		defer cancel()
		go func() { _ = s.Drain(t.Context()) }()
		synctest.Wait()
		st := viewed.(*stream)
		st.remember()
		st.gather() // as if Next had looked at the drain just before it began
		if st.over == nil || st.over.Reason != domain.ByeShutdown {
			t.Errorf("the view is over with %v, want a bye with shutdown", st.over)
		}
	})
}

func TestDrainSaysBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, nil)
		stream, cancel := view(t, s, ports.View{})
		drained := make(chan error)
		go func() { drained <- s.Drain(t.Context()) }()
		synctest.Wait()
		wantBye(t, stream, domain.ByeShutdown)
		select {
		case <-drained:
			t.Fatal("drained before its stream had ended")
		default:
		}
		cancel()
		if err := <-drained; err != nil {
			t.Fatal(err)
		}
		if _, err := s.View(t.Context(), ports.View{Topics: []domain.Pattern{"t"}}); domain.CodeOf(err) != domain.Unavailable {
			t.Fatalf("a view after the drain: %v", err)
		}
	})
}

// A partition that was added while a viewer was away, and had lost its leader when it came back, is given from its first message on. It was given from the time at which the live log had asked for it,
// and what came before was lost without a word.
func TestAPartitionThatTheCursorDoesNotKnowWaitsForItsLeader(t *testing.T) {
	for name, keys := range map[string][][]byte{"all": nil, "one key": {[]byte("k")}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newFakeBroker(1)
				cursor := domain.CursorOf("t", domain.NewVector(b.epoch, domain.Place{}))
				b.addPartition()
				b.put(1, "k")
				b.put(1, "k")
				time.Sleep(time.Second)
				b.lead(1, false)
				stream, cancel := view(t, newService(t, b, nil), ports.View{Resume: &cursor, Keys: keys, Heartbeat: time.Second})
				defer cancel()
				if got := next(t, stream); len(got.Spans) > 0 {
					t.Fatalf("given %v of a partition that cannot be read", payloads(got))
				}
				b.put(0, "k")
				got := payloads(next(t, stream))
				b.lead(1, true)
				for i := 0; i < 10 && len(got) < 3; i++ {
					got = append(got, payloads(next(t, stream))...)
				}
				if want := []string{"0/0", "1/0", "1/1"}; !slices.Equal(got, want) {
					t.Errorf("given %v, want %v", got, want)
				}
			})
		})
	}
}
