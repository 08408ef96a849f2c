package edge

import (
	"log/slog"
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

// NewWriters makes as many writers as there are processors to write with. log is told of an outlet that panics when it is to end.
func NewWriters(log *slog.Logger) *Writers {
	w := &Writers{each: make([]*writer, runtime.GOMAXPROCS(0))}
	for i := range w.each {
		w.each[i] = &writer{log: log, signal: make(chan struct{}, 1)}
	}
	return w
}

// writer serves its share of the viewings, one after the other. It never waits for a client.
type writer struct {
	log    *slog.Logger
	signal chan struct{} // holds a value when somebody is ready, or nobody is left

	mu       sync.Mutex // guards what follows; nothing is waited for under it
	viewings int
	running  bool
	ready    []*Viewing // those in state queued, each once, in the order in which they were
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
	timer := time.NewTimer(time.Hour) // until somebody has a beat
	defer timer.Stop()
	var (
		parts Parts
		set   time.Time // when the timer rings
	)
	for {
		select {
		case <-w.signal:
		case <-timer.C:
		}
		runtime.Gosched() // who has begun to bring messages brings the rest of them, so that they are written together
		now := time.Now()
		ready, beat, going := w.take(now)
		if !going {
			return
		}
		if !beat.IsZero() && !beat.Equal(set) {
			timer.Reset(beat.Sub(now))
			set = beat
		}
		for i, v := range ready {
			v.serve(&parts, now)
			if i%politeness == politeness-1 {
				runtime.Gosched()
			}
		}
		parts.reset() // an idle writer holds on to no log
		w.done(ready)
	}
}

// take gives who is ready, those included whose silence has lasted long enough, and when the next one's may have, as beats.due tells. Where going is false nobody is left, and the writer ends.
func (w *writer) take(now time.Time) (ready []*Viewing, beat time.Time, going bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	beat = w.beats.due(now, func(v *Viewing) {
		if v.state.CompareAndSwap(waiting, queued) {
			w.ready = append(w.ready, v)
		}
	})
	ready, w.ready, w.spare = w.ready, w.spare, nil
	w.running = w.viewings > 0
	return ready, beat, w.running
}

// done takes the memory of what take gave.
func (w *writer) done(ready []*Viewing) {
	clear(ready)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spare = ready[:0]
}
