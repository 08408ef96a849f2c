package kafka_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

// answering lets the leader of a topic answer a produce request with an error for all that it holds.
func answering(r kmsg.Request, topic string, code sarama.KError) kmsg.Response {
	answer := r.ResponseKind().(*kmsg.ProduceResponse)
	of := kmsg.NewProduceResponseTopic()
	of.Topic = topic
	for _, written := range r.(*kmsg.ProduceRequest).Topics {
		for _, p := range written.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, int16(code)
			of.Partitions = append(of.Partitions, partition)
		}
	}
	answer.Topics = []kmsg.ProduceResponseTopic{of}
	return answer
}

// A leader that waited for its replicas in vain answered just when the connection was taken for dead, so that its word was never heard, and all its partitions were held up.
func TestALeaderThatLacksReplicasIsHeard(t *testing.T) {
	t.Parallel()
	const limit = 4 * time.Second
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs(), func(cfg *kafka.Config) { cfg.RequestTimeout = limit })
	mustPublish(t, b, "orders", "before")
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) { // once
		millis := r.(*kmsg.ProduceRequest).TimeoutMillis
		c.SleepControl(func() { <-time.After(time.Duration(millis) * time.Millisecond) })
		return answering(r, "orders", sarama.ErrRequestTimedOut), nil, true
	})
	begun := time.Now()
	mustPublish(t, b, "orders", "after")
	if took := time.Since(begun); took > limit*3/4 {
		t.Errorf("a message was confirmed after %s, its leader is given up after %s", took, limit)
	}
}

// behind lets the cluster tell that of three replicas of a topic's only partition one is in sync, while it is so.
func behind(c *kfake.Cluster, topic string, so func() bool) {
	c.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !so() {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.MetadataResponse)
		node := kmsg.NewMetadataResponseBroker()
		host, port, _ := net.SplitHostPort(c.ListenAddrs()[0])
		node.Host, node.Port = host, number(port)
		of, partition := kmsg.NewMetadataResponseTopic(), kmsg.NewMetadataResponseTopicPartition()
		partition.Replicas, partition.ISR = []int32{0, 1, 2}, []int32{0}
		of.Topic, of.TopicID, of.Partitions = &topic, c.TopicInfo(topic).TopicID, []kmsg.MetadataResponseTopicPartition{partition}
		answer.ControllerID, answer.Brokers, answer.Topics = 0, []kmsg.MetadataResponseBroker{node}, []kmsg.MetadataResponseTopic{of}
		return answer, nil, true
	})
}

// Who published to a partition that had too few replicas was told of a broker that could not be reached, or that did not confirm, and every message waited until its deadline.
func TestPublishersAreToldOfTooFewReplicas(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.BrokerConfigs(map[string]string{"min.insync.replicas": "2"}))
	b := open(t, c.ListenAddrs())
	mustPublish(t, b, "orders", "before")
	var short atomic.Bool
	short.Store(true)
	behind(c, "orders", short.Load)
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return answering(r, "orders", sarama.ErrNotEnoughReplicas), nil, short.Load()
	})
	const limit = 4 * time.Second // so that the topic is looked at meanwhile
	try := func() (took time.Duration, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		begun := time.Now()
		err = publish(ctx, b, "orders", &domain.Message{Payload: []byte("x")})[0].err
		return time.Since(begun), err
	}
	told := func(err error) bool {
		return err != nil && strings.Contains(domain.AsError(err).Detail, `too few replicas of partition 0 of topic "orders" are in sync`)
	}
	if _, err := try(); domain.CodeOf(err) != domain.Timeout || !told(err) {
		t.Errorf("a message that was sent: %v, want timeout, and why", err)
	}
	brokers.Eventually(t, patience, "messages are refused without being sent, with the reason", func() bool {
		took, err := try()
		return took < limit && domain.CodeOf(err) == domain.Unavailable && told(err)
	})
	short.Store(false)
	ended := time.Now()
	brokers.Eventually(t, patience, "messages are confirmed again", func() bool {
		_, err := try()
		return err == nil
	})
	if took := time.Since(ended); took > limit {
		t.Errorf("messages were refused for %s after their partition was well", took)
	}
}

// Messages failed 7.5 s after their leader was killed, which the cluster notices after 9 s.
func TestMessagesOutlastALeaderThatIsKilled(t *testing.T) {
	t.Parallel()
	const missed, total = 9 * time.Second, 50
	c := fake(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	b := open(t, c.ListenAddrs())
	last := mustPublish(t, b, "orders", "before")[0].Position.Offset
	killed := time.Now()
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return answering(r, "orders", sarama.ErrNotLeaderForPartition), nil, time.Since(killed) < missed
	})
	batch := make([]*domain.Message, total)
	for i := range batch {
		batch[i] = &domain.Message{Payload: fmt.Append(nil, i)}
	}
	for i, o := range publish(t.Context(), b, "orders", batch...) {
		if o.err != nil {
			t.Fatalf("message %d: %v", i, o.err)
		}
		if o.ack.Position.Offset != last+1 {
			t.Errorf("message %d is at offset %d, that before it at %d", i, o.ack.Position.Offset, last)
		}
		last = o.ack.Position.Offset
	}
}
