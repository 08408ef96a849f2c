package kafka

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// errChanged ends a generation without being trouble: the topic's metadata are other ones than the generation was made for.
var errChanged = errors.New("the topic's metadata have changed")

// generation reads all partitions that have a leader, until something about the topic changes or ctx ends; where something goes wrong, for pause longer, so that the
// partitions that are well are read meanwhile. It returns what ended it. Then places are where everything before them was emitted.
func (t *tail) generation(ctx context.Context, pause time.Duration) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var running sync.WaitGroup
	var once sync.Once
	trouble := func(err error) {
		once.Do(func() {
			running.Go(func() { // ends with the pause or the generation
				_ = sleep(ctx, pause)
				end(err)
			})
		})
	}
	var fetchers []*fetcher
	for leader, partitions := range t.shape.byLeader() {
		f := t.newFetcher(leader, partitions, trouble)
		fetchers = append(fetchers, f)
		running.Go(func() { f.run(ctx) }) // ends with the generation
	}
	t.watch(ctx, end)
	running.Wait()
	for _, f := range fetchers {
		for p, next := range f.places {
			t.places[p] = domain.Place{Partition: p, Next: next}
			delete(t.astray, p)
		}
		for _, p := range f.astray {
			t.astray[p] = true
		}
	}
	return context.Cause(ctx)
}

// watch returns when ctx ends, and ends the generation when the metadata change. An unreachable cluster is no change: the fetchers notice what matters.
func (t *tail) watch(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		shape, err := t.broker.topology(ctx, t.topic)
		if err == nil && shape.epoch == t.shape.epoch && maps.Equal(shape.leaders, t.shape.leaders) {
			continue
		}
		if err == nil || domain.CodeOf(err) == domain.UnknownTopic {
			end(errChanged)
			return
		}
	}
}

// wayBack is where to go on from an offset that the leader said is not in its log, which is written up to there, and the hole that this makes, if any: by now it may be there.
func wayBack(e domain.Extent, written, next int64) (int64, *domain.Gap) {
	switch {
	case next < e.First:
		return e.First, &domain.Gap{Reason: domain.GapRetention, Partition: e.Partition, Lost: e.First - next}
	case next > max(e.End, written): // a leader was elected that had not all of it
		return e.End, &domain.Gap{Reason: domain.GapBroker, Partition: e.Partition, Lost: domain.LostUnknown}
	default:
		return next, nil
	}
}

// outOfRange reports whether err says that an offset is not in the log.
func outOfRange(err error) bool { return errors.Is(err, sarama.ErrOffsetOutOfRange) }
