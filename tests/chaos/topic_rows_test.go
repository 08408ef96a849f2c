package chaos

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
)

// topicRows break topics themselves.
func topicRows() []row {
	return []row{
		{name: "partitions added", on: []string{kafka}, alone: partitionsAdded},
		{name: "topic deleted and made anew", on: servers, forgets: true, disturb: topicRemade},
		{name: "exchange deleted behind the bridge's back", on: []string{amqp}, forgets: true, disturb: exchangeDeleted},
		{name: "retention running past slow viewers", on: everywhere, env: shortMemory(), forgets: true, alone: retentionPasses},
		{name: "retention running past everybody while the bridge was away", on: []string{kafka}, forgets: true, disturb: retentionAlone},
	}
}

// partitionsAdded doubles the partitions of a topic, and writes to the new ones before the bridge has heard of them. Kafka itself breaks the order of a key that comes into another partition
// by that, so the keys here are such as stay.
func partitionsAdded(x *trial) {
	const before, after = 6, 12
	x.addNode()
	c := usual()
	c.suffix = func(name string) string {
		for i := 0; ; i++ {
			if suffix := fmt.Sprintf(".%d", i); partition(x, name+suffix, before) == partition(x, name+suffix, after) {
				return suffix
			}
		}
	}
	x.underLoad(c, func(x *trial) {
		if err := brokers.KafkaAdmin(x.T, x.kafka.Cluster()).CreatePartitions(x.name, after, nil, false); err != nil {
			x.Fatal(err)
		}
		var added []int32
		for p := int32(before); p < after; p++ {
			added = append(added, p)
		}
		notes := x.write("added", 10, added...)
		x.step("there are %d partitions more", len(added))
		x.arrive(notes)
		x.step("what is in them has arrived")
		x.grown.goroutines = 10 * len(added)
	})
}

// partition is where Kafka's clients put a key.
func partition(x *trial, key string, partitions int32) int32 {
	p, err := sarama.NewMurmur2Partitioner(x.name).Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, partitions)
	if err != nil {
		x.Fatal(err)
	}
	return p
}

// topicRemade deletes the topic under the load, and makes it anew.
func topicRemade(x *trial) {
	for range few(2, 6) {
		if x.rabbit != nil {
			unmake(x)
		} else {
			remakeTopic(x)
		}
		x.oracle.Remade()
		x.step("the topic was made anew")
		x.pass(x.between(0, pick(time.Second, 6*time.Second)))
		x.goOn("after the topic was made anew")
	}
}

// remakeTopic deletes the topic in Kafka, and returns when another one of the name can be written to.
func remakeTopic(x *trial) {
	admin := brokers.KafkaAdmin(x.T, x.kafka.Cluster())
	if err := admin.DeleteTopic(x.name); err != nil {
		x.Fatal(err)
	}
	var err error
	if !x.until(recovery, func() bool {
		err = admin.CreateTopic(x.name, &sarama.TopicDetail{NumPartitions: 6, ReplicationFactor: 1}, false)
		return err == nil || !errors.Is(err, sarama.ErrTopicAlreadyExists)
	}) || err != nil {
		x.Fatalf("the topic was not made anew: %v", err)
	}
	x.write("remade"+fmt.Sprint(time.Since(x.begun)), 1, 0, 1, 2, 3, 4, 5)
}

// unmake deletes all that a topic is in RabbitMQ: its exchange, its log and the queue. It returns when the bridge has made it anew.
func unmake(x *trial) {
	x.deleteExchange()
	queues := []string{x.name + ":$log", x.name + ":" + queue}
	for _, name := range queues {
		x.deleteQueue(name)
	}
	for _, name := range queues {
		if !x.until(recovery, func() bool {
			return x.atRabbit(func(server *amqp091.Channel) error {
				_, err := server.QueueDeclarePassive(name, true, false, false, false, nil)
				return err
			}) == nil
		}) {
			x.Fatalf("%s was not made anew", name)
		}
	}
	x.goOn("with the topic that was made anew")
}

// exchangeDeleted deletes what a topic is published to, and with it what binds its log and its queue to it. The gap in the queue comes before what the queue still has.
func exchangeDeleted(x *trial) {
	x.oracle.Early()
	for range few(2, 10) {
		x.deleteExchange()
		x.step("the exchange is deleted")
		x.goOn("after the exchange was deleted")
	}
}
