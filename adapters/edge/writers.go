package edge

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Writers are a few goroutines that write to many clients what their streams give. To wake a goroutine for each viewer and message is most of what fan-out costs while few messages come, and
// an idle viewer needs no stack to wait on. The goroutines exist while there are viewings.
type Writers struct {
	each []*writer
	next atomic.Uint64
}

// NewWriters makes as many writers as there are processors to write with.
func NewWriters() *Writers {
	w := &Writers{each: make([]*writer, runtime.GOMAXPROCS(0))}
	for i := range w.each {
		w.each[i] = &writer{signal: make(chan struct{}, 1)}
	}
	return w
}

// writer serves its share of the viewings, one after the other. It never waits for a client.
type writer struct {
	signal chan struct{} // holds one value while there is something to do

	mu       sync.Mutex // guards what follows; nothing is waited for under it
	viewings int
	running  bool
	ready    []*Viewing // woken, in that order
	spare    []*Viewing // memory for the next ready
	beats    beats      // when each viewing's silence is to end
}

// politeness is how many viewings a writer serves before it lets other goroutines of its processor run: those that bring the messages, say.
const politeness = 16

// enter counts one viewing more, and lets the writer run for the first.
func (w *writer) enter(v *Viewing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.viewings++
	if !w.running {
		w.running = true
		go w.run() // ends with the last viewing
	}
	w.beats.add(v)
	w.push(v)
}

// leave counts one viewing less.
func (w *writer) leave(v *Viewing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats.remove(v)
	if w.viewings--; w.viewings == 0 {
		w.ring()
	}
}

// wake puts v in line.
func (w *writer) wake(v *Viewing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.push(v)
}

// push is wake of who holds mu.
func (w *writer) push(v *Viewing) {
	w.ready = append(w.ready, v)
	if len(w.ready) == 1 {
		w.ring()
	}
}

func (w *writer) ring() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *writer) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var parts Parts
	for {
		select {
		case <-w.signal:
		case <-timer.C:
		}
		ready, rest, going := w.take(time.Now())
		if !going {
			return
		}
		timer.Reset(rest)
		for i, v := range ready {
			v.serve(&parts)
			if i%politeness == politeness-1 {
				runtime.Gosched()
			}
		}
		w.done(ready)
	}
}

// take gives who is ready, those included whose silence has lasted long enough, and for how long nobody else's will have. Where going is false nobody is left, and the writer ends.
func (w *writer) take(now time.Time) (ready []*Viewing, rest time.Duration, going bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest = w.beats.due(now, func(v *Viewing) {
		if v.state.CompareAndSwap(waiting, queued) {
			w.ready = append(w.ready, v)
		}
	})
	ready, w.ready, w.spare = w.ready, w.spare, nil
	w.running = w.viewings > 0
	return ready, rest, w.running
}

// done takes the memory of what take gave.
func (w *writer) done(ready []*Viewing) {
	clear(ready)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spare = ready[:0]
}
