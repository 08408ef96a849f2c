package broker

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"culvert/domain"
)

// log is the bounded log of one topic in memory: offsets from 0, in the order of append. Readers are places in it that they keep themselves, so any number of
// them costs nothing. All methods may be called from any goroutine.
type log struct {
	epoch  domain.Epoch
	bounds bounds
	// ended is closed when nothing more will be appended or read.
	ended chan struct{}

	mu      sync.Mutex // guards what follows; nothing else is locked under it
	entries []entry    // entries[head:] are what is kept
	head    int
	first   int64 // the offset of entries[head]
	bytes   int
	trimmed time.Time     // the latest time of a message that was let go
	grown   chan struct{} // closed by the next append; nil while nobody waits
}

type bounds struct {
	messages, bytes int
	age             time.Duration
}

// entry is one offset of the log. It has no message where the backend lost some.
type entry struct {
	message  *domain.Message
	size     int
	appended time.Time
}

// stretch is what a reader is given at once: a gap, then neighbours.
type stretch struct {
	gap      *domain.Gap
	messages []*domain.Message
	from     int64 // the offset after the gap
	next     int64 // the offset after the messages
}

// A stretch has no more than so many messages, or so many bytes and one message.
const (
	stretchMessages = 1000
	stretchBytes    = 1 << 20
)

// Why take gives nothing.
var (
	errEnded   = errors.New("the log has ended")
	errStopped = errors.New("the reader was stopped")
)

func newLog(b bounds) *log {
	epoch := domain.Epoch(rand.Uint64())
	if epoch == 0 { // which stands for an epoch that is not known
		epoch = 1
	}
	return &log{epoch: epoch, bounds: b, ended: make(chan struct{})}
}

// append gives messages their positions, in order, and their time where they have none, and keeps them; who waits is woken once for all. The
// caller has not shared them yet.
func (l *log) append(messages ...*domain.Message) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		if m.Time.IsZero() {
			m.Time = now.Truncate(time.Millisecond).UTC()
		}
		m.Position = domain.Position{Offset: l.end()}
		l.push(entry{message: m, size: m.Size(), appended: now})
	}
	l.wake()
}

// hole notes that messages were lost before whatever comes next. It takes an offset of its own, so that a place is before or after it.
func (l *log) hole() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.entries); n > l.head && l.entries[n-1].message == nil {
		return
	}
	l.push(entry{size: (&domain.Message{}).Size(), appended: time.Now()})
	l.wake()
}

// close ends the log. It is called once.
func (l *log) close() { close(l.ended) }

// extent is what there is as of now.
func (l *log) extent() domain.Extent {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trim(time.Now())
	return domain.Extent{First: l.first, End: l.end()}
}

// expire lets go what is too old, and returns how long from now that can next be so.
func (l *log) expire() time.Duration {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trim(now)
	if l.head == len(l.entries) {
		return l.bounds.age
	}
	return max(l.entries[l.head].appended.Add(l.bounds.age).Sub(now), time.Millisecond)
}

// take blocks until there is something at place, and gives it. It fails with errEnded, with ctx's error, or, when stop is closed, with
// errStopped.
func (l *log) take(ctx context.Context, stop <-chan struct{}, place int64) (stretch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return stretch{}, err
		}
		s, grown := l.read(place)
		if grown == nil {
			return s, nil
		}
		select {
		case <-grown:
		case <-l.ended:
			return stretch{}, errEnded
		case <-stop:
			return stretch{}, errStopped
		case <-ctx.Done():
			return stretch{}, ctx.Err()
		}
	}
}

// read gives what there is at place, or, where that is nothing, a channel that the next append closes.
func (l *log) read(place int64) (stretch, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trim(time.Now())
	s := stretch{from: place}
	if lost := l.first - place; lost > 0 {
		s.gap = &domain.Gap{Reason: domain.GapRetention, Lost: lost}
		s.from = l.first
	}
	if s.gap == nil && place >= l.end() {
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		return stretch{}, l.grown
	}
	at := l.head + int(s.from-l.first)
	if s.gap == nil && l.entries[at].message == nil {
		s.gap = &domain.Gap{Reason: domain.GapBroker, Lost: domain.LostUnknown}
		s.from++
		at++
	}
	s.messages = l.neighbours(at)
	s.next = s.from + int64(len(s.messages))
	return s, nil
}

// neighbours are the messages from entries[at] on, up to a hole or as many as a stretch may have.
func (l *log) neighbours(at int) []*domain.Message {
	to, bytes := at, 0
	for to < len(l.entries) && to-at < stretchMessages && bytes < stretchBytes && l.entries[to].message != nil {
		bytes += l.entries[to].size
		to++
	}
	if to == at {
		return nil
	}
	messages := make([]*domain.Message, to-at)
	for i := range messages {
		messages[i] = l.entries[at+i].message
	}
	return messages
}

// end is the offset after the last one. The caller holds mu.
func (l *log) end() int64 { return l.first + int64(len(l.entries)-l.head) }

// push appends e. The caller holds mu, and wakes who waits.
func (l *log) push(e entry) {
	l.entries = append(l.entries, e)
	l.bytes += e.size
	l.trim(e.appended)
}

// wake wakes who waits for more. The caller holds mu.
func (l *log) wake() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// trim lets go what is beyond the bounds. The caller holds mu.
func (l *log) trim(now time.Time) {
	for l.head < len(l.entries) {
		oldest := &l.entries[l.head]
		kept := len(l.entries) - l.head
		tooMuch := kept > 1 && (kept > l.bounds.messages || l.bytes > l.bounds.bytes)
		if !tooMuch && now.Sub(oldest.appended) < l.bounds.age {
			break
		}
		if m := oldest.message; m != nil && m.Time.After(l.trimmed) {
			l.trimmed = m.Time
		}
		l.bytes -= oldest.size
		*oldest = entry{} // lets the message go while its slot waits for compaction
		l.head++
		l.first++
	}
	// The slots before head are taken back when they are half of all, so that each entry is moved once on average.
	if l.head >= 1024 && 2*l.head >= len(l.entries) {
		n := copy(l.entries, l.entries[l.head:])
		clear(l.entries[n:])
		l.entries = l.entries[:n]
		l.head = 0
	}
}
