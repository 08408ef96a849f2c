package subscribe

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// flag is a Waker that remembers.
type flag struct{ up atomic.Bool }

func (f *flag) Wake() { f.up.Store(true) }

// down reports whether the flag was up, and takes it down.
func (f *flag) down() bool { return f.up.Swap(false) }

// polledView is a view whose stream has been polled until it gave no more.
func polledView(t *testing.T, s *Service, v ports.View) (ports.Stream, *flag, context.CancelFunc) {
	t.Helper()
	woken := new(flag)
	v.Waker = woken
	stream, cancel := view(t, s, v)
	for woken.Wake(); woken.down(); synctest.Wait() {
		if _, err := pollAll(t, stream); err != nil {
			t.Fatal(err)
		}
	}
	return stream, woken, cancel
}

// pollAll polls for as long as there is more.
func pollAll(t *testing.T, s ports.Stream) (all []string, last error) {
	t.Helper()
	for more := true; more; {
		var batch ports.Batch
		if batch, more, last = s.Poll(); last != nil {
			return all, last
		}
		all = append(all, payloads(batch)...)
		s.Written()
	}
	return all, nil
}

// The batch that leads to the end of the log says so, and what comes then wakes.
func TestOnePollForWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		s := newService(t, b, nil)
		stream, woken, cancel := polledView(t, s, ports.View{})
		defer cancel()
		for range 3 {
			b.put(0, "k")
			synctest.Wait()
			if !woken.down() {
				t.Fatal("nobody was woken for a message")
			}
			batch, more, err := stream.Poll()
			if len(batch.Spans) != 1 || more || err != nil {
				t.Fatalf("%d spans, more %v, %v", len(batch.Spans), more, err)
			}
			stream.Written()
		}
		b.put(0, "k")
		synctest.Wait()
		b.remove()
		synctest.Wait()
		woken.down()
		if got, err := pollAll(t, stream); len(got) != 1 || err == nil {
			t.Errorf("got %v and %v, want a message and the end of the feed: nobody is woken for that any more", got, err)
		}
	})
}

// What ends a stream wakes who waits, wherever it waits.
func TestWhoPollsIsWokenForTheEnd(t *testing.T) {
	old := func(b *fakeBroker) {
		for range 100 {
			b.put(0, "k")
		}
	}
	for name, view := range map[string]ports.View{
		"in the live log": {},
		"for a key":       {Keys: [][]byte{[]byte("mine")}},
		"in a replay":     {From: domain.StartEarliest()},
		"for an end":      {To: &domain.Stop{Time: time.Now().Add(time.Hour)}},
	} {
		for end, do := range map[string]func(*Service, *fakeBroker, context.CancelFunc){
			"drain": func(s *Service, _ *fakeBroker, _ context.CancelFunc) {
				go func() { _ = s.Drain(context.Background()) }()
			},
			"context": func(_ *Service, _ *fakeBroker, cancel context.CancelFunc) { cancel() },
			"feed":    func(_ *Service, b *fakeBroker, _ context.CancelFunc) { b.remove() },
		} {
			t.Run(fmt.Sprint(name, ", ", end), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newFakeBroker(1)
					old(b)
					s := newService(t, b, nil)
					stream, woken, cancel := polledView(t, s, view)
					defer cancel()
					do(s, b, cancel)
					synctest.Wait()
					if !woken.down() {
						t.Fatal("nobody was woken")
					}
					if _, err := pollAll(t, stream); err == nil {
						t.Error("the stream goes on")
					}
				})
			})
		}
	}
}

// A stream that waits for a replay has no bell in a feed: the drain that closes the feeds left it asleep.
func TestWhoWaitsForAReplayIsWokenByTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		for range 100 {
			b.put(0, "k")
		}
		s := newService(t, stuck{b, 50}, func(c *Config) { c.Window.Messages = 10 })
		cursor := domain.CursorOf("t", domain.NewVector(b.epoch, domain.Place{}))
		stream, woken, cancel := polledView(t, s, ports.View{Resume: &cursor})
		defer cancel()
		go func() { _ = s.Drain(context.Background()) }()
		synctest.Wait()
		if !woken.down() {
			t.Fatal("nobody was woken")
		}
		if _, err := pollAll(t, stream); !errors.As(err, new(*domain.Bye)) {
			t.Errorf("got %v, want a bye", err)
		}
	})
}

// wakes is a Waker for a goroutine that sleeps meanwhile.
type wakes chan struct{}

func (w wakes) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// Goroutines that poll only when they are woken, or when there is more, get all there is while others append, whatever comes between: nobody sleeps while there is something. This one goes by the real
// clock, since it is about what happens at the same time.
func TestNobodySleepsWhileThereIsSomething(t *testing.T) {
	const (
		pollers  = 24
		messages = 3000
	)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := newFakeBroker(2)
	s := newService(t, b, func(c *Config) {
		c.Window.Messages, c.BatchBytes, c.ReplayBytes = 200, 4000, 20_000 // so that many fall out, and read on from the broker
	})
	var all sync.WaitGroup
	for i := range pollers {
		v := ports.View{Topics: []domain.Pattern{"t"}, From: domain.StartEarliest(), Waker: make(wakes, 1), Client: fmt.Sprint(i)}
		if i%3 == 1 {
			v.Keys = [][]byte{[]byte("b")}
		}
		if i%3 == 2 {
			v.From = domain.StartLast(1)
		}
		ctx, leave := context.WithCancel(ctx)
		defer leave()
		stream, err := s.View(ctx, v)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			p := &poller{stream: stream, woken: v.Waker.(wakes), keyed: v.Keys != nil, next: map[int32]int64{}}
			if err := p.run(ctx, messages); err != nil {
				t.Errorf("poller %d: %v", i, err)
			}
		})
	}
	for i := range messages {
		for p := range int32(2) {
			b.put(p, string(keyOf(p, int64(i)).Key))
		}
	}
	all.Wait()
}

// poller reads what a stream gives of two partitions.
type poller struct {
	stream ports.Stream
	woken  wakes
	keyed  bool
	next   map[int32]int64 // what is due of each partition
}

// run reads until it has so many messages of each partition.
func (p *poller) run(ctx context.Context, messages int64) error {
	last := map[int32]int64{}
	for partition := range int32(2) {
		for last[partition] = messages - 1; p.keyed && string(keyOf(partition, last[partition]).Key) != "b"; {
			last[partition]--
		}
	}
	for {
		batch, more, err := p.stream.Poll()
		if err != nil {
			return err
		}
		for _, span := range batch.Spans {
			for _, e := range span.Events() {
				if err := p.took(e); err != nil {
					return err
				}
			}
		}
		p.stream.Written()
		switch {
		case p.next[0] > last[0] && p.next[1] > last[1]:
			return nil
		case more:
			continue
		}
		select {
		case <-p.woken:
		case <-ctx.Done():
			return fmt.Errorf("it sleeps at %v: %w", p.next, ctx.Err())
		}
	}
}

func (p *poller) took(e domain.Event) error {
	if e.Gap != nil {
		return fmt.Errorf("a gap: %+v", e.Gap)
	}
	due := p.next[e.Message.Partition]
	for p.keyed && string(keyOf(e.Message.Partition, due).Key) != "b" {
		due++
	}
	if e.Message.Offset != due {
		return fmt.Errorf("%d/%d came, %d was due", e.Message.Partition, e.Message.Offset, due)
	}
	p.next[e.Message.Partition] = due + 1
	if rand.IntN(50) == 0 {
		runtime.Gosched() // lets others be faster
	}
	return nil
}

// A message that is given to a viewer of everything costs no memory.
func TestPollingCostsNoMemory(t *testing.T) {
	const viewers = 100
	s := newService(t, newFakeBroker(1), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var streams []*stream
	for range 2 * viewers {
		opened, err := s.View(ctx, ports.View{Topics: []domain.Pattern{"t"}, Waker: new(flag)})
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, opened.(*stream))
	}
	streams[0].tracks[0].live.append(chunk(0, 0, 1), time.Now())
	var frames [][]byte
	cost := testing.AllocsPerRun(1, func() { // which calls it once before it counts
		for _, stream := range streams[:viewers] {
			batch, _, _ := stream.Poll()
			frames = batch.Spans[0].Append(frames[:0], benchFormat)
			stream.Written()
		}
		streams = streams[viewers:]
	})
	if cost >= viewers { // sync.Pool forgets some on purpose where races are looked for
		t.Errorf("%v allocations for %d deliveries", cost, viewers)
	}
}

var benchFormat = &domain.Format{Name: "bench", Append: func(dst []byte, e domain.Event) []byte {
	return append(append(append(dst, e.Cursor...), e.Message.Payload...), '\n')
}}

// stuck is a broker whose readers are given nothing more after some chunks.
type stuck struct {
	*fakeBroker
	after int
}

func (b stuck) Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	opening, chunks, err := b.fakeBroker.Tail(ctx, topic, from)
	return opening, func(yield func(domain.Chunk, error) bool) {
		left := b.after
		for chunk, err := range chunks {
			if left--; left < 0 {
				<-ctx.Done()
				yield(domain.Chunk{}, ctx.Err())
				return
			}
			if !yield(chunk, err) {
				return
			}
		}
	}, err
}
