package broker

import (
	"cmp"
	"slices"
)

// settled are the offsets that a queue is finished with: all before next, and some beyond it. There are as many spans as
// there are holes in what was settled, which the queue's window bounds.
type settled struct {
	next   int64
	beyond []span // sorted; neither empty nor touching each other or next
}

// span are the offsets from up to to, exclusive.
type span struct{ from, to int64 }

// add settles the offsets from up to to, exclusive.
func (s *settled) add(from, to int64) {
	from = max(from, s.next)
	if from >= to {
		return
	}
	// Spans i up to j overlap or touch the new one and become one with it.
	i, _ := slices.BinarySearchFunc(s.beyond, from, func(have span, from int64) int { return cmp.Compare(have.to, from) })
	j := i
	for j < len(s.beyond) && s.beyond[j].from <= to {
		from, to = min(from, s.beyond[j].from), max(to, s.beyond[j].to)
		j++
	}
	if from == s.next { // and then it is the first
		s.next = to
		s.beyond = slices.Delete(s.beyond, 0, j)
		return
	}
	s.beyond = slices.Replace(s.beyond, i, j, span{from, to})
}

// has reports whether offset is settled.
func (s *settled) has(offset int64) bool {
	if offset < s.next {
		return true
	}
	i, found := slices.BinarySearchFunc(s.beyond, offset, func(have span, offset int64) int { return cmp.Compare(have.from, offset) })
	return found || i > 0 && offset < s.beyond[i-1].to
}

// open is how many of the offsets from up to to, exclusive, are not settled.
func (s *settled) open(from, to int64) int64 {
	from = max(from, s.next)
	n := max(to-from, 0)
	for _, have := range s.beyond {
		n -= max(min(have.to, to)-max(have.from, from), 0)
	}
	return n
}
