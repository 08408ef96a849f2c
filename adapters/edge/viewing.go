package edge

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"culvert/ports"
)

// Outlet is the way out to the client of one viewing. Its methods are called one at a time.
type Outlet interface {
	// Render puts on p what the client is to be sent of batch: of one without spans what ends a silence. It does not block, and keeps neither. An error ends the viewing once p is written.
	Render(p *Parts, batch ports.Batch) error
	// Try writes as much as the system takes at once, and tells how many bytes that were. It does not block, and keeps nothing of parts. Where it is not all, Finish is called next.
	Try(parts [][]byte) (n int, err error)
	// Finish writes what Try has left. It blocks while the client does not take it, and must know when to give up. Errors of either are final.
	Finish(rest [][]byte) error
	// End is called once, last, with why the stream or the writing has ended. It may block, but for a stream's end whoever drains the streams waits for it.
	End(err error)
}

// Viewing is a stream on its way to one client. It is the stream's ports.Waker.
//
// It is served by one goroutine at a time: by its writer, then, while the client does not take all at once, by one of its own, then by its writer again. Who serves it finds all there is when it polls
// the stream, so that a wake is lost on nobody: one that comes while it is served has it served once more.
type Viewing struct {
	writer    *writer
	out       Outlet
	conn      *Connection // its client's
	stream    ports.Stream
	rendition Rendition
	heartbeat time.Duration
	begun     time.Time
	state     atomic.Int32
	last      atomic.Int64 // when something was written, in nanoseconds since begun

	look time.Time // when its silence is looked at; guarded by the writer's mu, as is
	beat int       // its place among the beats, -1 where it has none
}

// The states of a viewing. Who makes it serving serves it alone, until it makes it another; others make serving servingAgain, and waiting queued.
const (
	serving      int32 = iota // it is opened or served
	servingAgain              // likewise, and was woken meanwhile
	waiting                   // it waits to be woken
	queued                    // it was woken and waits for its writer, which has it in ready
	over
)

// Set makes v, which is new, the viewing of a stream that is still to be opened, with v for its Waker, to be served by one of the writers. What is written is counted as conn's. After heartbeat without a word
// the client is sent what ends a silence; 0: never.
func (v *Viewing) Set(w *Writers, out Outlet, conn *Connection, heartbeat time.Duration) {
	n := w.next.Add(1)
	v.writer, v.out, v.conn, v.heartbeat, v.begun, v.beat = w.each[n%uint64(len(w.each))], out, conn, heartbeat, time.Now(), -1
}

// Renders says how v's outlet renders, where others do it alike. It is called before Begin.
func (v *Viewing) Renders(r Rendition) { v.rendition = r }

// Begin lets the writers serve stream, until it ends or the client takes no more. The end of the stream's own context has to be followed by a Wake.
func (v *Viewing) Begin(stream ports.Stream) {
	v.stream = stream
	v.mark(time.Now())
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

func (v *Viewing) mark(now time.Time) { v.last.Store(int64(now.Sub(v.begun))) }

// written is when something was written last.
func (v *Viewing) written() time.Time { return v.begun.Add(time.Duration(v.last.Load())) }

// silent reports whether nothing was written for about the heartbeat.
func (v *Viewing) silent(now time.Time) bool {
	return v.heartbeat > 0 && now.Sub(v.written()) >= v.pause()
}

// serve writes one batch, as far as the client takes it at once. The writer calls it, with p for memory.
func (v *Viewing) serve(p *Parts, now time.Time) {
	v.state.Store(serving)
	defer v.recovered()
	batch, more, err := v.stream.Poll()
	if err != nil {
		v.end(err)
		return
	}
	some := len(batch.Spans) > 0
	if !some && !more && v.silent(now) {
		batch, some = v.stream.Silence(), true
	}
	if some && !v.write(p, batch, now) {
		return
	}
	if more || !v.state.CompareAndSwap(serving, waiting) {
		v.again() // after the others
	}
}

// again puts a viewing that was served in line.
func (v *Viewing) again() {
	v.state.Store(queued)
	v.writer.wake(v)
}

// write sends one batch. False says that the viewing is not the caller's any more.
func (v *Viewing) write(p *Parts, batch ports.Batch, now time.Time) bool {
	all, size, last := p.render(v.out, v.rendition, batch)
	n, err := v.out.Try(all)
	if err == nil {
		v.conn.Pass(MessagesOf(batch), size) // also what is still to be written: else the connection ends
	}
	switch {
	case err != nil:
		v.end(err)
	case n < size:
		go v.finish(p.rest(n), last) // ends when the client has taken it all, or nothing for too long
	case last != nil:
		v.stream.Written()
		v.end(last)
	default:
		v.stream.Written()
		v.mark(now)
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
		v.mark(time.Now())
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
	go v.tell(err) // ends when the client has been told, or takes nothing
}

// tell is the end of the outlet. A panic of it, too, is that of one client.
func (v *Viewing) tell(err error) {
	defer func() {
		if r := recover(); r != nil {
			v.writer.log.Error("a stream could not be ended", slog.Any("error", panicked(r)))
		}
	}()
	v.out.End(err)
}

// recovered, deferred, makes a panic the end of this viewing alone.
func (v *Viewing) recovered() {
	if r := recover(); r != nil {
		v.end(panicked(r))
	}
}

func panicked(value any) error { return fmt.Errorf("panic: %v\n%s", value, debug.Stack()) }
