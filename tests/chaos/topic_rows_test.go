package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// topicRows break topics themselves.
func topicRows() []row {
	return []row{
		{name: "partitions added", on: []string{kafka}, alone: partitionsAdded},
		{name: "topic deleted and made anew", on: servers, disturb: topicRemade},
		{name: "exchange deleted behind the bridge's back", on: []string{amqp}, disturb: exchangeDeleted},
		{name: "retention running past slow viewers", on: everywhere, env: shortMemory(), alone: retentionPasses},
		{name: "retention running past everybody while the bridge was away", on: []string{kafka}, disturb: retentionAlone},
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

// write writes messages to partitions, so many to each, with keys of their own, past the bridge.
func (x *trial) write(prefix string, each int, partitions ...int32) (notes []oracle.Note) {
	x.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
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

func (x *trial) deleteExchange() {
	x.Helper()
	if err := x.atRabbit(func(server *amqp091.Channel) error { return server.ExchangeDelete(x.name, false, false) }); err != nil {
		x.Fatal(err)
	}
}

// exchangeDeleted deletes what a topic is published to, and with it what binds its log and its queue to it.
func exchangeDeleted(x *trial) {
	for range few(2, 10) {
		x.deleteExchange()
		x.step("the exchange is deleted")
		x.goOn("after the exchange was deleted")
	}
}

// shortMemory are settings by which bridges and brokers remember little.
func shortMemory() []string {
	return []string{
		"CULVERT_SUBSCRIBE_WINDOW_MESSAGES=50", "CULVERT_INPROC_LOG_MESSAGES=200",
		"CULVERT_AMQP_STREAM_MAX_BYTES=1000000", "CULVERT_AMQP_STREAM_SEGMENT_BYTES=250000",
	}
}

// retentionPasses lets the broker forget what a viewer who reads nothing, and one who is away, have not seen.
func retentionPasses(x *trial) {
	x.addNode()
	beginning := x.end()
	if x.rabbit != nil {
		x.oracle.Own(1000) // at the beginning of each of a stream's files there may be one
	}
	var slow, away *viewer
	x.underLoad(crowd{publishers: 3, viewers: 3, members: 4, keys: 20, rate: 60}, func(x *trial) {
		slow, away = newViewer(x.load, "a viewer who reads nothing", 0), newViewer(x.load, "a viewer who was away", 1)
		slow.place, away.place = beginning, beginning
		x.visit(slow)
		leave := x.visit(away)
		x.load.viewers = append(x.load.viewers, slow, away)
		x.goOn("with two viewers more")
		leave()
		slow.gate.Lock()
		for i := range few(8, 80) {
			x.inject(fmt.Sprintf("%s-%d", large, i), 50)
		}
		x.step("the log has been overrun")
		if x.kafka != nil {
			x.forget(0)
		}
		slow.gate.Unlock()
		x.visit(away)
		x.step("both read again")
	})
	for _, v := range []*viewer{slow, away} {
		if v.seen.Gaps() == 0 {
			x.Errorf("%s was told of no gap", v.name)
		}
	}
}

// end is the cursor of the topic's end, before the load. A topic that is not there yet is made by a message that nobody else will see.
func (x *trial) end() string {
	x.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	var ack struct{}
	if err := client.Post(ctx, x.url()+"/v1/topics/"+x.name+"/messages", "text/plain", []byte("before all"), &ack); err != nil {
		x.Fatal(err)
	}
	var topic struct{ Cursor string }
	if err := client.Get(ctx, x.url()+"/v1/topics/"+x.name, &topic); err != nil {
		x.Fatal(err)
	}
	return topic.Cursor
}

// visit lets a viewer in, and returns when it was. It stays until leave, which waits, or the end of the load. Another time it goes on where it was.
func (x *trial) visit(v *viewer) (leave func()) {
	life, end := context.WithCancel(context.Background())
	opened, gone := make(chan struct{}), make(chan struct{})
	x.load.reading.Go(func() { // ends with life
		defer close(gone)
		v.run(life, sync.OnceFunc(func() { close(opened) }))
	})
	all := x.load.end
	x.load.end = func() {
		end()
		all()
	}
	<-opened
	return func() {
		end()
		<-gone
	}
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

// retentionAlone lets messages come and go while the bridge is away.
func retentionAlone(x *trial) {
	x.nodes[0].stop()
	x.step("the bridge has left")
	x.write("unseen", 50, 0, 1, 2, 3, 4, 5)
	x.forget(5)
	x.step("what came meanwhile is gone, but for a little")
	x.nodes[0].start()
}
