package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// scribe writes to the partitions of topics of Kafka's that it is told, as no bridge does.
type scribe struct {
	t        *testing.T
	producer sarama.SyncProducer
}

func newScribe(t *testing.T, cluster brokers.KafkaCluster) *scribe {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	cfg.Producer.Return.Successes = true
	cfg.Metadata.AllowAutoTopicCreation = false
	cfg.Metadata.RefreshFrequency = 200 * time.Millisecond // a broker may tell of the old partitions for a while, and an unknown one is no reason to ask again
	p, err := sarama.NewSyncProducer(cluster.Addrs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return &scribe{t, p}
}

// write writes texts to a partition, and waits for it to be there.
func (s *scribe) write(topic string, partition int32, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder(text)}
		brokers.Eventually(s.t, 30*time.Second, fmt.Sprintf("partition %d takes a message", partition), func() bool {
			_, _, err := s.producer.SendMessage(m)
			return err == nil
		})
	}
}

// Partitions that are added to a topic are read from their beginning, by those who view it already, and by those who come back to a place from before there were any.
func TestPartitionsAreAdded(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	k, cluster, topic := kafka(), brokers.Kafka(t), brokers.Topic(t)
	brokers.CreateTopic(t, cluster, topic, 1)
	b := k.start(t)
	inject(ctx, t, b, topic, 0, 10, 0)
	viewers := eachEdge(ctx, t, b, topic, "earliest", "")
	var cursors []string
	for _, e := range viewers {
		e.ready("anew")
		seen := e.messages(10)
		cursors = append(cursors, seen[3].Cursor, seen[9].Cursor)
	}
	if err := brokers.KafkaAdmin(t, cluster).CreatePartitions(topic, 3, nil, false); err != nil {
		t.Fatal(err)
	}
	s := newScribe(t, cluster)
	s.write(topic, 2, "m10", "m11") // before anybody looks again
	s.write(topic, 1, "m12")

	for _, e := range viewers {
		isAll(t, e.edge, e.messages(3), 10, 13)
	}
	other := k.start(t)
	for _, node := range []*bridge.Bridge{b, other} {
		for i, cursor := range cursors {
			for _, e := range eachEdge(ctx, t, node, topic, "latest", cursor) {
				e.ready("resumed true")
				seen := []int{4, 10}[i%2]
				isAll(t, e.edge, e.messages(13-seen), seen, 13)
			}
		}
	}
	s.write(topic, 1, "m13")
	s.write(topic, 0, "m14")
	for _, e := range viewers {
		isAll(t, e.edge, e.messages(2), 13, 15)
	}
}
