package edge

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// played is a stream of numbers that a test adds to.
type played struct {
	ports.Stream
	mu    sync.Mutex
	n     int
	err   error
	waker ports.Waker
}

func (s *played) add(n int) {
	s.mu.Lock()
	s.n += n
	s.mu.Unlock()
	s.waker.Wake()
}

func (s *played) Poll() (ports.Batch, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 {
		return ports.Batch{}, false, s.err
	}
	b := ports.Batch{Spans: slices.Repeat([]domain.Span{{Run: new(domain.Run)}}, s.n)}
	s.n = 0
	return b, false, nil
}

func (s *played) Written()             {}
func (s *played) Silence() ports.Batch { return ports.Batch{} }

// heard is an outlet that takes room bytes at once: one for each span, and one for a silence.
type heard struct {
	mu       sync.Mutex
	room     int
	messages int
	silences int
	slow     chan struct{} // what Finish waits for
	over     chan error
}

func (h *heard) Render(p *Parts, b ports.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(b.Spans) == 0 {
		h.silences++
	}
	h.messages += len(b.Spans)
	p.SetTail(append(p.Tail(), make([]byte, max(1, len(b.Spans)))...))
	return nil
}

// counts are how many messages and silences came.
func (h *heard) counts() [2]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return [2]int{h.messages, h.silences}
}

func (h *heard) Try(parts [][]byte) (n int, err error) { return min(h.room, len(parts[0])), nil }

func (h *heard) Finish([][]byte) error { <-h.slow; return nil }

func (h *heard) End(err error) { h.over <- err }

func TestViewingIsServedUntilItsStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWriters(slog.New(slog.DiscardHandler))
		h := &heard{room: 5, slow: make(chan struct{}), over: make(chan error)}
		v := new(Viewing)
		v.Set(w, h, new(Connection), 10*time.Second)
		s := &played{waker: v, n: 1}
		v.Begin(s)
		synctest.Wait()
		want := func(messages, silences int, when string) {
			t.Helper()
			if got := h.counts(); got != [2]int{messages, silences} {
				t.Fatalf("%s %d messages and %d silences came, want %d and %d", when, got[0], got[1], messages, silences)
			}
		}
		want(1, 0, "at first")
		s.add(3)
		synctest.Wait()
		want(4, 0, "when woken")
		time.Sleep(25 * time.Second)
		want(4, 2, "after 25 s")
		s.add(6) // more than is taken at once
		synctest.Wait()
		s.add(2)
		synctest.Wait()
		want(10, 2, "while the client takes none")
		close(h.slow)
		synctest.Wait()
		want(12, 2, "when it takes some again")
		s.mu.Lock()
		s.err = context.Canceled
		s.mu.Unlock()
		v.Wake()
		if err := <-h.over; !errors.Is(err, context.Canceled) {
			t.Fatalf("ended with %v", err)
		}
	})
}

// shared is an outlet whose client takes all, and a stream that always has the same.
type shared struct {
	ports.Stream
	batch ports.Batch
	frame []byte
}

func (s *shared) Poll() (ports.Batch, bool, error)      { return s.batch, false, nil }
func (s *shared) Written()                              {}
func (s *shared) Render(p *Parts, _ ports.Batch) error  { p.Share(s.frame); return nil }
func (s *shared) Try(parts [][]byte) (n int, err error) { return len(parts[0]), nil }
func (s *shared) Finish([][]byte) error                 { return nil }
func (s *shared) End(error)                             {}
func (s *shared) viewing() *Viewing {
	v := new(Viewing)
	v.Set(NewWriters(slog.New(slog.DiscardHandler)), s, new(Connection), time.Minute)
	return v
}

func newShared() *shared {
	return &shared{batch: ports.Batch{Spans: []domain.Span{{Run: new(domain.Run), To: 3}}}, frame: make([]byte, 100)}
}

func TestServingAllocatesNothing(t *testing.T) {
	s := newShared()
	v := s.viewing()
	v.stream = s
	var p Parts
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() { v.serve(&p, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if messages, bytes := v.conn.take(); messages != 101*3 || bytes != 101*100 { // once more to warm up
		t.Errorf("%d messages and %d bytes are counted", messages, bytes)
	}
}

func BenchmarkServe(b *testing.B) {
	s := newShared()
	v := s.viewing()
	v.stream = s
	var p Parts
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		v.serve(&p, now)
	}
}

// Frames of neighbours in a log are written from where they lie, as one.
func TestNeighboursInMemoryAreOnePart(t *testing.T) {
	block := []byte("one two three")
	var p Parts
	p.Share(block[:4])
	p.Share(block[4:8])
	p.Share(block[8:])
	p.join()
	if len(p.all) != 1 || p.size != len(block) || &p.all[0][0] != &block[0] {
		t.Errorf("%q", p.all)
	}
	p.reset()
	p.Share(block[:4])
	p.Share(block[8:]) // not a neighbour
	p.Share(block[4:8])
	p.join()
	if got := string(bytes.Join(p.all, nil)); got != "one threetwo " || string(block) != "one two three" {
		t.Errorf("%q of %q", got, block)
	}
}
