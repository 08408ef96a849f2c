package bench

import (
	"context"
	"fmt"
	"os"
	"strings"

	"culvert/tests/bench/drive"
)

// origin starts a bridge, and what publishes to a topic that it shows.
type origin func(ctx context.Context, s *Stage) (*source, error)

// source is a bridge, and who publishes to a topic of its broker.
type source struct {
	process   *Process
	topic     string
	streams   int // one for each partition, which alone has an order
	publisher drive.Publisher
}

// inProcess publishes through the bridge, whose own broker it is.
func inProcess(_ context.Context, s *Stage) (*source, error) {
	p, err := s.Culvert()
	if err != nil {
		return nil, err
	}
	topic := s.topic()
	publisher, err := drive.NewSocket(p.Host, "/v1/topics/"+topic+"/ws", "culvert.v1.raw", nil)
	if err != nil {
		return nil, err
	}
	s.Defer(publisher.Close)
	return &source{process: p, topic: topic, streams: 1, publisher: publisher}, nil
}

// shownPartitions is how many the topic on Kafka has: so many that cursors are long, and come with some messages only.
const shownPartitions = 12

// onKafka publishes to Kafka itself.
func onKafka(ctx context.Context, s *Stage) (*source, error) {
	addrs, topic, publisher, err := s.kafkaTopic(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Culvert("CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS="+strings.Join(addrs, ","))
	if err != nil {
		return nil, err
	}
	return &source{process: p, topic: topic, streams: shownPartitions, publisher: publisher}, nil
}

// kafkaTopic makes a topic of the work's own on Kafka, and what publishes to it.
func (s *Stage) kafkaTopic(ctx context.Context) (addrs []string, topic string, publisher drive.Publisher, err error) {
	addrs, err = s.Kafka(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	topic = s.topic()
	k, err := newKafkaPublisher(ctx, addrs, topic, shownPartitions)
	if err != nil {
		return nil, "", nil, err
	}
	s.Defer(k.close)
	return addrs, topic, k, nil
}

// onRabbitMQ publishes to RabbitMQ itself: to the exchange that the bridge has declared for its first viewer.
func onRabbitMQ(ctx context.Context, s *Stage) (*source, error) {
	url, err := s.RabbitMQ(ctx)
	if err != nil {
		return nil, err
	}
	topic := s.topic()
	publisher, err := newAMQPPublisher(url, topic)
	if err != nil {
		return nil, err
	}
	s.Defer(publisher.close)
	p, err := s.Culvert("CULVERT_BROKER=amqp", "CULVERT_AMQP_URL="+url)
	if err != nil {
		return nil, err
	}
	return &source{process: p, topic: topic, streams: 1, publisher: publisher}, nil
}

// topic is the name of one that no other work has, and no other run on the same broker.
func (s *Stage) topic() string {
	s.topics++
	return fmt.Sprintf("bench-%d-%d", os.Getpid(), s.topics)
}
