package subscribe

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"culvert/domain"
)

// fakeBroker is a broker's log of one topic, as simple as can be: it keeps what was put into it until it is cut.
type fakeBroker struct {
	capabilities domain.Capabilities

	mu         sync.Mutex
	epoch      domain.Epoch
	first      []int64
	partitions [][]*domain.Message
	changed    chan struct{}
	refuse     error
	tails      int
}

func newFakeBroker(partitions int) *fakeBroker {
	return &fakeBroker{
		capabilities: domain.Capabilities{domain.History, domain.SeekTime},
		epoch:        1,
		first:        make([]int64, partitions),
		partitions:   make([][]*domain.Message, partitions),
		changed:      make(chan struct{}),
	}
}

func (b *fakeBroker) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *fakeBroker) put(partition int32, key string) *domain.Message {
	var m *domain.Message
	b.change(func() {
		offset := b.first[partition] + int64(len(b.partitions[partition]))
		m = &domain.Message{
			Key:      []byte(key),
			Payload:  fmt.Appendf(nil, "%d/%d", partition, offset),
			Position: domain.Position{Partition: partition, Offset: offset},
		}
		b.partitions[partition] = append(b.partitions[partition], m)
	})
	return m
}

// cut lets retention run over the first n messages of a partition.
func (b *fakeBroker) cut(partition int32, n int) {
	b.change(func() {
		n = min(n, len(b.partitions[partition]))
		b.partitions[partition] = b.partitions[partition][n:]
		b.first[partition] += int64(n)
	})
}

// recreate deletes the topic and makes it anew.
func (b *fakeBroker) recreate() {
	b.change(func() {
		b.epoch++
		b.first = make([]int64, len(b.first))
		b.partitions = make([][]*domain.Message, len(b.partitions))
	})
}

func (b *fakeBroker) addPartition() {
	b.change(func() {
		b.first = append(b.first, 0)
		b.partitions = append(b.partitions, nil)
	})
}

func (b *fakeBroker) Capabilities(domain.Topic) domain.Capabilities { return b.capabilities }

func (b *fakeBroker) Describe(context.Context, domain.Topic) (domain.TopicInfo, error) {
	return domain.TopicInfo{}, nil
}

func (b *fakeBroker) readers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tails
}

func (b *fakeBroker) Tail(ctx context.Context, _ domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return domain.Opening{}, nil, b.refuse
	}
	epoch, at, gaps := b.epoch, make([]int64, len(b.first)), []domain.Gap(nil)
	for p := range at {
		first, end := b.first[p], b.first[p]+int64(len(b.partitions[p]))
		switch v := from.Vector(); {
		case from.Earliest():
			at[p] = first
		case v == nil:
			n, _ := from.Last()
			at[p] = max(first, end-n)
		case v.Epoch != 0 && v.Epoch != epoch:
			at[p] = first
			gaps = append(gaps, domain.Gap{Reason: domain.GapEpoch, Partition: int32(p), Lost: domain.LostUnknown})
		case v.Next(int32(p)) < first:
			at[p] = first
			gaps = append(gaps, domain.Gap{Reason: domain.GapRetention, Partition: int32(p), Lost: first - v.Next(int32(p))})
		default:
			at[p] = v.Next(int32(p))
		}
	}
	places := make([]domain.Place, len(at))
	for p := range at {
		places[p] = domain.Place{Partition: int32(p), Next: at[p]}
	}
	return domain.Opening{Vector: domain.NewVector(epoch, places...), Gaps: gaps}, func(yield func(domain.Chunk, error) bool) {
		b.mu.Lock()
		b.tails++
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			b.tails--
			b.mu.Unlock()
		}()
		for {
			chunks, changed := b.read(&epoch, &at)
			for _, c := range chunks {
				if !yield(c, nil) {
					return
				}
			}
			if len(chunks) > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(domain.Chunk{}, ctx.Err())
				return
			}
		}
	}, nil
}

// read takes a few messages of each partition from the places at on.
func (b *fakeBroker) read(epoch *domain.Epoch, at *[]int64) ([]domain.Chunk, <-chan struct{}) {
	const most = 3
	b.mu.Lock()
	defer b.mu.Unlock()
	var chunks []domain.Chunk
	anew := *epoch != b.epoch
	if anew {
		*epoch, *at = b.epoch, make([]int64, len(b.first))
	}
	for len(*at) < len(b.first) {
		*at = append(*at, 0)
	}
	for p, next := range *at {
		c := domain.Chunk{Partition: int32(p), Next: next}
		switch {
		case anew:
			c.Gap, c.Epoch = &domain.Gap{Reason: domain.GapEpoch, Partition: int32(p), Lost: domain.LostUnknown}, *epoch
		case next < b.first[p]:
			c.Gap = &domain.Gap{Reason: domain.GapRetention, Partition: int32(p), Lost: b.first[p] - next}
		}
		next = max(next, b.first[p])
		i := int(next - b.first[p])
		c.Messages = b.partitions[p][i:min(i+most, len(b.partitions[p]))]
		c.Next = next + int64(len(c.Messages))
		if c.Gap != nil || len(c.Messages) > 0 {
			chunks = append(chunks, c)
			(*at)[p] = c.Next
		}
	}
	return chunks, b.changed
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Linger = time.Second
	return cfg
}
