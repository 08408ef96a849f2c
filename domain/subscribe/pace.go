package subscribe

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"culvert/domain"
)

// pace lets the reader of a replay wait for those of its viewers who would else lose their place and have it all read again by a reader of their own. What it waits is bounded by what it has worked (paceShare):
// who reads slowly, or not at all, costs the others no more than that, and is left behind then.
type pace struct {
	moved   chan struct{} // holds one value when a viewer has moved while the reader waited
	waiting atomic.Bool

	mu    sync.Mutex // guards seats
	seats map[*seat]struct{}

	// the reader's alone
	allowance time.Duration // what it may still wait
	worked    time.Time     // since when it has not waited
}

// seat is the place of one viewer: the number of what it takes next.
type seat struct{ at atomic.Uint64 }

const (
	// paceShare is how many times longer than it waits for viewers a reader works.
	paceShare = 4
	// paceMost is how long it waits at a time at most, however long it has worked.
	paceMost = 100 * time.Millisecond
)

func newPace() *pace {
	return &pace{moved: make(chan struct{}, 1), seats: make(map[*seat]struct{}), allowance: paceMost, worked: time.Now()}
}

// sit makes the seat of a viewer who has come to a place.
func (p *pace) sit(at uint64) *seat {
	s := &seat{}
	s.at.Store(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seats[s] = struct{}{}
	return s
}

// stand takes the seat of a viewer who leaves.
func (p *pace) stand(s *seat) {
	p.mu.Lock()
	delete(p.seats, s)
	p.mu.Unlock()
	p.move()
}

// moveTo tells that the viewer has come to a place.
func (p *pace) moveTo(s *seat, at uint64) {
	s.at.Store(at)
	p.move()
}

func (p *pace) move() {
	if p.waiting.Load() {
		select {
		case p.moved <- struct{}{}:
		default:
		}
	}
}

// passed reports whether all viewers who are at number first or past it, are at number then, or past that. Those before first have lost their place already.
func (p *pace) passed(first, then uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.seats {
		if at := s.at.Load(); first <= at && at < then {
			return false
		}
	}
	return true
}

// wait returns when the log can begin at number then instead of first without taking a viewer's place away, or the reader may wait no longer. It is the reader's.
func (p *pace) wait(ctx context.Context, first, then uint64) {
	now := time.Now()
	p.allowance = min(p.allowance+now.Sub(p.worked)/paceShare, paceMost)
	p.worked = now
	if p.passed(first, then) {
		return
	}
	p.waiting.Store(true)
	defer p.waiting.Store(false)
	timer := time.NewTimer(p.allowance)
	defer timer.Stop()
	for !p.passed(first, then) {
		select {
		case <-p.moved:
		case <-timer.C:
			p.allowance, p.worked = 0, time.Now()
			return
		case <-ctx.Done():
			return
		}
	}
	p.worked = time.Now()
	p.allowance = max(p.allowance-p.worked.Sub(now), 0)
}

// room tells with which number the log begins, and with which it would where so many bytes more were appended.
func (l *log) room(size int) (first, then uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	first = l.first()
	then = first
	bytes := l.bytes + size
	for n := 0; n < len(l.runs) && bytes > l.window.Bytes; n++ {
		bytes -= l.runs[n].size
		then = l.runs[n].end()
	}
	return first, then
}

func sizeOf(messages []*domain.Message) (size int) {
	for _, m := range messages {
		size += m.Size()
	}
	return size
}
