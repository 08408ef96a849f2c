package kafka

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"

	"culvert/domain"
)

// leaderless is how long a partition may be without a leader, or short of replicas, until messages to it are refused at once. Electing one takes less.
const leaderless = 5 * time.Second

// leaders is the client of sarama's producer. Where a partition has no leader now, be it that none is elected or that the cluster is away, it waits for one in the place of the
// producer's own attempts: those end after a few in a circuit breaker that cannot be set, which refuses everything to the partition for ten seconds, even if the leader is back after one.
type leaders struct {
	sarama.Client
	find func(topic string, partition int32) (*sarama.Broker, error)

	mu      sync.Mutex // guards missing
	missing map[place]absence
	lacking atomic.Int64 // the length of missing, so that nearly always nobody needs mu to know that nothing is
}

// place names a partition.
type place struct {
	topic     string
	partition int32
}

// absence is what is known of a partition that lacks what writing needs.
type absence struct {
	since time.Time
	cause error // what was told last; nil where nothing is lacking
}

// lasting gives the cause, once it has been so for so long that more messages need not wait.
func (a absence) lasting() error {
	if a.cause == nil || time.Since(a.since) < leaderless {
		return nil
	}
	return a.cause
}

// newLeaders makes the client of a producer. What waits gives up when ctx ends.
func newLeaders(ctx context.Context, client sarama.Client) *leaders {
	l := &leaders{Client: client, missing: make(map[place]absence)}
	l.find = func(topic string, partition int32) (*sarama.Broker, error) {
		return l.await(ctx, place{topic, partition})
	}
	return l
}

// RefreshMetadata asks once. What goes wrong is left to Leader, since one partition may be well where another of its topic is not.
func (l *leaders) RefreshMetadata(topics ...string) error {
	_ = l.Client.RefreshMetadata(topics...)
	return nil
}

// Leader blocks until the partition has a leader, the topic is gone, or the producer gives up. sarama calls it from goroutines that serve this partition alone.
func (l *leaders) Leader(topic string, partition int32) (*sarama.Broker, error) {
	return l.find(topic, partition)
}

func (l *leaders) await(ctx context.Context, at place) (*sarama.Broker, error) {
	defer l.found(at)
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, time.Second
	return backoff.Retry(ctx, func() (*sarama.Broker, error) {
		leader, err := l.Client.Leader(at.topic, at.partition) // which asks the cluster where none is known
		switch {
		case errors.Is(err, sarama.ErrUnknownTopicOrPartition), errors.Is(err, sarama.ErrClosedClient):
			return nil, backoff.Permanent(err)
		case err != nil:
			l.miss(at, err)
		}
		return leader, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0))
}

func (l *leaders) miss(at place, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, again := l.missing[at]
	if !again {
		known.since = time.Now()
	}
	l.missing[at] = absence{since: known.since, cause: cause}
	l.lacking.Store(int64(len(l.missing)))
}

func (l *leaders) found(at place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.missing, at)
	l.lacking.Store(int64(len(l.missing)))
}

// absent gives why the partition has had no leader for long.
func (l *leaders) absent(topic domain.Topic, partition int32) error {
	if l.lacking.Load() == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missing[place{string(topic), partition}].lasting()
}
