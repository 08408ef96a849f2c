package queue_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"

	"culvert/domain"
)

// fakeBroker is a broker with one queue, whose partitions a test hands out, fills and takes away.
type fakeBroker struct {
	capabilities domain.Capabilities
	ensure       func(topic domain.Topic) error
	publish      func(try int) error // nil: every message is confirmed; tries count from 1
	describeErr  error
	progress     func(ctx context.Context) (domain.Progress, error) // nil: Unsupported, as is what follows
	forget       func(ctx context.Context) error
	move         func(ctx context.Context, to domain.Start) ([]domain.Committed, error)
	moved        []domain.Start // by tests that keep it
	forgotten    int            // likewise

	mu        sync.Mutex
	order     domain.Order // what the first event tells
	failJoin  error
	claims    []*fakeClaim  // the partitions of which a sequence begins with all
	events    chan laneNews // what the sequence that runs yields next
	joins     int
	froms     []*domain.Start
	ended     int         // sequences that have ended
	tries     int         // messages to be published
	published []published // those that were confirmed
}

type laneNews struct {
	event domain.LaneEvent
	err   error
}

type published struct {
	topic   domain.Topic
	message *domain.Message
}

func newBroker(partitions int) *fakeBroker {
	b := &fakeBroker{capabilities: domain.Capabilities{domain.KeyOrder}, events: make(chan laneNews)}
	for p := range partitions {
		b.claims = append(b.claims, newClaim(int32(p)))
	}
	return b
}

// assigns is the event that gives the node all partitions which the broker has now.
func (b *fakeBroker) assigns() domain.LaneEvent {
	var event domain.LaneEvent
	for _, c := range b.claims {
		event.Assigned = append(event.Assigned, c)
	}
	return event
}

func (b *fakeBroker) Join(ctx context.Context, _ domain.Topic, _ domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error] {
	return func(yield func(domain.LaneEvent, error) bool) {
		b.mu.Lock()
		b.joins++
		b.froms = append(b.froms, terms.From)
		first, fail := b.assigns(), b.failJoin
		first.Order = b.order
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.ended++
		}()
		if fail != nil {
			yield(domain.LaneEvent{}, fail)
			return
		}
		if !yield(first, nil) {
			return
		}
		for {
			select {
			case news := <-b.events:
				if !yield(news.event, news.err) || news.err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func (b *fakeBroker) Publish(_ context.Context, topic domain.Topic, batch []*domain.Message, done func(int, domain.Ack, error)) {
	for i, m := range batch {
		b.mu.Lock()
		b.tries++
		try := b.tries
		b.mu.Unlock()
		var err error
		if b.publish != nil {
			err = b.publish(try)
		}
		b.mu.Lock()
		if err == nil {
			b.published = append(b.published, published{topic, m})
		}
		b.mu.Unlock()
		done(i, domain.Ack{}, err)
	}
}

func (b *fakeBroker) Describe(context.Context, domain.Topic) (domain.TopicInfo, error) {
	return domain.TopicInfo{}, b.describeErr
}

func (b *fakeBroker) Capabilities(domain.Topic) domain.Capabilities { return b.capabilities }

func (b *fakeBroker) Ensure(_ context.Context, topic domain.Topic) error {
	if b.ensure == nil {
		return nil
	}
	return b.ensure(topic)
}

func (b *fakeBroker) Progress(ctx context.Context, _ domain.Topic, _ domain.Queue) (domain.Progress, error) {
	if b.progress == nil {
		return domain.Progress{}, domain.Errorf(domain.Unsupported, "no")
	}
	return b.progress(ctx)
}

func (b *fakeBroker) Forget(ctx context.Context, _ domain.Topic, _ domain.Queue) error {
	if b.forget == nil {
		return domain.Errorf(domain.Unsupported, "no")
	}
	return b.forget(ctx)
}

func (b *fakeBroker) Move(ctx context.Context, _ domain.Topic, _ domain.Queue, to domain.Start) ([]domain.Committed, error) {
	if b.move == nil {
		return nil, domain.Errorf(domain.Unsupported, "no")
	}
	return b.move(ctx, to)
}

func (b *fakeBroker) letters() []published {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.published
}

func (b *fakeBroker) tried() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries
}

func (b *fakeBroker) counts() (joins, ended int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.joins, b.ended
}

// listing is a fakeBroker that can tell its queues.
type listing struct {
	*fakeBroker
	queues func(ctx context.Context) ([]domain.QueueInfo, error)
}

func (l *listing) Queues(ctx context.Context, asked domain.Topic) ([]domain.QueueInfo, error) {
	if asked != topic {
		return nil, domain.Errorf(domain.UnknownTopic, "there is no topic %q", asked)
	}
	return l.queues(ctx)
}

// fakeClaim is one partition that a test fills.
type fakeClaim struct {
	partition int32
	arrived   chan struct{}
	gone      chan struct{}

	mu      sync.Mutex
	next    int64
	hauls   []domain.Haul
	begun   int64         // where the last haul begins that was fetched
	gaps    []domain.Gap  // that were fetched
	settled map[int64]int // how often each offset was settled
	fail    error
}

func newClaim(partition int32) *fakeClaim {
	return &fakeClaim{partition: partition, arrived: make(chan struct{}, 1), gone: make(chan struct{}), settled: map[int64]int{}}
}

func (c *fakeClaim) Partition() int32 { return c.partition }

func (c *fakeClaim) Fetch(ctx context.Context) (domain.Haul, error) {
	for {
		c.mu.Lock()
		if c.fail != nil {
			defer c.mu.Unlock()
			return domain.Haul{}, c.fail
		}
		if len(c.hauls) > 0 {
			defer c.mu.Unlock()
			haul := c.hauls[0]
			c.hauls = c.hauls[1:]
			if haul.Gap != nil {
				c.gaps = append(c.gaps, *haul.Gap)
			}
			if len(haul.Messages) > 0 {
				c.begun = haul.Messages[0].Offset
			}
			return haul, nil
		}
		c.mu.Unlock()
		select {
		case <-c.arrived:
		case <-c.gone:
			return domain.Haul{}, io.EOF
		case <-ctx.Done():
			return domain.Haul{}, ctx.Err()
		}
	}
}

func (c *fakeClaim) Settle(offsets ...int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range offsets {
		c.settled[o]++
	}
}

// put makes a haul of messages, from the next offset on.
func (c *fakeClaim) put(messages ...*domain.Message) { c.load(domain.Haul{Messages: messages}) }

func (c *fakeClaim) load(haul domain.Haul) {
	c.mu.Lock()
	for _, m := range haul.Messages {
		m.Partition, m.Offset = c.partition, c.next
		c.next++
	}
	c.hauls = append(c.hauls, haul)
	c.mu.Unlock()
	c.poke()
}

// add makes a haul of messages with these keys; "-" stands for no key. The payload of each is its key and its offset.
func (c *fakeClaim) add(keys ...string) {
	c.haul(nil, keys...)
}

func (c *fakeClaim) haul(gap *domain.Gap, keys ...string) {
	haul := domain.Haul{Gap: gap}
	for i, key := range keys {
		m := &domain.Message{Payload: fmt.Appendf(nil, "%s%d", key, c.next+int64(i))}
		if key != "-" {
			m.Key = []byte(key)
		}
		haul.Messages = append(haul.Messages, m)
	}
	c.load(haul)
}

func (c *fakeClaim) breakWith(err error) {
	c.mu.Lock()
	c.fail = err
	c.mu.Unlock()
	c.poke()
}

func (c *fakeClaim) poke() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// settledOffsets are those that were settled, each of them once.
func (c *fakeClaim) settledOffsets() (offsets []int64, twice bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for o := range c.next {
		if c.settled[o] > 0 {
			offsets = append(offsets, o)
		}
		twice = twice || c.settled[o] > 1
	}
	return offsets, twice
}

// times is how often an offset was settled.
func (c *fakeClaim) times(offset int64) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settled[offset]
}
