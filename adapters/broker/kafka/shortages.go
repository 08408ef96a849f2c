package kafka

import (
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// shortages are the partitions of which their leader said, when it was last written to, that too few replicas are in sync. sarama keeps that to itself and tries again, until long after the
// messages' deadlines.
type shortages struct {
	mu    sync.Mutex // guards short
	short map[place]absence
}

func newShortages() *shortages { return &shortages{short: make(map[place]absence)} }

// hear takes note of what a leader answered to what was written.
func (s *shortages) hear(at place, answer sarama.KError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !tooFewInSync(answer) {
		delete(s.short, at)
		return
	}
	known, again := s.short[at]
	if !again {
		known.since = time.Now()
	}
	s.short[at] = absence{since: known.since, cause: answer}
}

// forget forgets what was said of a partition to which nothing is under way any more: only by writing it is known to be well again.
func (s *shortages) forget(topic domain.Topic, partition int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.short, place{string(topic), partition})
}

// last gives the leader's last word on a partition, where that was that too few replicas are in sync.
func (s *shortages) last(topic domain.Topic, partition int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.short[place{string(topic), partition}].cause
}

// lasting is last, once it has been so for so long that more messages need not wait for replicas.
func (s *shortages) lasting(topic domain.Topic, partition int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, short := s.short[place{string(topic), partition}]
	if !short || time.Since(known.since) < leaderless {
		return nil
	}
	return known.cause
}

func tooFewInSync(err error) bool {
	return errors.Is(err, sarama.ErrNotEnoughReplicas) || errors.Is(err, sarama.ErrNotEnoughReplicasAfterAppend)
}

// unconfirmed is what is told of a message that has left, and will not be confirmed in time. Whether it is written nobody knows: a leader that lacks replicas now may have written it at an
// earlier attempt.
func unconfirmed(topic domain.Topic, partition int32, cause error) *domain.Error {
	if tooFewInSync(cause) {
		return domain.Errorf(domain.Timeout, "too few replicas of partition %d of topic %q are in sync to confirm the message", partition, topic).Because(cause)
	}
	return domain.Errorf(domain.Timeout, "the broker did not confirm the message in time").Because(cause)
}
