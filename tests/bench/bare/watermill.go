package bare

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/tests/bench/numbered"
)

// publish is watermill-kafka's own Publish, a message at a time.
func publish(job Job) (Result, error) {
	publisher, err := wkafka.NewPublisher(wkafka.PublisherConfig{Brokers: job.Brokers, Marshaler: wkafka.DefaultMarshaler{}, OverwriteSaramaConfig: config()}, nil)
	if err != nil {
		return Result{}, err
	}
	defer publisher.Close()
	clock := begin()
	for n := range job.Messages {
		m := message.NewMessage(fmt.Sprint(n), numbered.Append(nil, job.Publisher, n, job.Size))
		if err := publisher.Publish(job.Topic, m); err != nil {
			return Result{}, err
		}
	}
	return clock.result(), nil
}

// subscribe acks so many messages of a topic in a group that begins at its first, and takes its time for each. The clock begins with the first message: joining a group takes long, and is not what is
// measured.
func subscribe(job Job) (Result, error) {
	c := config()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := wkafka.NewSubscriber(wkafka.SubscriberConfig{
		Brokers: job.Brokers, Unmarshaler: wkafka.DefaultMarshaler{}, ConsumerGroup: job.Group, OverwriteSaramaConfig: c,
	}, nil)
	if err != nil {
		return Result{}, err
	}
	defer subscriber.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	messages, err := subscriber.Subscribe(ctx, job.Topic)
	if err != nil {
		return Result{}, err
	}
	var clock watch
	var acks sync.WaitGroup
	for n := range job.Messages {
		m, ok := <-messages
		if !ok {
			return Result{}, fmt.Errorf("the subscription ended after %d messages", n)
		}
		if n == 0 {
			clock = begin()
		}
		if job.Each == 0 {
			m.Ack()
			continue
		}
		acks.Go(func() { // as handlers do: one message of each partition is given at a time
			<-time.After(job.Each)
			m.Ack()
		})
	}
	acks.Wait()
	return clock.result(), nil
}
