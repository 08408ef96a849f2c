package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"

	"culvert/domain"
)

// queue is the queue of the cases: each has a topic of its own.
const queue domain.Queue = "workers"

// expectDeliveries waits until the seat was given the numbered messages from from up to to, exclusive, and no others.
func expectDeliveries(ctx context.Context, s *seat, from, to int) error {
	got, err := s.receive(ctx, to-from)
	if err != nil {
		return err
	}
	messages := make([]*domain.Message, len(got))
	for i, d := range got {
		messages[i] = d.message
	}
	return expectNumbers(messages, from, to)
}

// checkJoinBeginsAtTheEnd: a queue begins at the end as of its first join, and keeps that place though nothing was settled.
func checkJoinBeginsAtTheEnd(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 20)
	if err != nil {
		return err
	}
	first, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	if err := first.leave(); err != nil {
		return err
	}
	// Nobody is there while these come.
	if _, err := b.publish(ctx, topic, numbered(20, 20)...); err != nil {
		return err
	}
	second, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	return errors.Join(expectDeliveries(ctx, second, 20, 40), second.leave())
}

// checkJoinFrom: a queue begins where its first join says.
func checkJoinFrom(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 30)
	if err != nil {
		return err
	}
	if b.QueuesBeginAtEnd {
		earliest := domain.StartEarliest()
		_, err := b.join(ctx, topic, queue, &earliest)
		return expectCode("join", err, domain.Unsupported)
	}
	if !b.can(topic, domain.History) {
		return b.refused(ctx, topic, domain.StartEarliest())
	}
	starts := map[string]struct {
		from  domain.Start
		first int
	}{"earliest": {domain.StartEarliest(), 0}}
	if b.can(topic, domain.SeekTime) {
		starts["time"] = struct {
			from  domain.Start
			first int
		}{domain.StartTime(numbered(10, 1)[0].Time), 10}
	}
	for name, start := range starts {
		s, err := b.join(ctx, topic, domain.Queue("from-"+name), &start.from)
		if err != nil {
			return fmt.Errorf("from %s: %w", name, err)
		}
		if err := errors.Join(expectDeliveries(ctx, s, start.first, 30), s.leave()); err != nil {
			return fmt.Errorf("from %s: %w", name, err)
		}
	}
	return nil
}

// checkJoinConflict: a queue that has begun takes no other beginning.
func checkJoinConflict(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 5)
	if err != nil {
		return err
	}
	first, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	latest := domain.StartLatest()
	_, during := b.join(ctx, topic, queue, &latest)
	if err := first.leave(); err != nil {
		return err
	}
	_, after := b.join(ctx, topic, queue, &latest)
	return errors.Join(
		expectRefusal("join with from while there is a member", topic, during, domain.Conflict),
		expectRefusal("join with from after it", topic, after, domain.Conflict),
	)
}

// checkHandOver: what was not settled is given again after the member has gone, what was settled before that is not.
func checkHandOver(ctx context.Context, b *bench) error {
	topic := b.topic()
	first, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	const n = 40
	if _, err := b.publish(ctx, topic, numbered(0, n)...); err != nil {
		return err
	}
	got, err := first.receive(ctx, n)
	if err != nil {
		return err
	}
	open, finished, _ := settleSome(got)
	if err := first.leave(); err != nil {
		return err
	}
	second, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	return errors.Join(expectOpen(ctx, second, open, finished), second.leave())
}

// settleSome settles of each partition the first half, backwards, and of the rest every other message. Those that are open must come again; those that are finished must not, since they lie
// before the first that is not settled; places are the offsets of these first ones.
func settleSome(got []delivery) (open, finished map[int]bool, places map[int32]int64) {
	open, finished, places = map[int]bool{}, map[int]bool{}, map[int32]int64{}
	perPartition := map[int32][]delivery{}
	for _, d := range got {
		perPartition[d.message.Partition] = append(perPartition[d.message.Partition], d)
	}
	for p, ds := range perPartition {
		half := len(ds) / 2
		places[p] = ds[half].message.Offset
		for i := len(ds) - 1; i >= 0; i-- {
			switch {
			case i < half:
				ds[i].settle()
				finished[ds[i].number()] = true
			case (i-half)%2 == 1:
				ds[i].settle()
			default:
				open[ds[i].number()] = true
			}
		}
	}
	return open, finished, places
}

// expectOpen waits until the seat was given all that is open, and nothing that is finished.
func expectOpen(ctx context.Context, s *seat, open, finished map[int]bool) error {
	err := s.until(ctx, "the messages that were not settled", func() bool {
		left := len(open)
		seen := map[int]bool{}
		for _, d := range s.got {
			if n := d.number(); open[n] && !seen[n] {
				seen[n] = true
				left--
			}
		}
		return left == 0
	})
	if err != nil {
		return err
	}
	for _, d := range s.all() {
		if finished[d.number()] {
			return fmt.Errorf("message %d was settled, and came again", d.number())
		}
	}
	return nil
}

// checkSharing: two members share the partitions, each message goes to one of them, and when one leaves the other takes over.
func checkSharing(ctx context.Context, b *bench) error {
	topic := b.topic()
	first, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	err = first.until(ctx, "all partitions", func() bool { return first.held() == b.Partitions })
	if err != nil {
		return errors.Join(err, first.leave())
	}
	second, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return errors.Join(err, first.leave())
	}
	if err := b.share(ctx, topic, first, second); err != nil {
		return errors.Join(err, first.leave(), second.leave())
	}
	if err := first.leave(); err != nil {
		return errors.Join(err, second.leave())
	}
	return errors.Join(b.takeOver(ctx, topic, second), second.leave())
}

// shared is how many messages the members of checkSharing are given together, and later the one alone.
const shared = 60

// share publishes, and settles what the two members are given of it: each message comes to one of them.
func (b *bench) share(ctx context.Context, topic domain.Topic, first, second *seat) error {
	divided := func() bool {
		h1, h2 := first.holds(), second.holds()
		return h1+h2 == b.Partitions && (b.Partitions == 1 || h1 > 0 && h2 > 0)
	}
	if err := either(ctx, "the partitions to be divided", first, second, divided); err != nil {
		return err
	}
	if _, err := b.publish(ctx, topic, numbered(0, shared)...); err != nil {
		return err
	}
	together := func() []delivery { return append(first.all(), second.all()...) }
	if err := either(ctx, "all messages", first, second, func() bool { return len(together()) >= shared }); err != nil {
		return err
	}
	var messages []*domain.Message
	for _, d := range together() {
		messages = append(messages, d.message)
		d.settle()
	}
	return expectNumbers(messages, 0, shared)
}

// either waits until ok, which may change whenever something happens at one of two seats.
func either(ctx context.Context, what string, first, second *seat, ok func() bool) error {
	for {
		changed1, changed2 := first.next(), second.next()
		if ok() {
			return nil
		}
		select {
		case <-changed1:
		case <-changed2:
		case <-ctx.Done():
			return fmt.Errorf("waiting in vain for %s: the members have %d and %d partitions, and %d and %d messages", what,
				first.holds(), second.holds(), len(first.all()), len(second.all()))
		}
	}
}

// takeOver checks that the member that is left gets all that comes, and nothing of what was settled before.
func (b *bench) takeOver(ctx context.Context, topic domain.Topic, s *seat) error {
	if err := s.until(ctx, "all partitions", func() bool { return s.held() == b.Partitions }); err != nil {
		return err
	}
	old := s.all()
	if _, err := b.publish(ctx, topic, numbered(shared, shared)...); err != nil {
		return err
	}
	got, err := s.receive(ctx, len(old)+shared)
	if err != nil {
		return err
	}
	var messages []*domain.Message
	for _, d := range got[len(old):] {
		messages = append(messages, d.message)
	}
	return expectNumbers(messages, shared, 2*shared)
}

// checkRevocation: a claim that is gone gives and settles nothing any more.
func checkRevocation(ctx context.Context, b *bench) error {
	topic := b.topic()
	first, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	if _, err := b.publish(ctx, topic, numbered(0, 10)...); err != nil {
		return errors.Join(err, first.leave())
	}
	got, err := first.receive(ctx, 10)
	if err != nil {
		return errors.Join(err, first.leave())
	}
	if err := first.leave(); err != nil {
		return err
	}
	for _, d := range got {
		if haul, err := d.claim.Fetch(ctx); !errors.Is(err, io.EOF) {
			return fmt.Errorf("a claim that is gone gave %d messages and error %w, want io.EOF", len(haul.Messages), err)
		}
		d.settle()
	}
	second, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	return errors.Join(expectDeliveries(ctx, second, 0, 10), second.leave())
}
