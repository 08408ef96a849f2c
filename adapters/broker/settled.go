package broker

import (
	"cmp"
	"slices"
)

// Settled are the offsets of one partition that a queue is finished with: all before Next, and some beyond it. There are as many spans as
// there are holes in what was settled, which the queue's window bounds.
type Settled struct {
	Next   int64
	Beyond []Span // sorted; neither empty nor touching each other or Next
}

// Span are the offsets From up to To, exclusive.
type Span struct{ From, To int64 }

// Add settles the offsets from up to to, exclusive.
func (s *Settled) Add(from, to int64) {
	from = max(from, s.Next)
	if from >= to {
		return
	}
	// Spans i up to j overlap or touch the new one and become one with it.
	i, _ := slices.BinarySearchFunc(s.Beyond, from, func(have Span, from int64) int { return cmp.Compare(have.To, from) })
	j := i
	for j < len(s.Beyond) && s.Beyond[j].From <= to {
		from, to = min(from, s.Beyond[j].From), max(to, s.Beyond[j].To)
		j++
	}
	if from == s.Next { // and then it is the first
		s.Next = to
		s.Beyond = slices.Delete(s.Beyond, 0, j)
		return
	}
	s.Beyond = slices.Replace(s.Beyond, i, j, Span{from, to})
}

// Has reports whether offset is settled.
func (s *Settled) Has(offset int64) bool {
	if offset < s.Next {
		return true
	}
	i, found := slices.BinarySearchFunc(s.Beyond, offset, func(have Span, offset int64) int { return cmp.Compare(have.From, offset) })
	return found || i > 0 && offset < s.Beyond[i-1].To
}

// Open is how many of the offsets from up to to, exclusive, are not settled.
func (s *Settled) Open(from, to int64) int64 {
	from = max(from, s.Next)
	n := max(to-from, 0)
	for _, have := range s.Beyond {
		n -= max(min(have.To, to)-max(have.From, from), 0)
	}
	return n
}
