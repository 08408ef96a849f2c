package subscribe

import (
	"cmp"
	"slices"
	"sort"

	"culvert/domain"
)

// index finds the messages of a key in a log without a look at the others. It exists while there are viewers who ask for keys.
type index struct {
	viewers  int
	postings map[string][]posting // by key, as they stand in the log
	gaps     []uint64             // the runs that are gaps, which everybody is told
	// watched are the keys that viewers ask for, each with the number after the last run with such a message that the log has dropped.
	watched map[string]*watched
	dropped uint64 // likewise of gaps
}

// posting is one message of a log: its run, and where it stands there.
type posting struct {
	run uint64
	i   int
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
	if at < l.first {
		return false
	}
	if l.index == nil {
		l.index = &index{postings: map[string][]posting{}, watched: map[string]*watched{}}
		for i, run := range l.runs {
			l.index.add(l.first+uint64(i), run)
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

// add takes a run that was appended into the index.
func (x *index) add(number uint64, run *domain.Run) {
	if run.Gap != nil {
		x.gaps = append(x.gaps, number)
		return
	}
	for i, m := range run.Messages {
		if m.Key != nil {
			x.postings[string(m.Key)] = append(x.postings[string(m.Key)], posting{number, i})
		}
	}
}

// drop takes the oldest run out of the index.
func (x *index) drop(number uint64, run *domain.Run) {
	if run.Gap != nil {
		x.gaps, x.dropped = x.gaps[1:], number+1
		return
	}
	for _, m := range run.Messages {
		if m.Key == nil {
			continue
		}
		key := string(m.Key)
		if left := x.postings[key][1:]; len(left) > 0 {
			x.postings[key] = left
		} else {
			delete(x.postings, key)
		}
		if w := x.watched[key]; w != nil {
			w.dropped = number + 1
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

// find gives what a viewer of keys at a place lacks, in the order of the log.
func (x *index) find(at uint64, keys []string) (found []posting) {
	lists := 0
	since := func(n int, runAt func(int) uint64) int {
		return sort.Search(n, func(i int) bool { return runAt(i) >= at })
	}
	for _, key := range keys {
		have := x.postings[key]
		if have = have[since(len(have), func(i int) uint64 { return have[i].run }):]; len(have) > 0 {
			found = append(found, have...)
			lists++
		}
	}
	if gaps := x.gaps[since(len(x.gaps), func(i int) uint64 { return x.gaps[i] }):]; len(gaps) > 0 {
		for _, number := range gaps {
			found = append(found, posting{run: number})
		}
		lists++
	}
	if lists > 1 {
		slices.SortFunc(found, func(a, b posting) int {
			if a.run != b.run {
				return cmp.Compare(a.run, b.run)
			}
			return a.i - b.i
		})
	}
	return found
}

// hit is one event of the log that a viewer of keys lacks.
type hit struct {
	run *domain.Run
	i   int
}

// takeKeys is take for a viewer who watches keys: whole runs of hits, as many as limit bytes hold, and the place after them.
func (l *log) takeKeys(at uint64, keys []string, limit int) (hits []hit, next uint64, t taken) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.index.lost(at, keys) {
		return nil, at, taken{fell: true}
	}
	for _, p := range l.index.find(at, keys) {
		run := l.runs[p.run-l.first]
		if limit <= 0 && p.run != next-1 {
			return hits, next, taken{}
		}
		hits, next = append(hits, hit{run, p.i}), p.run+1
		if run.Gap == nil {
			limit -= run.Messages[p.i].Size()
		}
	}
	return hits, l.end(), taken{head: l.head, ended: l.ended}
}
