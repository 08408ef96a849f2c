package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"culvert/domain"
	"culvert/ports"
)

// keptQueue is the queue of a topic, as its broker tells of it.
type keptQueue struct {
	*bench
	keeper ports.QueueKeeper
	topic  domain.Topic
}

// keep gives the queue of a topic that nobody has joined yet; nil where the broker cannot tell of queues, and says so.
func (b *bench) keep(ctx context.Context, topic domain.Topic) (*keptQueue, error) {
	declared := b.can(topic, domain.Peek) || b.can(topic, domain.Reset)
	keeper, ok := b.Broker.(ports.QueueKeeper)
	if !ok {
		if declared {
			return nil, fmt.Errorf("%s or %s is declared, and nothing tells of queues", domain.Peek, domain.Reset)
		}
		return nil, nil
	}
	_, err := keeper.Progress(ctx, topic, queue)
	if domain.CodeOf(err) == domain.Unsupported && !declared {
		return nil, expectCode("forget", keeper.Forget(ctx, topic, queue), domain.Unsupported)
	}
	return &keptQueue{b, keeper, topic}, expectCode("progress of a queue that has not begun", err, domain.UnknownQueue)
}

// ends are the ends of the topic's partitions.
func (k *keptQueue) ends(ctx context.Context) (map[int32]int64, error) {
	info, err := k.Broker.Describe(ctx, k.topic)
	if err != nil {
		return nil, err
	}
	ends := map[int32]int64{}
	for _, p := range info.Partitions {
		ends[p.Partition] = p.End
	}
	return ends, nil
}

// after are the places when all that was given is settled, of which nothing was left out before it.
func after(places map[int32]int64, given []delivery) map[int32]int64 {
	later := maps.Clone(places)
	for _, d := range given {
		later[d.message.Partition] = max(later[d.message.Partition], d.message.Offset+1)
	}
	return later
}

// expect waits until the queue is at these places and so far behind, as far as the broker tells.
func (k *keptQueue) expect(ctx context.Context, when string, places map[int32]int64, lag int64) (got domain.Progress, err error) {
	err = eventually(ctx, when, func() (problem, err error) {
		if got, err = k.keeper.Progress(ctx, k.topic, queue); err != nil {
			return nil, err
		}
		if got.Order != "" && got.Order != domain.OrderNone {
			return nil, fmt.Errorf("the progress has the order %q", got.Order)
		}
		if problem, err := k.expectPlaces(ctx, got, places); problem != nil || err != nil {
			return problem, err
		}
		if got.Lag != lag && (got.Lag != domain.LagUnknown || k.can(k.topic, domain.Lag)) {
			return fmt.Errorf("the lag is said to be %d, want %d", got.Lag, lag), nil
		}
		return nil, nil
	})
	return got, err
}

// expectPlaces tells what is not as wanted yet of what the queue's partitions are said to be; err is what time does not mend.
func (k *keptQueue) expectPlaces(ctx context.Context, got domain.Progress, places map[int32]int64) (problem, err error) {
	if !k.can(k.topic, domain.Peek) {
		if len(got.Partitions) > 0 || got.Epoch != 0 {
			return nil, fmt.Errorf("places are told, and %s is not declared: %+v", domain.Peek, got)
		}
		return nil, nil
	}
	info, err := k.Broker.Describe(ctx, k.topic)
	if err != nil {
		return nil, err
	}
	if got.Epoch != info.Epoch {
		return nil, fmt.Errorf("the queue is in the epoch %d, the topic in %d", got.Epoch, info.Epoch)
	}
	want := make([]domain.Committed, len(info.Partitions))
	for i, e := range info.Partitions {
		want[i] = domain.Committed{Extent: e, Place: places[e.Partition]}
	}
	if !slices.Equal(got.Partitions, want) {
		return fmt.Errorf("the queue is said to be at %+v, want %+v", got.Partitions, want), nil
	}
	return nil, nil
}

// checkProgress: a broker tells how far a queue is, as messages come and are settled. Asking makes nothing.
func checkProgress(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 10)
	if err != nil {
		return err
	}
	k, err := b.keep(ctx, topic)
	if k == nil || err != nil {
		return err
	}
	missing := domain.Topic("conformance-" + uuid.NewString())
	_, asked := k.keeper.Progress(ctx, missing, queue)
	_, described := b.Broker.Describe(ctx, missing)
	_, again := k.keeper.Progress(ctx, topic, queue)
	if err := errors.Join(
		expectCode("progress of a topic that is not there", asked, domain.UnknownTopic),
		expectCode("the same topic, when progress was asked for", described, domain.UnknownTopic),
		expectCode("progress of a queue that has not begun, once more", again, domain.UnknownQueue),
	); err != nil {
		return err
	}
	places, err := k.ends(ctx)
	if err != nil {
		return err
	}
	s, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	given, err := k.work(ctx, s, places)
	if err := errors.Join(err, s.leave()); err != nil {
		return err
	}
	if _, err := b.publish(ctx, topic, numbered(22, 3)...); err != nil {
		return err
	}
	_, err = k.expect(ctx, "after 3 messages that nobody was there for", after(places, given), 3)
	return err
}

// work lets messages come to the member of a queue that stands at places. The member settles some of them, and then all.
func (k *keptQueue) work(ctx context.Context, s *seat, places map[int32]int64) ([]delivery, error) {
	if _, err := k.expect(ctx, "when the queue has begun", places, 0); err != nil {
		return nil, err
	}
	const n, some = 12, 7
	if _, err := k.publish(ctx, k.topic, numbered(10, n)...); err != nil {
		return nil, err
	}
	if _, err := k.expect(ctx, "after 12 messages", places, n); err != nil {
		return nil, err
	}
	given, err := s.receive(ctx, n)
	if err != nil {
		return nil, err
	}
	for _, d := range given[:some] { // which are the first ones of each partition
		d.settle()
	}
	if _, err := k.expect(ctx, "when 7 of 12 messages are settled", after(places, given[:some]), n-some); err != nil {
		return nil, err
	}
	for _, d := range given[some:] {
		d.settle()
	}
	_, err = k.expect(ctx, "when all messages are settled", after(places, given), 0)
	return given, err
}

// checkPeek: who reads from the places of a queue sees what it is not finished with, and then what comes. It changes nothing for the queue.
func checkPeek(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 0)
	if err != nil {
		return err
	}
	if !b.can(topic, domain.Peek) {
		return nil // checkProgress sees that no places are told
	}
	k, err := b.keep(ctx, topic)
	if err != nil {
		return err
	}
	places, err := k.ends(ctx)
	if err != nil {
		return err
	}
	s, err := b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	const n = 40
	if _, err := b.publish(ctx, topic, numbered(0, n)...); err != nil {
		return errors.Join(err, s.leave())
	}
	given, err := s.receive(ctx, n)
	if err != nil {
		return errors.Join(err, s.leave())
	}
	open, finished, settled := settleSome(given)
	maps.Copy(places, settled)
	for i, when := range []string{"while there is a member", "when it has left"} {
		if i == 1 {
			if err := s.leave(); err != nil {
				return err
			}
		}
		if err := k.peek(ctx, places, n+i, finished); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", when, err), s.leave())
		}
		open[n+i] = true
	}
	s, err = b.join(ctx, topic, queue, nil)
	if err != nil {
		return err
	}
	return errors.Join(expectOpen(ctx, s, open, finished), s.leave())
}

// peek looks into the queue of a topic with the numbered messages 0 to n-1, and publishes one more.
func (k *keptQueue) peek(ctx context.Context, places map[int32]int64, n int, finished map[int]bool) error {
	lag := n - len(finished)
	progress, err := k.expect(ctx, "before looking", places, int64(lag))
	if err != nil {
		return err
	}
	r, err := k.tail(ctx, k.topic, progress.Start())
	if err != nil {
		return err
	}
	defer r.stop()
	messages, err := r.read(lag)
	if err != nil {
		return err
	}
	if len(r.gaps) > 0 {
		return fmt.Errorf("there are gaps: %+v", r.gaps)
	}
	seen := maps.Clone(finished)
	for _, m := range messages {
		seen[delivery{message: m}.number()] = true
	}
	if len(seen) != n {
		return fmt.Errorf("%d messages were settled or seen, want %d: one was settled and is seen, or is seen twice", len(seen), n)
	}
	if err := k.expectNothing(ctx, k.topic, r, n); err != nil {
		return err
	}
	_, err = k.expect(ctx, "after looking", places, int64(lag)+1)
	return err
}
