package edge

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"culvert/ports"
)

// Outlet is the way out to the client of one viewing. Its methods are called one at a time.
type Outlet interface {
	// Render puts on p what the client is to be sent of batch: of one without spans what ends a silence. An error ends the viewing once p is written.
	Render(p *Parts, batch ports.Batch) error
	// Try writes as much as the system takes at once, and tells how many bytes that were. It does not block. Where it is not all, Finish is called next.
	Try(parts [][]byte) (n int, err error)
	// Finish writes what Try has left. It blocks while the client does not take it. Errors of either are final.
	Finish(rest [][]byte) error
	// End is called last, with why the stream or the writing has ended. It may block.
	End(err error)
}

// Viewing is a stream on its way to one client. It is the stream's ports.Waker.
type Viewing struct {
	writer    *writer
	out       Outlet
	stream    ports.Stream
	heartbeat time.Duration
	state     atomic.Int32
	last      atomic.Int64 // when something was written, in nanoseconds since begun
	begun     time.Time

	look time.Time // when its silence is looked at; guarded by the writer's mu, as is
	beat int       // its place among the beats, -1 where it has none
}

// The states of a viewing. Who makes it serving serves it alone, until it waits or is queued again.
const (
	serving      int32 = iota // it is opened or served
	servingAgain              // likewise, and was woken meanwhile
	waiting                   // it waits to be woken
	queued                    // it was woken and waits for its writer
	over
)

// Viewing makes a viewing of a stream that is still to be opened, with the viewing for its Waker. After heartbeat without a word the client is sent what ends a silence; 0: never.
func (w *Writers) Viewing(out Outlet, heartbeat time.Duration) *Viewing {
	n := w.next.Add(1)
	return &Viewing{writer: w.each[n%uint64(len(w.each))], out: out, heartbeat: heartbeat, begun: time.Now(), beat: -1}
}

// Begin lets the writers serve stream, until it ends or the client takes no more. The end of the stream's own context has to be followed by a Wake.
func (v *Viewing) Begin(stream ports.Stream) {
	v.stream = stream
	v.mark()
	v.state.Store(queued)
	v.writer.enter(v)
}

// Wake implements ports.Waker.
func (v *Viewing) Wake() {
	for {
		switch v.state.Load() {
		case waiting:
			if v.state.CompareAndSwap(waiting, queued) {
				v.writer.wake(v)
				return
			}
		case serving:
			if v.state.CompareAndSwap(serving, servingAgain) {
				return
			}
		default:
			return
		}
	}
}

func (v *Viewing) mark() { v.last.Store(int64(time.Since(v.begun))) }

// written is when something was written last.
func (v *Viewing) written() time.Time { return v.begun.Add(time.Duration(v.last.Load())) }

// serve writes what there is, as far as the client takes it at once. The writer calls it, with p for memory.
func (v *Viewing) serve(p *Parts) {
	v.state.Store(serving)
	defer v.recovered()
	for {
		batch, more, err := v.stream.Poll()
		if err != nil {
			v.end(err)
			return
		}
		if len(batch.Spans) == 0 && v.silent() {
			batch = v.stream.Silence()
		} else if len(batch.Spans) == 0 {
			if more {
				continue
			}
			if v.rest() {
				return
			}
			continue
		}
		if !v.write(p, batch) {
			return
		}
		switch {
		case more: // after the others
			v.again()
			return
		case v.rest():
			return
		}
	}
}

// silent reports whether nothing was written for the heartbeat.
func (v *Viewing) silent() bool {
	return v.heartbeat > 0 && time.Since(v.written()) >= v.heartbeat
}

// rest lets the viewing wait, unless it was woken meanwhile.
func (v *Viewing) rest() bool {
	if v.state.CompareAndSwap(serving, waiting) {
		return true
	}
	v.state.Store(serving)
	return false
}

// again puts a viewing that was served in line.
func (v *Viewing) again() {
	v.state.Store(queued)
	v.writer.wake(v)
}

// write sends one batch. False says that somebody else goes on.
func (v *Viewing) write(p *Parts, batch ports.Batch) bool {
	p.reset()
	last := v.out.Render(p, batch)
	all, size := p.slices()
	n, err := v.out.Try(all)
	switch {
	case err != nil:
		v.end(err)
	case n < size:
		rest := p.rest(n)
		go v.finish(rest, last) // ends when the client has taken it all, or nothing for too long
	case last != nil:
		v.stream.Written()
		v.end(last)
	default:
		v.stream.Written()
		v.mark()
		return true
	}
	return false
}

// finish is the rest of write for a client that does not take everything at once.
func (v *Viewing) finish(rest [][]byte, last error) {
	defer v.recovered()
	err := v.out.Finish(rest)
	if err == nil {
		v.stream.Written()
		v.mark()
		err = last
	}
	if err != nil {
		v.end(err)
		return
	}
	v.again()
}

// end is called by who serves the viewing.
func (v *Viewing) end(err error) {
	v.state.Store(over)
	v.writer.leave(v)
	go v.out.End(err) // ends when the client has been told, or takes nothing
}

// recovered, deferred, makes a panic the end of this viewing alone.
func (v *Viewing) recovered() {
	if r := recover(); r != nil {
		v.end(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
	}
}
