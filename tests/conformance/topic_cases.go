package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"culvert/domain"
	"culvert/ports"
)

// checkTopicBeforeItsFirstUse: a topic that is not there is made by its first use, or is UnknownTopic. Describing makes none.
func checkTopicBeforeItsFirstUse(ctx context.Context, b *bench) error {
	fresh := func() domain.Topic { return domain.Topic("conformance-" + uuid.NewString()) }
	topic := fresh()
	_, err := b.Broker.Describe(ctx, topic)
	if err := expectCode("describe", err, domain.UnknownTopic); err != nil {
		return err
	}
	if creates := b.can(topic, domain.Create); creates != b.AutoCreate {
		return fmt.Errorf("%s declared is %t, topics are made by their first use is %t", domain.Create, creates, b.AutoCreate)
	}
	if !b.AutoCreate {
		_, _, err := b.Broker.Tail(ctx, topic, domain.StartLatest())
		_, joining := b.join(ctx, topic, "early", nil)
		_, publishing := b.publish(ctx, topic, numbered(0, 1)...)
		return errors.Join(
			expectCode("tail", err, domain.UnknownTopic),
			expectCode("join", joining, domain.UnknownTopic),
			expectCode("publish", publishing, domain.UnknownTopic),
		)
	}
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return fmt.Errorf("the first use is a reader: %w", err)
	}
	defer r.stop()
	if err := b.expectNothing(ctx, topic, r, 0); err != nil {
		return err
	}
	if _, err := b.publish(ctx, fresh(), numbered(0, 1)...); err != nil {
		return fmt.Errorf("the first use is a message: %w", err)
	}
	seat, err := b.join(ctx, fresh(), "early", nil)
	if err != nil {
		return fmt.Errorf("the first use is a queue: %w", err)
	}
	return seat.leave()
}

// checkDescribe: the extent is what there is, and moves with each message.
func checkDescribe(ctx context.Context, b *bench) error {
	topic := b.topic()
	r, err := b.tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	defer r.stop()
	if err := b.fill(ctx, topic, r, 0, 20); err != nil {
		return err
	}
	before, err := b.Broker.Describe(ctx, topic)
	if err != nil {
		return err
	}
	if !b.can(topic, domain.History) && len(before.Partitions) == 0 {
		return b.expectCapabilities(before) // nothing is kept that could be counted
	}
	if len(before.Partitions) != b.Partitions || extent(before) != 20 {
		return fmt.Errorf("%d messages in %d partitions, want 20 in %d", extent(before), len(before.Partitions), b.Partitions)
	}
	if !slices.IsSortedFunc(before.Partitions, func(x, y domain.Extent) int { return int(x.Partition) - int(y.Partition) }) {
		return fmt.Errorf("the partitions are in no order: %+v", before.Partitions)
	}
	if err := b.expectCapabilities(before); err != nil {
		return err
	}
	if err := b.fill(ctx, topic, r, 20, 5); err != nil {
		return err
	}
	after, err := b.Broker.Describe(ctx, topic)
	if err != nil {
		return err
	}
	if extent(after) != 25 || after.Epoch != before.Epoch || after.Epoch == 0 {
		return fmt.Errorf("%d messages, want 25; the epoch was %d and is %d", extent(after), before.Epoch, after.Epoch)
	}
	return nil
}

func (b *bench) expectCapabilities(info domain.TopicInfo) error {
	if declared := b.Broker.Capabilities(info.Topic); !slices.Equal(info.Capabilities, declared) {
		return fmt.Errorf("described with capabilities %v, declared are %v", info.Capabilities, declared)
	}
	return nil
}

func extent(info domain.TopicInfo) (n int64) {
	for _, p := range info.Partitions {
		n += p.End - p.First
	}
	return n
}

// checkCatalogue: a broker that declares it lists its topics; one that does not refuses.
func checkCatalogue(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 1)
	if err != nil {
		return err
	}
	catalogue, ok := b.Broker.(ports.Catalogue)
	if !b.can(topic, domain.Catalogue) {
		if !ok {
			return nil
		}
		_, err := catalogue.Topics(ctx)
		return expectCode("topics", err, domain.Unsupported)
	}
	if !ok {
		return fmt.Errorf("%s is declared, and there is none", domain.Catalogue)
	}
	topics, err := catalogue.Topics(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(topics, topic) {
		return fmt.Errorf("topic %s is not among %v", topic, topics)
	}
	slices.Sort(topics)
	if len(slices.Compact(slices.Clone(topics))) != len(topics) {
		return fmt.Errorf("topics are listed twice: %v", topics)
	}
	return nil
}

// cancelTime is how long a broker may take to end what its caller has ended. It is a poll of Kafka's and a few round trips, at worst.
const cancelTime = 15 * time.Second

// checkCancellation: what a caller ends, ends soon, and leaves nothing behind.
func checkCancellation(ctx context.Context, b *bench) error {
	topic, err := b.filled(ctx, 10)
	if err != nil {
		return err
	}
	// What stays after the first use, as a connection that is kept, is no leak.
	if err := b.useAndCancel(ctx, topic); err != nil {
		return err
	}
	before := goleak.IgnoreCurrent()
	for range 3 {
		if err := b.useAndCancel(ctx, topic); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(cancelTime)
	for {
		err := goleak.Find(before) // which waits a while by itself
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (b *bench) useAndCancel(whole context.Context, topic domain.Topic) error {
	ctx, cancel := context.WithCancel(whole)
	defer cancel()
	_, chunks, err := b.Broker.Tail(ctx, topic, domain.StartLatest())
	if err != nil {
		return err
	}
	tailed := make(chan struct{})
	go func() { // ends with ctx
		defer close(tailed)
		for range chunks {
		}
	}()
	seat, err := b.join(ctx, topic, domain.Queue("q-"+uuid.NewString()), nil)
	if err != nil {
		return err
	}
	cancel()
	limit, stop := context.WithTimeout(whole, cancelTime)
	defer stop()
	for what, ended := range map[string]<-chan struct{}{"a reader": tailed, "a member": seat.ended} {
		select {
		case <-ended:
		case <-limit.Done():
			return fmt.Errorf("%s did not end with its context", what)
		}
	}
	return seat.leave()
}
