package subscribe

import (
	"slices"

	"culvert/domain"
)

// index finds the messages of a key in a log without a look at the others. It exists while there are viewers who ask for keys.
type index struct {
	viewers  int
	postings map[string][]uint64 // the numbers of the messages by key, as they stand in the log
	gaps     []uint64            // those of the gaps, which everybody is told
	// watched are the keys that viewers ask for, each with the number after the last such message that the log has dropped.
	watched map[string]*watched
	dropped uint64 // likewise of gaps
}

type watched struct {
	viewers int
	dropped uint64
}

// watch lets a viewer of keys come in at a place of the log, from when on it is noticed when something of theirs is dropped; false where the log does not hold the
// place any more.
func (l *log) watch(at uint64, keys []string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at < l.first() {
		return false
	}
	if l.index == nil {
		l.index = &index{postings: map[string][]uint64{}, watched: map[string]*watched{}}
		for _, e := range l.runs {
			l.index.add(e, e.number)
		}
	}
	l.index.viewers++
	for _, key := range keys {
		w := l.index.watched[key]
		if w == nil {
			w = &watched{}
			l.index.watched[key] = w
		}
		w.viewers++
	}
	return true
}

// unwatch is the end of what watch began.
func (l *log) unwatch(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		w := l.index.watched[key]
		if w.viewers--; w.viewers == 0 {
			delete(l.index.watched, key)
		}
	}
	if l.index.viewers--; l.index.viewers == 0 {
		l.index = nil
	}
}

// add takes what was appended to the end of e, from a number on, into the index.
func (x *index) add(e entry, from uint64) {
	if e.Gap != nil {
		x.gaps = append(x.gaps, from)
		return
	}
	for i, m := range e.Messages[from-e.number:] {
		if m.Key != nil {
			x.postings[string(m.Key)] = append(x.postings[string(m.Key)], from+uint64(i))
		}
	}
}

// drop takes the oldest run out of the index.
func (x *index) drop(e entry) {
	if e.Gap != nil {
		x.gaps, x.dropped = x.gaps[1:], e.end()
		return
	}
	for _, m := range e.Messages {
		if m.Key == nil {
			continue
		}
		numbers := x.postings[string(m.Key)]
		if left := numbers[1:]; len(left) > 0 {
			x.postings[string(m.Key)] = left
		} else {
			delete(x.postings, string(m.Key))
		}
		if w := x.watched[string(m.Key)]; w != nil {
			w.dropped = numbers[0] + 1
		}
	}
}

// lost reports whether the log has dropped something that a viewer of keys at a place lacks.
func (x *index) lost(at uint64, keys []string) bool {
	if at < x.dropped {
		return true
	}
	return slices.ContainsFunc(keys, func(key string) bool { return at < x.watched[key].dropped })
}

// find gives the numbers of what a viewer of keys at a place lacks, appended to dst, in order.
func (x *index) find(dst []uint64, at uint64, keys []string) []uint64 {
	lists := 0
	add := func(numbers []uint64) {
		i, _ := slices.BinarySearch(numbers, at)
		if i < len(numbers) {
			dst = append(dst, numbers[i:]...)
			lists++
		}
	}
	for _, key := range keys {
		add(x.postings[key])
	}
	add(x.gaps)
	if lists > 1 {
		slices.Sort(dst)
	}
	return dst
}

// takeKeys is take for a viewer who watches keys: the spans are of what it lacks alone. Where they do not lead to the end, all that it wants of their last run is among them.
func (l *log) takeKeys(dst []domain.Span, at uint64, keys []string, limit int) taken {
	l.mu.RLock()
	defer l.mu.RUnlock()
	t := taken{spans: dst, next: at}
	if l.index.lost(at, keys) {
		t.fell = true
		return t
	}
	var few [16]uint64
	for _, number := range l.index.find(few[:0], at, keys) {
		e := &l.runs[l.find(number)]
		if t.size >= limit && number >= t.next {
			return t
		}
		i := int(number - e.number)
		if n := len(t.spans); n > 0 && t.spans[n-1].Run == e.Run && t.spans[n-1].To == i {
			t.spans[n-1].To++
		} else {
			t.spans = append(t.spans, domain.Span{Run: e.Run, From: i, To: i + 1})
		}
		t.next = e.end()
		if e.Gap == nil {
			t.size += e.Messages[i].Size()
		}
	}
	t.next, t.head, t.ended = l.next, l.head, l.ended
	return t
}
