package kafka

import (
	"maps"
	"slices"
)

// partitions are all there are, in order.
func (t topology) partitions() []int32 { return slices.Sorted(maps.Keys(t.leaders)) }

// readable are the partitions that have a leader, in order.
func (t topology) readable() []int32 {
	var with []int32
	for _, p := range t.partitions() {
		if t.leaders[p] != noLeader {
			with = append(with, p)
		}
	}
	return with
}

// byLeader are the readable partitions by the leader that has them.
func (t topology) byLeader() map[int32][]int32 {
	by := make(map[int32][]int32)
	for _, p := range t.readable() {
		by[t.leaders[p]] = append(by[t.leaders[p]], p)
	}
	return by
}
