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
	switch {
	case len(commits) == 0 && !s.remade: // what was committed in the topic before went with it
		if err := s.beginAsMember(ctx, group); err != nil {
			return nil, err
		}
		if commits, err = s.commitsWith(ctx, claimed...); err != nil {
			return nil, err
		}
	case s.told:
		for _, p := range s.begin {
			if commits[p.Partition].next != p.Next {
				return nil, s.refusal()
			}
		}
	}
	s.begin, s.told = nil, false
	return commits, nil
}

// beginAsMember commits the queue's beginning, which is the end where none is known.
func (s *session) beginAsMember(ctx context.Context, group sarama.ConsumerGroupSession) (err error) {
	begin := s.begin
	if begin == nil {
		if begin, err = s.beginning(ctx, domain.StartLatest()); err != nil {
			return err
		}
	}
	a, err := s.broker.admin.get(ctx)
	if err != nil {
		return err
	}
	return s.commitAsMember(a.client, group.MemberID(), group.GenerationID(), begin)
}

// commitsWith gives what the queue has committed in all partitions, and in these, which may have come since.
func (s *session) commitsWith(ctx context.Context, claimed ...int32) (map[int32]commit, error) {
	partitions := append(s.shape.partitions(), claimed...)
	slices.Sort(partitions)
	return s.commits(ctx, slices.Compact(partitions))
}
