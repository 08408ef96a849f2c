package kafka

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"culvert/domain"
)

const (
	// watchEvery is how often a topic's metadata are looked at: for new partitions, moved leaders, and a topic made anew.
	watchEvery = 2 * time.Second
	// goneAfter is how long a topic must be missing until it counts as gone: a broker may learn late of a topic, and one made anew is missing for a moment.
	goneAfter = 2 * time.Second
	// chunksAhead is how many chunks are read before they are asked for.
	chunksAhead = 16
)

// Tail implements ports.Tailer.
func (b *Broker) Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	shape, err := b.ensure(ctx, topic)
	if err != nil {
		return domain.Opening{}, nil, err
	}
	places, gaps, err := b.locate(ctx, topic, shape, from)
	if err != nil {
		return domain.Opening{}, nil, err
	}
	t := &tail{broker: b, topic: topic, shape: shape, places: make(map[int32]domain.Place, len(places)), astray: make(map[int32]bool)}
	for _, p := range places {
		t.places[p.Partition] = p
	}
	opening := domain.Opening{Vector: domain.NewVector(shape.epoch, places...), Gaps: gaps}
	return opening, func(yield func(domain.Chunk, error) bool) { t.run(ctx, yield) }, nil
}

// tail reads one topic. It goes in generations: a set of fetchers, one for each leader, that is ended when anything about the topic has changed or gone wrong,
// and begun anew at the places that were reached.
type tail struct {
	broker *Broker
	topic  domain.Topic
	// What follows is the supervisor's alone, but chunks.
	shape  topology
	places map[int32]domain.Place
	astray map[int32]bool // places that the leader said are not in its log
	chunks chan domain.Chunk
}

// run yields until ctx ends, the topic is gone, or the loop is left.
func (t *tail) run(ctx context.Context, yield func(domain.Chunk, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	t.chunks = make(chan domain.Chunk, chunksAhead)
	ended := make(chan error, 1)
	var supervisor sync.WaitGroup
	supervisor.Go(func() { // ends with ctx, or before it with an error
		ended <- t.supervise(ctx)
		close(t.chunks)
	})
	defer supervisor.Wait()
	defer cancel()
	for chunk := range t.chunks {
		if !yield(chunk, nil) {
			return
		}
	}
	if err := <-ended; ctx.Err() == nil {
		yield(domain.Chunk{}, err)
	}
}

// supervise runs generation after generation. Its error is what ends the sequence.
func (t *tail) supervise(ctx context.Context) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, watchEvery
	for {
		begun := time.Now()
		cause := t.generation(ctx, pauses.NextBackOff())
		if err := ctx.Err(); err != nil {
			return err
		}
		if errors.Is(cause, errChanged) || time.Since(begun) > 2*watchEvery {
			pauses.Reset()
		}
		t.broker.log.Debug("reading begins anew", "topic", t.topic, "cause", cause)
		if err := t.survey(ctx); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// survey looks at the topic until the cluster tells of it, and takes in what has changed.
func (t *tail) survey(ctx context.Context) error {
	shape, err := t.broker.watch(ctx, t.topic)
	if err != nil {
		return err
	}
	if shape.epoch != t.shape.epoch {
		return t.anew(ctx, shape)
	}
	t.shape = shape
	t.adopt(shape)
	return nil
}

// adopt takes in partitions that were not there before: they are read from their beginning.
func (t *tail) adopt(shape topology) {
	for _, p := range shape.partitions() {
		if _, known := t.places[p]; !known {
			t.places[p] = since(p, theBeginning)
		}
	}
}

// anew says that the topic was made anew, and begins at its first messages.
func (t *tail) anew(ctx context.Context, shape topology) error {
	t.broker.log.Warn("the topic was made anew", "topic", t.topic)
	t.shape, t.places, t.astray = shape, make(map[int32]domain.Place, len(shape.leaders)), make(map[int32]bool)
	t.adopt(shape)
	partitions := shape.partitions()
	if len(partitions) == 0 {
		return nil
	}
	first := partitions[0]
	gap := &domain.Gap{Reason: domain.GapEpoch, Partition: first, Lost: domain.LostUnknown}
	return t.emit(ctx, domain.Chunk{Partition: first, Gap: gap, Epoch: shape.epoch})
}

// emit hands a chunk on. It blocks until there is room, at most until ctx ends.
func (t *tail) emit(ctx context.Context, c domain.Chunk) error {
	select {
	case t.chunks <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watch gives the topic's topology, waiting out an unreachable cluster for as long as ctx lasts. UnknownTopic is told only once it has lasted.
func (b *Broker) watch(ctx context.Context, topic domain.Topic) (topology, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 50*time.Millisecond, watchEvery
	var missing time.Time
	return backoff.Retry(ctx, func() (topology, error) {
		shape, err := b.topology(ctx, topic)
		switch {
		case err == nil:
			return shape, nil
		case errors.Is(err, context.Canceled):
			return shape, backoff.Permanent(err)
		case domain.CodeOf(err) != domain.UnknownTopic:
			missing = time.Time{}
			return shape, err
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > goneAfter:
			return shape, backoff.Permanent(err)
		}
		return shape, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0))
}
