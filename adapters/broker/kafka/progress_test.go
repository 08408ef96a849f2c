package kafka_test

import (
	"crypto/rand"
	"slices"
	"testing"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

func progress(t testing.TB, b *kafka.Broker, topic domain.Topic, queue domain.Queue) domain.Progress {
	t.Helper()
	p, err := b.Progress(t.Context(), topic, queue)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// expectApachesWord checks that Apache's group tool tells the same places, ends and lags, and gives what it tells.
func expectApachesWord(t testing.TB, cluster brokers.KafkaCluster, topic domain.Topic, queue domain.Queue, ours []domain.Committed) []brokers.GroupLine {
	t.Helper()
	told := brokers.ConsumerGroup(t, cluster, string(topic)+"."+string(queue))
	var want []brokers.GroupLine
	for _, c := range ours {
		want = append(want, brokers.GroupLine{Topic: string(topic), Partition: c.Partition, Committed: c.Place, End: c.End, Lag: c.Lag()})
	}
	bare := slices.Clone(told)
	for i := range bare {
		bare[i].Member = ""
	}
	if !slices.Equal(bare, want) {
		t.Errorf("Apache's tool tells %+v, we tell %+v", told, want)
	}
	return told
}

func TestProgressIsWhatApachesToolTells(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 3)
	b := open(t, cluster.Addrs)
	m := join(t, b, topic, "workers", nil)
	mustPublish(t, b, topic, numbers(0, 30)...)
	given := m.given(t, 30)
	m.settle(given[:20]...)
	// Members commit every so often.
	brokers.Eventually(t, patience, "the places of 20 messages", func() bool { return progress(t, b, topic, "workers").Lag <= 10 })
	told := expectApachesWord(t, cluster, topic, "workers", progress(t, b, topic, "workers").Partitions)
	if !slices.ContainsFunc(told, func(l brokers.GroupLine) bool { return l.Member != "" }) {
		t.Errorf("Apache's tool sees no member: %+v", told)
	}
	m.leave()
	p := progress(t, b, topic, "workers")
	info, err := b.Describe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if p.Lag != 10 || p.Epoch != info.Epoch || p.Order != "" {
		t.Errorf("the progress is %+v, want a lag of 10 in the epoch %v", p, info.Epoch)
	}
	expectQueues(t, b, topic, domain.QueueInfo{Queue: "workers", Lag: 10})
	before := expectApachesWord(t, cluster, topic, "workers", p.Partitions)

	// Who looks into the queue sees what is left, and moves nothing.
	r := tail(t, b, topic, p.Start())
	r.until(t, "what is left in the queue", func(r *reader) bool { return len(r.messages) >= 10 })
	r.stop()
	if len(r.messages) != 10 || len(r.opening.Gaps)+len(r.gaps) > 0 {
		t.Errorf("the queue holds %d messages with gaps %v, want 10 and none", len(r.messages), r.gaps)
	}
	if after := brokers.ConsumerGroup(t, cluster, string(topic)+".workers"); !slices.Equal(after, before) {
		t.Errorf("looking into the queue made %+v of %+v", after, before)
	}
}

func TestProgressOfWhatIsNotAQueue(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 5)...)
	if _, err := b.Progress(t.Context(), topic+".missing", "workers"); domain.CodeOf(err) != domain.UnknownTopic {
		t.Errorf("of a topic that is missing: %v", err)
	}
	if _, err := b.Progress(t.Context(), topic, "workers"); domain.CodeOf(err) != domain.UnknownQueue {
		t.Errorf("of a queue that has not begun: %v", err)
	}
	other := newTopic(t, cluster, 1)
	commitBehindOurBack(t, cluster, string(topic)+".workers", other, 0)
	if _, err := b.Progress(t.Context(), topic, "workers"); domain.CodeOf(err) != domain.UnknownQueue {
		t.Errorf("of a group that has committed in another topic: %v", err)
	}

	subscribe(t, cluster, string(topic)+".drones", topic)
	p := progress(t, b, topic, "drones")
	want := domain.Committed{Extent: domain.Extent{End: 5}, Place: domain.NoPlace}
	if p.Lag != domain.LagUnknown || len(p.Partitions) != 1 || p.Partitions[0] != want {
		t.Errorf("of a group that only subscribes: %+v, want no place", p)
	}
}

// coordinated gives a queue whose group is kept by this node.
func coordinated(t testing.TB, cluster brokers.KafkaCluster, topic domain.Topic, node int32) (queue domain.Queue) {
	t.Helper()
	admin := brokers.KafkaAdmin(t, cluster)
	brokers.Eventually(t, patience, "a queue that the node keeps", func() bool {
		queue = domain.Queue("q" + rand.Text())
		keeper, err := admin.Coordinator(string(topic) + "." + string(queue))
		return err == nil && keeper.ID() == node
	})
	return queue
}

// A partition that nobody leads hides what there is of it, and nothing of the others.
func TestAQueueOfAPartitionWithoutALeader(t *testing.T) {
	t.Parallel()
	first := brokers.StartKafka(t, nil)
	second := first.StartBroker(t)
	cluster, topic := first.Cluster(), domain.Topic(brokers.Topic(t))
	brokers.CreateTopicOn(t, cluster, string(topic), 1, 2)
	b := open(t, cluster.Addrs)
	queue := coordinated(t, cluster, topic, 1)
	m := join(t, b, topic, queue, nil)
	mustPublish(t, b, topic, numbers(0, 20)...)
	m.given(t, 20)
	m.leave()
	second.Kill()
	brokers.Eventually(t, patience, "partition 1 has no leader", func() bool {
		info, err := b.Describe(t.Context(), topic)
		return err == nil && len(info.Partitions) == 1
	})

	p := progress(t, b, topic, queue)
	end := p.Partitions[0].End
	want := []domain.Committed{{Extent: domain.Extent{End: end}}, {Extent: domain.Extent{Partition: 1, First: domain.NoPlace, End: domain.NoPlace}}}
	if p.Lag != domain.LagUnknown || end < 1 || !slices.Equal(p.Partitions, want) {
		t.Errorf("the progress is %+v, want %+v and an unknown lag", p, want)
	}
	if _, err := b.Move(t.Context(), topic, queue, domain.StartLatest()); domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("moving it says %v, want unavailable", err)
	}
	if again := progress(t, b, topic, queue); !slices.Equal(again.Partitions, want) {
		t.Errorf("then the progress is %+v, want %+v", again, want)
	}
}
