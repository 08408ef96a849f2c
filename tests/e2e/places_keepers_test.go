package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
)

// keeper is a broker that keeps logs, with what others do to them.
type keeper struct {
	subject
	// remake deletes a topic with all in it, and returns when it is there anew.
	remake func(t *testing.T, topic string)
	// small gives the settings of a bridge whose topics keep about so many bytes; none where it is cut that does it.
	small func(bytes int) []string
	// cut lets retention take all but the last few messages of each partition, where small does not do it.
	cut func(t *testing.T, topic string, keep int64)
}

// keepers are the brokers that keep logs. Their topics have as many partitions as is said.
func keepers() []keeper {
	k, a := kafka(), amqp()
	k.partitions = 2
	k.topic = func(t *testing.T) string {
		topic := brokers.Topic(t)
		brokers.CreateTopic(t, brokers.Kafka(t), topic, int32(k.partitions))
		return topic
	}
	return []keeper{
		{subject: k, remake: remakeTopic, small: func(int) []string { return nil }, cut: deleteRecords},
		{subject: a, remake: remakeLog, small: smallLog, cut: func(*testing.T, string, int64) {}},
	}
}

// remakeTopic is keeper.remake for Kafka.
func remakeTopic(t *testing.T, topic string) {
	t.Helper()
	admin := brokers.KafkaAdmin(t, brokers.Kafka(t))
	before := describe(t, admin, topic)
	if err := admin.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	partitions := int32(len(before.Partitions))
	brokers.Eventually(t, 30*time.Second, "the topic can be made anew", func() bool {
		return admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false) == nil
	})
	// The broker is told of both by the controller, one after the other.
	brokers.Eventually(t, 30*time.Second, "the broker knows the new topic", func() bool {
		now := describe(t, admin, topic)
		return now.Err == sarama.ErrNoError && now.Uuid != before.Uuid && len(now.Partitions) == len(before.Partitions) && led(now)
	})
}

func describe(t *testing.T, admin sarama.ClusterAdmin, topic string) *sarama.TopicMetadata {
	t.Helper()
	topics, err := admin.DescribeTopics([]string{topic})
	if err != nil || len(topics) != 1 {
		t.Fatalf("%d topics, %v", len(topics), err)
	}
	return topics[0]
}

// metadata is what one broker of Kafka's tells of a topic. Clients with a choice may ask another one, which is gone.
func metadata(t *testing.T, addr, topic string) *sarama.TopicMetadata {
	t.Helper()
	conn := sarama.NewBroker(addr)
	if err := conn.Open(sarama.NewConfig()); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	response, err := conn.GetMetadata(sarama.NewMetadataRequest(sarama.V2_8_0_0, []string{topic}))
	if err != nil || len(response.Topics) != 1 {
		t.Fatal(err)
	}
	return response.Topics[0]
}

// led reports whether all partitions have leaders.
func led(topic *sarama.TopicMetadata) bool {
	for _, p := range topic.Partitions {
		if p.Leader < 0 || p.Err != sarama.ErrNoError {
			return false
		}
	}
	return true
}

// deleteRecords is keeper.cut for Kafka.
func deleteRecords(t *testing.T, topic string, keep int64) {
	t.Helper()
	admin := brokers.KafkaAdmin(t, brokers.Kafka(t))
	ends := map[int32]int64{}
	for _, p := range describe(t, admin, topic).Partitions {
		ends[p.ID] = sarama.OffsetNewest
	}
	found, err := admin.ListOffsets(map[string]map[int32]int64{topic: ends}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for p, end := range found[topic] {
		ends[p] = end.Offset - keep
	}
	if err := admin.DeleteRecords(topic, ends); err != nil {
		t.Fatal(err)
	}
}

// smallLog is keeper.small for RabbitMQ, which cuts a log off by whole files.
func smallLog(bytes int) []string {
	return []string{fmt.Sprint("CULVERT_AMQP_STREAM_MAX_BYTES=", bytes), fmt.Sprint("CULVERT_AMQP_STREAM_SEGMENT_BYTES=", bytes/4)}
}

// remakeLog is keeper.remake for RabbitMQ. It is the bridge that makes a log anew, for those who view the topic.
func remakeLog(t *testing.T, topic string) {
	t.Helper()
	conn, log := deleteLog(t, topic)
	brokers.Eventually(t, 30*time.Second, "the log is there anew", func() bool {
		ch, err := conn.Channel() // which ends where the queue is missing
		if err != nil {
			return false
		}
		defer ch.Close()
		// What is published before it is bound is refused, and this binds it as the bridge is about to. It is ready when it can be read.
		if ch.QueueBind(log, "", topic, false, nil) != nil || ch.Qos(1, 0, false) != nil {
			return false
		}
		_, err = ch.Consume(log, "", false, false, false, false, amqp091.Table{"x-stream-offset": "first"})
		return err == nil
	})
}

// deleteLog deletes the log of a topic in RabbitMQ, and gives its name and a connection to the server.
func deleteLog(t *testing.T, topic string) (conn *amqp091.Connection, log string) {
	t.Helper()
	conn, err := amqp091.Dial(brokers.RabbitMQ(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	log = topic + ":$log"
	ch, err := conn.Channel()
	if err == nil {
		_, err = ch.QueueDelete(log, false, false, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return conn, log
}
