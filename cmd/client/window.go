package client

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Report counts what became of messages. Each that is read is confirmed or failed in the end.
type Report struct {
	Confirmed int64
	Failed    int64
	Resent    int64 // how often one was sent again; the broker may have some of them twice
}

// window holds the messages that have no outcome. It may be used by many at a time.
type window struct {
	most, mostBytes int
	retryFor        time.Duration
	failed          func(where string, err error)

	mu          sync.Mutex // guards what follows
	unconfirmed map[uint64]*pending
	unsent      queue // of the unconfirmed, the lowest number first
	bytes       int
	closed      bool // nothing more is put
	pausedUntil time.Time
	patience    *patience
	sign        time.Time // when the bridge last answered, or was first sent what it has not answered
	onTheWay    int       // how many are sent on the connection that is open
	report      Report

	last uint64 // the number of the last one that was put; put's own

	room    chan struct{} // gets a value when a message has left
	work    chan struct{} // gets a value when there may be something to send
	drained chan struct{} // is closed when nothing is unconfirmed, and nothing will be
}

// pending is a message without an outcome.
type pending struct {
	id    uint64
	where string
	frame []byte
	sent  bool      // on the connection that is open
	again bool      // it was sent before
	since time.Time // of the first answer that it could not be confirmed now
	err   error     // the last such answer
}

func newWindow(most, mostBytes int, retryFor time.Duration, failed func(string, error)) *window {
	return &window{
		most: most, mostBytes: mostBytes, retryFor: retryFor, failed: failed, unconfirmed: map[uint64]*pending{}, patience: newPatience(),
		room: make(chan struct{}, 1), work: make(chan struct{}, 1), drained: make(chan struct{}),
	}
}

// put takes a message. It blocks while the window is full, until ctx ends, and reports whether it took it. One caller at a time.
func (w *window) put(ctx context.Context, m *Message) bool {
	w.last++
	p := &pending{id: w.last, where: m.Where, frame: m.frame(w.last)}
	for {
		w.mu.Lock()
		if w.closed {
			w.mu.Unlock()
			return false
		}
		if len(w.unconfirmed) < w.most && (w.bytes+len(p.frame) <= w.mostBytes || len(w.unconfirmed) == 0) {
			w.unconfirmed[p.id] = p
			w.bytes += len(p.frame)
			heap.Push(&w.unsent, p)
			w.mu.Unlock()
			wake(w.work)
			return true
		}
		w.mu.Unlock()
		select {
		case <-w.room:
		case <-ctx.Done():
			return false
		}
	}
}

// reject counts a message that cannot be sent.
func (w *window) reject(m *Message) {
	w.mu.Lock()
	w.report.Failed++
	w.mu.Unlock()
	w.failed(m.Where, m.Err)
}

// close says that nothing more will be put.
func (w *window) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		w.left()
	}
}

// left, under the mutex, is called when there may be nothing to wait for.
func (w *window) left() {
	if w.closed && len(w.unconfirmed) == 0 {
		select {
		case <-w.drained:
		default:
			close(w.drained)
		}
	}
}

// maxBatch is how long a WebSocket message gets before it is sent with what it has.
const maxBatch = 32 << 10

// take appends frames that shall be sent now, most of them at most, one a line. It blocks while there are none, and gives nil when ctx ends or
// the window is drained. One caller at a time.
func (w *window) take(ctx context.Context, dst []byte, most int) []byte {
	for {
		batch, wait := w.batch(dst, most)
		if len(batch) > 0 {
			return batch
		}
		timer := time.NewTimer(wait)
		select {
		case <-w.work:
		case <-timer.C:
		case <-w.drained:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// batch is take without blocking: where there is nothing to send, wait is when to look again at the latest.
func (w *window) batch(dst []byte, most int) (batch []byte, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if wait := w.pausedUntil.Sub(now); wait > 0 {
		return dst, wait
	}
	for n := 0; n < most && len(w.unsent) > 0 && (n == 0 || len(dst)+len(w.unsent[0].frame) <= maxBatch); n++ {
		p := heap.Pop(&w.unsent).(*pending)
		if len(dst) > 0 {
			dst = append(dst, '\n')
		}
		dst = append(dst, p.frame...)
		if p.again {
			w.report.Resent++
		}
		p.sent, p.again = true, true
		if w.onTheWay == 0 {
			w.sign = now
		}
		w.onTheWay++
	}
	return dst, time.Hour
}

// confirm takes an ack.
func (w *window) confirm(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.answered(id); p != nil {
		w.report.Confirmed++
		w.patience.reset()
		w.remove(p)
	}
}

// refuse takes an err. What may be confirmed later is sent again after a pause, in which nothing is sent, so that messages keep their order
// as far as can be.
func (w *window) refuse(id uint64, err *Problem) {
	w.mu.Lock()
	p := w.answered(id)
	if p == nil {
		w.mu.Unlock()
		return
	}
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	if !err.Retryable || now.Sub(p.since) >= w.retryFor {
		w.report.Failed++
		w.remove(p)
		w.mu.Unlock()
		w.failed(p.where, err)
		return
	}
	p.err = err
	if !w.pausedUntil.After(now) {
		w.pausedUntil = now.Add(w.patience.after(err))
	}
	heap.Push(&w.unsent, p)
	w.mu.Unlock()
	wake(w.work)
}

// answered, under the mutex, is the message that an answer is for; nil where it waits for none.
func (w *window) answered(id uint64) *pending {
	p := w.unconfirmed[id]
	if p == nil || !p.sent {
		return nil
	}
	p.sent = false
	w.onTheWay--
	w.sign = time.Now()
	return p
}

// remove, under the mutex, takes a message out that has its outcome.
func (w *window) remove(p *pending) {
	delete(w.unconfirmed, p.id)
	w.bytes -= len(p.frame)
	w.left()
	wake(w.room)
}

// broken is called when a connection has ended: what was on its way will be sent again.
func (w *window) broken() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.unconfirmed {
		if p.sent {
			p.sent = false
			heap.Push(&w.unsent, p)
		}
	}
	w.onTheWay = 0
}

// failLargest fails the largest message that was on its way, with err: where the bridge closes because a message is too large to be read at
// all, and so cannot be answered, it is this one.
func (w *window) failLargest(err error) {
	w.mu.Lock()
	var largest *pending
	for _, p := range w.unconfirmed {
		if p.sent && (largest == nil || len(p.frame) > len(largest.frame)) {
			largest = p
		}
	}
	if largest == nil {
		w.mu.Unlock()
		return
	}
	w.answered(largest.id)
	w.report.Failed++
	w.remove(largest)
	w.mu.Unlock()
	w.failed(largest.where, err)
}

// abandon fails all that is left, with what was last said of each, or with err.
func (w *window) abandon(err error) {
	w.mu.Lock()
	left := make(queue, 0, len(w.unconfirmed))
	for _, p := range w.unconfirmed {
		heap.Push(&left, p)
	}
	clear(w.unconfirmed)
	w.unsent, w.bytes, w.closed = nil, 0, true
	w.report.Failed += int64(len(left))
	w.left()
	w.mu.Unlock()
	for len(left) > 0 {
		p := heap.Pop(&left).(*pending)
		if p.err != nil {
			w.failed(p.where, p.err)
			continue
		}
		w.failed(p.where, err)
	}
}

// silent is for how long the bridge has answered nothing, though it has something to answer.
func (w *window) silent() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onTheWay == 0 {
		return 0
	}
	return time.Since(w.sign)
}

// counts is the report so far.
func (w *window) counts() Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report
}

// wake leaves a value in a channel that holds one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// queue is a heap of messages, the one with the lowest number first, since that was read first.
type queue []*pending

// Len, Less and Swap implement sort.Interface.
func (q *queue) Len() int           { return len(*q) }
func (q *queue) Less(i, j int) bool { return (*q)[i].id < (*q)[j].id }
func (q *queue) Swap(i, j int)      { (*q)[i], (*q)[j] = (*q)[j], (*q)[i] }

// Push implements heap.Interface.
func (q *queue) Push(p any) { *q = append(*q, p.(*pending)) }

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return p
}
