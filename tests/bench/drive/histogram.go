package drive

import (
	"math/bits"
	"time"
)

// Histogram counts durations in fixed buckets, each at most 1/64 wider than what it begins with. The zero value is ready. It is for one goroutine.
type Histogram struct {
	counts [buckets]uint32
	total  int
}

const (
	fine    = 6                   // bits of a duration that are kept behind its first
	buckets = (40 - fine) << fine // up to 2^39 ns, which is nine minutes; what is longer counts as that
)

// Add counts d; less than nothing counts as nothing.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
}

// Total is how many were counted.
func (h *Histogram) Total() int { return h.total }

// Quantile is the least duration that a share q of all, in (0, 1], does not exceed, rounded up to the end of its bucket; 0 where there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(int(q*float64(h.total)+0.999999), 1)
	for i, n := range h.counts {
		if rank -= int(n); n > 0 && rank <= 0 {
			return upper(i)
		}
	}
	return 0
}

// bucket is where d counts: durations below 2^(fine+1) have one each, then each doubling has 2^fine.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(bits.Len64(v)-fine-1, 0)
	return min(shift<<fine+int(v>>shift), buckets-1)
}

// upper is the longest duration of a bucket.
func upper(i int) time.Duration {
	shift := max(i>>fine-1, 0)
	return time.Duration((i-shift<<fine+1)<<shift - 1)
}
