package kafka

import (
	"context"
	"errors"
	"slices"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// errForgotten says that the queue was deleted while this member was away.
var errForgotten = errors.New("the queue was deleted")

// places gives what the queue has committed, in all partitions. One that has not begun begins now, and so does one that was deleted while this member was on its way or counted as dead: it would be read from its
// first message otherwise, as partitions are that are new. It is Conflict where the caller wants another beginning than the queue has: another node may have begun it at the same instant, and the later of the two
// counts. Since the group has members now there are no more.
func (s *session) places(group sarama.ConsumerGroupSession) (map[int32]commit, error) {
	ctx, claimed := group.Context(), group.Claims()[string(s.topic)]
	commits, err := s.commitsWith(ctx, claimed...)
	if err != nil {
		return nil, err
	}
	begins := len(commits) == 0
	switch {
	case begins:
		if err := s.beginAsMember(ctx, group); err != nil {
			return nil, err
		}
		if commits, err = s.commitsWith(ctx, claimed...); err != nil {
			return nil, err
		}
	case s.told && !stands(commits, s.begin):
		return nil, s.refusal()
	}
	if begins || anyOf(commits, s.shape.epoch) {
		s.before = 0
	}
	s.begin, s.told = nil, false
	return commits, nil
}

// stands reports whether these are the places that were committed.
func stands(commits map[int32]commit, places []domain.Place) bool {
	return !slices.ContainsFunc(places, func(p domain.Place) bool { return commits[p.Partition].next != p.Next })
}

// anyOf reports whether any of the places is known to be one of this epoch.
func anyOf(commits map[int32]commit, epoch domain.Epoch) bool {
	for _, at := range commits {
		if _, of := restore(at.next, at.metadata); of == epoch {
			return true
		}
	}
	return false
}

// beginAsMember commits the queue's beginning, which is the end where none is known. Where its places went with the topic that had the name before, they are made up, as places of that one: then each member
// goes on at the first message, and is told of the gap.
func (s *session) beginAsMember(ctx context.Context, group sarama.ConsumerGroupSession) (err error) {
	begin, epoch := s.begin, s.shape.epoch
	switch {
	case s.before != 0:
		begin, epoch = nil, s.before
		for _, p := range s.shape.partitions() {
			begin = append(begin, domain.Place{Partition: p})
		}
	case begin == nil:
		if begin, err = s.beginning(ctx, domain.StartLatest()); err != nil {
			return err
		}
	}
	return s.commitAsMember(ctx, group, epoch, begin)
}

// commitsWith gives what the queue has committed in all partitions, and in these, which may have come since.
func (s *session) commitsWith(ctx context.Context, claimed ...int32) (map[int32]commit, error) {
	partitions := append(s.shape.partitions(), claimed...)
	slices.Sort(partitions)
	return s.commits(ctx, slices.Compact(partitions))
}
