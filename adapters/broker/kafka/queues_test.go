package kafka_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

// queues are those of the topic, in order.
func queues(t testing.TB, b *kafka.Broker, topic domain.Topic) []domain.QueueInfo {
	t.Helper()
	got, err := b.Queues(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b domain.QueueInfo) int { return cmp.Compare(a.Queue, b.Queue) })
	return got
}

func expectQueues(t testing.TB, b *kafka.Broker, topic domain.Topic, want ...domain.QueueInfo) {
	t.Helper()
	if got := queues(t, b, topic); !slices.Equal(got, want) {
		t.Errorf("topic %s has the queues %+v, want %+v", topic, got, want)
	}
}

// commitBehindOurBack commits for a group as another program's tool would.
func commitBehindOurBack(t testing.TB, cluster brokers.KafkaCluster, group string, topic domain.Topic, offset int64) {
	t.Helper()
	const noEpoch = -1
	_, err := brokers.KafkaAdmin(t, cluster).AlterConsumerGroupOffsets(group,
		map[string]map[int32]sarama.OffsetAndMetadata{string(topic): {0: {Offset: offset, LeaderEpoch: noEpoch}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// The names of groups are those of several topics' queues: a.x.b is queue b of a.x, and queue x.b of a.
func TestAGroupIsAQueueOfTheTopicsThatItReads(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	short := newTopic(t, cluster, 1)
	long := short + ".x"
	brokers.CreateTopic(t, cluster, string(long), 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, short, numbers(0, 5)...)
	expectQueues(t, b, short)
	expectQueues(t, b, long)

	join(t, b, short, "x.b", nil)
	expectQueues(t, b, short, domain.QueueInfo{Queue: "x.b"})
	expectQueues(t, b, long)

	join(t, b, long, "b", nil)
	mustPublish(t, b, long, numbers(0, 3)...)
	expectQueues(t, b, short, domain.QueueInfo{Queue: "x.b"})
	expectQueues(t, b, long, domain.QueueInfo{Queue: "b", Lag: 3})

	commitBehindOurBack(t, cluster, string(short)+".tool", short, 1)
	commitBehindOurBack(t, cluster, string(short)+".no queue", short, 1)
	commitBehindOurBack(t, cluster, "others-"+string(short), short, 1)
	expectQueues(t, b, short, domain.QueueInfo{Queue: "tool", Lag: 4}, domain.QueueInfo{Queue: "x.b"})
	expectQueues(t, open(t, cluster.Addrs, func(cfg *kafka.Config) { cfg.GroupID = "others-{queue}" }), short, domain.QueueInfo{Queue: domain.Queue(short), Lag: 4})

	if _, err := b.Queues(t.Context(), short+".missing"); domain.CodeOf(err) != domain.UnknownTopic {
		t.Errorf("a topic that is missing: %v", err)
	}
}

// drone is a member of a consumer group that commits nothing.
type drone struct{ stands func() }

func (d drone) Setup(sarama.ConsumerGroupSession) error {
	d.stands()
	return nil
}
func (drone) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (drone) ConsumeClaim(session sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-session.Context().Done()
	return nil
}

// subscribe makes a member of a group that is not ours, which commits nothing, and gives how it leaves.
func subscribe(t testing.TB, cluster brokers.KafkaCluster, group string, topic domain.Topic) (leave func()) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	foreign, err := sarama.NewConsumerGroup(cluster.Addrs, group, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stands, ended := make(chan struct{}), make(chan struct{})
	go func() { // ends with ctx
		defer close(ended)
		if err := foreign.Consume(ctx, []string{string(topic)}, drone{sync.OnceFunc(func() { close(stands) })}); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}()
	leave = sync.OnceFunc(func() {
		cancel()
		<-ended
		if err := foreign.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(leave)
	select {
	case <-stands:
	case <-ended:
		t.Fatal("a member that is not ours did not get in")
	}
	return leave
}

// Where another program's group begins is its own affair until it commits.
func TestAGroupThatOnlySubscribesIsAQueueOfUnknownLag(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	long := topic + ".x"
	brokers.CreateTopic(t, cluster, string(long), 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 5)...)

	subscribe(t, cluster, string(topic)+".x.b", topic)
	expectQueues(t, b, topic, domain.QueueInfo{Queue: "x.b", Lag: domain.LagUnknown})
	expectQueues(t, b, long)
}

// A queue reads partitions that came later from their beginning, and so they count.
func TestNewPartitionsCountFromTheirBeginning(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 5)...)
	join(t, b, topic, "workers", nil).leave()
	if err := brokers.KafkaAdmin(t, cluster).CreatePartitions(string(topic), 4, nil, false); err != nil {
		t.Fatal(err)
	}
	late := open(t, cluster.Addrs) // whose producer has not met the topic as it was
	brokers.Eventually(t, patience, "a message in a new partition", func() bool {
		return slices.ContainsFunc(mustPublish(t, late, topic, numbers(0, 10)...), func(ack domain.Ack) bool { return ack.Position.Partition > 0 })
	})
	info, err := b.Describe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	published := int64(-5)
	for _, p := range info.Partitions {
		published += p.End
	}
	expectQueues(t, b, topic, domain.QueueInfo{Queue: "workers", Lag: published})
}

// A broker that was just started says that it is not ready to list its groups; sarama hears that there are none.
func TestGroupsThatAreBeingLoadedAreWaitedFor(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	commitBehindOurBack(t, brokers.KafkaCluster{Addrs: c.ListenAddrs()}, "orders.workers", "orders", 0)
	var refused atomic.Int32
	c.ControlKey(int16(kmsg.ListGroups), func(r kmsg.Request) (kmsg.Response, error, bool) { // once
		refused.Add(1)
		response := r.ResponseKind().(*kmsg.ListGroupsResponse)
		response.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return response, nil, true
	})
	expectQueues(t, b, "orders", domain.QueueInfo{Queue: "workers"})
	if refused.Load() != 1 {
		t.Errorf("groups were being loaded %d times", refused.Load())
	}
}

// Another program's groups may be closed to us: they hide none of the others.
func TestGroupsThatWeMayNotSeeAreLeftOut(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	for _, group := range []string{"orders.ours", "orders.theirs"} {
		commitBehindOurBack(t, brokers.KafkaCluster{Addrs: c.ListenAddrs()}, group, "orders", 0)
	}
	c.ControlKey(int16(kmsg.OffsetFetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		request := r.(*kmsg.OffsetFetchRequest)
		if request.Group != "orders.theirs" {
			return nil, nil, false
		}
		response := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		response.ErrorCode = kerr.GroupAuthorizationFailed.Code
		return response, nil, true
	})
	expectQueues(t, b, "orders", domain.QueueInfo{Queue: "ours"})
}

func TestManyGroupsAreAskedForAtOnce(t *testing.T) {
	const groups = 300
	c := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	mustPublish(t, b, "orders", numbers(0, 5)...)
	var want []domain.QueueInfo
	for i := range groups {
		queue := domain.Queue(fmt.Sprintf("q%03d", i))
		commitBehindOurBack(t, brokers.KafkaCluster{Addrs: c.ListenAddrs()}, "orders."+string(queue), "orders", int64(i%6))
		want = append(want, domain.QueueInfo{Queue: queue, Lag: int64(5 - i%6)})
	}
	expectQueues(t, b, "orders", want...)
}

// No queue was listed while the cluster named a broker that was gone.
func TestABrokerThatIsGoneHidesOnlyTheQueuesThatItKeeps(t *testing.T) {
	t.Parallel()
	const all = 16
	c := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(1, "orders"))
	if err := c.MoveTopicPartition("orders", 0, 0); err != nil {
		t.Fatal(err)
	}
	b := open(t, c.ListenAddrs())
	cluster := brokers.KafkaCluster{Addrs: c.ListenAddrs()}
	for i := range all {
		commitBehindOurBack(t, cluster, fmt.Sprintf("orders.q%d", i), "orders", 0)
	}
	if told := queues(t, b, "orders"); len(told) != all {
		t.Fatalf("%d queues are told of, want %d", len(told), all)
	}
	c.ControlKey(int16(kmsg.ListGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return nil, errors.New("this broker is gone"), c.CurrentNode() == 1
	})
	told, err := b.Queues(t.Context(), "orders")
	if domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("that not all was told says %v, want unavailable", err)
	}
	if len(told) == 0 || len(told) == all {
		t.Errorf("%d queues are told of, want those of the broker that is there", len(told))
	}
}
