package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"

	"culvert/domain"
)

// offsets asks where in each partition a message stands: for sarama.OffsetOldest, sarama.OffsetNewest (the end of what is committed), or a time in unix
// milliseconds (-1 where nothing is that new). Leaders that moved are looked for again, until ctx ends; a partition that has none makes it Unavailable.
func (b *Broker) offsets(ctx context.Context, topic domain.Topic, queries map[int32]int64) (map[int32]int64, error) {
	return b.offsetsAt(ctx, topic, sarama.ReadCommitted, queries)
}

// offsetsAt is offsets for readers of this level, which says what the end is.
func (b *Broker) offsetsAt(ctx context.Context, topic domain.Topic, level sarama.IsolationLevel, queries map[int32]int64) (map[int32]int64, error) {
	found := make(map[int32]int64, len(queries))
	if len(queries) == 0 {
		return found, nil
	}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		missing := make(map[int32]int64)
		for partition, query := range queries {
			if _, ok := found[partition]; !ok {
				missing[partition] = query
			}
		}
		return struct{}{}, b.askOffsets(ctx, topic, level, missing, found)
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(b.cfg.RequestTimeout))
	return found, translate(topic, err)
}

// askOffsets asks once and puts what it is told into found. Its error is permanent where asking again does not help.
func (b *Broker) askOffsets(ctx context.Context, topic domain.Topic, level sarama.IsolationLevel, queries, found map[int32]int64) error {
	results, err := ask(ctx, b, topic, func(a *admin) (map[int32]*sarama.OffsetResult, error) {
		all, err := a.ListOffsets(map[string]map[int32]int64{string(topic): queries}, &sarama.ListOffsetsOptions{IsolationLevel: level})
		results, lost := all[string(topic)], err != nil // to a leader that cannot be asked, too, sarama keeps
		for _, r := range results {
			lost = lost || r.Err != nil && !errors.Is(r.Err, sarama.ErrNoError)
		}
		if lost {
			_ = a.client.RefreshMetadata(string(topic)) // what it says is said again by the next attempt
		}
		return results, err
	})
	if err != nil {
		if domain.CodeOf(err) != domain.Unavailable {
			return backoff.Permanent(err)
		}
		return err
	}
	for partition := range queries {
		switch r := results[partition]; {
		case r == nil:
			err = sarama.ErrIncompleteResponse
		case r.Err != nil && !errors.Is(r.Err, sarama.ErrNoError):
			err = r.Err
		default:
			found[partition] = r.Offset
		}
	}
	return err
}

// extents asks for the first offset and the end of each partition.
func (b *Broker) extents(ctx context.Context, topic domain.Topic, partitions []int32) (map[int32]domain.Extent, error) {
	firsts, err := b.offsets(ctx, topic, same(partitions, sarama.OffsetOldest))
	if err != nil {
		return nil, err
	}
	ends, err := b.offsets(ctx, topic, same(partitions, sarama.OffsetNewest))
	if err != nil {
		return nil, err
	}
	extents := make(map[int32]domain.Extent, len(partitions))
	for _, p := range partitions {
		extents[p] = domain.Extent{Partition: p, First: firsts[p], End: max(firsts[p], ends[p])}
	}
	return extents, nil
}

func same(partitions []int32, query int64) map[int32]int64 {
	queries := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		queries[p] = query
	}
	return queries
}

// written asks how far these partitions are written, by open transactions too: Kafka's high watermark. A place between the end of what is committed and that is one of this log: readers of
// the uncommitted have it, and Apache's tool gives it to who goes to the latest. Only what is beyond is of another log.
func (b *Broker) written(ctx context.Context, topic domain.Topic, partitions []int32) (map[int32]int64, error) {
	return b.offsetsAt(ctx, topic, sarama.ReadUncommitted, same(partitions, sarama.OffsetNewest))
}
