package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// session is one stay in the consumer group, through cooperative rebalances. It implements sarama.ConsumerGroupHandler.
type session struct {
	*membership
	group sarama.ConsumerGroup
	end   context.CancelCauseFunc

	mu     sync.Mutex // guards what follows
	claims map[int32]*claim
	err    error
}

// Setup is called when the membership stands, before claims are read. It leads places back that cannot be read from, and tells of the claims.
func (s *session) Setup(group sarama.ConsumerGroupSession) error {
	if err := s.setup(group); err != nil {
		s.fail(err)
		return err
	}
	return nil
}

func (s *session) setup(group sarama.ConsumerGroupSession) error {
	ctx := group.Context()
	commits, err := s.places(group)
	if err != nil {
		return err
	}
	partitions := group.Claims()[string(s.topic)]
	extents, err := s.broker.extents(ctx, s.topic, partitions)
	if err != nil {
		return err
	}
	written, err := s.broker.written(ctx, s.topic, ahead(commits, extents))
	if err != nil {
		return err
	}
	claims := make([]*claim, 0, len(partitions))
	for _, p := range partitions {
		c := newClaim(p, s.shape.epoch)
		if at, ok := commits[p]; ok {
			c.restore(at, extents[p], written[p])
			reset(group, s.topic, p, c.settled.Next, metadataOf(c.settled, s.shape.epoch))
		}
		claims = append(claims, c)
	}
	s.assign(claims...)
	return nil
}

// reset sets what will be committed, forward or back, or to the same offset with other metadata.
func reset(group sarama.ConsumerGroupSession, topic domain.Topic, partition int32, next int64, metadata string) {
	group.MarkOffset(string(topic), partition, next, metadata)
	group.ResetOffset(string(topic), partition, next, metadata)
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (s *session) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim reads one partition until it is revoked or the session ends. It is always ready to receive, since that is how a revocation shows: when too much waits to be
// fetched the partition is paused instead.
func (s *session) ConsumeClaim(group sarama.ConsumerGroupSession, from sarama.ConsumerGroupClaim) error {
	c, err := s.claim(group, from)
	if err != nil {
		s.fail(err)
		return err
	}
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	paused := false
	defer func() {
		c.mark(group, s.topic)
		s.revoke(c)
		if paused {
			s.group.Resume(s.partition(c))
		}
	}()
	for {
		select {
		case m, ok := <-from.Messages():
			if !ok {
				return nil
			}
			if c.push(m) && !paused {
				paused = true
				s.group.Pause(s.partition(c))
			}
		case <-tick.C:
			c.mark(group, s.topic)
			if paused && c.hungry() {
				paused = false
				s.group.Resume(s.partition(c))
			}
		case <-group.Context().Done():
			return nil
		}
	}
}

// markEvery is how often what was settled is made ready for the next commit, and a paused partition looked at.
const markEvery = 50 * time.Millisecond

func (s *session) partition(c *claim) map[string][]int32 {
	return map[string][]int32{string(s.topic): {c.partition}}
}

// claim gives the claim that Setup told of, or makes and tells of one that came in a later rebalance.
func (s *session) claim(group sarama.ConsumerGroupSession, from sarama.ConsumerGroupClaim) (*claim, error) {
	s.mu.Lock()
	c := s.claims[from.Partition()]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c = newClaim(from.Partition(), s.shape.epoch)
	commits, err := s.commitsWith(group.Context(), c.partition)
	if err != nil {
		return nil, err
	}
	if len(commits) == 0 {
		return nil, errForgotten // a new session begins it
	}
	if at, ok := commits[c.partition]; ok {
		var epoch domain.Epoch
		if c.settled, epoch = restore(at.next, at.metadata); epoch != 0 && epoch != s.shape.epoch {
			return nil, errRemade // a new session leads it back
		}
		c.expect = c.settled.Next
	}
	s.assign(c)
	return c, nil
}

// errRemade says that the topic was made anew.
var errRemade = errors.New("the topic was made anew")

// assign tells of claims.
func (s *session) assign(claims ...*claim) {
	event := domain.LaneEvent{Assigned: make([]domain.Claim, 0, len(claims))}
	s.mu.Lock()
	if s.claims == nil {
		s.claims = make(map[int32]*claim)
	}
	for _, c := range claims {
		s.claims[c.partition] = c
		event.Assigned = append(event.Assigned, c)
	}
	s.mu.Unlock()
	s.events.put(event)
}

// revoke tells that claims are gone. Those that were told of before are passed over.
func (s *session) revoke(claims ...*claim) {
	var event domain.LaneEvent
	s.mu.Lock()
	for _, c := range claims {
		if s.claims[c.partition] == c {
			delete(s.claims, c.partition)
			event.Revoked = append(event.Revoked, c)
		}
	}
	s.mu.Unlock()
	for _, c := range claims {
		c.close()
	}
	if len(event.Revoked) > 0 {
		s.events.put(event)
	}
}

// over revokes what is left when the session has ended.
func (s *session) over() {
	s.mu.Lock()
	left := make([]*claim, 0, len(s.claims))
	for _, c := range s.claims {
		left = append(left, c)
	}
	s.mu.Unlock()
	s.revoke(left...)
}

func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// failure is why the session ended, where we know it.
func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// watch ends the session when the topic was made anew or is gone. It returns when ctx ends.
func (s *session) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch shape, err := s.broker.topology(ctx, s.topic); {
		case err == nil && shape.epoch != s.shape.epoch:
			s.end(errRemade)
		case err != nil && domain.CodeOf(err) == domain.UnknownTopic:
			s.end(fmt.Errorf("the topic is gone: %w", err))
		}
	}
}
