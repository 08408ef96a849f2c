package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

// fake starts a Kafka in this process, for faults on demand.
func fake(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// keyFor gives a key of the partition.
func keyFor(t testing.TB, b *kafka.Broker, topic domain.Topic, partition int32) []byte {
	t.Helper()
	for i := range 100 {
		if ack := mustPublish(t, b, topic, fmt.Sprint(i))[0]; ack.Position.Partition == partition {
			return fmt.Append(nil, i)
		}
	}
	t.Fatalf("no key for partition %d", partition)
	return nil
}

func TestALeaderThatDoesNotAnswerHoldsUpNobodyElse(t *testing.T) {
	const deadline = 2 * time.Second
	c := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "orders"))
	for p := range int32(2) {
		if err := c.MoveTopicPartition("orders", p, p); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) { cfg.RequestTimeout = 2 * time.Second })
	well, stuck := keyFor(t, b, "orders", 0), keyFor(t, b, "orders", 1)
	var silent atomic.Bool
	silent.Store(true)
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return nil, nil, silent.Load() && c.CurrentNode() == 1
	})

	batch := make([]*domain.Message, 200)
	for i := range batch {
		batch[i] = &domain.Message{Key: well, Payload: fmt.Append(nil, i)}
		if i%2 == 1 {
			batch[i].Key = stuck
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	begun := time.Now()
	var slowest atomic.Int64 // of those that are well
	outcomes := make([]outcome, len(batch))
	answers := make(chan struct{}, len(batch))
	b.Publish(ctx, "orders", batch, func(i int, ack domain.Ack, err error) {
		outcomes[i] = outcome{ack, err}
		if i%2 == 0 {
			slowest.Store(max(slowest.Load(), int64(time.Since(begun))))
		}
		answers <- struct{}{}
	})
	for range batch {
		<-answers
	}
	took := time.Since(begun)

	for i, o := range outcomes {
		switch {
		case i%2 == 0 && o.err != nil:
			t.Errorf("message %d of the partition that is well: %v", i, o.err)
		case i%2 == 1 && domain.CodeOf(o.err) != domain.Timeout && domain.CodeOf(o.err) != domain.Unavailable:
			t.Errorf("message %d of the partition that is stuck: %v, want timeout, or unavailable where it never left", i, o.err)
		}
	}
	if code := domain.CodeOf(outcomes[1].err); code != domain.Timeout {
		t.Errorf("the first message to the silent leader is %v, want timeout: it left, and nobody knows", code)
	}
	if d := time.Duration(slowest.Load()); d > deadline/2 {
		t.Errorf("the partition that is well took %v, it was held up", d)
	}
	if took > deadline+time.Second {
		t.Errorf("all was answered after %v, the deadline was %v", took, deadline)
	}
	silent.Store(false)
	c.MoveTopicPartition("orders", 1, 0)
	brokers.Eventually(t, patience, "the stuck partition takes messages again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return publish(ctx, b, "orders", &domain.Message{Key: stuck, Payload: []byte("again")})[0].err == nil
	})
}

func TestAClusterThatIsGone(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	mustPublish(t, b, "orders", "before")
	c.Close()

	const deadline = 3 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	begun := time.Now()
	for i, o := range publish(ctx, b, "orders", &domain.Message{Payload: []byte("1")}, &domain.Message{Payload: []byte("2")}) {
		if code := domain.CodeOf(o.err); o.err == nil || !code.Retryable() {
			t.Errorf("message %d: %v, want unavailable or timeout", i, o.err)
		}
	}
	if took := time.Since(begun); took > deadline+time.Second {
		t.Errorf("all was answered after %v, the deadline was %v", took, deadline)
	}
	if err := b.Ping(t.Context()); domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("ping says %v, want unavailable", err)
	}
}

// After an outage publishing was refused for up to ten seconds more, by a circuit breaker of sarama's.
func TestPublishingGoesOnAsSoonAsTheClusterIsBack(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	mustPublish(t, b, "orders", "before")
	var away atomic.Bool
	c.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return nil, errors.New("the cluster is away"), away.Load()
	})
	try := func(limit time.Duration) (took time.Duration, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		begun := time.Now()
		err = publish(ctx, b, "orders", &domain.Message{Payload: []byte("x")})[0].err
		return time.Since(begun), err
	}

	away.Store(true)
	const limit = 3 * time.Second
	refused := 0
	brokers.Eventually(t, patience, "messages are refused before their deadline, with the reason", func() bool {
		took, err := try(limit)
		if err == nil {
			t.Fatal("a message was confirmed by nobody")
		}
		if took < limit && domain.CodeOf(err) == domain.Unavailable && domain.AsError(err).Cause != nil {
			refused++
		}
		return refused == 5
	})
	away.Store(false)
	back := time.Now()
	brokers.Eventually(t, patience, "messages are confirmed again", func() bool {
		_, err := try(limit)
		return err == nil
	})
	if took := time.Since(back); took > 4*time.Second {
		t.Errorf("publishing went on %v after the cluster was back", took)
	}
}

func TestATopicThatIsMissingHoldsUpNobody(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	mustPublish(t, b, "orders", "before")
	begun := time.Now()
	for range 20 {
		if o := publish(t.Context(), b, "missing", &domain.Message{Payload: []byte("x")})[0]; domain.CodeOf(o.err) != domain.UnknownTopic {
			t.Fatalf("publishing to a topic that is missing: %v", o.err)
		}
		mustPublish(t, b, "orders", "between")
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("forty messages took %v", took)
	}
	if err := b.Ensure(t.Context(), "missing"); domain.CodeOf(err) != domain.UnknownTopic {
		t.Errorf("ensure says %v, want unknown-topic", err)
	}
}

func TestATopicIsMadeAsConfigured(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1))
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) {
		cfg.Create = func(topic domain.Topic) (kafka.CreateSpec, bool) {
			return kafka.CreateSpec{Partitions: 3, Replicas: 1}, topic == "orders"
		}
	})
	if !b.Capabilities("orders").Has(domain.Create) || b.Capabilities("others").Has(domain.Create) {
		t.Errorf("capabilities are %v and %v; only the first topic is made", b.Capabilities("orders"), b.Capabilities("others"))
	}
	mustPublish(t, b, "orders", "first")
	if n := len(c.PartitionInfos("orders")); n != 3 {
		t.Errorf("the topic was made with %d partitions, want 3", n)
	}
	if err := b.Ensure(t.Context(), "others"); domain.CodeOf(err) != domain.UnknownTopic {
		t.Errorf("ensure of another topic says %v, want unknown-topic", err)
	}
}

func TestLeadersMoveAndConnectionsBreak(t *testing.T) {
	const total = 400
	c := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "orders"))
	b := open(t, c.ListenAddrs())
	r := tail(t, b, "orders", domain.StartLatest())
	var fetches atomic.Int64
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		if fetches.Add(1)%10 == 0 {
			c.KeepControl()
			return nil, errors.New("the connection breaks"), true
		}
		return nil, nil, false
	})
	for i := range total {
		mustPublish(t, b, "orders", fmt.Sprint(i))
		if i%50 == 25 {
			if err := c.MoveTopicPartition("orders", int32(i/50)%3, int32(i/25)%3); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.until(t, "all messages", func(r *reader) bool { return len(r.messages) >= total })
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]int{}
	for _, m := range r.messages {
		seen[string(m.Payload)]++
	}
	if len(seen) != total || len(r.messages) != total || len(r.gaps) > 0 {
		t.Errorf("%d messages, %d of them different, and gaps %v; want each of %d once", len(r.messages), len(seen), r.gaps, total)
	}
}

// A member whose connections the network had forgotten heard nothing for longer than a rebalance may take.
func TestAMemberNoticesSoonThatItsConnectionsAreForgotten(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) { cfg.RequestTimeout, cfg.RebalanceTimeout = time.Second, 10*patience })
	m := join(t, b, "orders", "workers", nil)
	mustPublish(t, b, "orders", "before")
	m.given(t, 1)

	var forgotten atomic.Bool
	forgotten.Store(true)
	var lost atomic.Int64
	for _, kind := range []kmsg.Key{kmsg.Heartbeat, kmsg.Fetch, kmsg.OffsetCommit} {
		c.ControlKey(int16(kind), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if forgotten.Load() {
				lost.Add(1)
			}
			return nil, nil, forgotten.Load()
		})
	}
	brokers.Eventually(t, patience, "the cluster hears nothing", func() bool { return lost.Load() > 0 })
	forgotten.Store(false)
	mustPublish(t, b, "orders", "after")
	m.given(t, 2)
}

// Each message to a topic that had not been looked at for two seconds waited until that was done, one after the other: over a slow network until its deadline.
func TestPublishingDoesNotWaitForWhatItKnows(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	mustPublish(t, b, "orders", "before")
	release := make(chan struct{})
	var looked atomic.Int64
	c.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		looked.Add(1)
		c.SleepControl(func() { <-release })
		return nil, nil, false
	})
	defer close(release)
	slowest := time.Duration(0)
	brokers.Eventually(t, patience, "the topic is looked at again", func() bool {
		begun := time.Now()
		mustPublish(t, b, "orders", "between")
		slowest = max(slowest, time.Since(begun))
		return looked.Load() > 0
	})
	for range 10 {
		begun := time.Now()
		mustPublish(t, b, "orders", "meanwhile")
		slowest = max(slowest, time.Since(begun))
	}
	if slowest > time.Second {
		t.Errorf("a message waited for %s while its topic was looked at", slowest)
	}
}
