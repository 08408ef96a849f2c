package kafka_test

import (
	"slices"
	"testing"
	"time"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

func move(t testing.TB, b *kafka.Broker, topic domain.Topic, queue domain.Queue, to domain.Start) []domain.Committed {
	t.Helper()
	moved, err := b.Move(t.Context(), topic, queue, to)
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// metadata is what the queue's group has committed besides its places, by partition.
func metadata(t testing.TB, cluster brokers.KafkaCluster, topic domain.Topic, queue domain.Queue) (all []string) {
	t.Helper()
	response, err := brokers.KafkaAdmin(t, cluster).ListConsumerGroupOffsets(string(topic)+"."+string(queue), map[string][]int32{string(topic): {0, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		all = append(all, response.GetBlock(string(topic), p).Metadata)
	}
	return all
}

func TestAQueueIsMoved(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 3)
	b := open(t, cluster.Addrs)
	m := join(t, b, topic, "workers", nil)
	mustPublish(t, b, topic, numbers(0, 30)...)
	given := m.given(t, 30)
	m.settle(given[20:]...) // also beyond the places
	m.leave()
	brokers.Eventually(t, patience, "another millisecond", func() bool { return time.Now().After(given[29].Time.Add(2 * time.Millisecond)) })
	middle := time.Now()
	mustPublish(t, b, topic, numbers(30, 60)...)
	old := progress(t, b, topic, "workers")

	for name, c := range map[string]struct {
		to  domain.Start
		lag int64
	}{
		"earliest":         {domain.StartEarliest(), 60},
		"latest":           {domain.StartLatest(), 0},
		"a time":           {domain.StartTime(middle), 30},
		"a time to come":   {domain.StartTime(time.Now().Add(time.Hour)), 0},
		"where it was":     {old.Start(), old.Lag},
		"a bare vector":    {domain.StartVector(&domain.Vector{}), 60},
		"one place of all": {domain.StartVector(domain.NewVector(old.Epoch, domain.Place{Partition: 1, Next: 1})), 59},
	} {
		moved := move(t, b, topic, "workers", c.to)
		if lag := domain.LagOf(moved); lag != c.lag {
			t.Errorf("%s: the queue is %d behind by %+v, want %d", name, lag, moved, c.lag)
		}
		if now := progress(t, b, topic, "workers"); !slices.Equal(now.Partitions, moved) {
			t.Errorf("%s: the progress is %+v, was told %+v", name, now.Partitions, moved)
		}
		expectApachesWord(t, cluster, topic, "workers", moved)
	}
	// The places tell their epoch, as those of a queue that has just begun do, and nothing beyond them.
	join(t, b, topic, "fresh", nil).leave()
	if got, want := metadata(t, cluster, topic, "workers"), metadata(t, cluster, topic, "fresh"); !slices.Equal(got, want) {
		t.Errorf("the places were committed with %q, want %q", got, want)
	}

	// What was settled beyond the old places is given again, too.
	move(t, b, topic, "workers", domain.StartEarliest())
	again := join(t, b, topic, "workers", nil)
	again.given(t, 60)
	if len(again.gaps) > 0 {
		t.Errorf("a queue that was moved is told of gaps %v", again.gaps)
	}
}

func TestAQueueIsNotMovedWhereItCannotBe(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 6)...)
	for _, missing := range []struct {
		topic domain.Topic
		want  domain.Code
	}{{topic, domain.UnknownQueue}, {topic + ".missing", domain.UnknownTopic}} {
		if _, err := b.Move(t.Context(), missing.topic, "workers", domain.StartEarliest()); domain.CodeOf(err) != missing.want {
			t.Errorf("of topic %s: %v, want %s", missing.topic, err, missing.want)
		}
	}
	commitBehindOurBack(t, cluster, string(topic)+".workers", topic, 3)
	before := progress(t, b, topic, "workers")
	place := func(epoch domain.Epoch, partition int32, next int64) domain.Start {
		return domain.StartVector(domain.NewVector(epoch, domain.Place{Partition: partition, Next: next}))
	}
	for name, to := range map[string]domain.Start{
		"another epoch":          place(before.Epoch+1, 0, 1),
		"beyond the end":         place(before.Epoch, 0, 7),
		"a partition that isn't": place(before.Epoch, 1, 0),
	} {
		if _, err := b.Move(t.Context(), topic, "workers", to); domain.CodeOf(err) != domain.InvalidCursor {
			t.Errorf("%s: %v, want invalid-cursor", name, err)
		}
	}
	if now := progress(t, b, topic, "workers"); !slices.Equal(now.Partitions, before.Partitions) {
		t.Errorf("what was refused made %+v of %+v", now.Partitions, before.Partitions)
	}
}

func TestAQueueIsMovedToWhatRetentionHasOvertaken(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	join(t, b, topic, "workers", nil).leave()
	mustPublish(t, b, topic, numbers(0, 6)...)
	if err := brokers.KafkaAdmin(t, cluster).DeleteRecords(string(topic), map[int32]int64{0: 4}); err != nil {
		t.Fatal(err)
	}
	epoch := progress(t, b, topic, "workers").Epoch
	moved := move(t, b, topic, "workers", domain.StartVector(domain.NewVector(epoch, domain.Place{Next: 1})))
	if want := (domain.Committed{Extent: domain.Extent{First: 4, End: 6}, Place: 1}); moved[0] != want {
		t.Errorf("the queue was moved to %+v, want %+v", moved[0], want)
	}
	m := join(t, b, topic, "workers", nil)
	m.given(t, 2)
	if want := (domain.Gap{Reason: domain.GapRetention, Lost: 3}); len(m.gaps) != 1 || m.gaps[0] != want {
		t.Errorf("the next member was told %v, want %v", m.gaps, want)
	}
}

// Kafka commits nothing for a group that has members, whoever they are and whatever they read.
func TestAQueueThatHasMembersStays(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic, other := newTopic(t, cluster, 1), newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 6)...)
	group := string(topic) + ".workers"
	refuse := func(who string) {
		t.Helper()
		before := brokers.ConsumerGroup(t, cluster, group)
		if _, err := b.Move(t.Context(), topic, "workers", domain.StartEarliest()); domain.CodeOf(err) != domain.Conflict {
			t.Errorf("moving a queue that has %s: %v, want conflict", who, err)
		}
		if err := b.Forget(t.Context(), topic, "workers"); domain.CodeOf(err) != domain.Conflict {
			t.Errorf("deleting a queue that has %s: %v, want conflict", who, err)
		}
		if now := brokers.ConsumerGroup(t, cluster, group); !slices.Equal(now, before) {
			t.Errorf("what was refused made %+v of %+v", now, before)
		}
	}

	ours := join(t, b, topic, "workers", nil)
	refuse("a member of ours")
	ours.leave()
	leave := subscribe(t, cluster, group, topic)
	refuse("a member that is not ours")
	leave()
	leave = subscribe(t, cluster, group, other)
	refuse("a member that reads another topic")
	leave()
	drones := string(topic) + ".drones"
	leave = subscribe(t, cluster, drones, topic)
	if err := b.Forget(t.Context(), topic, "drones"); domain.CodeOf(err) != domain.Conflict {
		t.Errorf("deleting a queue that has nothing but a member: %v, want conflict", err)
	}
	leave()
	if moved := move(t, b, topic, "workers", domain.StartEarliest()); moved[0].Place != 0 {
		t.Errorf("when all have left the queue was moved to %+v", moved)
	}
}

// The newer protocol of Kafka 4 keeps its members apart from those that older clients can see.
func TestAQueueOfTheNewerProtocolStays(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 6)...)
	group := string(topic) + ".workers"
	commitBehindOurBack(t, cluster, group, topic, 2)
	brokers.StartConsoleConsumer(t, cluster, string(topic), group, "group.protocol=consumer")
	brokers.Eventually(t, patience, "Apache's consumer is a member", func() bool {
		lines := brokers.ConsumerGroup(t, cluster, group)
		return len(lines) == 1 && lines[0].Member != ""
	})
	if _, err := b.Move(t.Context(), topic, "workers", domain.StartEarliest()); domain.CodeOf(err) != domain.Conflict {
		t.Errorf("moving it: %v, want conflict", err)
	}
	if err := b.Forget(t.Context(), topic, "workers"); domain.CodeOf(err) != domain.Conflict {
		t.Errorf("deleting it: %v, want conflict", err)
	}
}
