package subscribe

import (
	"sync"
	"time"

	"culvert/domain"
)

const (
	runMessages = 512      // a run is no longer than this,
	runBytes    = 64 << 10 // nor, but for its first message, larger: the log is trimmed and handed out by whole runs
)

// log is the bounded stretch of one topic that viewers share. Appending wakes them; each takes what lies between its place
// and the end. Nobody can hold up an append.
type log struct {
	topic  domain.Topic
	window Window
	bells  *bells         // of those who wait for more
	origin *domain.Vector // where it began

	mu    sync.RWMutex // guards what follows
	runs  []*domain.Run
	sizes []int  // of runs, in bytes
	first uint64 // the number of runs[0]; runs are numbered without gaps
	// floor is the number of the first run that a viewer can come in at from outside, and tail the vector before it: the
	// runs below belong to an incarnation of the topic that ended, and only those who are there already walk through them.
	floor uint64
	tail  *domain.Vector
	// anew is the number of the first run after the topic was last made anew under the same epoch, 0 where it never was: epochs do not
	// tell who comes from before it.
	anew uint64
	// late are the partitions that could not be read when the log began, and where they were read from when they could be: what lies before is not in the log.
	late     map[int32]int64
	head     *domain.Vector // after the last run, and what carried no message since
	messages int
	bytes    int
	lag      time.Duration // of the newest message, when it was appended
	index    *index        // nil while nobody asks for keys
	ended    error
}

func newLog(topic domain.Topic, window Window, at *domain.Vector, bells *bells) *log {
	return &log{topic: topic, window: window, bells: bells, origin: at, tail: at, head: at}
}

// append adds what a chunk tells, drops what the window has no more room for, and wakes the viewers.
func (l *log) append(c domain.Chunk, now time.Time) {
	l.add(c, now)
	if c.Gap != nil {
		l.bells.ringAll()
	} else {
		l.bells.ring(c.Messages)
	}
}

func (l *log) add(c domain.Chunk, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	older := len(l.runs)
	l.resolve(c)
	if c.Gap != nil {
		l.appendGap(c, now)
	}
	for batch := range runsOf(c.Messages) {
		after := l.head.With(batch[len(batch)-1].After())
		l.push(&domain.Run{Topic: l.topic, Partition: c.Partition, Base: l.head, Messages: batch, After: after, Appended: now})
	}
	if n := len(c.Messages); n > 0 {
		if t := c.Messages[n-1].Time; !t.IsZero() {
			l.lag = now.Sub(t)
		}
	}
	before, ok := l.head.At(c.Partition)
	if after := c.After(before); !ok || after != before {
		l.head = l.head.With(after)
	}
	l.trim(older, now)
}

// appendGap adds the hole before a chunk's messages, and lets a new epoch begin where the chunk says so.
func (l *log) appendGap(c domain.Chunk, now time.Time) {
	before, after := l.head, afterGap(l.head, c)
	l.push(&domain.Run{Topic: l.topic, Partition: c.Partition, Base: before, Gap: c.Gap, After: after, Appended: now})
	switch {
	case after.Epoch != before.Epoch:
		l.floor, l.tail, l.late = l.end(), after, nil
	case again(before, c.Gap):
		l.floor, l.tail, l.late, l.anew = l.end(), after, nil, l.end()
	}
}

// resolve gives a partition that was pending its place in the tail: no run of it can be there yet.
func (l *log) resolve(c domain.Chunk) {
	if place, ok := l.head.At(c.Partition); !ok || !place.Pending() {
		return
	}
	at := c.Begin()
	if place, ok := l.tail.At(c.Partition); ok && place.Pending() {
		l.tail = l.tail.With(at)
	}
	l.head = l.head.With(at)
	if l.late == nil {
		l.late = map[int32]int64{}
	}
	l.late[at.Partition] = at.Next
}

func (l *log) push(r *domain.Run) {
	size := 0
	for _, m := range r.Messages {
		size += m.Size()
	}
	l.runs = append(l.runs, r)
	l.sizes = append(l.sizes, size)
	l.messages += len(r.Messages)
	l.bytes += size
	l.head = r.After
	if l.index != nil {
		l.index.add(l.end()-1, r)
	}
}

// trim drops the oldest of the older runs while the window is exceeded. What was appended last stays whatever it is: else a chunk larger than the window could be
// seen by nobody.
func (l *log) trim(older int, now time.Time) {
	n := 0
	for n < older && (l.messages > l.window.Messages || l.bytes > l.window.Bytes || now.Sub(l.runs[n].Appended) > l.window.Age) {
		l.messages -= len(l.runs[n].Messages)
		l.bytes -= l.sizes[n]
		if l.first+uint64(n) >= l.floor {
			l.floor, l.tail = l.first+uint64(n)+1, l.runs[n].After
		}
		if l.index != nil {
			l.index.drop(l.first+uint64(n), l.runs[n])
		}
		n++
	}
	clear(l.runs[:n])
	l.runs, l.sizes, l.first = l.runs[n:], l.sizes[n:], l.first+uint64(n)
}

// inside are the runs that a viewer can come in at, in which vectors only grow.
func (l *log) inside() []*domain.Run { return l.runs[l.floor-l.first:] }

// end is the number that the next run will have.
func (l *log) end() uint64 { return l.first + uint64(len(l.runs)) }

// finish ends the log: who has read it to its end is told err.
func (l *log) finish(err error) {
	l.mu.Lock()
	l.ended = err
	l.mu.Unlock()
	l.bells.ringAll()
}

// stats are the messages in the log, about their bytes, and the lag of the newest.
func (l *log) stats() (messages, bytes int, lag time.Duration) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.messages, l.bytes, l.lag
}

// live is the place and the vector at the end, and since when numbers of runs count in this incarnation of the topic, as far as the epoch
// does not say.
func (l *log) live() (at uint64, head *domain.Vector, anew uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.end(), l.head, l.anew
}

// taken is what a viewer at some place is given.
type taken struct {
	runs []*domain.Run
	// size is about how many bytes they are.
	size int
	// fell says that the place is no longer in the log.
	fell bool
	// head, where there are no runs, is the vector at the end, and ended why no more will come.
	head  *domain.Vector
	ended error
}

// take gives the runs from number at on, about as many as limit bytes hold, appended to dst.
func (l *log) take(dst []*domain.Run, at uint64, limit int) taken {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if at < l.first {
		return taken{fell: true}
	}
	size := 0
	for i := int(at - l.first); i < len(l.runs) && size < limit; i++ {
		dst = append(dst, l.runs[i])
		size += l.sizes[i]
	}
	if len(dst) > 0 {
		return taken{runs: dst, size: size}
	}
	return taken{head: l.head, ended: l.ended}
}

// runsOf cuts messages into runs.
func runsOf(messages []*domain.Message) func(yield func([]*domain.Message) bool) {
	return func(yield func([]*domain.Message) bool) {
		for len(messages) > 0 {
			n, size := 0, 0
			for n < len(messages) && n < runMessages && (n == 0 || size+messages[n].Size() <= runBytes) {
				size += messages[n].Size()
				n++
			}
			if !yield(messages[:n:n]) {
				return
			}
			messages = messages[n:]
		}
	}
}
