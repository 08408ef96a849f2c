package conformance

import (
	"context"
	"fmt"
	"time"

	"culvert/domain"
)

// refused checks that Tail and Join refuse to begin at from.
func (b *bench) refused(ctx context.Context, topic domain.Topic, from domain.Start) error {
	_, _, err := b.Broker.Tail(ctx, topic, from)
	if err := expectCode("tail", err, domain.Unsupported); err != nil {
		return err
	}
	_, err = b.join(ctx, topic, "refused", &from)
	return expectCode("join", err, domain.Unsupported)
}

// filled is a topic with the numbered messages 0 to n-1, in the order of their numbers and times in each partition. They can be read: a
// confirmation alone does not say that on every broker.
func (b *bench) filled(ctx context.Context, n int) (domain.Topic, error) {
	topic := b.topic()
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return topic, err
	}
	defer r.stop()
	return topic, b.fill(ctx, topic, r, 0, n)
}

// fill publishes n numbered messages and waits until r, which stands at the end, has read them.
func (b *bench) fill(ctx context.Context, topic domain.Topic, r *reader, from, n int) error {
	step := n
	if !b.can(topic, domain.KeyOrder) {
		step = 1
	}
	for i := from; i < from+n; i += step {
		if _, err := b.publish(ctx, topic, numbered(i, step)...); err != nil {
			return err
		}
		if _, err := r.read(step); err != nil {
			return err
		}
	}
	return nil
}

// checkTailLatest: latest begins at the end as of now.
func checkTailLatest(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 20)
	if err != nil {
		return err
	}
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	if len(r.opening.Gaps) > 0 {
		return fmt.Errorf("there are gaps: %+v", r.opening.Gaps)
	}
	return b.expectNothing(ctx, topic, r, 20)
}

// checkTailEarliest: earliest begins at the first message.
func checkTailEarliest(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 50)
	if err != nil {
		return err
	}
	if !b.can(topic, domain.History) {
		return b.refused(ctx, topic, domain.StartEarliest())
	}
	r, err := b.tail(ctx, topic, domain.StartEarliest())
	if err != nil {
		return err
	}
	defer r.stop()
	got, err := r.read(50)
	if err != nil {
		return err
	}
	if err := expectNumbers(got, 0, 50); err != nil {
		return err
	}
	return b.expectNothing(ctx, topic, r, 50)
}

// checkTailLast: -N begins N offsets before the end of each partition.
func checkTailLast(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 50)
	if err != nil {
		return err
	}
	if !b.can(topic, domain.History) {
		return b.refused(ctx, topic, domain.StartLast(3))
	}
	for _, n := range []int64{0, 3, 1000} {
		info, err := b.Broker.Describe(ctx, topic)
		if err != nil {
			return err
		}
		r, err := b.tail(ctx, topic, domain.StartLast(n))
		if err != nil {
			return err
		}
		total := 0
		for _, p := range info.Partitions {
			want := max(p.End-n, p.First)
			total += int(p.End - want)
			if got := r.opening.Vector.Next(p.Partition); got != want {
				r.stop()
				return fmt.Errorf("the last %d of partition %d begin at %d, want %d", n, p.Partition, got, want)
			}
		}
		_, err = r.read(total)
		r.stop()
		if err != nil {
			return fmt.Errorf("the last %d: %w", n, err)
		}
	}
	return nil
}

// checkTailTime: a time begins at the first message of each partition with that time or a later one.
func checkTailTime(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 50)
	if err != nil {
		return err
	}
	if !b.can(topic, domain.SeekTime) {
		return b.refused(ctx, topic, domain.StartTime(someTime))
	}
	for _, first := range []int{0, 20, 50} {
		at := someTime.Add(time.Duration(first)*time.Second - time.Millisecond)
		r, err := b.tail(ctx, topic, domain.StartTime(at))
		if err != nil {
			return err
		}
		got, err := r.read(50 - first)
		if err == nil {
			err = expectNumbers(got, first, 50)
		}
		r.stop()
		if err != nil {
			return fmt.Errorf("from the time of message %d: %w", first, err)
		}
	}
	return nil
}

// checkTailResume: a vector goes on after what was read, with the same epoch and no gap.
func checkTailResume(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 30)
	if err != nil {
		return err
	}
	if !b.can(topic, domain.History) {
		return nil // a place older than the opening is then answered with a gap, or refused
	}
	first, err := b.tail(ctx, topic, domain.StartEarliest())
	if err != nil {
		return err
	}
	defer first.stop()
	if got, err := first.read(30); err != nil {
		return err
	} else if err := expectNumbers(got, 0, 30); err != nil {
		return err
	}
	middle := first.vector()
	if err := b.fill(ctx, topic, first, 30, 30); err != nil {
		return err
	}
	second, err := b.tail(ctx, topic, domain.StartVector(middle))
	if err != nil {
		return err
	}
	defer second.stop()
	if second.opening.Vector.Epoch != middle.Epoch || middle.Epoch == 0 {
		return fmt.Errorf("the epoch was %d, it is %d now", middle.Epoch, second.opening.Vector.Epoch)
	}
	got, err := second.read(30)
	if err != nil {
		return err
	}
	if len(second.gaps) > 0 {
		return fmt.Errorf("there are gaps: %+v", second.gaps)
	}
	return expectNumbers(got, 30, 60)
}

// checkTailOtherEpoch: a vector of another incarnation of the topic is a gap, never other messages in silence.
func checkTailOtherEpoch(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 10)
	if err != nil {
		return err
	}
	info, err := b.Broker.Describe(ctx, topic)
	if err != nil {
		return err
	}
	if !b.can(topic, domain.History) {
		return nil
	}
	other := domain.NewVector(info.Epoch+1, info.End().Places()...)
	r, err := b.tail(ctx, topic, domain.StartVector(other))
	if err != nil {
		return err
	}
	defer r.stop()
	if len(r.opening.Gaps) == 0 {
		return fmt.Errorf("the epoch is another one, and there is no gap")
	}
	for _, gap := range r.opening.Gaps {
		if gap.Reason != domain.GapEpoch {
			return fmt.Errorf("gap %+v, want %s", gap, domain.GapEpoch)
		}
	}
	if r.opening.Vector.Epoch != info.Epoch {
		return fmt.Errorf("the reader has the epoch %d, the topic %d", r.opening.Vector.Epoch, info.Epoch)
	}
	got, err := r.read(10)
	if err != nil {
		return err
	}
	return expectNumbers(got, 0, 10)
}
