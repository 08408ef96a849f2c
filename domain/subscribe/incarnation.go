package subscribe

import (
	"sort"

	"culvert/domain"
)

// afterGap is the vector after a chunk's gap.
func afterGap(before *domain.Vector, c domain.Chunk) *domain.Vector {
	epoch := before.Epoch
	if c.Epoch != 0 {
		epoch = c.Epoch
	}
	if epoch != before.Epoch || again(before, c.Gap) {
		return domain.NewVector(epoch, c.Begin())
	}
	return before.With(c.Begin())
}

// again reports whether a gap says that the topic was made anew though its epoch is the same: the partition had a place. What was known of
// all partitions is void then, as in a new epoch.
func again(before *domain.Vector, gap *domain.Gap) bool {
	if gap == nil || gap.Reason != domain.GapEpoch {
		return false
	}
	place, ok := before.At(gap.Partition)
	return ok && !place.Pending()
}

// vouches reports whether the message before a place is the one that the place says. Where the log does not know it, the broker
// may have been asked. The caller holds mu.
func (l *log) vouches(p domain.Place, asked bool) bool {
	if p.Fingerprint == 0 || p.Pending() {
		return true
	}
	have := l.fingerprint(p.Partition, p.Next)
	return have == p.Fingerprint || have == 0 && asked
}

// fingerprint is that of the message before offset next, 0 where the log does not know it. The caller holds mu.
func (l *log) fingerprint(partition int32, next int64) uint32 {
	for _, v := range [...]*domain.Vector{l.tail, l.head} {
		if place, ok := v.At(partition); ok && place.Next == next && place.Fingerprint != 0 {
			return place.Fingerprint
		}
	}
	inside := l.inside()
	i := sort.Search(len(inside), func(i int) bool { return inside[i].After.Next(partition) >= next })
	if i == len(inside) {
		return 0
	}
	run := inside[i]
	if after, _ := run.After.At(partition); after.Next == next {
		return after.Fingerprint
	}
	if run.Partition != partition {
		return 0 // what lies there carried no message
	}
	j := sort.Search(len(run.Messages), func(j int) bool { return run.Messages[j].Offset >= next })
	if j > 0 && run.Messages[j-1].Offset == next-1 {
		return run.Messages[j-1].Fingerprint
	}
	return 0
}
