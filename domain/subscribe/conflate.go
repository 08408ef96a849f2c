package subscribe

import (
	"culvert/domain"
	"culvert/ports"
)

// conflates reports whether what waits may be conflated to the newest message of each key.
func (t *track) conflates() bool {
	return t.overflow == ports.OverflowLatest && t.replay == nil
}

// conflate finds the newest message of each key in runs, which wait for this viewer, and says how many of each partition it will not be given. The cursor of
// these gaps is the viewer's place: the messages in between are still to come.
func (t *track) conflate(runs []*domain.Run) {
	newest := map[string]*domain.Message{}
	lost, waiting := map[int32]int64{}, map[string]int32{}
	var partitions []int32
	for _, run := range runs {
		for _, m := range run.Messages {
			if m.Key == nil || !t.s.filter.wants(m) || t.own && m.Offset < t.vector.Next(run.Partition) {
				continue
			}
			key := string(m.Key)
			if newest[key] != nil {
				partition := waiting[key]
				if lost[partition] == 0 {
					partitions = append(partitions, partition)
				}
				lost[partition]++
			}
			newest[key], waiting[key] = m, run.Partition
		}
	}
	for _, partition := range partitions {
		t.tell(&domain.Gap{Reason: domain.GapOverflow, Partition: partition, Lost: lost[partition]}, t.vector, t.vector)
	}
	t.newest = newest
}
