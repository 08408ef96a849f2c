package rest

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"culvert/adapters/edge"
	"culvert/ports"
)

// resultsMode is which results a client wants to see.
type resultsMode string

const (
	resultsAll     resultsMode = "all"
	resultsErrors  resultsMode = "errors"
	resultsSummary resultsMode = "summary"
)

// results brings outcomes into the order of their lines and writes them while more lines come. What is not written yet is bounded: take blocks
// when there is too much of it.
type results struct {
	mode    resultsMode
	most    int
	timeout time.Duration
	control *http.ResponseController
	w       http.ResponseWriter
	conn    *edge.Connection
	ended   <-chan struct{} // the end of the request
	wake    chan struct{}   // there is something to write, or it is over
	room    chan struct{}   // something was written

	mu     sync.Mutex               // guards what is below, and the order of write deadlines
	next   uint64                   // the number of the outcome whose turn it is
	early  map[uint64]ports.Outcome // those that came before their turn; the window bounds them
	out    []byte                   // what is to be written
	taken  int                      // how much of what the writer took is not yet written
	over   bool                     // nothing more will come
	acked  uint64
	failed uint64
}

func newResults(ctx context.Context, w http.ResponseWriter, conn *edge.Connection, mode resultsMode, cfg Config) *results {
	return &results{
		mode:    mode,
		most:    cfg.ResultBytes,
		timeout: cfg.WriteTimeout,
		control: http.NewResponseController(w),
		w:       w,
		conn:    conn,
		ended:   ctx.Done(),
		wake:    make(chan struct{}, 1),
		room:    make(chan struct{}, 1),
		next:    1,
		early:   map[uint64]ports.Outcome{},
	}
}

// take is the answer of the injection. It blocks while the client leaves too much unread.
func (r *results) take(some []ports.Outcome) {
	r.conn.Pass(len(some), 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range some {
		if o.N != r.next {
			r.early[o.N] = o
			continue
		}
		for due := true; due; {
			delete(r.early, r.next)
			r.next++
			r.tell(o)
			o, due = r.early[r.next]
		}
	}
	signal(r.wake)
	for r.full() {
		r.deadline()
		r.mu.Unlock()
		gone := false
		select {
		case <-r.room:
		case <-r.ended:
			gone = true
		}
		r.mu.Lock()
		if gone {
			return
		}
	}
}

// tell counts o and encodes what the client wants to see of it. The caller holds mu.
func (r *results) tell(o ports.Outcome) {
	if o.Err == nil {
		r.acked++
	} else {
		r.failed++
	}
	if r.mode == resultsAll || r.mode == resultsErrors && o.Err != nil {
		r.out = append(edge.AppendOutcome(r.out, o), '\n')
	}
}

// finish says that all has been taken. last is told after it: frames with their line ends, none of them an outcome.
func (r *results) finish(refused []ports.Outcome, last []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range refused {
		r.tell(o)
	}
	r.out = append(r.out, last...)
	if r.mode == resultsSummary {
		r.out = append(r.out, `{"op":"summary","acked":`...)
		r.out = strconv.AppendUint(r.out, r.acked, 10)
		r.out = append(r.out, `,"failed":`...)
		r.out = strconv.AppendUint(r.out, r.failed, 10)
		r.out = append(r.out, "}\n"...)
	}
	r.over = true
	r.deadline()
	signal(r.wake)
}

// write writes what there is until finish was called and all of it is written, or the client is gone.
func (r *results) write() error {
	var spare []byte
	for {
		select {
		case <-r.wake:
		case <-r.ended:
			return nil
		}
		out, over := r.swap(spare)
		for piece := out; len(piece) > 0; {
			n := min(len(piece), 64<<10)
			r.arm()
			if _, err := r.w.Write(piece[:n]); err != nil {
				return err
			}
			r.conn.Pass(0, n)
			piece = piece[n:]
			r.wrote(n)
		}
		if err := r.control.Flush(); err != nil {
			return err
		}
		if over {
			return nil
		}
		spare = out[:0]
	}
}

// swap takes what is to be written, and leaves spare for what comes.
func (r *results) swap(spare []byte) (out []byte, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, r.out = r.out, spare
	r.taken = len(out)
	return out, r.over
}

// wrote makes room.
func (r *results) wrote(n int) {
	r.mu.Lock()
	r.taken -= n
	r.mu.Unlock()
	signal(r.room)
}

// full reports whether the client has left too much unread. The caller holds mu.
func (r *results) full() bool { return len(r.out)+r.taken >= r.most }

// arm gives the next write a deadline where somebody waits for it: as long as results have room, a client may send first and
// read later.
func (r *results) arm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.full() {
		r.deadline()
		return
	}
	// A connection that takes no deadline has ended, as the write will tell.
	_ = r.control.SetWriteDeadline(time.Time{})
}

func (r *results) deadline() {
	_ = r.control.SetWriteDeadline(time.Now().Add(r.timeout))
}

// abandon ends a write that is under way. The request has ended before, so that no other begins.
func (r *results) abandon() {
	_ = r.control.SetWriteDeadline(time.Unix(1, 0))
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
