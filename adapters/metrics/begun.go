package metrics

import "time"

// begun is when each message without an answer was put, by its number. Numbers are added in ascending order; it reaches from the oldest one that has no
// answer to the newest, so a window bounds it. The zero begun is ready.
type begun struct {
	times []time.Duration // times[head:] are what is kept; none for what was taken, or never added
	head  int
	first uint64 // the number of times[head]
}

const none time.Duration = -1

// add notes when number n was put. n is the highest number so far, or it was taken: one that was not used is given anew.
func (b *begun) add(n uint64, at time.Duration) {
	if b.head == len(b.times) {
		b.first = n
	}
	for n >= b.end() {
		b.times = append(b.times, none)
	}
	b.times[b.head+int(n-b.first)] = at
}

func (b *begun) end() uint64 { return b.first + uint64(len(b.times)-b.head) }

// take gives the time of number n, once; false where there is none.
func (b *begun) take(n uint64) (at time.Duration, ok bool) {
	if n < b.first || n >= b.end() {
		return 0, false
	}
	slot := &b.times[b.head+int(n-b.first)]
	at, *slot = *slot, none
	for b.head < len(b.times) && b.times[b.head] == none {
		b.head++
		b.first++
	}
	b.compact()
	return at, at != none
}

// compact takes back the slots before head: all of them where nothing is under way, but for what a burst has made, and else when they are half of all, so that each time is moved once on average.
func (b *begun) compact() {
	const kept = 64
	switch {
	case b.head == len(b.times) && cap(b.times) > kept:
		b.times, b.head = nil, 0
	case b.head == len(b.times):
		b.times, b.head = b.times[:0], 0
	case b.head >= kept && 2*b.head >= len(b.times):
		b.times = b.times[:copy(b.times, b.times[b.head:])]
		b.head = 0
	}
}
