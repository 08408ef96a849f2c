package broker

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSettledAgainstASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const offsets = 40
		begin := rapid.Int64Range(0, 5).Draw(t, "begin")
		s := Settled{Next: begin}
		want := [offsets]bool{}
		for o := range begin {
			want[o] = true
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			from := rapid.Int64Range(0, offsets-1).Draw(t, "from")
			to := min(from+rapid.Int64Range(0, 6).Draw(t, "length"), offsets)
			s.Add(from, to)
			for o := from; o < to; o++ {
				want[o] = true
			}
			checkSettled(t, s, want[:])
		}
	})
}

func checkSettled(t *rapid.T, s Settled, want []bool) {
	open := int64(0)
	next := int64(len(want))
	for o, is := range want {
		if s.Has(int64(o)) != is {
			t.Fatalf("has(%d) is %t: %+v", o, !is, s)
		}
		if !is {
			open++
			next = min(next, int64(o))
		}
	}
	if s.Next != next || s.Open(0, int64(len(want))) != open {
		t.Fatalf("next is %d, want %d; open is %d, want %d", s.Next, next, s.Open(0, int64(len(want))), open)
	}
	last := s.Next
	for _, have := range s.Beyond {
		if have.From <= last || have.To <= have.From {
			t.Fatalf("spans touch or are empty: %+v", s)
		}
		last = have.To
	}
}
