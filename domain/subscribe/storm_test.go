package subscribe

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// comeBack opens streams at places of one topic, one after the other.
func comeBack(t *testing.T, s *Service, places []*domain.Vector) (streams []ports.Stream) {
	t.Helper()
	for i, place := range places {
		cursor := domain.CursorOf("t", place)
		stream, cancel := view(t, s, ports.View{Resume: &cursor, Client: fmt.Sprint(i)})
		t.Cleanup(cancel)
		streams = append(streams, stream)
	}
	return streams
}

// readOn takes from a stream what lies between its place and offset end of each partition.
func readOn(t *testing.T, stream ports.Stream, place *domain.Vector, end int64) {
	due := map[int32]int64{}
	for _, p := range place.Places() {
		due[p.Partition] = p.Next
	}
	for left := end*int64(len(due)) - total(place); left > 0; {
		b, err := stream.Next(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		for _, span := range b.Spans {
			for _, e := range span.Events() {
				if e.Gap != nil || e.Message.Offset != due[e.Message.Partition] {
					t.Errorf("%+v, %d was due", e, due[e.Message.Partition])
					return
				}
				due[e.Message.Partition]++
				left--
			}
		}
	}
}

// alone counts the places that lie behind all that came before them in some partition: nobody's reader comes by there.
func alone(places []*domain.Vector) int {
	var began []*domain.Vector
	for _, v := range places {
		if !slices.ContainsFunc(began, func(had *domain.Vector) bool { return covers(v, had) }) {
			began = append(began, v)
		}
	}
	return len(began)
}

func total(v *domain.Vector) (n int64) {
	for _, p := range v.Places() {
		n += p.Next
	}
	return n
}

// Who comes back while others read shares their readers, but who lacks something that none of them is going to read.
func TestAStormOfViewersSharesTheReaders(t *testing.T) {
	for name, c := range map[string]struct {
		partitions, spread int64
		most               int
	}{
		"one place":       {3, 1, 1},
		"near each other": {1, 1000, 2},
		"near each other in all of many partitions": {12, 80, 1},
		"not quite so near":                         {3, 1000, 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, each := newFakeBroker(int(c.partitions)), c.spread+200
				for p := range int32(c.partitions) {
					for range each {
						b.put(p, "k")
					}
				}
				s := newService(t, b, func(c *Config) { c.Window.Messages = 10 })
				order := rand.New(rand.NewPCG(1, 2))
				places := make([]*domain.Vector, 500)
				for i := range places {
					places[i] = domain.NewVector(b.epoch)
					for p := range int32(c.partitions) {
						places[i] = places[i].With(domain.Place{Partition: p, Next: order.Int64N(c.spread)})
					}
				}
				streams := comeBack(t, s, places)
				synctest.Wait()
				if n := b.readers() - 1; n > alone(places) || n > c.most {
					t.Errorf("%d replays for %d viewers, want at most %d, and %d", n, len(places), alone(places), c.most)
				}
				if n := s.ReplaysBegun(); n != uint64(b.readers()-1) {
					t.Errorf("%d replays are counted of %d", n, b.readers()-1)
				}
				var all sync.WaitGroup
				for i, stream := range streams {
					all.Go(func() { readOn(t, stream, places[i], each) })
				}
				all.Wait()
				synctest.Wait()
				if n := b.readers(); n != 1 {
					t.Errorf("%d readers are left, want the feed's alone", n)
				}
			})
		})
	}
}

// late is a broker that takes its time before each chunk.
type late struct {
	*fakeBroker
	by time.Duration
}

func (b late) Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	opening, chunks, err := b.fakeBroker.Tail(ctx, topic, from)
	return opening, func(yield func(domain.Chunk, error) bool) {
		for chunk, err := range chunks {
			select {
			case <-time.After(b.by):
			case <-ctx.Done():
			}
			if !yield(chunk, err) {
				return
			}
		}
	}, err
}

// Each viewer for whom the reader of others was too slow began one of its own: thousands began hundreds, as many as one client may have, and the rest were refused.
func TestWhoLosesPatienceSharesAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		for range lead + 2000 {
			b.put(0, "k")
		}
		s := newService(t, late{b, 2 * patience}, func(c *Config) { c.Window.Messages = 10 })
		place := domain.NewVector(b.epoch, domain.Place{Next: lead + 1000})
		cursor := domain.CursorOf("t", place)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				stream, err := s.View(t.Context(), ports.View{Topics: []domain.Pattern{"t"}, Resume: &cursor, Client: "one"})
				if err != nil {
					t.Error(err)
					return
				}
				readOn(t, stream, place, lead+2000)
			})
		}
		all.Wait()
		if n := s.ReplaysBegun(); n > 2 {
			t.Errorf("%d replays for who all lack the same", n)
		}
	})
}

// far are places that no replay from one of them comes by soon.
func far(b *fakeBroker, n int) []*domain.Vector {
	places := make([]*domain.Vector, n)
	for i := range places {
		places[i] = domain.NewVector(b.epoch, domain.Place{Next: int64(n-i) * (lead + 1)}) // each behind the one before, and its lead
	}
	return places
}

func TestNoMoreReplaysRunThanMay(t *testing.T) {
	for name, c := range map[string]struct {
		client func(int) string
		most   int
	}{
		"for all":        {func(i int) string { return fmt.Sprint(i) }, 5},
		"for one client": {func(int) string { return "one" }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newFakeBroker(1)
				for range 8*(lead+1) + 500 {
					b.put(0, "k")
				}
				s := newService(t, b, func(c *Config) { c.Window.Messages, c.Replays, c.ReplaysPerClient = 10, 5, 2 })
				var streams []ports.Stream
				refused := 0
				for i, place := range far(b, 8) {
					cursor := domain.CursorOf("t", place)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					stream, err := s.View(ctx, ports.View{Topics: []domain.Pattern{"t"}, Resume: &cursor, Client: c.client(i)})
					switch {
					case err == nil:
						streams = append(streams, stream)
					case domain.CodeOf(err) == domain.TooManyRequests:
						refused++
					default:
						t.Error(err)
					}
				}
				synctest.Wait()
				if n := b.readers() - 1; n != c.most || len(streams) != c.most || refused != 8-c.most {
					t.Errorf("%d replays for %d streams, %d refused; want %d", n, len(streams), refused, c.most)
				}
			})
		})
	}
}

// A viewer who waits for its turn gets it when another replay has ended.
func TestWhoWaitsForAReplayGetsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		for range 2*(lead+1) + 500 {
			b.put(0, "k")
		}
		s := newService(t, b, func(c *Config) { c.Window.Messages, c.Replays = 10, 1 })
		places := far(b, 2)
		first := domain.CursorOf("t", places[0])
		_, cancel := view(t, s, ports.View{Resume: &first})
		time.AfterFunc(time.Second, cancel)
		second := domain.CursorOf("t", places[1])
		stream, leave := view(t, s, ports.View{Resume: &second})
		defer leave()
		if got := payloads(next(t, stream)); got[0] != fmt.Sprintf("0/%d", lead+1) {
			t.Errorf("got %v", got)
		}
	})
}

// A client was charged for a reader that it had left to others, and waited for a turn of its own for as long as they were slow.
func TestWhoHasLeftAReplayIsNotChargedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		for range 2*(lead+1) + 500 {
			b.put(0, "k")
		}
		s := newService(t, b, func(c *Config) { c.Window.Messages, c.ReplaysPerClient = 10, 1 })
		places := far(b, 2)
		come := func(place *domain.Vector, client string) context.CancelFunc {
			cursor := domain.CursorOf("t", place)
			_, leave := view(t, s, ports.View{Resume: &cursor, Client: client})
			return leave
		}
		leave := come(places[0], "one")
		defer come(places[0], "another")() // and takes nothing
		leave()
		synctest.Wait()
		defer come(places[1], "one")()
		synctest.Wait()
		if n := b.readers() - 1; n != 2 {
			t.Errorf("%d replays, want two", n)
		}
	})
}

// A replay goes on for who came by when the one who began it leaves, and a viewer who takes nothing holds nobody up.
func TestAReplayOutlivesWhoBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBroker(1)
		for range 500 {
			b.put(0, "k")
		}
		s := newService(t, b, func(c *Config) { c.Window.Messages, c.ReplayBytes, c.BatchBytes = 10, 2000, 500 })
		cursor := domain.CursorOf("t", domain.NewVector(b.epoch, domain.Place{Next: 5}))
		_, leave := view(t, s, ports.View{Resume: &cursor})
		slow, leaveSlow := view(t, s, ports.View{Resume: &cursor})
		defer leaveSlow()
		fast, leaveFast := view(t, s, ports.View{Resume: &cursor})
		defer leaveFast()
		synctest.Wait()
		if b.readers() != 2 {
			t.Fatalf("%d readers", b.readers())
		}
		leave()
		read := func(stream ports.Stream) {
			for due := int64(5); due < 500; {
				for _, span := range next(t, stream).Spans {
					for _, e := range span.Events() {
						if e.Message == nil || e.Message.Offset != due {
							t.Fatalf("%+v, %d was due", e, due)
						}
						due++
					}
				}
			}
		}
		read(fast)
		synctest.Wait()
		if b.opened != 2 {
			t.Errorf("%d readers were needed for who kept up", b.opened-1)
		}
		read(slow) // with a replay of its own
		synctest.Wait()
		if n := b.readers(); n != 1 {
			t.Errorf("%d readers are left, want the feed's alone", n)
		}
	})
}
