package kafka

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// Forget implements ports.QueueKeeper. The queue's consumer group is deleted; where it has places in other topics too, which are other queues, only those in this one are.
func (b *Broker) Forget(ctx context.Context, topic domain.Topic, queue domain.Queue) error {
	shape, err := b.topology(ctx, topic)
	if err != nil {
		return err
	}
	commits, err := b.standing(ctx, topic, queue, shape)
	if err != nil {
		return err
	}
	if len(commits) == 0 { // a member is all that there is
		return b.conflict(topic, queue)
	}
	group := b.cfg.group(topic, queue)
	shared, err := b.elsewhere(ctx, topic, group)
	if err != nil {
		return err
	}
	if shared {
		err = b.deletePlaces(ctx, topic, group, shape.partitions())
	} else {
		err = b.deleteGroup(ctx, topic, group)
	}
	if errors.Is(err, errInhabited) {
		return b.conflict(topic, queue)
	}
	return err
}

// elsewhere reports whether the group has committed in other topics.
func (b *Broker) elsewhere(ctx context.Context, topic domain.Topic, group string) (bool, error) {
	return askGroups(ctx, b, topic, []string{group}, func(a *admin) (bool, error) {
		response, err := a.ListConsumerGroupOffsets(group, nil) // which is all of them
		if err != nil {
			return false, err
		}
		for name, partitions := range response.Blocks {
			for _, block := range partitions {
				if name != string(topic) && block.Offset >= 0 {
					return true, nil
				}
			}
		}
		return false, nil
	})
}

// deleteGroup deletes a group. It is errInhabited where that has members, and nil where it is gone already.
func (b *Broker) deleteGroup(ctx context.Context, topic domain.Topic, group string) error {
	_, err := askGroups(ctx, b, topic, []string{group}, func(a *admin) (struct{}, error) {
		return struct{}{}, deletion(a.DeleteConsumerGroup(group))
	})
	return err
}

// deletePlaces deletes what a group has committed in these partitions. It is errInhabited where a member of the group reads the topic, and nil where the group is gone.
func (b *Broker) deletePlaces(ctx context.Context, topic domain.Topic, group string, partitions []int32) error {
	request := &sarama.DeleteOffsetsRequest{Group: group}
	for _, p := range partitions {
		request.AddPartition(string(topic), p)
	}
	_, err := askGroups(ctx, b, topic, []string{group}, func(a *admin) (struct{}, error) {
		coordinator, err := a.Coordinator(group)
		if err != nil {
			return struct{}{}, err
		}
		response, err := coordinator.DeleteOffsets(request)
		if err != nil {
			return struct{}{}, err
		}
		if !errors.Is(response.ErrorCode, sarama.ErrNoError) {
			_ = a.client.RefreshCoordinator(group) // it may be another one now
			return struct{}{}, deletion(response.ErrorCode)
		}
		return struct{}{}, deletion(verdict(response.Errors[string(topic)]))
	})
	return err
}

// deletion is the error of a deletion: nil where there was nothing left to delete, be it by an attempt whose answer was lost.
func deletion(err error) error {
	switch {
	case errors.Is(err, sarama.ErrGroupIDNotFound):
		return nil
	case inhabited(err):
		return errInhabited
	default:
		return err
	}
}
