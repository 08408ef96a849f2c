package subscribe

import (
	"slices"
	"sort"
	"sync"
	"time"

	"culvert/domain"
)

const (
	runMessages = 512         // a run is no longer than this,
	runBytes    = 64 << 10    // nor, but for its first message, larger: the log is trimmed by whole runs
	runParts    = 16          // nor, where it grows, more than such a part of what the window holds,
	runTime     = time.Second // nor does it grow when it is older than this, since it is trimmed by the age of its first message
)

// log is the bounded stretch of one topic that viewers share. Appending wakes them; each takes what lies between its place
// and the end. Nobody can hold up an append.
//
// What happens in a log, messages and gaps, is numbered without a break from 0 on: these numbers are the places in it. The newest run may grow, which replaces it by a longer one with the
// same beginning; those that viewers have been given stay as they are.
type log struct {
	topic  domain.Topic
	window Window
	bells  *bells // of those who wait for more
	blocks domain.Blocks
	origin *domain.Vector // where it began
	rate   domain.Rate    // of messages that are appended

	mu   sync.RWMutex // guards what follows
	runs []entry
	next uint64 // the number of what happens next
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

// entry is a run as it stands in a log.
type entry struct {
	*domain.Run
	number uint64 // of its first event
	size   int    // in bytes
}

// end is the number after the entry.
func (e entry) end() uint64 { return e.number + uint64(e.Len()) }

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
	old := l.next
	l.resolve(c)
	if c.Gap != nil {
		l.appendGap(c, now)
	}
	for rest := c.Messages; len(rest) > 0; {
		rest = rest[l.appendSome(c.Partition, rest, now):]
	}
	if n := len(c.Messages); n > 0 {
		l.rate.Add(n, now)
		if t := c.Messages[n-1].Time; !t.IsZero() {
			l.lag = now.Sub(t)
		}
	}
	before, ok := l.head.At(c.Partition)
	if after := c.After(before); !ok || after != before {
		l.head = l.head.With(after)
	}
	l.trim(old, now)
}

// appendSome adds as many messages of a partition as make a run, or as the newest run has room for, and tells how many.
func (l *log) appendSome(partition int32, messages []*domain.Message, now time.Time) int {
	last := len(l.runs) - 1
	if last >= 0 && l.grows(l.runs[last], partition, now) {
		e := &l.runs[last]
		most := min(runMessages, l.window.Messages/runParts) - e.Len()
		if n, size := fit(messages, most, min(runBytes, l.window.Bytes/runParts)-e.size); n > 0 {
			old := e.end()
			e.Run = e.Grown(messages[:n], l.head.With(messages[n-1].After()), now)
			e.size += size
			l.appended(*e, old, size)
			return n
		}
	}
	n, size := fit(messages, runMessages, runBytes)
	if n == 0 {
		n, size = 1, messages[0].Size()
	}
	l.push(&domain.Run{
		Topic: l.topic, Partition: partition, Base: l.head, Messages: messages[:n:n], After: l.head.With(messages[n-1].After()), Appended: now, Blocks: &l.blocks,
	}, size)
	return n
}

// grows reports whether messages of a partition may become part of the newest run. One with long cursors does not grow: the last of its events is one that has its cursor.
func (l *log) grows(e entry, partition int32, now time.Time) bool {
	return e.Gap == nil && e.Partition == partition && e.After == l.head && now.Sub(e.Appended) < runTime && !e.Thinned()
}

// fit is how many of messages are no more than most and have no more than room bytes, and how many bytes they have.
func fit(messages []*domain.Message, most, room int) (n, size int) {
	for n < len(messages) && n < most && size+messages[n].Size() <= room {
		size += messages[n].Size()
		n++
	}
	return n, size
}

// appendGap adds the hole before a chunk's messages, and lets a new epoch begin where the chunk says so.
func (l *log) appendGap(c domain.Chunk, now time.Time) {
	before, after := l.head, afterGap(l.head, c)
	l.push(&domain.Run{Topic: l.topic, Partition: c.Partition, Base: before, Gap: c.Gap, After: after, Appended: now}, 0)
	switch {
	case after.Epoch != before.Epoch:
		l.floor, l.tail, l.late = l.next, after, nil
	case again(before, c.Gap):
		l.floor, l.tail, l.late, l.anew = l.next, after, nil, l.next
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

func (l *log) push(r *domain.Run, size int) {
	e := entry{Run: r, number: l.next, size: size}
	l.runs = append(l.runs, e)
	l.appended(e, l.next, size)
}

// appended counts what e has got from a number on.
func (l *log) appended(e entry, from uint64, size int) {
	l.next = e.end()
	l.messages += len(e.Messages) - int(from-e.number)
	l.bytes += size
	l.head = e.After
	if l.index != nil {
		l.index.add(e, from)
	}
}

// trim drops the oldest runs while the window is exceeded. What was appended last, from number old on, stays whatever it is: else a chunk larger than the window could be
// seen by nobody.
func (l *log) trim(old uint64, now time.Time) {
	n := 0
	for n < len(l.runs) && l.runs[n].end() <= old && (l.messages > l.window.Messages || l.bytes > l.window.Bytes || now.Sub(l.runs[n].Appended) > l.window.Age) {
		e := l.runs[n]
		l.messages -= len(e.Messages)
		l.bytes -= e.size
		if e.number >= l.floor {
			l.floor, l.tail = e.end(), e.After
		}
		if l.index != nil {
			l.index.drop(e)
		}
		n++
	}
	clear(l.runs[:n])
	l.runs = l.runs[n:]
}

// first is the number of the first event that is still there.
func (l *log) first() uint64 {
	if len(l.runs) == 0 {
		return l.next
	}
	return l.runs[0].number
}

// find is the index of the run that number is in, or of where the next one will be. Those who ask are mostly near the end.
func (l *log) find(number uint64) int {
	const nearby = 4
	i := len(l.runs)
	for i > 0 && l.runs[i-1].end() > number {
		if len(l.runs)-i == nearby {
			return sort.Search(i, func(i int) bool { return l.runs[i].end() > number })
		}
		i--
	}
	return i
}

// inside are the runs that a viewer can come in at, in which vectors only grow.
func (l *log) inside() []entry { return l.runs[l.find(l.floor):] }

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

// behind tells what who is at place lacks, as ports.Feeds says.
func (l *log) behind(place *domain.Vector, now time.Time) (offsets int64, age time.Duration, known bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if place.Epoch != l.head.Epoch {
		return 0, 0, false
	}
	if offsets = lacks(place, l.head); offsets == 0 {
		return 0, 0, true
	}
	if lacks(place, l.tail) > 0 {
		return offsets, -1, true
	}
	oldest := now
	for _, r := range slices.Backward(l.runs) {
		if lacks(place, r.After) == 0 {
			break
		}
		if next := place.Next(r.Partition); next < r.After.Next(r.Partition) {
			first := sort.Search(len(r.Messages), func(i int) bool { return r.Messages[i].Position.Offset >= next })
			oldest = r.AppendedAt(first)
		}
	}
	return offsets, now.Sub(oldest), true
}

// lacks is how many offsets lie between place and then, where that is later. A partition that place knows nothing of counts for nothing.
func lacks(place, then *domain.Vector) (offsets int64) {
	for _, is := range then.Places() {
		if was, ok := place.At(is.Partition); ok && !was.Pending() {
			offsets += max(0, is.Next-was.Next)
		}
	}
	return offsets
}

// live is the place and the vector at the end, and since when numbers of runs count in this incarnation of the topic, as far as the epoch
// does not say.
func (l *log) live() (at uint64, head *domain.Vector, anew uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.next, l.head, l.anew
}

// taken is what a viewer at some place is given.
type taken struct {
	// spans are what comes next, of which each but the first is a whole run, and next is the place after them.
	spans []domain.Span
	next  uint64
	// size is about how many bytes they are.
	size int
	// fell says that the place is no longer in the log.
	fell bool
	// head, where the spans lead to the end, is the vector there, and ended why no more will come.
	head  *domain.Vector
	ended error
}

// take gives what happened from number at on, about as much as limit bytes hold, appended to dst.
func (l *log) take(dst []domain.Span, at uint64, limit int) taken {
	l.mu.RLock()
	defer l.mu.RUnlock()
	t := taken{spans: dst, next: at}
	if at < l.first() {
		t.fell = true
		return t
	}
	for i := l.find(at); i < len(l.runs) && t.size < limit; i++ {
		e, from := &l.runs[i], int(t.next-l.runs[i].number)
		n := e.Len()
		t.spans = append(t.spans, domain.Span{Run: e.Run, From: from, To: n})
		t.size += e.size / n * (n - from)
		t.next = e.number + uint64(n)
	}
	if t.next == l.next {
		t.head, t.ended = l.head, l.ended
	}
	return t
}
