package bare

import (
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"culvert/tests/bench/numbered"
)

// config is sarama's with what a careful user sets.
func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1 // which idempotence needs
	c.Producer.Return.Successes = true
	c.Producer.Return.Errors = true
	return c
}

// produce publishes by the asynchronous producer, and is done when all is confirmed.
func produce(job Job) (Result, error) {
	producer, err := sarama.NewAsyncProducer(job.Brokers, config())
	if err != nil {
		return Result{}, err
	}
	defer producer.AsyncClose()
	clock := begin()
	go func() { // ends when all was taken
		for n := range job.Messages {
			value := numbered.Append(nil, job.Publisher, n, job.Size)
			producer.Input() <- &sarama.ProducerMessage{Topic: job.Topic, Value: sarama.ByteEncoder(value)}
		}
	}()
	for range job.Messages {
		select {
		case <-producer.Successes():
		case err := <-producer.Errors():
			return Result{}, err
		}
	}
	return clock.result(), nil
}

// consume reads so many messages from the beginning of a topic, each partition in a goroutine of its own.
func consume(job Job) (Result, error) {
	consumer, err := sarama.NewConsumer(job.Brokers, config())
	if err != nil {
		return Result{}, err
	}
	defer consumer.Close()
	clock := begin()
	err = read(consumer, job.Topic, job.Messages, func(m *sarama.ConsumerMessage) error {
		if len(m.Value) != job.Size {
			return fmt.Errorf("a message of %d bytes", len(m.Value))
		}
		return nil
	})
	return clock.result(), err
}

// read gives the first messages of a topic, so many of them, one at a time.
func read(consumer sarama.Consumer, topic string, messages int, take func(*sarama.ConsumerMessage) error) error {
	partitions, err := consumer.Partitions(topic)
	if err != nil {
		return err
	}
	var mu sync.Mutex // guards what follows
	left, failed := messages, error(nil)
	var reading sync.WaitGroup
	defer reading.Wait()
	enough := make(chan struct{})
	for _, p := range partitions {
		claim, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		defer claim.AsyncClose()
		reading.Go(func() { // ends when there is enough
			for {
				select {
				case m := <-claim.Messages():
					mu.Lock()
					if left > 0 && failed == nil {
						failed = take(m)
						if left--; left == 0 || failed != nil {
							close(enough)
						}
					}
					mu.Unlock()
				case <-enough:
					return
				}
			}
		})
	}
	<-enough
	mu.Lock()
	defer mu.Unlock()
	return failed
}

// Verify reads a topic from its beginning and finds all that is expected, and nothing besides.
func Verify(brokers []string, topic string, expected *numbered.Tally, size int) error {
	consumer, err := sarama.NewConsumer(brokers, config())
	if err != nil {
		return err
	}
	defer consumer.Close()
	err = read(consumer, topic, expected.Left(), func(m *sarama.ConsumerMessage) error { return expected.Message(m.Value, size) })
	return errors.Join(err, expected.Err())
}
