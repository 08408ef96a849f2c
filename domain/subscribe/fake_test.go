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
	// marked says that some offsets carry no message but a mark of the broker's own, as transactions leave them: see mark.
	marked bool

	mu          sync.Mutex
	epoch       domain.Epoch
	incarnation uint32
	first       []int64
	partitions  [][]*domain.Message // nil where an offset carries no message
	compacted   map[domain.Position]bool
	trimmed     map[int32]int64 // the highest that first ever was
	leaderless  map[int32]bool
	changed     chan struct{}
	refuse      error
	deleted     bool
	tails       int // that run
	opened      int // that ever began
}

func newFakeBroker(partitions int) *fakeBroker {
	return &fakeBroker{
		capabilities: domain.Capabilities{domain.History, domain.SeekTime},
		epoch:        1,
		incarnation:  1,
		first:        make([]int64, partitions),
		partitions:   make([][]*domain.Message, partitions),
		compacted:    map[domain.Position]bool{},
		trimmed:      map[int32]int64{},
		leaderless:   map[int32]bool{},
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

// put adds a message of now.
func (b *fakeBroker) put(partition int32, key string) *domain.Message {
	m := &domain.Message{Key: []byte(key), Time: time.Now()}
	b.add(partition, m)
	return m
}

// add adds a message, which is given its position and a payload that tells it.
func (b *fakeBroker) add(partition int32, m *domain.Message) {
	b.change(func() {
		offset := b.offset(partition)
		m.Payload, m.Position = fmt.Appendf(nil, "%d/%d", partition, offset), domain.Position{Partition: partition, Offset: offset}
		if b.prints {
			m.Fingerprint = b.incarnation<<printBits | uint32(offset+1)
		}
		b.partitions[partition] = append(b.partitions[partition], m)
	})
}

// mark reports whether an offset never carries a message.
func (b *fakeBroker) mark(partition int32, offset int64) bool {
	return b.marked && (int64(partition)+offset)%5 == 4
}

// offset is that of the next message of a partition, which the broker's marks before it are made to end at.
func (b *fakeBroker) offset(partition int32) int64 {
	for b.mark(partition, b.end(partition)) {
		b.partitions[partition] = append(b.partitions[partition], nil)
	}
	return b.end(partition)
}

func (b *fakeBroker) end(partition int32) int64 {
	return b.first[partition] + int64(len(b.partitions[partition]))
}

// compact takes the message at an offset out of the log, where there is one.
func (b *fakeBroker) compact(partition int32, offset int64) {
	b.change(func() {
		if offset >= b.first[partition] && offset < b.end(partition) {
			b.partitions[partition][offset-b.first[partition]] = nil
			b.compacted[domain.Position{Partition: partition, Offset: offset}] = true
		}
	})
}

// carries reports whether every reader is given a message at an offset that was put.
func (b *fakeBroker) carries(partition int32, offset int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.mark(partition, offset) && !b.compacted[domain.Position{Partition: partition, Offset: offset}]
}

// lead gives a partition a leader, or takes it away: then it cannot be read.
func (b *fakeBroker) lead(partition int32, has bool) {
	b.change(func() {
		if delete(b.leaderless, partition); !has {
			b.leaderless[partition] = true
		}
	})
}

// cut lets retention run over the first n messages of a partition.
func (b *fakeBroker) cut(partition int32, n int) {
	b.change(func() {
		n = min(n, len(b.partitions[partition]))
		b.partitions[partition] = b.partitions[partition][n:]
		b.first[partition] += int64(n)
		b.trimmed[partition] = max(b.trimmed[partition], b.first[partition])
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
		clear(b.leaderless)
	})
}

// remove deletes the topic.
func (b *fakeBroker) remove() { b.change(func() { b.deleted = true }) }

// restart gives the topic another epoch, as a broker that goes by fingerprints may when the bridge starts anew.
func (b *fakeBroker) restart() { b.change(func() { b.epoch++ }) }

// place is where a reader of a partition begins that is to be at next.
func (b *fakeBroker) place(partition int, next int64) domain.Place {
	place := domain.Place{Partition: int32(partition), Next: next}
	if i := next - 1 - b.first[partition]; i >= 0 && i < int64(len(b.partitions[partition])) && b.partitions[partition][i] != nil {
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
	return had.Next > b.end(int32(partition)) || had.Next >= b.first[partition] && had.Fingerprint != 0 && had.Fingerprint != b.place(partition, had.Next).Fingerprint
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

// since is the place of a partition that begins at a time: pending while it has no leader.
func (b *fakeBroker) since(partition int, t time.Time) domain.Place {
	if b.leaderless[int32(partition)] {
		return domain.Place{Partition: int32(partition), Since: t}
	}
	i := 0
	for i < len(b.partitions[partition]) && (b.partitions[partition][i] == nil || b.partitions[partition][i].Time.Before(t)) {
		i++
	}
	return b.place(partition, b.first[partition]+int64(i))
}

// locate is where a reader from some start begins in a partition, and the hole before that.
func (b *fakeBroker) locate(from domain.Start, p int) (domain.Place, *domain.Gap) {
	first, end, readable := b.first[p], b.end(int32(p)), !b.leaderless[int32(p)]
	beginning := b.place(p, first)
	if !readable {
		beginning = b.since(p, time.UnixMilli(1))
	}
	v := from.Vector()
	if v != nil && b.anew(v, p) {
		return beginning, &domain.Gap{Reason: domain.GapEpoch, Partition: int32(p), Lost: domain.LostUnknown}
	}
	if t, ok := from.Time(); ok {
		return b.since(p, t), nil
	}
	if v == nil {
		n, _ := from.Last()
		switch {
		case from.Earliest():
			return beginning, nil
		case !readable:
			return b.since(p, time.Now()), nil
		}
		return b.place(p, max(first, end-n)), nil
	}
	had, ok := v.At(int32(p))
	switch {
	case !ok && v.Since.IsZero() && (v.Epoch == 0 || !readable):
		return beginning, nil
	case !ok && !v.Since.IsZero():
		return b.since(p, v.Since), nil
	case had.Pending():
		return b.since(p, had.Since), nil
	case readable && had.Next < first:
		return beginning, &domain.Gap{Reason: domain.GapRetention, Partition: int32(p), Lost: first - had.Next}
	}
	return domain.Place{Partition: int32(p), Next: had.Next, Fingerprint: had.Fingerprint}, nil
}

func (b *fakeBroker) Tail(ctx context.Context, _ domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return domain.Opening{}, nil, b.refuse
	}
	incarnation, at, gaps := b.incarnation, make([]domain.Place, len(b.first)), []domain.Gap(nil)
	for p := range at {
		var gap *domain.Gap
		if at[p], gap = b.locate(from, p); gap != nil {
			gaps = append(gaps, *gap)
		}
	}
	b.opened++
	return domain.Opening{Vector: domain.NewVector(b.epoch, at...), Gaps: gaps}, func(yield func(domain.Chunk, error) bool) {
		b.mu.Lock()
		b.tails++
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			b.tails--
			b.mu.Unlock()
		}()
		for {
			chunks, changed, err := b.read(&incarnation, &at)
			if err != nil {
				yield(domain.Chunk{}, err)
				return
			}
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
func (b *fakeBroker) read(incarnation *uint32, at *[]domain.Place) ([]domain.Chunk, <-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deleted {
		return nil, nil, domain.Errorf(domain.UnknownTopic, "the topic is gone")
	}
	var chunks []domain.Chunk
	anew := *incarnation != b.incarnation
	if anew {
		*incarnation, *at = b.incarnation, make([]domain.Place, len(b.first))
	}
	for len(*at) < len(b.first) {
		*at = append(*at, domain.Place{})
	}
	for p, place := range *at {
		var c domain.Chunk
		switch {
		case b.leaderless[int32(p)] && !anew:
			continue
		case b.leaderless[int32(p)]: // that much is known of it
		case place.Pending():
			c.Next = b.since(p, place.Since).Next
		default:
			c = b.chunk(p, place.Next)
		}
		c.Partition = int32(p)
		if anew {
			c.Gap, c.Epoch = &domain.Gap{Reason: domain.GapEpoch, Partition: int32(p), Lost: domain.LostUnknown}, b.epoch
		}
		if c.Gap != nil || place.Pending() || c.Next != place.Next {
			chunks = append(chunks, c)
			(*at)[p] = domain.Place{Next: c.Next}
		}
	}
	return chunks, b.changed, nil
}

// chunk is what a reader finds at a place.
func (b *fakeBroker) chunk(p int, next int64) (c domain.Chunk) {
	const most = 3
	if lost := b.first[p] - next; lost > 0 {
		c.Gap = &domain.Gap{Reason: domain.GapRetention, Partition: int32(p), Lost: lost}
		next = b.first[p]
	}
	c.Next = min(next+most, b.end(int32(p)))
	for o := next; o < c.Next; o++ {
		if m := b.partitions[p][o-b.first[p]]; m != nil {
			c.Messages = append(c.Messages, m)
		}
	}
	return c
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Linger = time.Second
	return cfg
}
