package kafka

import (
	"context"
	"maps"
	"slices"

	"culvert/domain"
)

// Queues implements ports.QueueCatalogue. The queues of a topic are the consumer groups whose names are what Config.GroupID makes of it and a queue. Different pairs can make the same name (`a.x.b` is that of
// queue b of topic a.x, and of queue x.b of topic a), so a group counts only where it has committed a place in the topic, or a member of it has
// subscribed to the topic.
//
// The lag is the topic's end (of what is committed, as for all readers here) minus the group's place, over all partitions. A partition without a place counts from its first message on, and so does
// one whose place is of a topic that had the name before: there the next member reads. The lag is not known of a group that has no place at all, since its own members decide where they begin,
// and of no group while a partition has no leader.
func (b *Broker) Queues(ctx context.Context, topic domain.Topic) ([]domain.QueueInfo, error) {
	shape, err := b.topology(ctx, topic)
	if err != nil {
		return nil, err
	}
	names, untold := b.named(ctx, topic)
	if untold != nil && len(names) == 0 {
		return nil, untold
	}
	places, err := b.commitsOf(ctx, topic, shape.partitions(), slices.Collect(maps.Keys(names)))
	if err != nil {
		return nil, err
	}
	// Asked for after the places, which move on meanwhile: no place is past its end by that.
	extents, err := b.extents(ctx, topic, shape.readable())
	if err != nil {
		return nil, err
	}
	var past []int32
	for _, commits := range places {
		past = append(past, ahead(commits, extents)...)
	}
	written, err := b.written(ctx, topic, past)
	if err != nil {
		return nil, err
	}
	var queues []domain.QueueInfo
	var strangers []string // which may have nothing to do with the topic
	for group, commits := range places {
		if len(commits) == 0 {
			strangers = append(strangers, group)
			continue
		}
		queues = append(queues, domain.QueueInfo{Queue: names[group], Lag: domain.LagOf(shape.committed(commits, extents, written))})
	}
	subscribed, err := b.subscribed(ctx, topic, strangers)
	for _, group := range subscribed {
		queues = append(queues, domain.QueueInfo{Queue: names[group], Lag: domain.LagUnknown})
	}
	if err == nil {
		err = untold
	}
	return queues, err
}

// named are the queues of topic that the names of groups can stand for, by these.
func (b *Broker) named(ctx context.Context, topic domain.Topic) (map[string]domain.Queue, error) {
	groups, err := b.groups(ctx, topic)
	names := make(map[string]domain.Queue)
	for _, group := range groups {
		if queue, ok := b.cfg.queueOf(topic, group); ok {
			names[group] = queue
		}
	}
	return names, err
}
