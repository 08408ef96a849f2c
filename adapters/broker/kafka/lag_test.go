package kafka

import (
	"testing"

	"culvert/adapters/broker"
	"culvert/domain"
)

func TestLag(t *testing.T) {
	const now, before domain.Epoch = 7, 8
	ours := func(next int64, epoch domain.Epoch, beyond ...broker.Span) commit {
		return commit{next, metadataOf(broker.Settled{Next: next, Beyond: beyond}, epoch)}
	}
	shape := topology{epoch: now, leaders: map[int32]int32{0: 1, 1: 2}}
	both := map[int32]domain.Extent{0: {Partition: 0, First: 10, End: 30}, 1: {Partition: 1, First: 0, End: 5}}
	for name, c := range map[string]struct {
		places map[int32]commit
		want   int64
	}{
		"what others committed":             {map[int32]commit{0: {25, "by a Java client"}, 1: {5, ""}}, 5},
		"what we committed":                 {map[int32]commit{0: ours(25, now), 1: ours(2, now)}, 5 + 3},
		"settled beyond the place":          {map[int32]commit{0: ours(25, now, broker.Span{From: 27, To: 30}), 1: ours(5, now)}, 5},
		"a partition without a place":       {map[int32]commit{1: ours(5, now)}, 20},
		"a place of the topic before":       {map[int32]commit{0: ours(29, before), 1: ours(5, now)}, 20},
		"a place that retention overtook":   {map[int32]commit{0: ours(5, now), 1: ours(5, now)}, 25},
		"a place after what is committed":   {map[int32]commit{0: {33, ""}, 1: {5, ""}}, 0}, // of a reader of the uncommitted
		"a place after what is written":     {map[int32]commit{0: {36, ""}, 1: {5, ""}}, 20},
		"places of partitions that are not": {map[int32]commit{0: ours(30, now), 1: ours(5, now), 9: ours(1, now)}, 0},
	} {
		if got := domain.LagOf(shape.committed(c.places, both, map[int32]int64{0: 35})); got != c.want {
			t.Errorf("%s: the lag is %d, want %d", name, got, c.want)
		}
	}
	delete(both, 1)
	if got := domain.LagOf(shape.committed(map[int32]commit{0: ours(30, now), 1: ours(5, now)}, both, nil)); got != domain.LagUnknown {
		t.Errorf("with a partition that has no leader the lag is %d, want it unknown", got)
	}
}
