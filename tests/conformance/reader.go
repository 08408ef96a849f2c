package conformance

import (
	"context"
	"fmt"
	"iter"

	"culvert/domain"
)

// reader is one Tail. It checks of every chunk what ports.Tailer promises.
type reader struct {
	opening domain.Opening
	next    func() (domain.Chunk, error, bool)
	stop    func()
	places  map[int32]domain.Place
	gaps    []domain.Gap
}

// tail opens a reader; the case stops it.
func (b *bench) tail(ctx context.Context, topic domain.Topic, from domain.Start) (*reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	opening, chunks, err := b.Broker.Tail(ctx, topic, from)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("tail: %w", err)
	}
	next, stop := iter.Pull2(chunks)
	r := &reader{opening: opening, next: next, places: map[int32]domain.Place{}, gaps: opening.Gaps}
	r.stop = func() { cancel(); stop() }
	for _, p := range opening.Vector.Places() {
		r.places[p.Partition] = p
	}
	if len(r.places) != b.Partitions {
		r.stop()
		return nil, fmt.Errorf("the reader opened with places %v, the topic has %d partitions", opening.Vector.Places(), b.Partitions)
	}
	return r, nil
}

// read gives the next n messages, from all partitions.
func (r *reader) read(n int) ([]*domain.Message, error) {
	var messages []*domain.Message
	for len(messages) < n {
		chunk, err, ok := r.next()
		if err != nil {
			return messages, fmt.Errorf("reading ended after %d of %d messages: %w", len(messages), n, err)
		}
		if !ok {
			return messages, fmt.Errorf("reading ended after %d of %d messages", len(messages), n)
		}
		if err := r.check(chunk); err != nil {
			return messages, err
		}
		messages = append(messages, chunk.Messages...)
	}
	if len(messages) > n {
		return messages, fmt.Errorf("%d messages, want %d: the one too many is %q", len(messages), n, messages[n].Payload)
	}
	return messages, nil
}

func (r *reader) check(chunk domain.Chunk) error {
	place := r.places[chunk.Partition].Next
	if chunk.Gap != nil {
		r.gaps = append(r.gaps, *chunk.Gap)
	}
	for _, m := range chunk.Messages {
		if m.Partition != chunk.Partition {
			return fmt.Errorf("a message of partition %d in a chunk of partition %d", m.Partition, chunk.Partition)
		}
		if m.Offset < place {
			return fmt.Errorf("partition %d: offset %d comes after place %d", m.Partition, m.Offset, place)
		}
		place = m.Offset + 1
	}
	if chunk.Next < place {
		return fmt.Errorf("partition %d: the place after the chunk is %d, its last message is before %d", chunk.Partition, chunk.Next, place)
	}
	r.places[chunk.Partition] = chunk.After(r.places[chunk.Partition])
	return nil
}

// vector is the place after all that was read.
func (r *reader) vector() *domain.Vector {
	v := r.opening.Vector
	for _, place := range r.places {
		v = v.With(place)
	}
	return v
}

// expectNumbers fails unless messages are the numbered ones from from up to to, exclusive, each once, in any order.
func expectNumbers(messages []*domain.Message, from, to int) error {
	seen := map[string]int{}
	for _, m := range messages {
		seen[string(m.Payload)]++
	}
	for i := from; i < to; i++ {
		if n := seen[fmt.Sprint(i)]; n != 1 {
			return fmt.Errorf("message %d of %d to %d came %d times", i, from, to-1, n)
		}
	}
	if len(messages) != to-from {
		return fmt.Errorf("%d messages, want %d", len(messages), to-from)
	}
	return nil
}

// expectNothing fails when the reader gives any of the old messages before a new one, which it publishes.
func (b *bench) expectNothing(ctx context.Context, topic domain.Topic, r *reader, number int) error {
	if _, err := b.publish(ctx, topic, numbered(number, 1)...); err != nil {
		return err
	}
	messages, err := r.read(1)
	if err != nil {
		return err
	}
	return expectNumbers(messages, number, number+1)
}
