package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"

	"culvert/adapters/broker"
	"culvert/domain"
)

// errInhabited says that a group has members, so that only they can commit.
var errInhabited = errors.New("the group has members")

// commit is what a group has committed for one partition.
type commit struct {
	next     int64
	metadata string
}

// commits gives what the group has committed for these partitions; those without a commit are left out. A coordinator that is not ready is waited for.
func (m *membership) commits(ctx context.Context, partitions []int32) (map[int32]commit, error) {
	return m.broker.commits(ctx, m.topic, m.group, partitions)
}

// commits is what membership.commits gives, for any group.
func (b *Broker) commits(ctx context.Context, topic domain.Topic, group string, partitions []int32) (map[int32]commit, error) {
	if len(partitions) == 0 {
		return nil, nil
	}
	return askGroups(ctx, b, topic, []string{group}, func(a *admin) (map[int32]commit, error) {
		response, err := a.ListConsumerGroupOffsets(group, map[string][]int32{string(topic): partitions})
		if errors.Is(err, sarama.ErrGroupIDNotFound) { // Apache's own brokers say that there are no commits
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		commits := make(map[int32]commit)
		for _, p := range partitions {
			block := response.GetBlock(string(topic), p)
			switch {
			case block == nil:
				return nil, sarama.ErrIncompleteResponse
			case block.Err != sarama.ErrNoError:
				return nil, block.Err
			case block.Offset >= 0:
				commits[p] = commit{next: block.Offset, metadata: block.Metadata}
			}
		}
		return commits, nil
	})
}

// askGroups is ask for what the coordinators of these groups tell: those that are not ready, or just gone, are waited for.
func askGroups[T any](ctx context.Context, b *Broker, topic domain.Topic, groups []string, f func(*admin) (T, error)) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		v, err := ask(ctx, b, topic, f)
		if err != nil && !passing(err) && b.relocate(ctx, topic, groups, err) != nil {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithMaxElapsedTime(b.cfg.RequestTimeout))
}

// relocate looks anew for the coordinators of groups where err says that one of them could not be reached: sarama keeps to those that it knows, though they be gone for good. It returns nil where it is worth asking
// them again.
func (b *Broker) relocate(ctx context.Context, topic domain.Topic, groups []string, err error) error {
	if !unreached(err) || len(groups) == 0 {
		return err
	}
	_, err = ask(ctx, b, topic, func(a *admin) (struct{}, error) {
		for _, group := range groups {
			if err := a.client.RefreshCoordinator(group); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// unreached reports whether err is one of the way to a broker, not a word of it.
func unreached(err error) bool {
	var way net.Error
	return errors.As(err, &way) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, sarama.ErrNotConnected)
}

// commitAlone commits places of topic, as it is in this epoch, for a group without members, with nothing settled beyond them. It is errInhabited where the group has some.
func (b *Broker) commitAlone(ctx context.Context, topic domain.Topic, epoch domain.Epoch, group string, places []domain.Place) error {
	const noEpoch = -1
	offsets := make(map[int32]sarama.OffsetAndMetadata, len(places))
	for _, p := range places {
		offsets[p.Partition] = sarama.OffsetAndMetadata{Offset: p.Next, LeaderEpoch: noEpoch, Metadata: metadataOf(broker.Settled{Next: p.Next}, epoch)}
	}
	_, err := askGroups(ctx, b, topic, []string{group}, func(a *admin) (struct{}, error) {
		response, err := a.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{string(topic): offsets}, nil)
		if err != nil {
			return struct{}{}, err
		}
		if err = verdict(response.Errors[string(topic)]); inhabited(err) {
			err = errInhabited
		}
		return struct{}{}, err
	})
	return err
}

// commitAsMember commits places of the topic, as it was in this epoch, for a group that has members, as one of them.
func (m *membership) commitAsMember(ctx context.Context, group sarama.ConsumerGroupSession, epoch domain.Epoch, places []domain.Place) error {
	_, err := ask(ctx, m.broker, m.topic, func(a *admin) (struct{}, error) {
		coordinator, err := a.client.Coordinator(m.group)
		if err != nil {
			return struct{}{}, err
		}
		request := sarama.NewOffsetCommitRequest(a.client.Config(), m.group)
		request.ConsumerID, request.ConsumerGroupGeneration = group.MemberID(), group.GenerationID()
		for _, p := range places {
			const noEpoch, now = -1, 0
			request.AddBlockWithLeaderEpoch(string(m.topic), p.Partition, p.Next, noEpoch, now, metadataOf(broker.Settled{Next: p.Next}, epoch))
		}
		response, err := coordinator.CommitOffset(request)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, verdict(response.Errors[string(m.topic)])
	})
	if err != nil {
		_ = m.broker.relocate(ctx, m.topic, []string{m.group}, err) // for the next session
	}
	return err
}

// verdict is the error of what was asked for these partitions of a group, nil where all of it was done.
func verdict(answers map[int32]sarama.KError) error {
	for p, err := range answers {
		if !errors.Is(err, sarama.ErrNoError) {
			return fmt.Errorf("partition %d: %w", p, err)
		}
	}
	return nil
}

// inhabited reports whether err is the cluster's refusal to do something to a group that has members.
func inhabited(err error) bool {
	for _, e := range []sarama.KError{
		sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration, sarama.ErrRebalanceInProgress, sarama.ErrNonEmptyGroup, sarama.ErrGroupSubscribedToTopic,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ahead are the partitions in which a place is after the end of what is committed.
func ahead(commits map[int32]commit, extents map[int32]domain.Extent) []int32 {
	var ahead []int32
	for p, at := range commits {
		if e, readable := extents[p]; readable && at.next > e.End {
			ahead = append(ahead, p)
		}
	}
	return ahead
}
