package kafka_test

import (
	"fmt"
	"testing"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

// numbers are the payloads from up to to, exclusive.
func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// committed is what Kafka itself says that the group has committed for partition 0; -1 for nothing.
func committed(t testing.TB, cluster brokers.KafkaCluster, group string, topic domain.Topic) int64 {
	t.Helper()
	response, err := brokers.KafkaAdmin(t, cluster).ListConsumerGroupOffsets(group, map[string][]int32{string(topic): {0}})
	if err != nil {
		t.Fatal(err)
	}
	return response.GetBlock(string(topic), 0).Offset
}

func TestAQueueGoesOnAtItsPrefixAndGivesNothingSettledAgain(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	first := join(t, b, topic, "workers", nil)
	mustPublish(t, b, topic, numbers(0, 10)...)
	given := first.given(t, 10)

	first.settle(given[0], given[1], given[4], given[5], given[9])
	first.leave()

	if got, want := committed(t, cluster, string(topic)+".workers", topic), int64(2); got != want {
		t.Errorf("the place that was committed is %d, want %d: the first message that is not settled", got, want)
	}
	second := join(t, b, topic, "workers", nil)
	if got, want := payloads(second.given(t, 5)), []string{"2", "3", "6", "7", "8"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the next member was given %q, want %q", got, want)
	}
	for c := range first.claims {
		c.Settle(2) // which is void: the claim is gone
	}
	second.settle(second.given(t, 5)...)
	second.leave()
	if got, want := committed(t, cluster, string(topic)+".workers", topic), int64(10); got != want {
		t.Errorf("the place that was committed is %d, want %d", got, want)
	}
}

func TestAClaimMovesToAnotherMemberWithWhatIsSettled(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 2)
	b := open(t, cluster.Addrs)
	first := join(t, b, topic, "workers", nil)
	mustPublish(t, b, topic, numbers(0, 40)...)
	given := first.given(t, 40)
	left := map[string]bool{}
	for i, m := range given {
		if i%3 == 0 {
			left[string(m.Payload)] = true
			continue
		}
		first.settle(m)
	}
	second := join(t, b, topic, "workers", nil)
	first.until(t, "a revoked claim", func(m *member) bool {
		for _, held := range m.claims {
			if !held {
				return true
			}
		}
		return false
	})
	moved := second.given(t, 1)[0].Partition
	want := 0
	for _, m := range given {
		if m.Partition == moved && left[string(m.Payload)] {
			want++
		}
	}
	for _, m := range second.given(t, want) {
		if !left[string(m.Payload)] || m.Partition != moved {
			t.Errorf("%q of partition %d was given again; it was settled, or its claim has not moved", m.Payload, m.Partition)
		}
	}
}

func TestAQueueBeginsWhereItIsToldOnce(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, numbers(0, 5)...)
	earliest := domain.StartEarliest()

	first := join(t, b, topic, "all", &earliest)
	first.given(t, 5)
	refused := join(t, b, topic, "all", &earliest)
	if domain.CodeOf(refused.err) != domain.Conflict {
		t.Errorf("a second beginning is %v, want conflict", refused.err)
	}
	first.leave()

	// A member that is gone before it settled anything leaves the queue where it began, whatever has come since.
	join(t, b, topic, "new", nil).leave()
	mustPublish(t, b, topic, numbers(5, 8)...)
	if got, want := payloads(join(t, b, topic, "new", nil).given(t, 3)), numbers(5, 8); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the queue went on with %q, want %q", got, want)
	}
}

func TestQueuesOfTwoTopicsShareAGroup(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	one, two := newTopic(t, cluster, 1), newTopic(t, cluster, 1)
	queue := domain.Queue(brokers.Topic(t)) // a group of this test's own
	b := open(t, cluster.Addrs, func(c *kafka.Config) { c.GroupID = "{queue}" })
	mustPublish(t, b, two, numbers(0, 3)...)
	earliest := domain.StartEarliest()

	first := join(t, b, one, queue, nil)
	second := join(t, b, two, queue, &earliest) // the group has a member, so only members can commit
	if got, want := payloads(second.given(t, 3)), numbers(0, 3); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the second topic's queue was given %q, want %q", got, want)
	}
	mustPublish(t, b, one, "for the first")
	if got := payloads(first.given(t, 1)); got[0] != "for the first" {
		t.Errorf("the first topic's queue was given %q", got)
	}
	second.leave()
	if got := committed(t, cluster, string(queue), two); got != 0 {
		t.Errorf("the second topic's queue stands at %d, want 0, where it began", got)
	}
}

func TestRetentionOvertakesAQueue(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	join(t, b, topic, "workers", nil).leave()
	mustPublish(t, b, topic, numbers(0, 6)...)
	if err := brokers.KafkaAdmin(t, cluster).DeleteRecords(string(topic), map[int32]int64{0: 4}); err != nil {
		t.Fatal(err)
	}
	m := join(t, b, topic, "workers", nil)
	if got, want := payloads(m.given(t, 2)), numbers(4, 6); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the queue went on with %q, want %q", got, want)
	}
	if want := (domain.Gap{Reason: domain.GapRetention, Partition: 0, Lost: 4}); len(m.gaps) != 1 || m.gaps[0] != want {
		t.Errorf("the queue was told %v, want %v", m.gaps, want)
	}
}

func TestAQueueOnATopicMadeAnewBeginsAtItsFirstMessage(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	m := join(t, b, topic, "workers", nil)
	mustPublish(t, b, topic, numbers(0, 3)...)
	m.settle(m.given(t, 3)...)

	remake(t, cluster, topic)
	mustPublish(t, open(t, cluster.Addrs), topic, numbers(10, 15)...)

	if got, want := payloads(m.given(t, 8)[3:]), numbers(10, 15); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the queue went on with %q, want %q", got, want)
	}
	if len(m.gaps) != 1 || m.gaps[0].Reason != domain.GapEpoch {
		t.Errorf("the queue was told %v, want one gap of the epoch", m.gaps)
	}
}

func TestAQueueReadsNewPartitionsFromTheirBeginning(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	m := join(t, open(t, cluster.Addrs), topic, "workers", nil)
	if err := brokers.KafkaAdmin(t, cluster).CreatePartitions(string(topic), 3, nil, false); err != nil {
		t.Fatal(err)
	}
	other := open(t, cluster.Addrs) // whose metadata are new
	brokers.Eventually(t, patience, "the new partitions can be written", func() bool {
		info, err := other.Describe(t.Context(), topic)
		return err == nil && len(info.Partitions) == 3
	})
	mustPublish(t, other, topic, numbers(0, 30)...)
	m.given(t, 30)
}

func TestControlRecordsDoNotHoldUpThePlace(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	m := join(t, b, topic, "workers", nil)
	transact(t, cluster, topic, false, "aborted")
	transact(t, cluster, topic, true, "committed")
	mustPublish(t, b, topic, "plain")
	given := m.given(t, 2)
	m.settle(given...)
	m.leave()
	if got, want := committed(t, cluster, string(topic)+".workers", topic), given[1].Offset+1; got != want {
		t.Errorf("the place is %d, want %d: after the last message, past aborted ones and markers", got, want)
	}
}
