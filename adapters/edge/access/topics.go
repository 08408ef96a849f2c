package access

import (
	"context"
	"slices"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// Topics is next without the topics that are closed.
func (c Closed) Topics(next ports.Topics) ports.Topics { return &topics{next, c} }

type topics struct {
	next   ports.Topics
	closed Closed
}

func (t *topics) List(ctx context.Context) ([]ports.TopicEntry, bool, error) {
	entries, complete, err := t.next.List(ctx)
	if err != nil || edge.ReachesAll(ctx) {
		return entries, complete, err
	}
	return slices.DeleteFunc(entries, func(e ports.TopicEntry) bool { return e.Hidden }), complete, nil
}

func (t *topics) Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error) {
	if err := t.closed.check(ctx, topic); err != nil {
		return domain.TopicInfo{}, err
	}
	return t.next.Describe(ctx, topic)
}
