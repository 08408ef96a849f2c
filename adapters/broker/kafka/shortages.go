package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"culvert/domain"
)

// shortages are the partitions of which too few replicas were in sync when their topic was looked at last. Their leaders refuse what is written, which sarama keeps to itself: it tries again until
// long after the messages' deadlines.
type shortages struct {
	mu    sync.Mutex // guards known
	known map[domain.Topic]map[int32]absence
	some  atomic.Int64 // the length of known, so that nearly always nobody needs mu to know that there are none
}

func newShortages() *shortages { return &shortages{known: make(map[domain.Topic]map[int32]absence)} }

// note takes note of why partitions of a topic are short. All others of the topic are not, or nobody can tell.
func (s *shortages) note(topic domain.Topic, causes map[int32]error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.some.Store(int64(len(s.known))) }()
	before := s.known[topic]
	delete(s.known, topic)
	if len(causes) == 0 {
		return
	}
	now := make(map[int32]absence, len(causes))
	for partition, cause := range causes {
		since := time.Now()
		if known, again := before[partition]; again {
			since = known.since
		}
		now[partition] = absence{since: since, cause: cause}
	}
	s.known[topic] = now
}

// of gives what is known of a partition: nothing where it is not short.
func (s *shortages) of(topic domain.Topic, partition int32) absence {
	if s.some.Load() == 0 {
		return absence{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[topic][partition]
}

// lasting reports whether messages to a partition of the topic are refused.
func (s *shortages) lasting(topic domain.Topic) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.known[topic] {
		if known.lasting() != nil {
			return true
		}
	}
	return false
}

// short gives why partitions of a topic are short. The setting is asked for only where replicas are behind: it may be changed at any time. Where it may not be read, nobody can tell.
func (b *Broker) short(ctx context.Context, topic domain.Topic, shape topology) map[int32]error {
	if len(shape.behind) == 0 {
		return nil
	}
	const setting = "min.insync.replicas"
	least, err := b.setting(ctx, topic, setting)
	if err != nil {
		b.log.Debug("how many replicas must be in sync is not known", "topic", topic, "error", err)
		return nil
	}
	causes := make(map[int32]error)
	for partition, in := range shape.behind {
		if int64(in) < least {
			causes[partition] = fmt.Errorf("%d replicas are in sync, and %s is %d", in, setting, least)
		}
	}
	return causes
}
