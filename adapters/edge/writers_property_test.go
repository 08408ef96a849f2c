package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

var (
	errStreamOver = errors.New("the stream is over")
	errClientGone = errors.New("the client is gone")
)

// counting is a stream of the numbers from 0 on, and its outlet, whose client takes them as chance has it. It checks that it is used as the two contracts say.
type counting struct {
	ports.Stream
	t     *testing.T
	waker ports.Waker
	busy  atomic.Bool // somebody is in one of the methods that are called one at a time

	mu      sync.Mutex // guards what follows
	chance  *rand.Rand
	kind    behaviour
	end     int // the numbers are those before
	closed  bool
	given   int // those that Poll gave
	open    bool
	due     []byte // what is rendered and not yet taken
	taken   []byte
	failed  bool
	silence int
	ends    []error
}

// behaviour is how often, of a hundred times, a client does what it should not.
type behaviour struct{ slow, fails, panics int }

func (c *counting) alone() func() {
	if c.busy.Swap(true) {
		c.t.Error("two at a time")
	}
	return func() { c.busy.Store(false) }
}

func (c *counting) does(percent int) bool { return c.chance.IntN(100) < percent }

func (c *counting) add(n int) {
	c.mu.Lock()
	c.end += n
	c.mu.Unlock()
	c.waker.Wake()
}

func (c *counting) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.waker.Wake()
}

func (c *counting) Poll() (b ports.Batch, more bool, err error) {
	defer c.alone()()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ends) > 0 || c.failed || c.open {
		c.t.Errorf("polled, though ended %v, failed %v, a batch is open %v", c.ends, c.failed, c.open)
	}
	n := min(c.end-c.given, 1+c.chance.IntN(5))
	if n == 0 {
		if c.closed {
			err = errStreamOver
		}
		return b, false, err
	}
	b.Spans = []domain.Span{{Run: new(domain.Run), From: c.given, To: c.given + n}}
	c.given += n
	c.open = true
	return b, c.given < c.end || c.closed || c.does(20), nil
}

func (c *counting) Written() {
	defer c.alone()()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open || len(c.due) > 0 {
		c.t.Errorf("written, though open is %v and %d bytes are left", c.open, len(c.due))
	}
	c.open = false
}

func (c *counting) Silence() ports.Batch {
	c.open = true
	return ports.Batch{Mark: "silence"}
}

func (c *counting) errIf(percent int) error {
	if c.does(percent) {
		c.failed = true
		return errClientGone
	}
	return nil
}

func (c *counting) Render(p *Parts, b ports.Batch) error {
	defer c.alone()()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.does(c.kind.panics) {
		c.failed = true
		panic("by chance")
	}
	if len(b.Spans) == 0 {
		c.silence++
	}
	for _, span := range b.Spans {
		for n := span.From; n < span.To; n++ {
			one := binary.BigEndian.AppendUint32(nil, uint32(n))
			c.due = append(c.due, one...)
			if c.does(50) {
				p.Share(one)
			} else {
				p.SetTail(append(p.Tail(), one...))
			}
		}
	}
	return c.errIf(c.kind.fails)
}

// take takes the first n bytes of parts.
func (c *counting) take(parts [][]byte, n int) {
	all := bytes.Join(parts, nil)
	if !bytes.Equal(all, c.due) {
		c.t.Errorf("%x is to be written, and not %x", all, c.due)
	}
	c.taken = append(c.taken, all[:n]...)
	c.due = c.due[n:]
}

func (c *counting) Try(parts [][]byte) (int, error) {
	defer c.alone()()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.errIf(c.kind.fails); err != nil {
		return 0, err
	}
	n := len(c.due)
	if c.does(c.kind.slow) && n > 0 {
		n = c.chance.IntN(n)
	}
	c.take(parts, n)
	return n, nil
}

func (c *counting) Finish(rest [][]byte) error {
	defer c.alone()()
	c.mu.Lock()
	wait := time.Duration(c.chance.IntN(3)) * time.Millisecond
	c.mu.Unlock()
	time.Sleep(wait) // in a bubble
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.does(c.kind.panics) {
		c.failed = true
		panic("by chance")
	}
	if err := c.errIf(c.kind.fails); err != nil {
		return err
	}
	c.take(rest, len(c.due))
	return nil
}

func (c *counting) End(err error) {
	defer c.alone()()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends = append(c.ends, err)
	if c.does(c.kind.panics) {
		panic("by chance")
	}
}

// check checks what the client has when all is quiet. over says that the stream was closed.
func (c *counting) check(over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 0; n < len(c.taken)/4; n++ {
		if got := binary.BigEndian.Uint32(c.taken[4*n:]); got != uint32(n) {
			c.t.Fatalf("the number %d came as %d", n, got)
		}
	}
	if !c.failed && len(c.taken) != 4*c.end {
		c.t.Errorf("%d bytes of %d numbers came", len(c.taken), c.end)
	}
	switch {
	case c.failed && len(c.ends) != 1:
		c.t.Errorf("failed, and ended %d times", len(c.ends))
	case c.failed && errors.Is(c.ends[0], errStreamOver):
		c.t.Error("a client that is gone ended as its stream did")
	case !c.failed && over && (len(c.ends) != 1 || !errors.Is(c.ends[0], errStreamOver)):
		c.t.Errorf("ended with %v", c.ends)
	case !c.failed && !over && len(c.ends) > 0:
		c.t.Errorf("ended with %v before its stream", c.ends)
	}
}

// Whatever the interleaving of wakes, slow clients and ends: what a stream has is rendered once and in order, nothing is left lying while the client takes it, each viewing ends once, and leaves nothing behind.
func TestEveryViewingIsGivenAllOnce(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playViewings(t, seed) })
		})
	}
}

func playViewings(t *testing.T, seed uint64) {
	t.Helper()
	w := NewWriters(slog.New(slog.DiscardHandler))
	kinds := []behaviour{{}, {slow: 30}, {slow: 100}, {slow: 30, fails: 3}, {slow: 50, panics: 3}}
	var all []*counting
	var producers sync.WaitGroup
	for i := range 8 {
		chance := rand.New(rand.NewPCG(seed, uint64(i)))
		c := &counting{t: t, chance: chance, kind: kinds[chance.IntN(len(kinds))]}
		v := new(Viewing)
		v.Set(w, c, new(Connection), time.Duration(chance.IntN(2))*7*time.Millisecond)
		c.waker = v
		all = append(all, c)
		c.add(chance.IntN(3)) // before it is opened
		v.Begin(c)
		for j := range 2 {
			rhythm := rand.New(rand.NewPCG(seed, uint64(100*i+j)))
			producers.Go(func() {
				for range 40 {
					c.add(rhythm.IntN(4))
					if rhythm.IntN(10) == 0 {
						time.Sleep(time.Duration(rhythm.IntN(20)) * time.Millisecond)
					}
				}
			})
		}
	}
	producers.Wait()
	time.Sleep(time.Second)
	for _, c := range all {
		c.check(false)
	}
	var ends sync.WaitGroup
	for _, c := range all {
		ends.Go(func() {
			c.add(2)
			c.close()
		})
	}
	ends.Wait()
	time.Sleep(time.Second)
	for _, c := range all {
		c.check(true)
	}
	// That no goroutine is left is for the bubble to say.
}
