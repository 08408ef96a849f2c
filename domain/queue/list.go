package queue

import (
	"cmp"
	"context"
	"slices"

	"culvert/domain"
	"culvert/ports"
)

// List implements ports.QueueAdmin: what the broker tells, where it is a ports.QueueCatalogue, together with the queues that this node is in. A broker that is away, or
// a part of it, hides none of these, and nothing of what the others told; the lag of those that only this node knows is then not known.
func (s *Service) List(ctx context.Context, topic domain.Topic) (entries []ports.QueueEntry, complete bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	infos, err := s.catalogue(ctx, topic)
	// Looked at after the broker, so that who joins meanwhile is seen at least here.
	members := s.census(topic)
	switch code := domain.CodeOf(err); {
	case err == nil:
		complete = s.broker.Capabilities(topic).Has(domain.Catalogue)
	case len(infos)+len(members) > 0 && (code.Retryable() || code == domain.Unsupported):
	case code == domain.Unsupported: // nothing is known of the topic, so that it has to be asked for
		if _, err := s.broker.Describe(ctx, topic); err != nil {
			return nil, false, err
		}
	default:
		return nil, false, err
	}
	entries = make([]ports.QueueEntry, 0, len(infos)+len(members))
	for _, info := range infos {
		entries = append(entries, ports.QueueEntry{Queue: info.Queue, Members: members[info.Queue], Lag: info.Lag})
		delete(members, info.Queue)
	}
	for queue, n := range members {
		entries = append(entries, ports.QueueEntry{Queue: queue, Members: n, Lag: domain.LagUnknown})
	}
	slices.SortFunc(entries, func(a, b ports.QueueEntry) int { return cmp.Compare(a.Queue, b.Queue) })
	return entries, complete, nil
}

// catalogue asks the broker for the queues of topic. It is Unsupported where that cannot tell.
func (s *Service) catalogue(ctx context.Context, topic domain.Topic) ([]domain.QueueInfo, error) {
	c, ok := s.broker.(ports.QueueCatalogue)
	if !ok {
		return nil, domain.Errorf(domain.Unsupported, "the broker of topic %s cannot list its queues", topic)
	}
	return c.Queues(ctx, topic)
}

// census is how many members each queue of topic has that this node is in. One that lingers has none.
func (s *Service) census(topic domain.Topic) map[domain.Queue]int {
	s.mu.RLock()
	var lanes []*lane
	for at, l := range s.lanes {
		if at.topic == topic {
			lanes = append(lanes, l)
		}
	}
	s.mu.RUnlock()
	members := make(map[domain.Queue]int, len(lanes))
	for _, l := range lanes {
		if n, stands := l.count(); stands {
			members[l.name.queue] = n
		}
	}
	return members
}

// count is how many members the lane has; false where the membership does not stand, or not any more.
func (l *lane) count() (members int, stands bool) {
	select {
	case <-l.opened:
	default:
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.members), l.failure == nil && !l.closing
}
