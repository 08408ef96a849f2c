package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"culvert/domain"
)

// Move implements ports.QueueMover. All partitions are moved by one commit, which the cluster takes only while the group has no members: also none that read another topic, where a
// group is shared by several.
func (b *Broker) Move(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error) {
	shape, err := b.topology(ctx, topic)
	if err != nil {
		return nil, err
	}
	if _, err := b.standing(ctx, topic, queue, shape); err != nil {
		return nil, err
	}
	if len(shape.readable()) < len(shape.leaders) {
		return nil, domain.Errorf(domain.Unavailable, "a partition of topic %q has no leader, so queue %q cannot be moved", topic, queue)
	}
	l := locator{shape: shape, now: time.Now()}
	places, err := b.locateLed(ctx, topic, &l, shape.partitions(), to)
	if err != nil {
		return nil, err
	}
	if err := l.keep(places, to.Vector()); err != nil {
		return nil, err
	}
	err = b.commitAlone(ctx, topic, shape.epoch, b.cfg.group(topic, queue), places)
	if errors.Is(err, errInhabited) {
		return nil, b.conflict(topic, queue)
	}
	if err != nil {
		return nil, err
	}
	moved := make([]domain.Committed, len(places))
	for i, p := range places {
		moved[i] = domain.Committed{Extent: l.extents[p.Partition], Place: p.Next}
	}
	return moved, nil
}

// keep puts back those of the places that retention has overtaken to where v has them, so that who goes on there is told of the gap. A place that the topic cannot have had is
// InvalidCursor.
func (l *locator) keep(places []domain.Place, v *domain.Vector) error {
	if v == nil {
		return nil
	}
	for _, p := range v.Places() {
		if _, known := l.shape.leaders[p.Partition]; !known {
			l.gap(p.Partition, domain.GapEpoch, domain.LostUnknown)
		}
	}
	overtaken := make(map[int32]bool)
	for _, gap := range l.gaps {
		if gap.Reason == domain.GapEpoch {
			return domain.Errorf(domain.InvalidCursor, "the cursor is not of the topic as it is: its place in partition %d is none", gap.Partition)
		}
		overtaken[gap.Partition] = true
	}
	for i, p := range places {
		if overtaken[p.Partition] {
			places[i].Next = v.Next(p.Partition)
		}
	}
	return nil
}

// conflict is the refusal to touch a queue whose group has members. Those of a server that died count until its session has timed out.
func (b *Broker) conflict(topic domain.Topic, queue domain.Queue) error {
	return domain.Occupied(topic, queue).Because(fmt.Errorf("%w: %q", errInhabited, b.cfg.group(topic, queue)))
}
