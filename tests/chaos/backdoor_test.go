package chaos

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
	"culvert/tests/oracle"
)

// What is in this file is done to brokers behind the bridge's back.

// write writes messages to partitions, so many to each, with keys of their own, past the bridge.
func (x *trial) write(prefix string, each int, partitions ...int32) (notes []oracle.Note) {
	x.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	cfg.Metadata.RefreshFrequency = 200 * time.Millisecond // partitions that were just added are asked for again
	producer, err := sarama.NewSyncProducer(x.kafka.Cluster().Addrs, cfg)
	if err != nil {
		x.Fatal(err)
	}
	defer producer.Close()
	stranger := x.stranger()
	for i := range each {
		for _, p := range partitions {
			n := oracle.Note{Publisher: stranger, Key: fmt.Sprintf("%s-%d", prefix, p), N: i}
			x.oracle.Sent(n)
			m := &sarama.ProducerMessage{Topic: x.name, Partition: p, Key: sarama.StringEncoder(n.Key), Value: sarama.StringEncoder(payload(n))}
			if !x.until(recovery, func() bool { _, _, err = producer.SendMessage(m); return err == nil }) {
				x.Fatalf("a message to partition %d: %v", p, err)
			}
			x.oracle.Answered(n, true)
			notes = append(notes, n)
		}
	}
	return notes
}

// forget lets Kafka delete all messages of the topic but the last few of each partition.
func (x *trial) forget(but int64) {
	x.Helper()
	admin := brokers.KafkaAdmin(x.T, x.kafka.Cluster())
	described, err := admin.DescribeTopics([]string{x.name})
	if err != nil {
		x.Fatal(err)
	}
	kafka, err := sarama.NewClient(x.kafka.Cluster().Addrs, nil)
	if err != nil {
		x.Fatal(err)
	}
	defer kafka.Close()
	upto := map[int32]int64{}
	for _, p := range described[0].Partitions {
		end, err := kafka.GetOffset(x.name, p.ID, sarama.OffsetNewest)
		if err != nil {
			x.Fatal(err)
		}
		upto[p.ID] = max(0, end-but)
	}
	if err := admin.DeleteRecords(x.name, upto); err != nil {
		x.Fatal(err)
	}
}

func (x *trial) deleteExchange() {
	x.Helper()
	if err := x.atRabbit(func(server *amqp091.Channel) error { return server.ExchangeDelete(x.name, false, false) }); err != nil {
		x.Fatal(err)
	}
}

// atRabbit does something to the server behind the bridge's back, on a connection of its own.
func (x *trial) atRabbit(do func(*amqp091.Channel) error) error {
	conn, err := amqp091.Dial(x.rabbit.URL())
	if err != nil {
		return err
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	return do(channel)
}

// deleteQueue deletes a queue in the server, with all in it.
func (x *trial) deleteQueue(name string) {
	x.Helper()
	if err := x.atRabbit(func(server *amqp091.Channel) error {
		_, err := server.QueueDelete(name, false, false, false)
		return err
	}); err != nil {
		x.Fatal(err)
	}
}

// alterTopic changes a setting of the topic, until what it returns is called.
func (x *trial) alterTopic(name, value string) (mend func()) {
	x.Helper()
	admin := brokers.KafkaAdmin(x.T, x.arena.kafka.Cluster())
	alter := func(op sarama.IncrementalAlterConfigsOperation) {
		entries := map[string]sarama.IncrementalAlterConfigsEntry{name: {Operation: op, Value: &value}}
		if err := admin.IncrementalAlterConfig(sarama.TopicResource, x.name, entries, false); err != nil {
			x.Errorf("the setting %s of the topic: %v", name, err)
		}
	}
	alter(sarama.IncrementalAlterConfigsOperationSet)
	return x.mender(func() { alter(sarama.IncrementalAlterConfigsOperationDelete) })
}
