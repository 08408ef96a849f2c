package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/tests/bench/drive"
)

// kafkaPublisher publishes to a topic of Kafka: each stream to the partition of its number.
type kafkaPublisher struct {
	client *kgo.Client
	topic  string

	mu  sync.Mutex // guards err
	err error
}

// newKafkaPublisher makes the topic.
func newKafkaPublisher(ctx context.Context, addrs []string, topic string, partitions int32) (*kafkaPublisher, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return nil, err
	}
	err = createTopic(ctx, client, topic, partitions)
	if err == nil {
		err = awaitTopic(ctx, client, topic)
	}
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("making topic %s: %w", topic, err)
	}
	return &kafkaPublisher{client: client, topic: topic}, nil
}

func createTopic(ctx context.Context, client *kgo.Client, name string, partitions int32) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), int32(10*time.Second/time.Millisecond)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return err
		}
	}
	return nil
}

// awaitTopic returns when the brokers know the topic, which is a while after it was made.
func awaitTopic(ctx context.Context, client *kgo.Client, name string) error {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(name)
	request.Topics = append(request.Topics, topic)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		answer, err := request.RequestWith(ctx, client)
		if err != nil {
			return struct{}{}, err
		}
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
			}
			err = errors.Join(err, kerr.ErrorForCode(t.ErrorCode))
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(100*time.Millisecond)), backoff.WithMaxElapsedTime(20*time.Second))
	return err
}

// Publish gives the messages to the client, which sends what it has whenever the last batch has been answered. What fails is told by a later call.
func (k *kafkaPublisher) Publish(messages []drive.Message) error {
	for _, m := range messages {
		k.client.Produce(context.Background(), &kgo.Record{Partition: int32(m.Stream), Value: bytes.Clone(m.Payload)}, k.answered)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

func (k *kafkaPublisher) answered(_ *kgo.Record, err error) {
	if err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.err = errors.Join(k.err, err)
	}
}

// close ends the client, and the topic with it.
func (k *kafkaPublisher) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr(k.topic)
	request.Topics, request.TopicNames = append(request.Topics, topic), append(request.TopicNames, k.topic)
	_, _ = request.RequestWith(ctx, k.client) // it would go with the broker, too
	k.client.Close()
}
