package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"culvert/domain"
)

// fetcher reads the partitions of one leader in a generation, over a connection of its own.
type fetcher struct {
	broker *Broker
	topic  domain.Topic
	leader int32
	// unsettled are the places of which the leader must tell before they can be read: pending ones, and those that it said are not in its log.
	unsettled []domain.Place
	// places are the offsets to go on from, astray those that the leader said are not in its log. Both belong to the fetcher until run returns.
	places map[int32]int64
	astray []int32
	// live are the partitions that are still asked for, with the bytes to ask for.
	live    map[int32]int64
	emit    func(context.Context, domain.Chunk) error
	trouble func(error)
}

// run reads until ctx ends or no partition is left that can be read. What goes wrong is told to trouble.
func (f *fetcher) run(ctx context.Context) {
	if err := f.settle(ctx); err != nil {
		f.trouble(fmt.Errorf("asking broker %d for places: %w", f.leader, err))
	}
	conn, err := f.connect(ctx)
	if err != nil {
		f.trouble(fmt.Errorf("connecting to broker %d: %w", f.leader, err))
		return
	}
	defer conn.Close()
	for len(f.live) > 0 {
		response, err := conn.Fetch(f.request())
		if ctx.Err() != nil {
			return
		}
		if err == nil && response.ErrorCode != 0 {
			err = sarama.KError(response.ErrorCode)
		}
		if err != nil {
			f.trouble(fmt.Errorf("fetching from broker %d: %w", f.leader, err))
			return
		}
		for p, block := range response.Blocks[string(f.topic)] {
			if err := f.take(ctx, p, block); err != nil {
				return
			}
		}
	}
}

// settle makes offsets of places that are pending, and leads those back that the log overtook. Where the leader does not tell of them the others are read all the same.
func (f *fetcher) settle(ctx context.Context) error {
	partitions, queries := make([]int32, len(f.unsettled)), make(map[int32]int64)
	for i, place := range f.unsettled {
		partitions[i] = place.Partition
		if place.Pending() {
			queries[place.Partition] = timeQuery(place)
		}
	}
	extents, err := f.broker.extents(ctx, f.topic, partitions)
	if err != nil {
		return err
	}
	written, err := f.broker.written(ctx, f.topic, partitions)
	if err != nil {
		return err
	}
	found, err := f.broker.offsets(ctx, f.topic, queries)
	if err != nil {
		return err
	}
	for _, place := range f.unsettled {
		p := place.Partition
		c := domain.Chunk{Partition: p}
		if offset, ok := found[p]; ok {
			c.Next = at(extents[p], offset).Next
		} else {
			c.Next, c.Gap = wayBack(extents[p], written[p], place.Next)
		}
		if err := f.emit(ctx, c); err != nil {
			return err
		}
		f.places[p], f.live[p] = c.Next, int64(f.broker.cfg.FetchPartitionBytes)
	}
	return nil
}

// connect opens a connection to the leader that ends with ctx.
func (f *fetcher) connect(ctx context.Context) (*sarama.Broker, error) {
	addr, err := ask(ctx, f.broker, f.topic, func(a *admin) (string, error) {
		known, err := a.client.Broker(f.leader)
		if err != nil { // the client has not heard of it yet
			if err := a.client.RefreshMetadata(); err != nil {
				return "", err
			}
			if known, err = a.client.Broker(f.leader); err != nil {
				return "", err
			}
		}
		return known.Addr(), nil
	})
	if err != nil {
		return nil, err
	}
	conn := sarama.NewBroker(addr)
	if err := conn.Open(f.broker.sarama(ctx)); err != nil {
		return nil, err
	}
	if ok, err := conn.Connected(); !ok {
		return nil, err
	}
	return conn, nil
}

// request asks for what comes next in each live partition. It is Fetch 12 of Kafka 2.7, without a session; older clusters get what they know.
func (f *fetcher) request() *sarama.FetchRequest {
	const noEpoch = -1
	r := &sarama.FetchRequest{
		Version:      f.broker.fetchVersion(),
		MaxWaitTime:  int32(f.broker.cfg.FetchWait / time.Millisecond),
		MinBytes:     1,
		MaxBytes:     int32(f.broker.cfg.FetchBytes),
		Isolation:    sarama.ReadCommitted,
		SessionEpoch: noEpoch,
	}
	for p, size := range f.live {
		r.AddBlock(string(f.topic), p, f.places[p], int32(size), noEpoch)
	}
	return r
}

// fetchVersion is the newest version of the request that the configured Kafka understands. Those since 4 know transactions.
func (b *Broker) fetchVersion() int16 {
	switch v := b.base.Version; {
	case v.IsAtLeast(sarama.V2_7_0_0):
		return 12
	case v.IsAtLeast(sarama.V2_3_0_0):
		return 11
	case v.IsAtLeast(sarama.V2_1_0_0):
		return 10
	default:
		return 4
	}
}

// take emits what came of one partition. It blocks until there is room; its error is ctx's.
func (f *fetcher) take(ctx context.Context, p int32, block *sarama.FetchResponseBlock) error {
	if _, ok := f.live[p]; !ok {
		return nil
	}
	if block.Err != sarama.ErrNoError {
		if outOfRange(block.Err) {
			f.astray = append(f.astray, p)
		}
		delete(f.live, p)
		f.trouble(fmt.Errorf("partition %d: %w", p, block.Err))
		return nil
	}
	messages, next, err := read(block, p, f.places[p])
	if err != nil {
		delete(f.live, p)
		f.trouble(fmt.Errorf("partition %d at %d: %w", p, f.places[p], err))
		return nil
	}
	if next == f.places[p] && cut(block) { // a batch larger than what was asked for
		if f.live[p] == maxFetch {
			delete(f.live, p)
			f.trouble(fmt.Errorf("partition %d at %d: a batch that cannot be read", p, next))
			return nil
		}
		f.live[p] = min(2*f.live[p], maxFetch)
		return nil
	}
	f.live[p] = int64(f.broker.cfg.FetchPartitionBytes)
	if next == f.places[p] {
		return nil
	}
	return f.give(ctx, p, messages, next)
}

// give emits what was read of a partition up to next, in pieces, the last of which leads there.
func (f *fetcher) give(ctx context.Context, p int32, messages []*domain.Message, next int64) error {
	for f.places[p] < next {
		c := domain.Chunk{Partition: p, Next: next}
		if n := piece(messages); n < len(messages) {
			c.Next = messages[n-1].Offset + 1
			c.Messages, messages = messages[:n:n], messages[n:]
		} else {
			c.Messages = messages
		}
		if err := f.emit(ctx, c); err != nil {
			return err
		}
		f.places[p] = c.Next
	}
	return nil
}

// pieceBytes is about how large a chunk is, as domain.Message.Size counts. Readers are given so much and then see to others: who shares a reader with them need not keep pace with
// answers of the cluster.
const pieceBytes = 256 << 10

// piece is how many of messages go into one chunk: where there are some, at least one.
func piece(messages []*domain.Message) int {
	for n, size := 0, 0; n < len(messages); n++ {
		if size += messages[n].Size(); size > pieceBytes {
			return max(n, 1)
		}
	}
	return len(messages)
}

// maxFetch is the largest batch that can be read. Kafka itself has no larger ones.
const maxFetch = 1<<31 - 1

// newFetcher reads partitions of leader.
func (t *tail) newFetcher(leader int32, partitions []int32, trouble func(error)) *fetcher {
	f := &fetcher{broker: t.broker, topic: t.topic, leader: leader, places: make(map[int32]int64), live: make(map[int32]int64), emit: t.emit, trouble: trouble}
	for _, p := range partitions {
		place := t.places[p]
		if place.Pending() || t.astray[p] {
			f.unsettled = append(f.unsettled, place)
			continue
		}
		f.places[p], f.live[p] = place.Next, int64(t.broker.cfg.FetchPartitionBytes)
	}
	return f
}
