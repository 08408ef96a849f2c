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
	// prints says that the broker tells incarnations of the topic apart by fingerprints, as its epoch means nothing.
	prints bool

	mu          sync.Mutex
	epoch       domain.Epoch
	incarnation uint32
	first       []int64
	partitions  [][]*domain.Message
	changed     chan struct{}
	refuse      error
	tails       int
}

func newFakeBroker(partitions int) *fakeBroker {
	return &fakeBroker{
		capabilities: domain.Capabilities{domain.History, domain.SeekTime},
		epoch:        1,
		incarnation:  1,
		first:        make([]int64, partitions),
		partitions:   make([][]*domain.Message, partitions),
		changed:      make(chan struct{}),
	}
}

// A fingerprint is the incarnation, and in so many bits below it the place after the message.
const printBits = 16

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
		if b.prints {
			m.Fingerprint = b.incarnation<<printBits | uint32(offset+1)
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
		b.incarnation++
		if !b.prints {
			b.epoch++
		}
		b.first = make([]int64, len(b.first))
		b.partitions = make([][]*domain.Message, len(b.partitions))
	})
}

// restart gives the topic another epoch, as a broker that goes by fingerprints may when the bridge starts anew.
func (b *fakeBroker) restart() { b.change(func() { b.epoch++ }) }

// place is where a reader of a partition begins that is to be at next.
func (b *fakeBroker) place(partition int, next int64) domain.Place {
	place := domain.Place{Partition: int32(partition), Next: next}
	if i := next - 1 - b.first[partition]; i >= 0 && i < int64(len(b.partitions[partition])) {
		place.Fingerprint = b.partitions[partition][i].Fingerprint
	}
	return place
}

// anew reports whether the topic was made anew since somebody had v, as far as can be seen in a partition.
func (b *fakeBroker) anew(v *domain.Vector, partition int) bool {
	if !b.prints {
		return v.Epoch != 0 && v.Epoch != b.epoch
	}
	had, _ := v.At(int32(partition))
	end := b.first[partition] + int64(len(b.partitions[partition]))
	return had.Next > end || had.Next >= b.first[partition] && had.Fingerprint != 0 && had.Fingerprint != b.place(partition, had.Next).Fingerprint
}

func (b *fakeBroker) addPartition() {
	b.change(func() {
		b.first = append(b.first, 0)
		b.partitions = append(b.partitions, nil)
	})
}

func (b *fakeBroker) Capabilities(domain.Topic) domain.Capabilities { return b.capabilities }

func (b *fakeBroker) Describe(context.Context, domain.Topic) (domain.TopicInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	info := domain.TopicInfo{Topic: "t", Epoch: b.epoch}
	for p, first := range b.first {
		info.Partitions = append(info.Partitions, domain.Extent{Partition: int32(p), First: first, End: first + int64(len(b.partitions[p]))})
	}
	return info, nil
}

func (b *fakeBroker) Topics(context.Context) ([]domain.Topic, error) { return []domain.Topic{"t"}, nil }

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
	incarnation, at, gaps := b.incarnation, make([]int64, len(b.first)), []domain.Gap(nil)
	for p := range at {
		first, end := b.first[p], b.first[p]+int64(len(b.partitions[p]))
		switch v := from.Vector(); {
		case from.Earliest():
			at[p] = first
		case v == nil:
			n, _ := from.Last()
			at[p] = max(first, end-n)
		case b.anew(v, p):
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
		places[p] = b.place(p, at[p])
	}
	return domain.Opening{Vector: domain.NewVector(b.epoch, places...), Gaps: gaps}, func(yield func(domain.Chunk, error) bool) {
		b.mu.Lock()
		b.tails++
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			b.tails--
			b.mu.Unlock()
		}()
		for {
			chunks, changed := b.read(&incarnation, &at)
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
func (b *fakeBroker) read(incarnation *uint32, at *[]int64) ([]domain.Chunk, <-chan struct{}) {
	const most = 3
	b.mu.Lock()
	defer b.mu.Unlock()
	var chunks []domain.Chunk
	anew := *incarnation != b.incarnation
	if anew {
		*incarnation, *at = b.incarnation, make([]int64, len(b.first))
	}
	for len(*at) < len(b.first) {
		*at = append(*at, 0)
	}
	for p, next := range *at {
		c := domain.Chunk{Partition: int32(p), Next: next}
		switch {
		case anew:
			c.Gap, c.Epoch = &domain.Gap{Reason: domain.GapEpoch, Partition: int32(p), Lost: domain.LostUnknown}, b.epoch
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
