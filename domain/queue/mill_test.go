package queue_test

import (
	"context"
	"hash/fnv"
	"io"
	"iter"
	"slices"
	"sync"

	"culvert/domain"
)

// mill is a broker that keeps what is published, with queues that remember their places: what goes round, from a queue to its dead
// letters and back, goes round in it. Who is in a queue first has all partitions; others wait until it has left.
type mill struct {
	partitions  int
	vague       bool                                  // it tells no lag
	first       int64                                 // the offset from which on messages are left in each partition
	ensureQueue func() error                          // nil: Unsupported
	publish     func(topic domain.Topic, n int) error // what becomes of the n-th message of a topic, from 1; nil: it is confirmed
	hold        chan struct{}                         // where it is not nil, nothing is confirmed before it is closed
	describeErr error

	mu     sync.Mutex
	topics map[domain.Topic]*millTopic
	queues map[millQueueName]*millQueue
	pulse  chan struct{} // closed when something changes
}

type millTopic struct {
	logs  [][]*domain.Message
	tries int
}

type millQueueName struct {
	topic domain.Topic
	queue domain.Queue
}

type millQueue struct {
	places  []int64
	settled []map[int64]int // how often each offset was
	taken   bool
}

func newMill(partitions int) *mill {
	return &mill{partitions: partitions, topics: map[domain.Topic]*millTopic{}, queues: map[millQueueName]*millQueue{}, pulse: make(chan struct{})}
}

// change does something under mu and wakes all who wait.
func (b *mill) change(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
	close(b.pulse)
	b.pulse = make(chan struct{})
}

func (b *mill) Capabilities(domain.Topic) domain.Capabilities {
	return domain.Capabilities{domain.KeyOrder, domain.Peek, domain.Lag}
}

func (b *mill) Ensure(_ context.Context, topic domain.Topic) error {
	b.change(func() { b.made(topic) })
	return nil
}

// made finds a topic, or makes it. It is called under mu.
func (b *mill) made(topic domain.Topic) *millTopic {
	t := b.topics[topic]
	if t == nil {
		t = &millTopic{logs: make([][]*domain.Message, b.partitions)}
		b.topics[topic] = t
	}
	return t
}

func (b *mill) EnsureQueue(_ context.Context, topic domain.Topic, queue domain.Queue) error {
	if b.ensureQueue == nil {
		return domain.Errorf(domain.Unsupported, "queues begin where they are told")
	}
	if err := b.ensureQueue(); err != nil {
		return err
	}
	b.change(func() { b.begin(millQueueName{topic, queue}, nil) })
	return nil
}

// begin finds a queue, or makes it. It is called under mu.
func (b *mill) begin(of millQueueName, from *domain.Start) *millQueue {
	q := b.queues[of]
	if q == nil {
		q = &millQueue{places: make([]int64, b.partitions)}
		for p, log := range b.made(of.topic).logs {
			q.settled = append(q.settled, map[int64]int{})
			if q.places[p] = int64(len(log)); from != nil && from.Earliest() {
				q.places[p] = b.first
			}
		}
		b.queues[of] = q
	}
	return q
}

func (b *mill) Describe(_ context.Context, topic domain.Topic) (info domain.TopicInfo, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[topic]
	switch {
	case b.describeErr != nil:
		return info, b.describeErr
	case t == nil:
		return info, domain.Errorf(domain.UnknownTopic, "there is no topic %q", topic)
	}
	for p, log := range t.logs {
		info.Partitions = append(info.Partitions, domain.Extent{Partition: int32(p), First: b.first, End: int64(len(log))})
	}
	return info, nil
}

func (b *mill) Progress(_ context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, q := b.topics[topic], b.queues[millQueueName{topic, queue}]
	switch {
	case t == nil:
		return domain.Progress{}, domain.Errorf(domain.UnknownTopic, "there is no topic %q", topic)
	case q == nil:
		return domain.Progress{}, domain.Errorf(domain.UnknownQueue, "there is no queue %q", queue)
	case b.vague:
		return domain.Progress{Lag: domain.LagUnknown}, nil
	}
	var all []domain.Committed
	for p, log := range t.logs {
		all = append(all, domain.Committed{Extent: domain.Extent{Partition: int32(p), End: int64(len(log))}, Place: q.places[p]})
	}
	return domain.Progress{Lag: domain.LagOf(all), Partitions: all}, nil
}

func (b *mill) Forget(context.Context, domain.Topic, domain.Queue) error { return nil }

func (b *mill) Publish(_ context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	if b.hold != nil {
		go func() { // ends when the test lets go of it
			<-b.hold
			b.take(topic, batch, done)
		}()
		return
	}
	b.take(topic, batch, done)
}

func (b *mill) take(topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	for i, m := range batch {
		var err error
		b.change(func() {
			t := b.topics[topic]
			if t.tries++; b.publish != nil {
				err = b.publish(topic, t.tries)
			}
			if err != nil {
				return
			}
			h := fnv.New32a()
			h.Write(m.Key)
			p := int(h.Sum32()) % b.partitions
			stored := *m
			stored.Position = domain.Position{Partition: int32(p), Offset: int64(len(t.logs[p]))}
			t.logs[p] = append(t.logs[p], &stored)
		})
		done(i, domain.Ack{}, err)
	}
}

func (b *mill) Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		var q *millQueue
		conflict := false
		b.change(func() {
			conflict = terms.From != nil && b.queues[millQueueName{topic, queue}] != nil
			q = b.begin(millQueueName{topic, queue}, terms.From)
		})
		if conflict {
			yield(domain.LaneEvent{}, domain.Errorf(domain.Conflict, "queue %q has begun", queue))
			return
		}
		gone := make(chan struct{})
		defer close(gone)
		for first := true; ; first = false {
			var event domain.LaneEvent
			b.mu.Lock()
			pulse := b.pulse
			if !q.taken {
				q.taken = true
				defer b.change(func() { q.taken = false })
				for p := range b.partitions {
					event.Assigned = append(event.Assigned, &millClaim{mill: b, topic: topic, queue: q, partition: p, next: q.places[p], gone: gone})
				}
			}
			b.mu.Unlock()
			if (first || len(event.Assigned) > 0) && !yield(event, nil) {
				return
			}
			select {
			case <-pulse:
			case <-ctx.Done():
				return
			}
		}
	}
}

// log is what a topic holds, partition by partition.
func (b *mill) log(topic domain.Topic) (all []*domain.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[topic]; t != nil {
		all = slices.Concat(t.logs...)
	}
	return all
}

// left is how far a queue is behind the end, all partitions together.
func (b *mill) left(topic domain.Topic, queue domain.Queue) int64 {
	progress, err := b.Progress(context.Background(), topic, queue)
	if err != nil {
		return domain.LagUnknown
	}
	return progress.Lag
}

type millClaim struct {
	mill      *mill
	topic     domain.Topic
	queue     *millQueue
	partition int
	next      int64
	gone      chan struct{}
}

func (c *millClaim) Partition() int32 { return int32(c.partition) }

func (c *millClaim) Fetch(ctx context.Context) (haul domain.Haul, _ error) {
	for {
		c.mill.mu.Lock()
		pulse, log := c.mill.pulse, c.mill.topics[c.topic].logs[c.partition]
		for ; c.next < int64(len(log)); c.next++ {
			if c.queue.settled[c.partition][c.next] == 0 {
				haul.Messages = append(haul.Messages, log[c.next])
			}
		}
		c.mill.mu.Unlock()
		if len(haul.Messages) > 0 {
			return haul, nil
		}
		select {
		case <-pulse:
		case <-c.gone:
			return haul, io.EOF
		case <-ctx.Done():
			return haul, ctx.Err()
		}
	}
}

func (c *millClaim) Settle(offsets ...int64) {
	c.mill.change(func() {
		settled := c.queue.settled[c.partition]
		for _, o := range offsets {
			settled[o]++
		}
		for settled[c.queue.places[c.partition]] > 0 {
			c.queue.places[c.partition]++
		}
	})
}
