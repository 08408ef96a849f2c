package subscribe

import (
	"iter"

	"culvert/domain"
	"culvert/ports"
)

// conflates reports whether what waits may be conflated to the newest message of each key.
func (t *track) conflates() bool {
	return t.overflow == ports.OverflowLatest && t.replay == nil
}

// conflate, where what waits up to the next gap is more than a batch, finds the newest message of each key in it, and says how many of each partition the
// viewer will not be given. The cursor of these gaps is the viewer's place: the messages in between are still to come.
func (t *track) conflate(waiting iter.Seq2[*domain.Run, *domain.Message]) {
	t.newest = nil
	size := 0
	newest := map[string]*domain.Message{}
	lost := map[int32]int64{}
	var partitions []int32
	for run, m := range waiting {
		if run.Gap != nil {
			break
		}
		if !t.lacks(run, m) {
			continue
		}
		size += m.Size()
		if m.Key == nil {
			continue
		}
		key := string(m.Key)
		if left := newest[key]; left != nil {
			if lost[left.Partition] == 0 {
				partitions = append(partitions, left.Partition)
			}
			lost[left.Partition]++
		}
		newest[key] = m
	}
	if size <= t.s.batchBytes {
		return
	}
	for _, partition := range partitions {
		t.tell(&domain.Gap{Reason: domain.GapOverflow, Partition: partition, Lost: lost[partition]}, t.vector, t.vector)
	}
	t.newest = newest
}

// lacks reports whether a message that waits is one that the viewer wants and has not seen.
func (t *track) lacks(run *domain.Run, m *domain.Message) bool {
	if !t.s.filter.wants(m) || t.own && m.Offset < t.vector.Next(run.Partition) {
		return false
	}
	return t.until == nil || !t.until.over(run.Partition) && !t.until.past(m)
}

// eventsOf are the messages of spans, and nothing in place of a gap.
func eventsOf(spans []domain.Span) iter.Seq2[*domain.Run, *domain.Message] {
	return func(yield func(*domain.Run, *domain.Message) bool) {
		for _, span := range spans {
			if span.Run.Gap != nil {
				if !yield(span.Run, nil) {
					return
				}
				continue
			}
			for _, m := range span.Run.Messages[span.From:span.To] {
				if !yield(span.Run, m) {
					return
				}
			}
		}
	}
}
