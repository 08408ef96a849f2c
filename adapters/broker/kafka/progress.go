package kafka

import (
	"context"

	"culvert/domain"
)

// Progress implements ports.QueueKeeper. The places are what the queue's consumer group has committed, the ends what readers see: a place may be after its end while a transaction is open. The lag is
// not known of a group that has no place at all, as in Queues.
func (b *Broker) Progress(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	shape, err := b.topology(ctx, topic)
	if err != nil {
		return domain.Progress{}, err
	}
	commits, err := b.standing(ctx, topic, queue, shape)
	if err != nil {
		return domain.Progress{}, err
	}
	// Asked for after the places, which move on meanwhile: no place is past its end by that.
	extents, err := b.extents(ctx, topic, shape.readable())
	if err != nil {
		return domain.Progress{}, err
	}
	written, err := b.written(ctx, topic, ahead(commits, extents))
	if err != nil {
		return domain.Progress{}, err
	}
	progress := domain.Progress{Lag: domain.LagUnknown, Epoch: shape.epoch, Partitions: shape.committed(commits, extents, written)}
	if len(commits) > 0 {
		progress.Lag = domain.LagOf(progress.Partitions)
	}
	return progress, nil
}

// standing gives what the queue's group has committed in topic. It is UnknownQueue where that is nothing, unless a member of the group reads the topic.
func (b *Broker) standing(ctx context.Context, topic domain.Topic, queue domain.Queue, shape topology) (map[int32]commit, error) {
	group := b.cfg.group(topic, queue)
	commits, err := b.commits(ctx, topic, group, shape.partitions())
	if err != nil || len(commits) > 0 {
		return commits, err
	}
	reading, err := b.subscribed(ctx, topic, []string{group})
	if err == nil && len(reading) == 0 {
		err = domain.NoQueue(topic, queue)
	}
	return nil, err
}

// committed is how far a group is in each partition. A place of a topic that had the name before is none, as the next member sees it: it is of another epoch, or after what is written.
func (t topology) committed(commits map[int32]commit, extents map[int32]domain.Extent, written map[int32]int64) []domain.Committed {
	all := make([]domain.Committed, 0, len(t.leaders))
	for _, p := range t.partitions() {
		e, readable := extents[p]
		if !readable {
			e = domain.Extent{Partition: p, First: domain.NoPlace, End: domain.NoPlace}
		}
		c := domain.Committed{Extent: e, Place: domain.NoPlace}
		if at, ok := commits[p]; ok {
			_, epoch := restore(at.next, at.metadata)
			if (epoch == 0 || epoch == t.epoch) && !(readable && at.next > max(e.End, written[p])) {
				c.Place = at.next
			}
		}
		all = append(all, c)
	}
	return all
}
