package system

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"

	"culvert/tests/bench/drive"
)

// Fed is the name of a limit whose publisher is a topic of Kafka: a bare consumer before bare sockets, which is the least that a bridge from there could do. It is told the brokers, separated by
// commas, the topic, whether its viewers speak WebSocket, and how much longer frames are than they need be.
const Fed = "coalesce on Kafka"

// fed makes such a limit. What is published from now on is shown.
func fed(args []string) (serve func(net.Listener), err error) {
	if len(args) != 4 {
		return nil, errors.New("a limit on Kafka is told brokers, a topic, frames and padding")
	}
	frames, err := strconv.ParseBool(args[2])
	padding, err2 := strconv.Atoi(args[3])
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	frame := drive.Event(padding)
	if frames {
		frame = drive.Text(padding)
	}
	l := newLimit(false)
	return l.serve, l.consume(strings.Split(args[0], ","), args[1], frame)
}

// consume lets all partitions of the topic be shown.
func (l *limit) consume(brokers []string, topic string, frame func(to, payload []byte) []byte) error {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	consumer, err := sarama.NewConsumer(brokers, config)
	if err != nil {
		return err
	}
	partitions, err := consumer.Partitions(topic)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		partition, err := backoff.Retry(context.Background(), func() (sarama.PartitionConsumer, error) {
			return consumer.ConsumePartition(topic, p, sarama.OffsetNewest)
		}, backoff.WithMaxElapsedTime(10*time.Second)) // a topic that was just made may have no leaders yet
		if err != nil {
			return err
		}
		go l.show(partition.Messages(), frame) // ends with the process
	}
	return nil
}

// show puts what a partition has on the tape, as much at once as is there.
func (l *limit) show(messages <-chan *sarama.ConsumerMessage, frame func(to, payload []byte) []byte) {
	var text []byte
	for m := range messages {
		text = frame(text[:0], m.Value)
		for range len(messages) {
			m = <-messages
			text = frame(text, m.Value)
		}
		l.tape.append(text)
	}
}
