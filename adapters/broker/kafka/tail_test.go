package kafka_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

func TestNewPartitionsAreReadFromTheirBeginning(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	r := tail(t, b, topic, domain.StartLatest())
	if err := brokers.KafkaAdmin(t, cluster).CreatePartitions(string(topic), 2, nil, false); err != nil {
		t.Fatal(err)
	}
	other := open(t, cluster.Addrs) // whose metadata are new
	brokers.Eventually(t, patience, "the new partition can be written", func() bool {
		info, err := other.Describe(t.Context(), topic)
		return err == nil && len(info.Partitions) == 2
	})
	want := 0
	for i := 0; want == 0; i++ { // until a key falls into the new partition
		if mustPublish(t, other, topic, fmt.Sprint("key ", i))[0].Position.Partition == 1 {
			want = i + 1
		}
	}
	r.until(t, "all messages, those of the new partition too", func(r *reader) bool { return len(r.messages) == want && r.next[1] == 1 })
	if len(r.gaps) > 0 {
		t.Errorf("a new partition is no gap: %v", r.gaps)
	}
}

func TestATopicMadeAnewIsReadFromItsFirstMessage(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, "old 0", "old 1", "old 2")
	r := tail(t, b, topic, domain.StartEarliest())
	r.messagesAre(t, "old 0", "old 1", "old 2")
	old := r.opening.Vector

	remake(t, cluster, topic)
	mustPublish(t, open(t, cluster.Addrs), topic, "new 0", "new 1", "new 2", "new 3")

	r.messagesAre(t, "old 0", "old 1", "old 2", "new 0", "new 1", "new 2", "new 3")
	if len(r.gaps) != 1 || r.gaps[0].Reason != domain.GapEpoch || len(r.epochs) != 1 || r.epochs[0] == old.Epoch {
		t.Errorf("gaps %v and epochs %v; want one gap and one epoch, other than %v", r.gaps, r.epochs, old.Epoch)
	}
	again := tail(t, b, topic, domain.StartVector(old.With(domain.Place{Partition: 0, Next: 3})))
	again.messagesAre(t, "new 0", "new 1", "new 2", "new 3")
	if gaps := again.opening.Gaps; len(gaps) != 1 || gaps[0].Reason != domain.GapEpoch {
		t.Errorf("a resume with the old epoch opened with gaps %v, want one of the epoch", gaps)
	}
}

// remake deletes a topic and makes it anew.
func remake(t testing.TB, cluster brokers.KafkaCluster, topic domain.Topic) {
	t.Helper()
	admin := brokers.KafkaAdmin(t, cluster)
	before, err := admin.DescribeTopics([]string{string(topic)})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteTopic(string(topic)); err != nil {
		t.Fatal(err)
	}
	brokers.Eventually(t, patience, "the topic can be made anew", func() bool {
		return admin.CreateTopic(string(topic), &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false) == nil
	})
	// The broker is told of both by the controller, one after the other.
	brokers.Eventually(t, patience, "the broker knows the new topic", func() bool {
		now, err := admin.DescribeTopics([]string{string(topic)})
		return err == nil && now[0].Err == sarama.ErrNoError && now[0].Uuid != before[0].Uuid && len(now[0].Partitions) == 1 && now[0].Partitions[0].Err == sarama.ErrNoError
	})
}

func TestATopicThatIsGoneEndsTheReading(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	r := tail(t, open(t, cluster.Addrs), topic, domain.StartLatest())
	if err := brokers.KafkaAdmin(t, cluster).DeleteTopic(string(topic)); err != nil {
		t.Fatal(err)
	}
	r.until(t, "the end of the sequence", func(r *reader) bool { return r.err != nil })
	if domain.CodeOf(r.err) != domain.UnknownTopic {
		t.Errorf("the sequence ended with %v, want unknown-topic", r.err)
	}
}

func TestTransactionsAreReadWhenTheyAreCommitted(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	r := tail(t, b, topic, domain.StartLatest())
	transact(t, cluster, topic, false, "aborted 0", "aborted 1")
	transact(t, cluster, topic, true, "committed")
	const end = 2 + 1 + 1 + 1 // the messages and a marker for each transaction

	r.messagesAre(t, "committed")
	r.until(t, "the place past the last marker", func(r *reader) bool { return r.next[0] == end })
	if len(r.gaps) > 0 {
		t.Errorf("what was aborted is no gap: %v", r.gaps)
	}
	info, err := b.Describe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Partitions[0].End; got != end {
		t.Errorf("the end is %d, want %d", got, end)
	}
}

// transact publishes values in one transaction, which it commits or aborts.
func transact(t testing.TB, cluster brokers.KafkaCluster, topic domain.Topic, commit bool, values ...string) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	cfg.Producer.Idempotent = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Return.Successes = true
	cfg.Net.MaxOpenRequests = 1
	cfg.Producer.Transaction.ID = brokers.Topic(t)
	p, err := sarama.NewSyncProducer(cluster.Addrs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.BeginTxn(); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: string(topic), Value: sarama.StringEncoder(v)}); err != nil {
			t.Fatal(err)
		}
	}
	end := p.AbortTxn
	if commit {
		end = p.CommitTxn
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

func TestCompactedOffsetsAreNoGap(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1, "cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.001", "delete.retention.ms", "0", "min.compaction.lag.ms", "0")
	b := open(t, cluster.Addrs)
	for i := range 20 { // all of one key, so that one is left
		batch := &domain.Message{Key: []byte("key"), Payload: fmt.Append(nil, i), Time: time.Now()}
		if o := publish(t.Context(), b, topic, batch)[0]; o.err != nil {
			t.Fatal(o.err)
		}
	}
	var r *reader
	brokers.Eventually(t, 2*patience, "the topic is compacted", func() bool {
		// A segment is closed by what comes after it, and the last one is never compacted.
		mustPublish(t, b, topic, "last")
		info, err := b.Describe(t.Context(), topic)
		if err != nil {
			return false
		}
		end := info.Partitions[0].End
		r = tail(t, b, topic, domain.StartVector(domain.NewVector(info.Epoch, domain.Place{Partition: 0, Next: 0})))
		r.until(t, "the end", func(r *reader) bool { return r.next[0] >= end })
		r.stop()
		return len(r.messages) < 10
	})
	if len(r.gaps)+len(r.opening.Gaps) > 0 {
		t.Errorf("compaction is no gap: %v %v", r.opening.Gaps, r.gaps)
	}
	if len(r.messages) == 0 || string(r.messages[len(r.messages)-1].Payload) != "last" {
		t.Errorf("read %q, want what is left, and last the last", payloads(r.messages))
	}
}

func TestWhatRetentionTookIsAGapWithItsNumber(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	b := open(t, cluster.Addrs)
	mustPublish(t, b, topic, "0", "1", "2", "3", "4")
	if err := brokers.KafkaAdmin(t, cluster).DeleteRecords(string(topic), map[int32]int64{0: 3}); err != nil {
		t.Fatal(err)
	}
	r := tail(t, b, topic, domain.StartVector(domain.NewVector(0, domain.Place{Partition: 0, Next: 1})))
	r.messagesAre(t, "3", "4")
	if gaps := r.opening.Gaps; len(gaps) != 1 || gaps[0] != (domain.Gap{Reason: domain.GapRetention, Partition: 0, Lost: 2}) {
		t.Errorf("the opening's gaps are %v, want one of 2 by retention", gaps)
	}
	all := tail(t, b, topic, domain.StartEarliest())
	all.messagesAre(t, "3", "4")
	if len(all.opening.Gaps) > 0 {
		t.Errorf("who asks for the earliest misses nothing: %v", all.opening.Gaps)
	}
}

func TestRetentionOvertakesAReader(t *testing.T) {
	t.Parallel()
	cluster := brokers.Kafka(t)
	topic := newTopic(t, cluster, 1)
	// Answers of a few kilobytes, so that the reader cannot have all of it before it is gone.
	b := open(t, cluster.Addrs, func(c *kafka.Config) { c.FetchBytes, c.FetchPartitionBytes = 1024, 1024 })
	const total, kept = 60, 50
	large := make([]byte, 10_000)
	for range total {
		if o := publish(t.Context(), b, topic, &domain.Message{Payload: large})[0]; o.err != nil {
			t.Fatal(o.err)
		}
	}
	_, chunks, err := b.Tail(t.Context(), topic, domain.StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	seen, lost, last := int64(0), int64(0), int64(0)
	for c, err := range chunks {
		if err != nil {
			t.Fatal(err)
		}
		if seen == 0 { // the reader is held up while the log moves on
			if err := brokers.KafkaAdmin(t, cluster).DeleteRecords(string(topic), map[int32]int64{0: kept}); err != nil {
				t.Fatal(err)
			}
		}
		if c.Gap != nil {
			lost += c.Gap.Lost
		}
		seen += int64(len(c.Messages))
		if last = c.Next; last == total {
			break
		}
	}
	if lost == 0 || seen+lost != total {
		t.Errorf("%d messages were seen and %d told as lost, want %d together", seen, lost, total)
	}
}
